"""The one door: operations, recipes, traces and the files that come of them."""
