"""What lists and single answers may be asked for: which entries, in which order, which fields of them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from classifier.api.key_schemas import Key
from classifier.api.label_schemas import LabelModel
from classifier.api.moments import Moment, instant
from classifier.api.paging import Paged, Searched, both_ways, fields_of
from classifier.api.schemas import IDENTIFIER, Catalogue, CatalogueQuery, Device, Strict, Tag
from classifier.api.track_schemas import Track
from classifier.api.tracklist_schemas import Monitor, TracklistEntry
from classifier.api.webhook_schemas import Webhook
from classifier.records import tracklists, tracks

_TRACK_SORTS = both_ways(*tracks.SORTS)
_TRACKLIST_SORTS = both_ways(*tracklists.SORTS)
_KEY_SORTS = both_ways("created", "name", "role", "last_used")
_WEBHOOK_SORTS = both_ways("created", "url", "last_tried", "failures")


class TagsFilter(Strict):
    """Which tags are meant."""

    catalogue: str | None = Field(None, max_length=100, description="Only tags of this catalogue.")
    verdict: Literal["identified", "ambiguous", "no_match"] | None = Field(
        None, description="Only tags with this verdict."
    )
    track: str | None = Field(None, pattern=IDENTIFIER, description="Only tags that name this track.")
    device: str | None = Field(None, max_length=100, description="Only tags that this device recorded.")
    search: str | None = Field(
        None, max_length=200, description="Only tags of which title, artist, album or file hold all these words."
    )
    since: Moment | None = Field(None, description="Only tags from this day (UTC) or time on.")
    until: Moment | None = Field(None, description="Only tags before this day (UTC) or time.")

    def bounds(self) -> dict[str, datetime | None]:
        """Return both bounds as times."""
        return {name: instant(getattr(self, name)) for name in ("since", "until")}


class TagsExportQuery(TagsFilter):
    """Which tags to write into a file."""

    format: Literal["csv", "json"] = Field(description="`csv`: a line a tag. `json`: all of each.")
    ids: str = Field(
        "",
        max_length=20_000,
        pattern=r"^[A-Za-z0-9_,-]*$",
        description="Only these, comma-separated; else the newest that the other parameters mean, 10,000 at most.",
    )


class HistoryQuery(TagsFilter, Paged):
    """Which tags to list, newest first."""

    limit: int = Field(20, ge=1, le=200, description="Most tags in the answer.")
    fields: str | None = fields_of(Tag)
    facets: str | None = Field(
        None,
        pattern="^(catalogue|verdict)(,(catalogue|verdict))?$",
        description="Count the values of these among the tags that match: `catalogue`, `verdict`, or both.",
    )


class TagFields(Strict):
    """What of a tag."""

    fields: str | None = fields_of(Tag)


class DevicesQuery(Paged):
    """Which devices, by name."""

    fields: str | None = fields_of(Device)


class TracksQuery(Strict):
    """Which tracks to list, and in which order."""

    catalogue: str | None = Field(
        None, max_length=100, description="Catalogue to list. Left out: the one in the settings."
    )
    search: str | None = Field(
        None,
        max_length=200,
        description="Words, each of which occurs in title, artist, album, identifiers or source; case, accents and "
        "kinds of quotes and dashes do not matter.",
    )
    artist: str | None = Field(None, max_length=500, description="Only tracks of exactly this artist.")
    album: str | None = Field(None, max_length=500, description="Only tracks of exactly this album.")
    label: str | None = Field(
        None,
        max_length=1000,
        description="Only tracks with these labels, comma-separated: `genre:jazz`, or `jazz` of any task.",
    )
    sort: Literal[*_TRACK_SORTS] = Field(  # type: ignore[valid-type]
        "title", description="What they are ordered by; with `-` the other way round. Text by its code points."
    )
    facets: str | None = Field(
        None,
        pattern="^(artist|album|label)(,(artist|album|label)){0,2}$",
        description="Count values among the tracks that match, comma-separated: `artist`, `album`, `label`; "
        "labels are written `genre:jazz`.",
    )
    limit: int = Field(50, ge=1, le=500, description="Most tracks in the answer.")
    skip: int = Field(0, ge=0, le=10_000_000, description="Tracks to skip from the start, or after the cursor.")
    cursor: str | None = Field(
        None, min_length=1, max_length=4000, description="`next` of the previous answer; left out: the first page."
    )
    fields: str | None = fields_of(Track)


class TrackFields(Strict):
    """What of a track."""

    fields: str | None = fields_of(Track)


class CataloguesQuery(Paged):
    """Which catalogues, by name."""

    fields: str | None = fields_of(Catalogue)


class MonitorsQuery(Paged):
    """Which monitors, by name."""

    fields: str | None = fields_of(Monitor)


class KeysQuery(Searched):
    """Which keys, and in which order."""

    search: str | None = Field(None, max_length=200, description="Words, each of which occurs in name, role or prefix.")
    sort: Literal[*_KEY_SORTS] = Field(  # type: ignore[valid-type]
        "created", description="What they are ordered by; with `-` the other way round. Never used is before all."
    )
    fields: str | None = fields_of(Key)


class WebhooksQuery(Searched):
    """Which webhooks, and in which order."""

    search: str | None = Field(
        None, max_length=200, description="Words, each of which occurs in address, events or last answer."
    )
    sort: Literal[*_WEBHOOK_SORTS] = Field(  # type: ignore[valid-type]
        "created", description="What they are ordered by; with `-` the other way round. Never tried is before all."
    )
    fields: str | None = fields_of(Webhook)


class LabelModelsQuery(Paged):
    """Which models of labels, by task and version."""

    fields: str | None = fields_of(LabelModel)


class MergesQuery(CatalogueQuery, Paged):
    """Which merges, newest first."""


class TracklistsQuery(Searched):
    """Which tracklists, and in which order."""

    search: str | None = Field(
        None,
        max_length=200,
        description="Words, each of which occurs in the name of the recording or monitor, or in title or artist of "
        "what was heard in it.",
    )
    sort: Literal[*_TRACKLIST_SORTS] = Field(  # type: ignore[valid-type]
        "-created", description="What they are ordered by; with `-` the other way round. Text by its code points."
    )
    catalogue: str | None = Field(None, max_length=100, description="Only tracklists of this catalogue.")
    monitor: str | None = Field(None, pattern=IDENTIFIER, description="Only tracklists of this monitor.")
    limit: int = Field(20, ge=1, le=200, description="Most tracklists in the answer.")
    fields: str | None = fields_of(TracklistEntry)
