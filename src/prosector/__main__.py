"""``python -m prosector``."""

from prosector.cli import main

if __name__ == "__main__":
    main()
