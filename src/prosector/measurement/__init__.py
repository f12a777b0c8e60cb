"""Measurements: every number with its unit, definition, uncertainty and place."""
