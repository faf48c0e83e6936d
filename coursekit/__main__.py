"""``python -m coursekit`` is the command ``coursekit``."""

import sys

from coursekit.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
