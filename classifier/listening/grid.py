"""The clock of listening: frames of 16 ms, steps of sixteen of them, looks of four steps.

Everything that is decided is decided once a look, at a fixed place of the recording, so that it does not depend on the
pieces in which samples came.
"""

from __future__ import annotations

from classifier.fingerprint.bits import QUERY_HOP_S

#: Frames of a step: evidence is added up over it.
STEP = 16
STEP_S = STEP * QUERY_HOP_S
#: Frames of a block; after each, everything is looked at.
BLOCK = 4 * STEP
LOOK_S = BLOCK * QUERY_HOP_S
#: Steps of a block.
STEPS = BLOCK // STEP
#: Steps for which evidence is held, and within which decisions can still change.
HORIZON = 48 * STEPS
