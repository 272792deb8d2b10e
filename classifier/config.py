"""Configuration: what defines a catalogue's features, frozen into the catalogue when it is created.

Every parameter carries its help text and bounds, from which the documentation is generated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from classifier.bounds import check_bounds, did_you_mean
from classifier.errors import InvalidConfig

NOISE_KINDS = ("pink", "babble", "voices")


@dataclass(frozen=True, slots=True)
class NoiseTwin:
    """One extra model of every window: how it would sound in noise.

    Parameters
    ----------
    kind : {"pink", "babble", "voices"}
        Spectrum and modulation of the synthesised noise.
    snr_db : float in [-20, 40]
        Level of the window over the noise, in dB.
    """

    kind: str
    snr_db: float

    def __post_init__(self) -> None:
        if self.kind not in NOISE_KINDS:
            raise InvalidConfig(f"noise twin kind {self.kind!r} is unknown: choose one of {', '.join(NOISE_KINDS)}")
        check_bounds("noise twin snr_db", self.snr_db, -20.0, 40.0)
        object.__setattr__(self, "snr_db", float(self.snr_db) + 0.0)


DEFAULT_TWINS = tuple(NoiseTwin(kind, snr) for snr in (8.0, 3.0, -1.0) for kind in NOISE_KINDS)


def _bounded(default: float | int, low: float, high: float, text: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "help": text})


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    """Every number that decides what is stored of a track; immutable once a catalogue uses it.

    The first nine are Synced.fm's parameters. Raises :class:`~classifier.errors.InvalidConfig` naming the
    first value out of bounds.
    """

    sample_rate: int = _bounded(16000, 8000, 48000, "samples a second of everything after decoding")
    frame_length: int = _bounded(480, 64, 8192, "samples in an MFCC frame (30 ms)")
    frame_step: int = _bounded(240, 32, 8192, "samples between MFCC frames (15 ms)")
    window_length: float = _bounded(5.0, 1.0, 60.0, "seconds in a window")
    window_step: float = _bounded(1.0, 0.1, 60.0, "seconds between windows")
    n_components: int = _bounded(6, 1, 32, "Gaussians in a mixture")
    em_tolerance: float = _bounded(1e-3, 0.0, 1.0, "nats a frame below which EM stops")
    em_max_iterations: int = _bounded(1, 1, 1000, "EM steps at most")
    map_relevance: float = _bounded(
        5.0, 0.0, 1000.0, "pseudo-frames of background a component starts with; 0: plain EM"
    )
    covariance_type: str = field(default="full", metadata={"help": "full or diag"})
    n_mfcc: int = _bounded(13, 2, 40, "cepstral coefficients, the zeroth among them")
    n_mels: int = _bounded(40, 8, 128, "mel bands")
    f_min: float = _bounded(130.0, 0.0, 24000.0, "lower edge of the lowest mel band, Hz")
    f_max: float = _bounded(6854.0, 100.0, 24000.0, "upper edge of the highest mel band, Hz")
    floor: float = _bounded(0.5, 0.0, 10.0, "local band floor, as a multiple of the band's mean power in the window")
    delta_half_length: int = _bounded(18, 1, 50, "frames on either side that the spline derivative reaches")
    covariance_floor: float = _bounded(1e-2, 1e-6, 1.0, "added to every (standardised) variance")
    twins: tuple[NoiseTwin, ...] = DEFAULT_TWINS

    def __post_init__(self) -> None:
        for item in fields(self):
            if "low" in item.metadata:
                value = getattr(self, item.name)
                check_bounds(item.name, value, item.metadata["low"], item.metadata["high"])
                if item.type == "int" and not isinstance(value, int):
                    raise InvalidConfig(f"{item.name} is {value!r}: it must be a whole number")
                if item.type == "float":  # 1 and 1.0 are one configuration, and must have one hash
                    object.__setattr__(self, item.name, float(value) + 0.0)  # nor may -0.0 differ from 0.0
        object.__setattr__(self, "twins", tuple(self.twins))
        for twin in self.twins:
            if not isinstance(twin, NoiseTwin):
                raise InvalidConfig(f"noise twin {twin!r} is no NoiseTwin, such as NoiseTwin('pink', 3.0)")
        if self.covariance_type not in ("full", "diag"):
            raise InvalidConfig(f"covariance_type is {self.covariance_type!r}: choose full or diag")
        if self.frame_step > self.frame_length:
            raise InvalidConfig(
                f"frame_step {self.frame_step} exceeds frame_length {self.frame_length}: frames would leave gaps"
            )
        if not self.f_min < self.f_max <= self.sample_rate / 2:
            raise InvalidConfig(
                f"mel bands from {self.f_min:g} to {self.f_max:g} Hz do not fit below half the sample rate "
                f"({self.sample_rate / 2:g} Hz): lower f_max or raise sample_rate"
            )
        if self.n_mfcc > self.n_mels:
            raise InvalidConfig(
                f"n_mfcc {self.n_mfcc} exceeds n_mels {self.n_mels}: use more bands or fewer coefficients"
            )
        if self.window_frames < 4 * self.delta_half_length + self.n_mfcc:
            raise InvalidConfig(
                f"window_length {self.window_length:g} s holds {self.window_frames} frames: too few to model"
            )

    @property
    def n_fft(self) -> int:
        """FFT length in samples: the least power of two that holds a frame."""
        return 1 << (self.frame_length - 1).bit_length()

    @property
    def window_frames(self) -> int:
        """Frames in a full window."""
        span = round(self.window_length * self.sample_rate) - self.frame_length
        return max(1, 1 + span // self.frame_step)

    @property
    def front_end_hash(self) -> str:
        """SHA-256 of what features depend on: configurations that agree here can share a background mixture."""
        names = ("sample_rate", "frame_length", "frame_step", "n_mfcc", "n_mels", "f_min", "f_max", "floor")
        values = [getattr(self, name) for name in (*names, "delta_half_length", "n_components")]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values; :meth:`from_dict` takes them back."""
        return {**asdict(self), "twins": [f"{t.kind}:{_shortest(t.snr_db)}" for t in self.twins]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FeatureConfig:
        """Build from plain values; names left out keep their defaults.

        Raises
        ------
        InvalidConfig
            For an unknown name, a wrong type or a value out of bounds.
        """
        known = {item.name for item in fields(cls)}
        for name in values:
            if name not in known:
                raise InvalidConfig(f"unknown parameter {name!r}{did_you_mean(name, known)}")
        given = dict(values)
        if "twins" in given:
            if not isinstance(given["twins"], list | tuple):
                raise InvalidConfig(f"twins is {given['twins']!r}: it must be a list of KIND:SNR_DB, such as pink:3")
            given["twins"] = tuple(_parse_twin(item) for item in given["twins"])
        return cls(**given)

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON form, as 64 hexadecimal digits."""
        return hash_of(self.to_dict())


def hash_of(config: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a configuration's canonical JSON form, as 64 hexadecimal digits.

    Parameters
    ----------
    config : mapping of str to Any
        What :meth:`FeatureConfig.to_dict` returned, here or in another release of Earmark.
    """
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _shortest(value: float) -> str:
    """Return ``8`` for 8.0, and all digits where they are needed."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _parse_twin(text: Any) -> NoiseTwin:
    kind, _, level = str(text).partition(":")
    try:
        return NoiseTwin(kind, float(level))
    except ValueError:
        raise InvalidConfig(f"noise twin {text!r} is not KIND:SNR_DB, such as pink:3") from None


#: Synced.fm's own choices: plain EM run to convergence, the plain logarithm, no noise twins.
PRESETS: dict[str, FeatureConfig] = {
    "default": FeatureConfig(),
    "synced-fm": FeatureConfig(em_max_iterations=100, map_relevance=0.0, floor=0.0, delta_half_length=4, twins=()),
}
