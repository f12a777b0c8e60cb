"""DICOM files to values and back."""
