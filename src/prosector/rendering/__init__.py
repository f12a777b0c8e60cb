"""Volume and camera to picture."""
