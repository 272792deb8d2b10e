"""All extractors by name; what they are, without loading what they need."""

from __future__ import annotations

from classifier.bounds import did_you_mean
from classifier.errors import InvalidParameter
from classifier.labels import hpss_contrast, key_mode, logmel_image, mfcc_stats, timbre
from classifier.labels.features import Extractor
from classifier.labels.musicnn import extract as musicnn
from classifier.labels.musicnn.logmel import SAMPLE_RATE as MUSICNN_RATE

#: Beside the pretrained network stand the feature sets that earlier systems classified with.
EXTRACTORS: dict[str, Extractor] = {
    each.name: each
    for each in (
        Extractor("musicnn-msd", 1, MUSICNN_RATE, musicnn.NAMES, musicnn.load),
        Extractor("mfcc-stats-104", 1, mfcc_stats.SAMPLE_RATE, mfcc_stats.NAMES, mfcc_stats.load),
        Extractor(
            "mfcc-stats-104-log",
            1,
            mfcc_stats.SAMPLE_RATE,
            mfcc_stats.LOG_NAMES,
            mfcc_stats.load_log,
        ),
        Extractor("timbre-26", 1, timbre.SAMPLE_RATE, timbre.NAMES_26, timbre.load_26),
        Extractor("timbre-57", 1, timbre.SAMPLE_RATE, timbre.NAMES_57, timbre.load_57),
        Extractor(
            "hpss-contrast-212",
            1,
            hpss_contrast.SAMPLE_RATE,
            hpss_contrast.NAMES,
            hpss_contrast.load,
        ),
        Extractor("key-mode-33", 1, key_mode.SAMPLE_RATE, key_mode.NAMES, key_mode.load),
        Extractor("logmel-image", 1, logmel_image.SAMPLE_RATE, logmel_image.NAMES, logmel_image.load),
    )
}
#: What answers unless a model says otherwise.
DEFAULT = "musicnn-msd"


def extractor(name: str) -> Extractor:
    """Return an extractor by its name.

    Raises
    ------
    InvalidParameter
        If there is none, naming those that there are.
    """
    if name not in EXTRACTORS:
        known = ", ".join(EXTRACTORS)
        raise InvalidParameter(f"no extractor {name!r}{did_you_mean(name, EXTRACTORS)}; there are {known}")
    return EXTRACTORS[name]
