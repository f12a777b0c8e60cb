"""Volume or LabelMap to triangle mesh and its files."""
