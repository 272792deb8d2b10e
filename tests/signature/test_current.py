"""The JavaScript module carries what ships; its golden signatures are what Python makes of their recordings."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.config import FeatureConfig
from classifier.models import signature
from classifier.models.background import builtin_background
from tests.prints import weights_of
from tests.signature.generate import FOLDER, Golden, shipped, signed

CONFIG, BACKGROUND = FeatureConfig(), builtin_background()
#: Another processor adds up in another order: a difference at zero may change its sign, a number its rounding.
SHARE = 1e-3


def test_parameters_are_current():
    assert (FOLDER / "src" / "shipped.ts").read_text() == shipped(), "run python -m tests.signature.generate"


@pytest.mark.parametrize("path", sorted((FOLDER / "golden").glob("*.wav")), ids=lambda path: path.stem)
def test_golden_signatures_are_current(path):
    content = path.read_bytes()
    rate = int.from_bytes(content[24:28], "little")
    recorded = Golden(path.stem, np.frombuffer(content[44:], "<i2"), rate)
    ours, golden = (
        signature.decode(each, CONFIG, BACKGROUND) for each in (signed(recorded), path.with_suffix(".sig").read_bytes())
    )
    assert ours.duration_s == golden.duration_s
    counted = weights_of(golden.fingerprint)
    assert counted.any()
    assert (weights_of(ours.fingerprint) != counted).mean() <= SHARE
    differing = np.bitwise_count(ours.fingerprint.words ^ golden.fingerprint.words).sum()
    assert differing <= SHARE * counted.size
    assert (ours.slots != golden.slots).mean() <= SHARE
    np.testing.assert_allclose(ours.mixtures.means, golden.mixtures.means, atol=2 * signature.STEP)
    np.testing.assert_allclose(ours.mixtures.weights, golden.mixtures.weights, atol=1e-4)
