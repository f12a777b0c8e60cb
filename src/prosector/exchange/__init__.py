"""Volumes and label maps in research formats (NIfTI)."""
