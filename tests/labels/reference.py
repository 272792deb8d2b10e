"""Research data that some tests compare with; named by the variable EARMARK_DATA, and never part of the project."""

from __future__ import annotations

import os
from pathlib import Path

#: The folder, or None: then the tests that need it do not exist.
DATA = Path(os.environ["EARMARK_DATA"]) if os.environ.get("EARMARK_DATA") else None
