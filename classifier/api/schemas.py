"""Request and response models: the OpenAPI document is generated from them.

Times are in seconds, divergences in nats, dates in ISO 8601 UTC. The models of answers mirror
``classifier/results.py`` field by field; a test compares the two. Unknown parameters are refused, so that a misspelt
one is noticed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from classifier.api.moments import Instant
from classifier.config import PRESETS
from classifier.results import METHODS, METHODS_HELP, SPEEDS, SPEEDS_HELP

IDENTIFIER = r"^[A-Za-z0-9_-]{1,64}$"


Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
#: What else is asked for: names of up to five tasks, comma-separated.
INCLUDE = r"^[a-z][a-z0-9_-]*(,[a-z][a-z0-9_-]*){0,4}$"


class Strict(BaseModel):
    """A request model: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


# --- requests ---------------------------------------------------------------------------------------------


class TagQuery(Strict):
    """How to identify a snippet."""

    catalogue: str | None = Field(
        None, max_length=100, description="Catalogue to search. Left out: the one in the settings."
    )
    method: Literal[*METHODS] | None = Field(  # type: ignore[valid-type]
        None, description=f"How to decide ({METHODS_HELP}). Left out: as the settings say."
    )
    speeds: Literal[*SPEEDS] | None = Field(  # type: ignore[valid-type]
        None,
        description=f"What is searched if nothing is certain at the snippet's own speed ({SPEEDS_HELP}). Left out: as "
        "the settings say.",
    )
    top: int = Field(5, ge=1, le=50, description="Most entries in `matches`; `nearest` has up to ten.")
    include: str | None = Field(
        None,
        max_length=200,
        pattern=INCLUDE,
        description="What else to say of the snippet, in `labels`: `tags`, `genre`, `mood`, or what there is a model "
        "for, comma-separated. Where that fails, the identification is answered all the same.",
    )
    recorded: Instant | None = Field(
        None, description="When the snippet was recorded, if it was kept until now: ISO 8601 with an offset."
    )
    device: str | None = Field(
        None, min_length=1, max_length=100, description="What you call the device that records: kept with the tag."
    )
    keep: bool = Field(
        False, description="Keep the snippet for some days, for `GET /tags/{id}/recording`, if the service allows it."
    )


class CatalogueCreate(Strict):
    """A new catalogue and the parameters its tracks are modelled with."""

    name: str = Field(min_length=1, max_length=100, description="1 to 100 printable characters.")
    preset: Literal["earmark", "synced-fm"] = Field("earmark", description="Parameters to start from.")
    copy_of: str | None = Field(
        None, max_length=100, description="Start from the parameters of this catalogue instead of a preset."
    )
    config: dict[str, Any] = Field(
        {}, description="Parameters that differ from the preset, under the names that `GET /catalogues` shows.",
        json_schema_extra={"examples": [PRESETS["earmark"].to_dict()]},
    )  # fmt: skip
    synced_fm: dict[str, Any] = Field(
        {}, description="Parameters under Synced.fm's names, such as `mfcc_step_size`; they imply its preset.",
    )  # fmt: skip


class CostEstimate(CatalogueCreate):
    """Parameters whose cost is asked for; nothing is made."""

    name: str = Field("new", min_length=1, max_length=100, description="Of no account here.")
    music_s: float = Field(3600.0, gt=0, le=1e9, description="Seconds of music.")


class CatalogueQuery(Strict):
    """Which catalogue."""

    catalogue: str | None = Field(None, max_length=100, description="Left out: the one of the settings.")


# --- answers ----------------------------------------------------------------------------------------------


class Match(BaseModel):
    """A track that may be the answer: track time = offset_s + speed * snippet time."""

    track_id: str
    title: str
    artist: str | None
    album: str | None
    source: str = Field(description="Name of the enrolled file without extension.")
    role: Literal["match", "part", "candidate"] = Field(
        description="match: the answer, or each copy of it; part: the snippet also contains some of this track; "
        "candidate: not certain."
    )
    recording: int = Field(description="Tracks with the same number are copies of one recording; 0 is the best.")
    offset_s: float | None = Field(description="Place in the track of the snippet's first sample; may be negative.")
    query_start_s: float | None = Field(description="Start of the stretch of the snippet that matched.")
    query_end_s: float | None = Field(description="End of the stretch of the snippet that matched.")
    speed: float | None = Field(description="1.02: the snippet runs 2 % fast.")
    pitch: float | None = Field(description="Semitones by which the snippet is higher than the track.")
    agreement: float | None = Field(description="Agreement of the fingerprints' bits, -1 to 1; 0 is chance.")
    z: float | None = Field(description="Agreement in standard deviations of the agreement with unrelated music.")
    log10_e_value: float | None = Field(
        description="Log10 of the number of chance matches this good to expect in the catalogue."
    )
    confidence: float | None = Field(
        description="Calibrated probability that this is the track, 0 to 1; copies of one recording share theirs."
    )
    divergence: float | None = Field(description="Symmetric KL divergence along the snippet, nats.")
    divergence_variational: float | None = Field(
        description="Symmetric KL divergence of the six-component mixtures at this place, nats."
    )
    other_offsets_s: list[float] = Field(description="Other places in the track that explain the snippet as well.")
    ids: dict[str, str] = Field(
        description="Identifiers of the track that are known: `isrc`, `recording_mbid`, `release_mbid`, "
        "`artist_mbids`, `acoustid`."
    )


class Recording(BaseModel):
    """A recording that may be the answer, and its tracks in the catalogue: an album's, a single's, another encoding."""

    recording: int = Field(description="Its number, as in `matches`; 0 is the best.")
    title: str = Field(description="Of its best track.")
    artist: str | None = Field(description="Of its best track.")
    role: Literal["match", "part", "candidate"] = Field(description="Of its best track.")
    confidence: float | None = Field(description="Probability that this recording was played: the sum of its tracks'.")
    track_ids: list[str] = Field(description="Its tracks among `matches`, best first.")


class Near(BaseModel):
    """A track that sounds alike, whatever the verdict: least divergence between windows, their order ignored."""

    track_id: str
    title: str
    artist: str | None
    source: str
    divergence: float = Field(description="Symmetric KL divergence, nats.")
    window_start_s: float = Field(description="Start of the nearest window in the track.")


class Searched(BaseModel):
    """How much of the catalogue was searched."""

    windows: int
    aligned_tracks: int
    complete: bool = Field(description="Whether no track could have been missed.")
    other_speeds: bool = Field(description="Whether other playback speeds were searched or did not need to be.")
    nearest_exact: bool = Field(description="Whether no nearer track can be missing in `nearest`.")
    share: float = Field(
        description="Share of the catalogue's windows that could be searched: below 1 only if machines that hold some "
        "were lost."
    )
    wide: bool = Field(
        description="Whether tempo and pitch independent of each other were searched or did not need to be."
    )


class Tag(BaseModel):
    """The stored result of one identification."""

    id: str
    catalogue: str
    created: str
    recorded: str | None = Field(description="When the snippet was recorded, if the client said that.")
    file: str | None = Field(description="Name the client gave the snippet, if any.")
    device: str | None = Field(description="What the client called the device that recorded it, if anything.")
    verdict: Literal["identified", "ambiguous", "no_match"]
    method: str
    duration_s: float = Field(description="Seconds of sound in the snippet.")
    matches: list[Match] = Field(description="Best candidates, best first, whatever the verdict.")
    recordings: list[Recording] = Field(description="The same, copies of one recording put together.")
    nearest: list[Near] = Field(description="Tracks of least divergence, nearest first.")
    searched: Searched
    seconds: dict[str, float] = Field(description="Seconds spent in each stage.")
    tied: int | None = Field(
        description="How many tracks the verdict names; they come first in `matches`. Null in tags of older releases."
    )
    labels: dict[str, Any] = Field(
        description="What `include` asked for, by task: as `POST /api/v1/labels/{task}` answers, or `error` and "
        "`detail`."
    )
    remarks: list[str] = Field(
        description="What is wrong with the recording; each a stable name, a colon and a sentence: `cut_off`, "
        "`damaged`, `channels_cancel`, `silent_stream`."
    )


class FacetValue(BaseModel):
    """A value that entries of a list have."""

    value: str | None = Field(description="Null: they have none.")
    count: int = Field(description="How many entries have it.")


class Tags(BaseModel):
    """A page of the history, newest first."""

    tags: list[Tag]
    next: str | None = Field(description="Pass it as `cursor` for the following page; null on the last.")
    facets: dict[str, list[FacetValue]] = Field(
        description="By name of a facet that was asked for: its values among all tags that were asked for."
    )


class Verdicts(BaseModel):
    """How many tags have each verdict."""

    identified: int = Field(description="Tags of which one recording is it.")
    ambiguous: int = Field(description="Tags that several recordings explain.")
    no_match: int = Field(description="Tags that nothing explains.")


class Device(BaseModel):
    """What came from one device."""

    device: str = Field(description="What its clients call it.")
    tags: int = Field(description="How many tags it recorded.")
    verdicts: Verdicts
    latest: str = Field(description="When the newest of them was made.")


class Devices(BaseModel):
    """A page of the devices, by name."""

    devices: list[Device]
    next: str | None = Field(description="Pass it as `cursor` for the following page; null on the last.")


class Alignment(BaseModel):
    """Agreement of the first match against lag."""

    track_id: str
    lags_s: list[float] = Field(description="Offsets in the track, seconds.")
    agreement: list[float] = Field(description="Agreement at each lag, -1 to 1.")
    threshold: float | None = Field(description="Agreement above which a match is identified.")


class SlotDivergence(BaseModel):
    """Divergence along the snippet, where it lies in the first match's track."""

    track_id: str
    starts_s: list[float] = Field(description="Start of each slot in the snippet, seconds.")
    divergence: list[float] = Field(description="Symmetric KL divergence of each slot, nats.")
    unrelated: float = Field(description="Average divergence of unrelated sound, nats.")


class DivergenceAlong(BaseModel):
    """Divergence of the whole snippet along the first match's track."""

    track_id: str
    offsets_s: list[float] = Field(description="Where the snippet would begin in the track, seconds.")
    divergence: list[float] = Field(description="Symmetric KL divergence there, nats; least at the true place.")
    unrelated: float = Field(description="Average divergence of unrelated sound, nats.")


class Stripe(BaseModel):
    """Agreement of each frame of the snippet, at the best place in the track and at those beside it."""

    track_id: str
    shifts_s: list[float] = Field(description="Distance of each row from the best place, seconds.")
    hop_s: float = Field(description="Time from one character of a row to the next, seconds of the snippet.")
    rows: list[str] = Field(description="A character a frame: 0 to 9 for agreement 0 to 1, `.` where there is none.")


class DrawnMixture(BaseModel):
    """A Gaussian mixture of one window."""

    track_id: str | None = Field(description="Null for the snippet.")
    start_s: float = Field(description="Start of the window, seconds.")
    weights: list[float]
    means: list[list[float]] = Field(description="A row for each component: standardised cepstral coefficients.")
    covariances: list[list[float]] = Field(description="Of each component the upper triangle, row by row.")


class DrawnMixtures(BaseModel):
    """What divergence compares: the snippet's first window, and the windows that are nearest to it."""

    window_s: float
    snippet: DrawnMixture
    track: DrawnMixture = Field(description="The first match, at its place.")
    rival: DrawnMixture | None = Field(description="The track that sounds most alike besides.")


class Charts(BaseModel):
    """The data of a tag's charts."""

    model_config = ConfigDict(extra="allow")

    tag_id: str
    alignment: Alignment | None
    divergence: SlotDivergence | None
    along: DivergenceAlong | None
    stripe: Stripe | None = Field(description="Null unless the snippet was aligned.")
    mixtures: DrawnMixtures | None
    nearest: list[dict[str, Any]] = Field(description="Nearest tracks by divergence, nearest first.")


class Catalogue(BaseModel):
    """A named set of tracks that share one configuration."""

    name: str
    created: str
    tracks: int
    default: bool = Field(description="Whether it is used where none is named; it cannot be removed.")
    revision: int = Field(description="Rises with every change of the catalogue.")
    config: dict[str, Any]
    config_hash: str


class Cost(BaseModel):
    """What music costs under some parameters."""

    config: dict[str, Any]
    music_s: float
    windows: int
    bytes: int = Field(description="What the store keeps of it.")
    seconds: float = Field(description="Processor time of modelling it on this machine, decoding not included.")
    own_background: bool = Field(description="Whether a background has to be fitted before the first track.")


class Catalogues(BaseModel):
    """Every catalogue of the store."""

    catalogues: list[Catalogue]
    next: str | None = Field(description="Pass it as `cursor` for the following page; null on the last.")


class MyLimits(BaseModel):
    """How much the caller may send, ask for and keep."""

    snippet_bytes: int = Field(description="Largest snippet, bytes.")
    snippet_seconds: float = Field(description="Longest snippet, seconds.")
    min_snippet_seconds: float = Field(description="Least sound in a snippet, seconds.")
    listen_seconds: float = Field(description="Sound after which a recording that arrives in pieces is decided.")
    track_bytes: int = Field(description="Largest file of a track, bytes.")
    recording_bytes: int = Field(description="Largest long recording, bytes.")
    keep_days: float = Field(description="Days for which a snippet is kept with `keep=true`; 0: it never is.")
    tag_days: float = Field(description="Days after which tags are deleted; 0: never.")
    requests_per_minute: int | None = Field(description="Beyond, 429 with `Retry-After`. Null: no limit.")
    max_tags: int | None = Field(description="Tags that this key may keep. Null: no limit.")


class Me(BaseModel):
    """What the caller may do."""

    role: Literal["none", "tag", "admin"] = Field(
        description="`admin` also while no keys exist; `none`: nothing without a key."
    )
    key: str | None = Field(description="Name of the key that was sent, if any.")
    tags: int | None = Field(description="Tags that this key keeps; null without a key.")
    limits: MyLimits
    features: list[Literal["identify", "library", "history", "edit", "labels"]] = Field(
        description="`identify`: post snippets. `library`: read tracks. `history`: list tags, of this key unless the "
        "role is `admin`. `edit`: add, change and delete. `labels`: ask what a recording sounds like; absent while the "
        "weights of the tagging network are missing."
    )


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Ready(BaseModel):
    """Whether the process can work at full speed."""

    ready: bool
    checks: dict[str, str] = Field(
        description="`ok` or what is missing, for store, index and decoder; with a scheduler, for workers."
    )
    tracks_missing: int = Field(
        description="Tracks that no snippet can match: still loading, or damaged (`earmark doctor` names them)."
    )


class FieldProblem(BaseModel):
    """One parameter that was refused."""

    location: str = Field(description="`query`, `json`, `form` or `files`.")
    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem document, `application/problem+json`."""

    type: str = Field(description="`/problems/` and the name; a page there explains it.")
    name: str = Field(description="Stable; what programs match on.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="Path of the request.")
    request_id: str = Field(description="Also in the header `X-Request-ID` and in the log.")
    errors: list[FieldProblem] | None = Field(None, description="With `invalid_parameter`: what is wrong with which.")
