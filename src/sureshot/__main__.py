"""``python -m sureshot``."""

from sureshot.cli.app import main

if __name__ == "__main__":
    main()
