"""Measured constants that ship with Earmark, each with the ``bench`` module that made it.

- ``background-builtin-2.npz``: background mixture and standard deviations (``bench.fit.background``).
- ``cohort-1.npz``: sub-fingerprints of unrelated music (``bench.fit.background``).
- ``reliability-2.npz``: network that weighs the bits of a snippet (``bench.fit.reliability``).
- ``null-3.json``: z to probability, E-value to confidence (``bench.fit.null``, ``bench.fit.divergences``).
"""

from pathlib import Path

FOLDER = Path(__file__).parent
