"""``python -m prosector``: the command line, also where pip's scripts do not run (a path with a space)."""

from prosector.cli import main

main()
