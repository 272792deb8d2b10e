"""From samples to what is stored of a track and what is made of a snippet.

A *background* ties features to models: the standard deviations that features are divided by and the mixture every
window starts from. The built-in one (``builtin-1``) serves every configuration with the default front end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy.signal

from classifier.config import FeatureConfig
from classifier.data import FOLDER
from classifier.fingerprint import bits
from classifier.mixtures import features, gmm
from classifier.mixtures.gmm import Mixtures
from classifier.models import twins

BUILTIN = "builtin-1"

#: Mean variance, over coefficients, of a window's standardised features below which it is silent.
SILENT_VARIANCE = 1e-3

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Background:
    """What every mixture of a catalogue starts from; frozen, since changing it voids every stored model.

    Parameters
    ----------
    id : str
        Name and version.
    scale : np.ndarray, shape (d,), float32
        Standard deviation of each delta coefficient over varied music, clean and noisy.
    mixture : Mixtures
        One full-covariance mixture of standardised features.
    front_end : str
        Hash of the feature parameters that it was fitted on.
    """

    id: str
    scale: np.ndarray
    mixture: Mixtures
    front_end: str

    def start(self, covariance_type: str) -> Mixtures:
        """Return the mixture to start EM from, with full or diagonal covariances."""
        if covariance_type == "full":
            return self.mixture
        return replace(self.mixture, covariances=np.einsum("nkii->nki", self.mixture.covariances).copy())

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the parameters by name, for a file or a store."""
        mixture = self.mixture
        return {
            "scale": self.scale,
            "weights": mixture.weights,
            "means": mixture.means,
            "covariances": mixture.covariances,
        }

    @classmethod
    def from_arrays(cls, name: str, front_end: str, arrays: Mapping[str, np.ndarray]) -> Background:
        """Build from what :meth:`to_arrays` gave."""
        mixture = Mixtures(arrays["weights"], arrays["means"], arrays["covariances"])
        return cls(name, arrays["scale"], mixture, front_end)


@lru_cache(maxsize=1)
def builtin_background() -> Background:
    """Return the background mixture that ships with Earmark."""
    with np.load(FOLDER / f"background-{BUILTIN}.npz", allow_pickle=False) as file:
        return Background.from_arrays(BUILTIN, str(file["front_end"]), file)


@dataclass(frozen=True, slots=True)
class TrackModel:
    """Everything that is stored of a track's sound.

    Parameters
    ----------
    window_frame : np.ndarray, shape (n_windows,), int32
        First MFCC frame of each window.
    silent : np.ndarray, shape (n_windows,), uint8
        1 where a window has too little variation to be matched.
    mixtures : Mixtures
        One mixture a window, of the clean sound.
    moments : Mixtures
        One Gaussian for each window and variant, (n_windows * n_variants, 1): the clean one first, then the
        noise twins in the order of the configuration.
    words : np.ndarray, shape (n_frames, 2), uint64
        Sub-fingerprints.
    """

    window_frame: np.ndarray
    silent: np.ndarray
    mixtures: Mixtures
    moments: Mixtures
    words: np.ndarray

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the windows' parameters by name, one row a window, float32, symmetric matrices packed."""
        n, d = len(self.window_frame), self.mixtures.means.shape[-1]
        variants = len(self.moments) // n if n else 1
        moment_covariances = gmm.pack_covariances(self.moments.covariances, self.moments.diagonal)
        arrays = {
            "weights": self.mixtures.weights,
            "means": self.mixtures.means,
            "covariances": gmm.pack_covariances(self.mixtures.covariances, self.mixtures.diagonal),
            "moment_means": self.moments.means.reshape(n, variants, d),
            "moment_covariances": moment_covariances.reshape(n, variants, moment_covariances.shape[-1]),
        }
        packed = {name: array.astype(np.float32) for name, array in arrays.items()}
        return {"window_frame": self.window_frame, "silent": self.silent, **packed}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], words: np.ndarray) -> TrackModel:
        """Build from what :meth:`to_arrays` gave and the sub-fingerprints."""
        d = arrays["means"].shape[-1]
        mixtures = Mixtures(arrays["weights"], arrays["means"], gmm.unpack_covariances(arrays["covariances"], d))
        means = arrays["moment_means"].reshape(-1, 1, d)
        packed = arrays["moment_covariances"]
        covariances = gmm.unpack_covariances(packed.reshape(-1, 1, packed.shape[-1]), d)
        moments = Mixtures(np.ones((len(means), 1), np.float32), means, covariances)
        return cls(arrays["window_frame"], arrays["silent"], mixtures, moments, words)


@dataclass(frozen=True, slots=True)
class QueryModel:
    """A snippet, modelled like a track but for finer steps and without twins.

    Parameters
    ----------
    start_s : np.ndarray, shape (n_windows,)
        Start of each window, seconds.
    mixtures : Mixtures
        One mixture a window that is not silent.
    moments : Mixtures
        One Gaussian a window that is not silent.
    print : QueryPrint
        Sub-fingerprints in two phases.
    samples : np.ndarray, shape (n,), float32
        The snippet at the sub-fingerprints' rate.
    bandwidth_hz : float
        Highest frequency that the recording can hold.
    duration_s : float
        Length of the snippet.
    """

    start_s: np.ndarray
    mixtures: Mixtures
    moments: Mixtures
    print: bits.QueryPrint
    samples: np.ndarray
    bandwidth_hz: float
    duration_s: float


def _standardised(
    mel: np.ndarray, starts: np.ndarray, n: int, config: FeatureConfig, background: Background
) -> np.ndarray:
    return features.delta_mfcc(features.gather_windows(mel, starts, n), config) / background.scale


def _concatenate(parts: list[Mixtures]) -> Mixtures:
    return Mixtures(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("weights", "means", "covariances"))
    )


def _empty(config: FeatureConfig, k: int) -> Mixtures:
    d = config.n_mfcc
    shape = (0, k, d, d) if config.covariance_type == "full" else (0, k, d)
    return Mixtures(np.zeros((0, k)), np.zeros((0, k, d)), np.zeros(shape))


def _fit(x: np.ndarray, config: FeatureConfig, background: Background) -> Mixtures:
    return gmm.fit(
        x,
        background.start(config.covariance_type),
        floor=config.covariance_floor,
        relevance=config.map_relevance,
        max_iterations=config.em_max_iterations,
        tolerance=config.em_tolerance,
    )


def model_track(samples: np.ndarray, config: FeatureConfig, background: Background, seed: int = 0) -> TrackModel:
    """Model a track.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono samples at ``config.sample_rate``.
    config : FeatureConfig
        What to store.
    background : Background
        Of the same front end.
    seed : int >= 0
        Chooses the stretch of noise of the twins; from the content hash.

    Returns
    -------
    TrackModel
        Without windows if there is less sound than one derivative needs.
    """
    spectra = features.spectrum(samples, config)
    starts = features.window_starts(len(spectra), config)
    n = min(config.window_frames, len(spectra))
    diagonal = config.covariance_type == "diag"
    mels = [features.mel_power(spectra, config)]
    mels += [twins.noisy_mel_power(spectra, twin, config, seed) for twin in config.twins]
    mixtures, moments, silent = [_empty(config, config.n_components)], [_empty(config, 1)], []
    for first in range(0, len(starts), _BATCH):
        batch = starts[first : first + _BATCH]
        clean = _standardised(mels[0], batch, n, config, background)
        silent.append(clean.var(axis=1).mean(axis=1) < SILENT_VARIANCE)
        mixtures.append(_fit(clean, config, background))
        variants = [gmm.sample_moments(clean, config.covariance_floor, diagonal)]
        for mel in mels[1:]:
            noisy = _standardised(mel, batch, n, config, background)
            variants.append(gmm.sample_moments(noisy, config.covariance_floor, diagonal))
        moments.append(_interleave(variants))
    return TrackModel(
        window_frame=starts.astype(np.int32),
        silent=np.concatenate(silent).astype(np.uint8) if silent else np.zeros(0, np.uint8),
        mixtures=_concatenate(mixtures),
        moments=_concatenate(moments),
        words=bits.reference_words(at_rate(samples, config.sample_rate, bits.SAMPLE_RATE)),
    )


def _interleave(variants: list[Mixtures]) -> Mixtures:
    """Order Gaussians by window, then variant."""

    def join(name: str) -> np.ndarray:
        stacked = np.stack([getattr(v, name) for v in variants], axis=1)
        return stacked.reshape(-1, *stacked.shape[2:])

    return Mixtures(join("weights"), join("means"), join("covariances"))


def model_query(
    samples: np.ndarray,
    config: FeatureConfig,
    background: Background,
    *,
    step_s: float = 0.5,
    bandwidth_hz: float = bits.F_HIGH,
) -> QueryModel:
    """Model a snippet.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono samples at ``config.sample_rate``.
    config : FeatureConfig
        Of the catalogue.
    background : Background
        Of the catalogue.
    step_s : float > 0
        Seconds between the snippet's windows.
    bandwidth_hz : float
        Highest frequency that the recording can hold.

    Returns
    -------
    QueryModel
    """
    mel = features.mel_power(features.spectrum(samples, config), config)
    starts = features.window_starts(len(mel), config, step_s)
    n = min(config.window_frames, len(mel))
    if len(starts):
        x = _standardised(mel, starts, n, config, background)
        lively = x.var(axis=1).mean(axis=1) >= SILENT_VARIANCE
        x, starts = x[lively], starts[lively]
        mixtures = _fit(x, config, background)
        moments = gmm.sample_moments(x, config.covariance_floor, config.covariance_type == "diag")
    else:
        mixtures, moments = _empty(config, config.n_components), _empty(config, 1)
    at_print_rate = at_rate(samples, config.sample_rate, bits.SAMPLE_RATE)
    prints = bits.query_print(at_print_rate, bandwidth_hz)
    start_s = starts * config.frame_step / config.sample_rate
    duration_s = len(samples) / config.sample_rate
    return QueryModel(start_s, mixtures, moments, prints, at_print_rate, bandwidth_hz, duration_s)


def at_rate(samples: np.ndarray, source: int, target: int) -> np.ndarray:
    """Resample mono samples from ``source`` to ``target`` Hz; float32."""
    if source == target:
        return np.asarray(samples, np.float32)
    divisor = int(np.gcd(source, target))
    return scipy.signal.resample_poly(samples, target // divisor, source // divisor).astype(np.float32)
