"""Every stage from samples to verdict, as one pure function each: for notebooks, experiments and other programs.

    samples = decode(path).samples                     mono float32 at 16 kHz, as everywhere below
    features -> mixtures -> divergence                 what it sounds like
    fingerprint, reference -> alignment -> significance    what it is
    tracklist                                          who plays what when
    descriptors -> labels                              genre, mood, labels of your own

The same functions of the same modules answer in :class:`classifier.Catalogue`; these here only put them together with
their defaults, hold nothing, and write nothing. Formulas: docs/mathematics.md; a walk through all of them, with
pictures: docs/tutorial.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from classifier.audio.decoded import Audio
from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.audio.resample import at_rate
from classifier.config import FeatureConfig
from classifier.errors import InvalidParameter
from classifier.fingerprint import bits
from classifier.fingerprint.bits import Fingerprint
from classifier.labels import views
from classifier.labels.extractors import extractor
from classifier.labels.scoring.model import LabelModel
from classifier.labels.scoring.registry import Registry
from classifier.listening.engine import Listener
from classifier.listening.files import words_view
from classifier.listening.options import ListenOptions
from classifier.listening.segments import Segment
from classifier.mixtures import features as mfcc
from classifier.mixtures.divergence import Packed, symmetric_kl_aligned, symmetric_kl_variational
from classifier.mixtures.gmm import Mixtures
from classifier.models import windows
from classifier.models.background import builtin_background
from classifier.search import align
from classifier.search.align import Alignment
from classifier.search.significance import Significance, Size
from classifier.settings import Settings

__all__ = [
    "alignment",
    "decode",
    "descriptors",
    "divergence",
    "features",
    "fingerprint",
    "labels",
    "mixtures",
    "reference",
    "resample",
    "significance",
    "tracklist",
]

_DIVERGENCES: dict[str, Callable[[Packed, Packed], np.ndarray]] = {
    "aligned": symmetric_kl_aligned,
    "variational": symmetric_kl_variational,
}


def decode(source: bytes | Path, sample_rate: int = 16000, *, settings: Settings | None = None) -> Audio:
    """Decode a recording, of any format that Earmark reads, in a fenced child process.

    Parameters
    ----------
    source : bytes or Path
        The file's content, or where it lies.
    sample_rate : int > 0
        Of the samples wanted, Hz.
    settings : Settings, optional
        Limits on what a file may cost; default the defaults, whatever the environment says.

    Returns
    -------
    Audio
        Mono samples, hashes, tags, and remarks on what is damaged.

    Raises
    ------
    AudioError, FileMissing, DecoderUnavailable
        As :meth:`classifier.audio.decoder.Decoder.stream` does.

    Notes
    -----
    Each call starts a process; to decode many files, keep a :class:`~classifier.audio.decoder.Decoder` open.

    Examples
    --------
    >>> import io, wave
    >>> file = io.BytesIO()
    >>> with wave.open(file, "wb") as out:
    ...     out.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
    ...     out.writeframes(bytes(2 * 8000))
    >>> audio = decode(file.getvalue())
    >>> audio.samples.shape, audio.source_rate
    ((16000,), 8000)
    """
    settings = settings or Settings()
    with Decoder(settings) as decoder:
        return decoder.decode(source, Limits.for_recording(settings).of(source), sample_rate)


def resample(samples: np.ndarray, source: int, target: int = 16000) -> np.ndarray:
    """Convert mono samples from one rate to another.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float
        Mono.
    source, target : int > 0
        Rates, Hz.

    Returns
    -------
    np.ndarray, shape (ceil(n * target / source),), float32

    Raises
    ------
    InvalidParameter
        If the samples are not of one channel.

    Examples
    --------
    >>> import numpy as np
    >>> resample(np.zeros(44100), 44100).shape
    (16000,)
    """
    return at_rate(_mono(samples), source, target)


def features(samples: np.ndarray, config: FeatureConfig | None = None) -> np.ndarray:
    """Standardised delta-MFCC of every window of a recording (docs/mathematics.md, eq. 1 to 4).

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float
        Mono, full scale +-1, at ``config.sample_rate``.
    config : FeatureConfig, optional
        Frames, bands and windows; default those of a new catalogue. One with the default front end, since the scale
        comes from the background that ships.

    Returns
    -------
    np.ndarray, shape (n_windows, n_frames, n_mfcc), float32
        In standard deviations of varied music. A recording shorter than a window is one window; one too short for a
        derivative has none.

    Raises
    ------
    InvalidParameter
        If the samples are not of one channel, or the configuration has another front end.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 7 * 16000)
    >>> features(noise).shape
    (3, 296, 13)
    """
    config = _checked(config)
    mel = mfcc.mel_power(mfcc.spectrum(_mono(samples), config), config)
    starts = mfcc.window_starts(len(mel), config)
    if not len(starts):
        return np.zeros((0, 0, config.n_mfcc), np.float32)
    n = min(config.window_frames, len(mel))
    return windows.standardised(mel, starts, n, config, builtin_background())[0]


def mixtures(x: np.ndarray, config: FeatureConfig | None = None) -> Mixtures:
    """Fit a Gaussian mixture to each window, all from one background mixture (docs/mathematics.md, eq. 5 and 6).

    Parameters
    ----------
    x : np.ndarray, shape (n_windows, n_frames, n_mfcc), float
        From :func:`features`.
    config : FeatureConfig, optional
        Covariance type and steps of EM; default those of a new catalogue.

    Returns
    -------
    Mixtures
        One a window; component k descends from component k of the background.

    Raises
    ------
    InvalidParameter
        If the features have another shape, or the configuration has another front end.

    Examples
    --------
    >>> import numpy as np
    >>> fitted = mixtures(np.random.default_rng(1).normal(size=(2, 296, 13)))
    >>> fitted.means.shape, fitted.covariances.shape
    ((2, 6, 13), (2, 6, 13, 13))
    >>> bool(np.allclose(fitted.weights.sum(axis=1), 1))
    True
    """
    config = _checked(config)
    if x.ndim != 3 or x.shape[2] != config.n_mfcc:
        raise InvalidParameter(
            f"features have shape {x.shape}: they must be of shape (windows, frames, {config.n_mfcc})"
        )
    return windows.fit(x, config, builtin_background())


def divergence(a: Mixtures, b: Mixtures, kind: str = "aligned") -> np.ndarray:
    """Symmetric Kullback-Leibler divergence between every mixture of ``a`` and of ``b``.

    Parameters
    ----------
    a, b : Mixtures
        m and n mixtures from :func:`mixtures`, with the same number of components.
    kind : {"aligned", "variational"}
        Between components of the same label, an upper bound that is exact for labelled mixtures (docs/mathematics.md,
        eq. 9); or the variational approximation, close to the truth (eq. 10).

    Returns
    -------
    np.ndarray, shape (m, n), float64
        Nats; 0 for equal mixtures, and at least 0 up to rounding.

    Raises
    ------
    InvalidParameter
        If there is no such kind.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> fitted = mixtures(np.stack([rng.normal(scale=s, size=(296, 13)) for s in (1.0, 1.1, 3.0)]))
    >>> j = divergence(fitted, fitted)
    >>> bool(np.allclose(j, j.T)), bool(np.allclose(np.diag(j), 0, atol=1e-9))
    (True, True)
    >>> bool(j[0, 1] < j[0, 2])
    True
    """
    if kind not in _DIVERGENCES:
        raise InvalidParameter(f"kind is {kind!r}: choose one of {', '.join(_DIVERGENCES)}")
    return _DIVERGENCES[kind](Packed.of(a), Packed.of(b))


def reference(samples: np.ndarray) -> np.ndarray:
    """Sub-fingerprints of a track: what is stored of it, 124 bits each 32 ms (docs/mathematics.md, eq. 13).

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float
        Mono, full scale +-1, at 16 kHz.

    Returns
    -------
    np.ndarray, shape (n_frames, 2), uint64
        Bits 0 to 123, and in bit 127 whether the frame is valid.

    Examples
    --------
    >>> import numpy as np
    >>> reference(np.random.default_rng(1).normal(0, 0.1, 16000)).shape
    (20, 2)
    """
    return bits.reference_words(_mono(samples))


def fingerprint(samples: np.ndarray, bandwidth_hz: float = bits.F_HIGH) -> Fingerprint:
    """Sub-fingerprints of a snippet, with the reliability of each bit (docs/mathematics.md, eq. 13 and 14).

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float
        Mono, full scale +-1, at 16 kHz.
    bandwidth_hz : float > 0
        Highest frequency that the recording can hold: :attr:`classifier.Audio.bandwidth_hz`.

    Returns
    -------
    Fingerprint
        In two phases; without frames if the snippet is shorter than 384 ms.

    Examples
    --------
    >>> import numpy as np
    >>> snippet = fingerprint(np.random.default_rng(1).normal(0, 0.1, 2 * 16000))
    >>> snippet.words.shape, 0 <= snippet.expected <= 1
    ((2, 51, 2), True)
    """
    return bits.fingerprint(_mono(samples), bandwidth_hz)


def alignment(snippet: Fingerprint, words: np.ndarray) -> Alignment | None:
    """Find the best place of a snippet in a track, against chance agreement (docs/mathematics.md, eq. 15 and 16).

    Parameters
    ----------
    snippet : Fingerprint
        From :func:`fingerprint`.
    words : np.ndarray, shape (n_frames, 2), uint64
        From :func:`reference`.

    Returns
    -------
    Alignment or None
        Place, agreement, z, and z at every place; None if too little of the snippet can be compared.

    Examples
    --------
    >>> import numpy as np
    >>> track = np.random.default_rng(1).normal(0, 0.1, 10 * 16000)
    >>> found = alignment(fingerprint(track[4 * 16000 : 7 * 16000]), reference(track))
    >>> round(found.offset_s, 2), found.agreement > 0.9
    (4.0, True)
    """
    chance = align.null_of(snippet)
    return None if chance is None else align.align(snippet, words, chance)


def significance(
    found: Alignment, snippet: Fingerprint, n_track_frames: int, *, n_tracks: int = 1, n_frames: int | None = None
) -> float:
    """E-value of an alignment: how many matches this good chance alone would give (docs/mathematics.md, eq. 17 to 18b).

    Parameters
    ----------
    found : Alignment
        From :func:`alignment`.
    snippet : Fingerprint
        The snippet that was aligned.
    n_track_frames : int
        Sub-fingerprints of the track it was aligned with: ``len(words)``.
    n_tracks : int >= 1
        Tracks that were searched.
    n_frames : int, optional
        Sub-fingerprints of all of them; default those of this track alone.

    Returns
    -------
    float
        Log10 of E. Earmark names a track from -5 down, unless another explains the snippet equally well.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> track, other = rng.normal(0, 0.1, (2, 10 * 16000))
    >>> snippet = fingerprint(track[4 * 16000 : 7 * 16000])
    >>> for words in (reference(track), reference(other)):
    ...     print(significance(alignment(snippet, words), snippet, len(words)) < -5)
    True
    False
    """
    size = Size(n_tracks, n_track_frames if n_frames is None else n_frames)
    return Significance(snippet.n_frames, size).log10_e_at(
        found, snippet.expected, align.overlap_s(found.lag, snippet.n_frames, n_track_frames)
    )


def tracklist(
    samples: np.ndarray, tracks: Mapping[str, np.ndarray], *, options: ListenOptions | None = None
) -> list[Segment]:
    """Say who plays what when in a recording.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float
        The recording, mono, full scale +-1, at 16 kHz.
    tracks : mapping of str to np.ndarray, shape (n_frames, 2), uint64
        Sub-fingerprints of the tracks to listen for, from :func:`reference`, by title; one at least.
    options : ListenOptions, optional
        How to listen.

    Returns
    -------
    list of Segment
        By start: tracks, and stretches of unknown music, speech or noise, and silence.

    Raises
    ------
    InvalidParameter
        If there are no tracks.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.demo.songs import compose
    >>> song = resample(compose(1, duration_s=12).samples, 22050)
    >>> mix = np.concatenate([np.zeros(4 * 16000, np.float32), song])
    >>> for part in tracklist(mix, {"Song": reference(song)}):
    ...     print(part.kind, part.title, round(part.start_s), round(part.end_s))
    silence None 0 4
    track Song 4 16
    """
    if not tracks:
        raise InvalidParameter("there are no tracks to listen for: hand in sub-fingerprints of one at least")
    listener = Listener(words_view(tracks), bits.SAMPLE_RATE, options)
    listener.hear(_mono(samples))
    listener.finish()
    return listener.segments()


def descriptors(
    samples: np.ndarray, sample_rate: int, name: str = "mfcc-stats-104-log", *, weights_dir: Path | None = None
) -> np.ndarray:
    """Describe a recording as a whole, for classifiers.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float
        Mono, full scale +-1.
    sample_rate : int > 0
        Hz.
    name : str
        One of :data:`classifier.labels.extractors.EXTRACTORS`.
    weights_dir : Path, optional
        Folder of the tagging network's weights; default that of the settings. Only ``musicnn-msd`` needs it.

    Returns
    -------
    np.ndarray, shape (d,), float64
        In the order of the extractor's ``names``.

    Raises
    ------
    InvalidParameter
        If there is no such extractor, or the samples are not of one channel.
    WeightsMissing
        If it needs weights that are not there; the message says how to get them.

    Examples
    --------
    >>> import numpy as np
    >>> descriptors(np.random.default_rng(1).normal(0, 0.1, 22050), 22050).shape
    (104,)
    """
    kind = extractor(name)
    extract = kind.open(Path(Settings().weights_dir) if weights_dir is None else weights_dir)
    return extract(at_rate(_mono(samples), sample_rate, kind.sample_rate)).vector


def labels(described: Mapping[str, np.ndarray], model: LabelModel | None = None) -> dict[str, float]:
    """Give each label of a model its probability.

    Parameters
    ----------
    described : mapping of str to np.ndarray, shape (d,)
        Descriptors by the name of their extractor, from :func:`descriptors`: those that the model's view needs.
    model : LabelModel, optional
        Such as :meth:`classifier.labels.scoring.registry.Registry.load` gives it; default the genre model that ships,
        which needs ``musicnn-msd``.

    Returns
    -------
    dict of str to float
        Likeliest first. Labels that exclude each other sum to 1.

    Raises
    ------
    InvalidModel
        If the model was fitted on features that this Earmark does not have.
    InvalidParameter
        If descriptors that the model needs are missing.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.labels.extractors import extractor
    >>> names = extractor("musicnn-msd").names
    >>> said = np.where([name == "tag.blues" for name in names], 0.8, 0.02)
    >>> genres = labels({"musicnn-msd": said})
    >>> next(iter(genres)), round(sum(genres.values()), 6)
    ('blues', 1.0)
    """
    model = model or Registry(Path(Settings().data_dir)).load("genre", "gtzan-10")
    view = views.check_served(model.view, model.extractors, model.columns)
    missing = [name for name in view.needs if name not in described]
    if missing:
        raise InvalidParameter(f"the model needs descriptors of {', '.join(missing)}: make them with descriptors()")
    row = view.rows({name: np.asarray(described[name], np.float64)[None] for name in view.needs})
    ranking = zip(model.labels, map(float, model.probabilities(row)[0]), strict=True)
    return dict(sorted(ranking, key=lambda pair: -pair[1]))


def _mono(samples: np.ndarray) -> np.ndarray:
    samples = np.asarray(samples, np.float32)
    if samples.ndim != 1:
        raise InvalidParameter(f"samples have shape {samples.shape}: hand in one channel, of shape (n,)")
    return np.ascontiguousarray(samples)


def _checked(config: FeatureConfig | None) -> FeatureConfig:
    config = config or FeatureConfig()
    if config.front_end_hash != builtin_background().front_end:
        raise InvalidParameter(
            "the configuration has another front end than the background that ships: enroll into a catalogue, which "
            "fits a background of its own"
        )
    return config
