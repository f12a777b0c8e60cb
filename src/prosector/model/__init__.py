"""Frozen values: what is passed between the rooms. numpy only; LPS millimetres."""
