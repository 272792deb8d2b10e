"""Where tests of other programs find the real service that those ask."""

from __future__ import annotations

import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
for _folder in (_TESTS, _TESTS / "api"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))
