"""Volume to LabelMap."""
