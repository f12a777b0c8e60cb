"""A result to a report."""
