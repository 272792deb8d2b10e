"""Configuration: what defines a catalogue's features, and the settings of a running Earmark.

``FeatureConfig`` is frozen into a catalogue when it is created; ``Settings`` belongs to a process. Both are
tables of parameters with bounds, so that ``--help``, ``earmark doctor`` and the documentation are generated
from them. The environment is read once, by :meth:`Settings.from_environment`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from classifier.errors import InvalidConfig


def _check(name: str, value: float, low: float, high: float) -> None:
    number = not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
    if not number or not low <= value <= high:
        raise InvalidConfig(f"{name} is {value!r}: it must be a number from {_plain(low)} to {_plain(high)}")


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1e6 else f"{value:g}"


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
    slot_length: float = _bounded(0.12, 0.01, 2.0, "seconds in a slot, the component of a mixture that keeps time")
    slot_mfcc: int = _bounded(24, 2, 40, "cepstral coefficients of a slot")
    slot_half_length: int = _bounded(12, 1, 50, "frames on either side that a slot's derivative reaches")

    def __post_init__(self) -> None:
        for item in fields(self):
            if "low" in item.metadata:
                value = getattr(self, item.name)
                _check(item.name, value, item.metadata["low"], item.metadata["high"])
                if item.type == "int" and not isinstance(value, int):
                    raise InvalidConfig(f"{item.name} is {value!r}: it must be a whole number")
                if item.type == "float":  # 1 and 1.0 are one configuration, and must have one hash
                    object.__setattr__(self, item.name, float(value) + 0.0)  # nor may -0.0 differ from 0.0
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
        if self.slot_mfcc > self.n_mels:
            raise InvalidConfig(
                f"slot_mfcc {self.slot_mfcc} exceeds n_mels {self.n_mels}: use more bands or fewer coefficients"
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
    def slot_frames(self) -> int:
        """Frames in a slot."""
        return max(1, round(self.slot_length * self.sample_rate / self.frame_step))

    @property
    def slot_s(self) -> float:
        """Seconds between slots: whole frames."""
        return self.slot_frames * self.frame_step / self.sample_rate

    @property
    def front_end_hash(self) -> str:
        """SHA-256 of what features depend on: configurations that agree here can share a background mixture."""
        grid = ("sample_rate", "frame_length", "frame_step", "n_mels", "f_min", "f_max", "floor")
        windows, slots = (
            ("n_mfcc", "delta_half_length", "n_components"),
            ("slot_frames", "slot_mfcc", "slot_half_length"),
        )
        values = [getattr(self, name) for name in (*grid, *windows, *slots)]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values; :meth:`from_dict` takes them back."""
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
                near = difflib.get_close_matches(name, known, n=1)
                raise InvalidConfig(f"unknown parameter {name!r}" + (f": did you mean {near[0]}?" if near else ""))
        return cls(**values)

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON form, as 64 hexadecimal digits."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


#: Synced.fm's own choices: plain EM run to convergence, the plain logarithm.
PRESETS: dict[str, FeatureConfig] = {
    "default": FeatureConfig(),
    "synced-fm": FeatureConfig(em_max_iterations=100, map_relevance=0.0, floor=0.0, delta_half_length=4),
}


def _default_data_dir() -> str:
    return platformdirs.user_data_dir("earmark", appauthor=False)


_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "a list"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the settings' table."""

    name: str
    default: Any
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False

    @property
    def variable(self) -> str:
        """Environment variable that sets it."""
        return "EARMARK_" + self.name.upper()

    def parse(self, value: Any) -> Any:
        """Turn text from the environment (or a typed value) into this setting's type, within its bounds.

        Raises
        ------
        InvalidConfig
            Naming the variable, the value and what would be accepted.
        """
        kind = type(self.default)
        try:
            if kind is bool:
                value = _WORDS[value.strip().lower()] if isinstance(value, str) else bool(value)
            elif kind is tuple:
                if isinstance(value, str):
                    value = tuple(part.strip() for part in value.split(",") if part.strip())
                value = tuple(value)
            elif value is None or (kind is int and isinstance(value, float) and not value.is_integer()):
                raise ValueError
            else:
                value = kind(value)
        except (KeyError, TypeError, ValueError, OverflowError):
            raise InvalidConfig(f"{self.variable} is {value!r}: expected {_KINDS[kind]}") from None
        if self.choices and value not in self.choices:
            raise InvalidConfig(f"{self.variable} is {value!r}: choose one of {', '.join(self.choices)}")
        if self.low is not None and self.high is not None:
            _check(self.variable, value, self.low, self.high)
        return value


_MB = 1_000_000
SETTINGS: tuple[Setting, ...] = (
    Setting("data_dir", "", "folder for the store, the index and spooled uploads; empty: the user's data folder"),
    Setting(
        "store",
        "",
        "store URL, sqlite:///PATH or mongodb://HOST/DATABASE; empty: SQLite in the data folder",
        secret=True,
    ),
    Setting("catalogue", "default", "catalogue to work on"),
    Setting(
        "method",
        "auto",
        "how a snippet is decided: auto (aligned sub-fingerprints) or kl (divergence alone)",
        choices=("auto", "kl"),
    ),
    Setting("max_false_alarms", 1e-5, "expected false matches a query, below which a match is identified", 1e-30, 1.0),
    Setting("known_prior", 0.5, "share of queries assumed to be of enrolled tracks, for confidence", 0.001, 0.999),
    Setting("sweep_seconds", 20.0, "seconds of alignment after which a search stops early", 0.0, 3600.0),
    Setting("snippet_bytes", 10 * _MB, "largest snippet upload, bytes", 1000, 1000 * _MB),
    Setting("track_bytes", 200 * _MB, "largest track file, bytes", 1000, 10_000 * _MB),
    Setting("snippet_seconds", 60.0, "longest snippet, decoded seconds", 1.0, 3600.0),
    Setting("track_seconds", 7200.0, "longest track, decoded seconds", 1.0, 86400.0),
    Setting("min_snippet_seconds", 1.0, "shortest snippet, seconds of sound", 0.2, 60.0),
    Setting("max_channels", 8, "most channels of a source", 1, 64),
    Setting("min_source_rate", 4000, "lowest sampling rate of a source, Hz", 1000, 48000),
    Setting("max_source_rate", 192000, "highest sampling rate of a source, Hz", 8000, 768000),
    Setting("snippet_decode_bytes", 256 * 2**20, "most PCM bytes a snippet may decode to", _MB, 2**40),
    Setting("snippet_decode_seconds", 10.0, "wall-clock seconds to decode a snippet", 0.1, 3600.0),
    Setting("track_decode_seconds", 120.0, "wall-clock seconds to decode an hour of a track", 1.0, 36000.0),
    Setting("decoder_memory_bytes", 2 * 2**30, "address space of a decoder process", 256 * 2**20, 2**40),
    Setting("decoder_jobs", 200, "files a decoder process handles before it is replaced", 1, 1_000_000),
    Setting("host", "127.0.0.1", "address to serve on"),
    Setting("port", 8000, "port to serve on; 0: any free one", 0, 65535),
    Setting("workers", 2, "snippets worked on at the same time in one process", 1, 64),
    Setting("queue", 16, "snippets that may wait for a worker; beyond, 503 with Retry-After", 0, 10000),
    Setting("open_tagging", True, "tag without a key (only ever on loopback until keys exist)"),
    Setting("allowed_hosts", ("localhost", "127.0.0.1", "[::1]"), "Host names the service answers to, comma-separated"),
    Setting("allowed_origins", (), "Origins of other sites that may use the API, comma-separated"),
    Setting("refresh_seconds", 0.5, "longest time before a catalogue's change is looked for again", 0.0, 3600.0),
    Setting("lease_seconds", 60.0, "how long a writer may be silent before its work is taken over", 1.0, 3600.0),
    Setting(
        "log_level", "INFO", "least severe messages that are logged", choices=("DEBUG", "INFO", "WARNING", "ERROR")
    ),
)

#: Variables that belong to tests and tools, not to the settings.
FOREIGN_VARIABLES = ("EARMARK_REQUIRE_ALL", "EARMARK_TEST_MONGO_URI", "EARMARK_BENCH_CACHE")


class Settings:
    """The settings of one process: an attribute for each row of :data:`SETTINGS`.

    Parameters
    ----------
    **values
        Overrides by name; anything left out keeps its default.

    Raises
    ------
    InvalidConfig
        For an unknown name or a value out of bounds.
    """

    def __init__(self, **values: Any) -> None:
        table = {setting.name: setting for setting in SETTINGS}
        for name in values:
            if name not in table:
                raise InvalidConfig(_unknown(name, table))
        self._values = {name: s.parse(values.get(name, s.default)) for name, s in table.items()}
        if not self._values["data_dir"]:
            self._values["data_dir"] = _default_data_dir()
        if not self._values["store"]:
            self._values["store"] = "sqlite:///" + str(Path(self._values["data_dir"]) / "earmark.sqlite")

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def replace(self, **values: Any) -> Settings:
        """Return a copy with some values changed; None leaves a value as it is."""
        return Settings(**self._values | {name: value for name, value in values.items() if value is not None})

    def shown(self) -> dict[str, Any]:
        """Return all values for display, secrets masked."""
        return {s.name: mask_url(self._values[s.name]) if s.secret else self._values[s.name] for s in SETTINGS}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **overrides: Any) -> Settings:
        """Read ``EARMARK_*`` variables; ``NAME_FILE`` names a file that holds the value.

        Raises
        ------
        InvalidConfig
            For an unknown ``EARMARK_*`` variable (with the nearest known one), an unreadable file or a bad value.
        """
        by_variable = {setting.variable: setting.name for setting in SETTINGS}
        values: dict[str, Any] = {}
        for variable, text in environment.items():
            if not variable.startswith("EARMARK_") or variable in FOREIGN_VARIABLES:
                continue
            if variable in by_variable:
                values[by_variable[variable]] = text
            elif variable.endswith("_FILE") and variable[:-5] in by_variable:
                if variable[:-5] in environment:
                    raise InvalidConfig(f"{variable[:-5]} and {variable} are both set: choose one")
                try:
                    values[by_variable[variable[:-5]]] = Path(text).read_text("utf-8").strip()
                except OSError as error:
                    raise InvalidConfig(f"{variable} names {text!r}, which cannot be read: {error.strerror}") from None
                except ValueError:
                    raise InvalidConfig(f"{variable} names {text!r}, which is no text file") from None
            else:
                raise InvalidConfig(_unknown(variable, by_variable))
        values.update({name: value for name, value in overrides.items() if value is not None})
        return cls(**values)


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    bare = {other.removeprefix("EARMARK_"): other for other in known}  # the prefix makes all variables alike
    near = difflib.get_close_matches(name.removeprefix("EARMARK_"), list(bare), n=1)
    return f"unknown setting {name!r}" + (f": did you mean {bare[near[0]]}?" if near else "")


def mask_url(url: str) -> str:
    """Return ``url`` with the password between ``:`` and ``@`` replaced by ``***``."""
    scheme, separator, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    if not (separator and at):
        return url
    return f"{scheme}://{user.partition(':')[0]}:***@{host}"
