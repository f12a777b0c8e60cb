"""A result to a report: a frozen value, written as JSON and as HTML."""
