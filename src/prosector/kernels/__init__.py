"""Compiled loops: arrays and numbers in, arrays out. No project types, no files, no exceptions."""
