"""``python -m classifier``: the same as ``earmark``."""

from classifier.cli import main

if __name__ == "__main__":
    main()
