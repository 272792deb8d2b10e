"""Configuration: the parameters of a catalogue's features, fixed when the catalogue is created.

Every parameter carries its help text and bounds; the documentation is generated from them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from classifier.bounds import check_bounds, did_you_mean
from classifier.errors import InvalidConfig
from classifier.results import METHODS

#: Shapes of covariances that there is a divergence for.
COVARIANCE_TYPES = ("full", "diag")
#: What is kept of a track, and what for.
PROFILES = {
    "exact": "everything: slots, sub-fingerprints, mixtures",
    "compact": "a tenth of the size: coarser slots, every second sub-fingerprint, no mixtures",
}

#: Frames from one sub-fingerprint that a compact catalogue keeps to the next; neighbours overlap by three quarters.
COMPACT_STEP = 2


def _bounded(default: float | int, low: float, high: float, text: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "help": text})


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    """Every parameter that decides what is stored of a track; immutable once a catalogue uses it.

    The first nine are Synced.fm's parameters. Raises :class:`~classifier.errors.InvalidConfig` naming the
    first value that is out of bounds.

    Examples
    --------
    >>> FeatureConfig(window_length=3.0).window_frames
    199
    >>> FeatureConfig(n_mfcc=50)
    Traceback (most recent call last):
    ...
    classifier.errors.InvalidConfig: n_mfcc is 50: it must be a number from 2 to 40
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
    method: str = field(default="auto", metadata={"help": "how snippets are decided unless asked otherwise"})
    profile: str = field(
        default="exact",
        metadata={
            "help": "what is kept of a track: " + "; ".join(f"{name}, {text}" for name, text in PROFILES.items())
        },
    )
    slot_length: float = _bounded(0.12, 0.01, 2.0, "seconds in a slot, the component of a mixture that keeps time")
    slot_mfcc: int = _bounded(24, 2, 40, "cepstral coefficients of a slot")
    slot_half_length: int = _bounded(12, 1, 50, "frames on either side that a slot's derivative reaches")

    def __post_init__(self) -> None:
        for item in fields(self):
            if "low" in item.metadata:
                value = getattr(self, item.name)
                check_bounds(item.name, value, item.metadata["low"], item.metadata["high"])
                if item.type == "int" and not isinstance(value, int):
                    raise InvalidConfig(f"{item.name} is {value!r}: it must be a whole number")
                if item.type == "float":  # 1 and 1.0, 0.0 and -0.0 are one configuration and must have one hash
                    object.__setattr__(self, item.name, float(value) + 0.0)
        if self.covariance_type not in COVARIANCE_TYPES:
            raise InvalidConfig(f"covariance_type is {self.covariance_type!r}: choose full or diag")
        if self.method not in tuple(METHODS):
            raise InvalidConfig(f"method is {self.method!r}: choose one of {', '.join(METHODS)}")
        if self.profile not in PROFILES:
            raise InvalidConfig(f"profile is {self.profile!r}: choose one of {', '.join(PROFILES)}")
        if self.is_compact and self.method == "kl-mixture":
            raise InvalidConfig("a compact catalogue keeps no mixtures: choose method auto or kl, or profile exact")
        if self.is_compact and self.slot_mfcc % 2:
            raise InvalidConfig(
                f"slot_mfcc is {self.slot_mfcc}: a compact catalogue packs two into a byte, so make it even"
            )
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
        if self.slot_mfcc > self.n_mels:
            raise InvalidConfig(
                f"slot_mfcc {self.slot_mfcc} exceeds n_mels {self.n_mels}: use more bands or fewer coefficients"
            )
        if self.window_frames < 4 * self.delta_half_length + self.n_mfcc:
            raise InvalidConfig(
                f"window_length {self.window_length:g} s holds {self.window_frames} frames: too few to model"
            )
        if self.slot_frames < 2:
            raise InvalidConfig(
                f"slot_length {self.slot_length:g} s holds a single frame of frame_step {self.frame_step}: two are "
                "the least that vary; lengthen slot_length or shorten frame_step"
            )

    @property
    def is_compact(self) -> bool:
        """Whether only what names tracks is kept, in less space."""
        return self.profile == "compact"

    @property
    def words_step(self) -> int:
        """Frames from one sub-fingerprint that is kept to the next."""
        return COMPACT_STEP if self.is_compact else 1

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
    def slot_frames(self) -> int:
        """Frames in a slot."""
        return max(1, round(self.slot_length * self.sample_rate / self.frame_step))

    @property
    def slot_s(self) -> float:
        """Seconds between slots: whole frames."""
        return self.slot_frames * self.frame_step / self.sample_rate

    @property
    def front_end_hash(self) -> str:
        """SHA-256 of all that features depend on: configurations with the same can share a background mixture."""
        features = ("sample_rate", "frame_length", "frame_step", "n_mfcc", "n_mels", "f_min", "f_max", "floor")
        models = ("delta_half_length", "n_components", "slot_frames", "slot_mfcc", "slot_half_length")
        values = [getattr(self, name) for name in (*features, *models)]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; :meth:`from_dict` reads them back."""
        return asdict(self)

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
        return cls(**values)

    @classmethod
    def from_synced_fm(cls, values: Mapping[str, Any]) -> FeatureConfig:
        """Build from Synced.fm's own parameters, the rest as in its preset.

        Parameters
        ----------
        values : mapping
            Some of :data:`SYNCED_FM`; numbers may be text. Or a training set as Synced.fm stores it
            (:data:`SYNCED_FM_SET`), whose ``config`` they are.

        Raises
        ------
        InvalidConfig
            For an unknown name, a value out of bounds, or a ``cv_type`` that there is no divergence for.

        Examples
        --------
        >>> FeatureConfig.from_synced_fm({"name": "club", "config": {"num_components": "8"}}).n_components
        8
        """
        if "config" in values:
            for name in values:
                if name not in SYNCED_FM_SET:
                    raise InvalidConfig(
                        f"a training set of Synced.fm has no {name!r}{did_you_mean(name, SYNCED_FM_SET)}"
                    )
            values = values["config"]
            if not isinstance(values, Mapping):
                raise InvalidConfig("'config' of Synced.fm's training set is no object of parameters")
        given = PRESETS["synced-fm"].to_dict()
        for name, value in values.items():
            if name not in SYNCED_FM:
                raise InvalidConfig(f"Synced.fm has no parameter {name!r}{did_you_mean(name, SYNCED_FM)}")
            own = SYNCED_FM[name]
            kind = type(given[own])
            try:
                given[own] = kind(value) if kind is not int or float(value) == int(float(value)) else value
            except (TypeError, ValueError):
                given[own] = value
        return cls.from_dict(given)

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

    Examples
    --------
    >>> hash_of({"n_components": 6, "window_length": 5.0}) == hash_of({"window_length": 5.0, "n_components": 6})
    True
    >>> hash_of(FeatureConfig().to_dict()) == FeatureConfig().hash
    True
    """
    # Catalogues from before there were profiles are exact, and keep their hash.
    given = {name: value for name, value in config.items() if (name, value) != ("profile", "exact")}
    text = json.dumps(given, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


#: Synced.fm's nine parameters, and what they are called here.
SYNCED_FM = {
    "audio_freq": "sample_rate",
    "mfcc_block_size": "frame_length",
    "mfcc_step_size": "frame_step",
    "sample_length": "window_length",
    "sample_step_size": "window_step",
    "num_components": "n_components",
    "em_epsilon": "em_tolerance",
    "em_iter": "em_max_iterations",
    "cv_type": "covariance_type",
}

#: What Synced.fm keeps of a training set; only ``config`` says how to model.
SYNCED_FM_SET = (
    "_id",
    "name",
    "config",
    "data",
    "s3_links",
    "status",
    "created_at",
    "default_validation_score",
)

#: ``synced-fm`` has Synced.fm's own choices: plain EM run to convergence, the plain logarithm, mixtures decide.
PRESETS: dict[str, FeatureConfig] = {
    "earmark": FeatureConfig(),
    "synced-fm": FeatureConfig(
        em_max_iterations=100, map_relevance=0.0, floor=0.0, delta_half_length=4, method="kl-mixture"
    ),
}


def parameters() -> list[dict[str, Any]]:
    """Return every parameter of a catalogue for people and programs: Synced.fm's nine first, then the others.

    Each has ``name``, ``synced_fm`` (its name there, or None), ``kind`` (``whole``, ``number`` or ``choice``),
    ``default``, ``low`` and ``high`` (None for a choice), ``choices`` (None for a number) and ``help``.

    Examples
    --------
    >>> first = parameters()[0]
    >>> first["name"], first["synced_fm"], first["kind"]
    ('sample_rate', 'audio_freq', 'whole')
    """
    there = {own: name for name, own in SYNCED_FM.items()}
    choices = {"covariance_type": COVARIANCE_TYPES, "method": tuple(METHODS), "profile": tuple(PROFILES)}
    found = []
    for item in fields(FeatureConfig):
        found.append(
            {
                "name": item.name,
                "synced_fm": there.get(item.name),
                "kind": "choice" if item.name in choices else "whole" if item.type == "int" else "number",
                "default": item.default,
                "low": item.metadata.get("low"),
                "high": item.metadata.get("high"),
                "choices": list(choices[item.name]) if item.name in choices else None,
                "help": item.metadata["help"],
            }
        )
    return sorted(found, key=lambda parameter: parameter["synced_fm"] is None)
