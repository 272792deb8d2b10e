"""The settings of a running Earmark: where its data are, what it accepts, how it serves.

Every field of :class:`Settings` carries its help text and limits; the documentation is generated from them.
The environment is read once, by :meth:`Settings.from_environment`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from classifier.bounds import check_bounds, did_you_mean
from classifier.errors import InvalidConfig
from classifier.results import METHODS, METHODS_HELP, SPEEDS, SPEEDS_HELP

_MB = 1_000_000
_PREFIX = "EARMARK_"

#: Variables that belong to tests and tools, not to the settings.
FOREIGN_VARIABLES = ("EARMARK_REQUIRE_ALL", "EARMARK_TEST_MONGO_URI", "EARMARK_BENCH_CACHE", "EARMARK_DATA")

_T = TypeVar("_T")


def _setting(default: _T, text: str, *, choices: tuple[str, ...] = (), secret: bool = False) -> _T:
    return field(default=default, repr=not secret, metadata={"help": text, "choices": choices, "secret": secret})


def _bounded(default: _T, low: float, high: float, text: str) -> _T:
    return field(default=default, metadata={"help": text, "low": low, "high": high})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process, checked when they are made.

    A value may be given as the text that its environment variable would hold: ``Settings(open_tagging="no")``.
    Raises :class:`~classifier.errors.InvalidConfig` naming the first value of the wrong kind or out of bounds.

    Examples
    --------
    >>> Settings(data_dir="/tmp/earmark", min_snippet_seconds=2).store
    'sqlite:////tmp/earmark/earmark.sqlite'
    """

    data_dir: str = _setting("", "folder for the store, the index and spooled uploads; empty: the user's data folder")
    store: str = _setting(
        "",
        "store URL, sqlite:///PATH or mongodb://HOST/DATABASE; empty: SQLite in the data folder",
        secret=True,
    )
    weights_dir: str = _setting("", "folder for weights of pretrained networks; empty: weights in the data folder")
    catalogue: str = _setting("default", "catalogue to work on")
    method: str = _setting(
        "", f"how snippets are decided ({METHODS_HELP}); empty: as the catalogue says", choices=("", *METHODS)
    )
    speeds: str = _setting(
        "narrow", f"speeds searched if nothing is certain at a snippet's own ({SPEEDS_HELP})", choices=tuple(SPEEDS)
    )
    max_false_alarms: float = _bounded(
        1e-5, 1e-30, 1.0, "expected false matches a query, below which a match is identified"
    )
    known_prior: float = _bounded(
        0.5, 0.001, 0.999, "share of queries assumed to be of enrolled tracks, for confidence"
    )
    sweep_seconds: float = _bounded(20.0, 0.0, 3600.0, "seconds of alignment after which a search stops early")
    indexed_windows: int = _bounded(
        50_000,
        0,
        10**12,
        "windows (about seconds of tracks) above which a search reads the index of patches, not all tracks",
    )
    snippet_bytes: int = _bounded(10 * _MB, 1000, 1000 * _MB, "largest snippet upload, bytes")
    track_bytes: int = _bounded(200 * _MB, 1000, 10_000 * _MB, "largest track upload, bytes")
    label_bytes: int = _bounded(30 * _MB, 1000, 1000 * _MB, "largest upload to label or draw, bytes")
    snippet_seconds: float = _bounded(60.0, 1.0, 3600.0, "longest snippet, decoded seconds")
    track_seconds: float = _bounded(7200.0, 1.0, 86400.0, "longest track, decoded seconds")
    label_seconds: float = _bounded(900.0, 1.0, 86400.0, "longest upload to label or draw, decoded seconds")
    recording_bytes: int = _bounded(2000 * _MB, 1000, 100_000 * _MB, "largest upload of a recording to list, bytes")
    recording_seconds: float = _bounded(43200.0, 1.0, 604800.0, "longest recording to list, decoded seconds")
    min_snippet_seconds: float = _bounded(1.0, 0.2, 60.0, "shortest snippet, seconds of sound")
    listen_seconds: float = _bounded(12.0, 3.0, 60.0, "sound after which a recording that arrives in pieces is decided")
    max_channels: int = _bounded(8, 1, 64, "most channels of a source")
    min_source_rate: int = _bounded(4000, 1000, 48000, "lowest sampling rate of a source, Hz")
    max_source_rate: int = _bounded(192000, 8000, 768000, "highest sampling rate of a source, Hz")
    snippet_decode_bytes: int = _bounded(256 * 2**20, _MB, 2**40, "most PCM bytes a snippet may decode to")
    snippet_decode_seconds: float = _bounded(10.0, 0.1, 3600.0, "wall-clock seconds to decode a snippet")
    track_decode_seconds: float = _bounded(120.0, 1.0, 36000.0, "wall-clock seconds to decode an hour of a track")
    decoder_memory_bytes: int = _bounded(2 * 2**30, 256 * 2**20, 2**40, "address space of a decoder process")
    decoder_jobs: int = _bounded(200, 1, 1_000_000, "files a decoder process handles before it is replaced")
    host: str = _setting("127.0.0.1", "address to serve on")
    port: int = _bounded(8000, 0, 65535, "port to serve on; 0: any free one")
    workers: int = _bounded(2, 1, 64, "snippets worked on at the same time in one process")
    queue: int = _bounded(16, 0, 10000, "snippets that may wait for a worker; beyond, 503 with Retry-After")
    label_workers: int = _bounded(1, 1, 64, "recordings labelled at the same time in one process, beside the snippets")
    label_queue: int = _bounded(8, 0, 10000, "recordings that may wait to be labelled; beyond, 503 with Retry-After")
    open_tagging: bool = _setting(True, "tag without a key (only ever on loopback until keys exist)")
    allowed_hosts: tuple[str, ...] = _setting(
        ("localhost", "127.0.0.1", "[::1]"), "Host names the service answers to, comma-separated"
    )
    allowed_origins: tuple[str, ...] = _setting((), "Origins of other sites that may use the API, comma-separated")
    trusted_proxies: int = _bounded(
        0, 0, 10, "proxies in front whose X-Forwarded-For says where a request comes from; 0: the header means nothing"
    )
    key_requests_per_minute: int = _bounded(
        600, 0, 1_000_000, "requests a minute of a key with role tag that has no limit of its own; 0: no limit"
    )
    address_requests_per_minute: int = _bounded(
        120, 0, 1_000_000, "requests a minute from an address without a valid key, once keys exist; 0: no limit"
    )
    key_max_tags: int = _bounded(
        10_000, 0, 100_000_000, "tags that a key with role tag may keep, unless it has a limit of its own; 0: no limit"
    )
    keep_days: float = _bounded(
        0.0, 0.0, 3650.0, "days for which a snippet is kept if its sender asks for it; 0: it never is"
    )
    tag_days: float = _bounded(0.0, 0.0, 36_500.0, "days after which tags are deleted; 0: never")
    webhooks_private: bool = _setting(
        False, "webhooks may go to private addresses, such as this machine's own, and without TLS"
    )
    refresh_seconds: float = _bounded(0.5, 0.0, 3600.0, "longest time before a catalogue's change is looked for again")
    lease_seconds: float = _bounded(60.0, 1.0, 3600.0, "how long a writer may be silent before its work is taken over")
    scheduler: str = _setting(
        "",
        "scheduler of several machines that search and enroll, tls://HOST:8786 or tcp://PRIVATE:8786; empty: none",
    )
    shards: int = _bounded(8, 1, 4096, "parts that a catalogue is divided into among the machines of a scheduler")
    cluster_ca: str = _setting("", "file of the authority that has signed the certificates of all machines (TLS)")
    cluster_cert: str = _setting("", "file of this machine's certificate (TLS)")
    cluster_key: str = _setting("", "file of the key of this machine's certificate (TLS)")
    music_folders: tuple[str, ...] = _setting(
        (), "folders where the files of tracks may be, comma-separated: for copies of catalogues, and labels"
    )
    mqtt: str = _setting(
        "", "MQTT broker that `earmark listen` tells what is playing, mqtt://USER:PASSWORD@HOST/TOPIC", secret=True
    )
    traces: str = _setting(
        "", "OpenTelemetry collector that requests are told to, http://HOST:4318/v1/traces; empty: none", secret=True
    )
    listenbrainz_address: str = _setting(
        "https://api.listenbrainz.org", "server of `earmark listen --listenbrainz`; others speak its interface too"
    )
    lastfm_address: str = _setting(
        "https://ws.audioscrobbler.com/2.0/", "server of `earmark listen --lastfm`; others speak its interface too"
    )
    log_level: str = _setting(
        "INFO", "least severe messages that are logged", choices=("DEBUG", "INFO", "WARNING", "ERROR")
    )

    def __post_init__(self) -> None:
        for item in fields(self):
            object.__setattr__(self, item.name, _parse(item, getattr(self, item.name)))
        if not self.data_dir:
            object.__setattr__(self, "data_dir", platformdirs.user_data_dir("earmark", appauthor=False))
        if not self.store:
            object.__setattr__(self, "store", f"sqlite:///{Path(self.data_dir) / 'earmark.sqlite'}")
        if not self.weights_dir:
            object.__setattr__(self, "weights_dir", str(Path(self.data_dir) / "weights"))

    def replace(self, **values: Any) -> Settings:
        """Return a copy with some values changed; None leaves a value as it is.

        Raises
        ------
        InvalidConfig
            For an unknown name (with the nearest known one) or a bad value.
        """
        return replace(self, **_given(values))

    def shown(self) -> dict[str, Any]:
        """Return all values for display, with the passwords of secret ones masked."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        secrets = [item.name for item in fields(self) if item.metadata.get("secret")]
        return values | {name: mask_url(values[name]) for name in secrets}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **overrides: Any) -> Settings:
        """Read ``EARMARK_*`` variables; ``NAME_FILE`` names a file that holds the value.

        Parameters
        ----------
        environment : mapping of str to str
            Such as ``os.environ``.
        **overrides
            Values that take precedence; None counts as not given.

        Raises
        ------
        InvalidConfig
            For an unknown ``EARMARK_*`` variable (with the nearest known one), an unreadable file or a bad value.
        """
        names = {variable(item.name): item.name for item in fields(cls)}
        values: dict[str, Any] = {}
        for given, text in environment.items():
            if not given.startswith(_PREFIX) or given in FOREIGN_VARIABLES:
                continue
            bare = given.removesuffix("_FILE")
            if given in names:
                values[names[given]] = text
            elif bare not in names:
                raise InvalidConfig(f"unknown setting {given!r}{did_you_mean(given, names, _PREFIX)}")
            elif bare in environment:
                raise InvalidConfig(f"{bare} and {given} are both set: choose one")
            else:
                values[names[bare]] = _read(given, text)
        return cls(**values | _given(overrides))


def variable(name: str) -> str:
    """Return the environment variable of a setting.

    Examples
    --------
    >>> variable("data_dir")
    'EARMARK_DATA_DIR'
    """
    return _PREFIX + name.upper()


def mask_url(url: str) -> str:
    """Return ``url`` with the password between ``:`` and ``@`` replaced by ``***``.

    Examples
    --------
    >>> mask_url("mongodb://anna:secret@host/earmark")
    'mongodb://anna:***@host/earmark'
    """
    scheme, separator, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    if not (separator and at):
        return url
    return f"{scheme}://{user.partition(':')[0]}:***@{host}"


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are not None; refuse unknown names."""
    known = [item.name for item in fields(Settings)]
    for name in values:
        if name not in known:
            raise InvalidConfig(f"unknown setting {name!r}{did_you_mean(name, known)}")
    return {name: value for name, value in values.items() if value is not None}


def _read(given: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise InvalidConfig(f"{given} names {path!r}, which cannot be read: {error.strerror}") from None
    except ValueError:
        raise InvalidConfig(f"{given} names {path!r}, which is not a text file") from None


_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "a list"}


def _parse(item: Field[Any], value: Any) -> Any:
    """Turn text from the environment, or a value, into the setting's type, within its limits."""
    name = variable(item.name)
    kind: type = type(item.default)
    try:
        if kind is bool:
            value = _WORDS[value.strip().lower()] if isinstance(value, str) else bool(value)
        elif kind is tuple:
            if isinstance(value, str):
                value = (part.strip() for part in value.split(",") if part.strip())
            value = tuple(value)
        elif value is None or (kind is int and isinstance(value, float) and not value.is_integer()):
            raise ValueError
        else:
            value = kind(value)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InvalidConfig(f"{name} is {value!r}: expected {_KINDS[kind]}") from None
    choices = item.metadata.get("choices")
    if choices and value not in choices:
        raise InvalidConfig(f"{name} is {value!r}: choose one of {', '.join(filter(None, choices))}")
    if "low" in item.metadata:
        check_bounds(name, value, item.metadata["low"], item.metadata["high"])
    return value
