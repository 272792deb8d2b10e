"""A plugin for beets: ``beet earmark`` enrolls a library, names recordings by it, finds copies, and labels items.

Configuration (``earmark:`` in beets' own): ``catalogue``, the name of the catalogue (default: Earmark's own default);
``auto``, whether what beets imports is enrolled (default: no). Where the catalogue lies is said by Earmark's own
settings (``EARMARK_…``). Items keep ``earmark_id``, the id of their track, and what ``label`` names:
``earmark_genre``, ``earmark_mood``, ``earmark_sure``.

Source: https://beets.readthedocs.io, "Writing plugins".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from optparse import Values
from pathlib import Path
from typing import Any

from beets import ui
from beets.exceptions import UserError
from beets.library import Album, Item, Library
from beets.plugins import BeetsPlugin

from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.catalogue import Catalogue
from classifier.errors import EarmarkError
from classifier.identifiers import normalised
from classifier.labels.answers.asking import ask, choose
from classifier.labels.hearing import Ears
from classifier.labels.scoring.registry import Registry
from classifier.results import Tag
from classifier.search.overlap import overlaps
from classifier.settings import Settings

_USAGE = "beet earmark enroll|duplicates|label [QUERY]\n       beet earmark identify FILE..."
#: Our name of an identifier, and beets' field that holds it.
_IDS = {"isrc": "isrc", "recording_mbid": "mb_trackid", "release_mbid": "mb_albumid", "acoustid": "acoustid_id"}


class EarmarkPlugin(BeetsPlugin):
    """What beets loads."""

    def __init__(self) -> None:
        super().__init__("earmark")
        self.config.add({"catalogue": "", "auto": False})
        if self.config["auto"].get(bool):
            self.register_listener("item_imported", self._imported_item)
            self.register_listener("album_imported", self._imported_album)

    def commands(self) -> list[ui.Subcommand]:
        """Return ``beet earmark``."""
        command = ui.Subcommand("earmark", help="name, compare and label recordings by their sound")
        command.parser.usage = _USAGE
        command.func = self._run
        return [command]

    def _run(self, lib: Library, _options: Values, args: list[str]) -> None:
        actions: dict[str, Callable[[Library, list[str]], None]] = {
            "enroll": lambda lib, query: self._enroll(lib, list(lib.items(query))),
            "identify": self._identify,
            "duplicates": self._duplicates,
            "label": self._label,
        }
        if not args or args[0] not in actions:
            raise UserError(f"say what to do: {_USAGE}")
        try:
            actions[args[0]](lib, args[1:])
        except EarmarkError as error:
            raise UserError(str(error)) from None

    def _imported_item(self, lib: Library, item: Item) -> None:
        self._imported(lib, [item])

    def _imported_album(self, lib: Library, album: Album) -> None:
        self._imported(lib, list(album.items()))

    def _imported(self, lib: Library, items: list[Item]) -> None:
        """Enroll what beets has imported; that fails, if it does, without the import."""
        try:
            self._enroll(lib, items)
        except EarmarkError as error:
            self._log.warning("not enrolled: {}; 'beet earmark enroll' does it later", error)

    def _settings(self) -> Settings:
        settings = Settings.from_environment(os.environ)
        name = self.config["catalogue"].get(str)
        return settings.replace(catalogue=name) if name else settings

    @contextmanager
    def _catalogue(self, *, create: bool = False) -> Iterator[Catalogue]:
        settings = self._settings()
        with (
            Decoder(settings, 1) as decoder,
            Catalogue.open(settings=settings, create=create, decoder=decoder) as catalogue,
        ):
            yield catalogue

    def _enroll(self, _lib: Library, items: list[Item]) -> None:
        """Enroll items, with what beets knows of them; one that cannot be stops none of the others."""
        added = failed = 0
        with self._catalogue(create=True) as catalogue:
            for item in items:
                try:
                    enrolled = catalogue.enroll(_path(item), **_named(item))
                    known = _ids(item)
                    track = enrolled.track
                    if any(getattr(track, name) != value for name, value in known.items()):
                        catalogue.edit(track.id, **known)
                except EarmarkError as error:
                    failed += 1
                    self._log.warning("{}: {}", _path(item), error)
                    continue
                added += enrolled.added
                if item.get("earmark_id") != track.id:
                    item["earmark_id"] = track.id
                    item.store()
        self._log.info("{} items enrolled, {} new, {} failed", len(items) - failed, added, failed)
        if failed:
            ui.print_(f"{failed} of {len(items)} items could not be enrolled")

    def _identify(self, lib: Library, files: list[str]) -> None:
        """Say of which item each file is a piece."""
        if not files:
            raise UserError("name the recordings: beet earmark identify FILE...")
        with self._catalogue() as catalogue:
            for name in files:
                ui.print_(f"{name}: {_answer(lib, catalogue.identify(Path(name)))}")

    def _duplicates(self, lib: Library, query: list[str]) -> None:
        """List pairs of items that share sound; with a query, those with an item of it."""
        items = {item["earmark_id"]: item for item in lib.items() if item.get("earmark_id")}
        only = {item["earmark_id"] for item in lib.items(query) if item.get("earmark_id")} if query else None
        with self._catalogue() as catalogue:
            view = catalogue.view()
            for found in overlaps(view.snapshot, only=only):
                if found.a in items and found.b in items:
                    shares = f"{100 * found.share_a:.0f} % and {100 * found.share_b:.0f} %"
                    ui.print_(f"{found.relation}: {_path(items[found.a])} - {_path(items[found.b])}: {shares}")

    def _label(self, lib: Library, query: list[str]) -> None:
        """Name genre and mood of items, as far as there are models; what is doubted is marked so."""
        settings = self._settings()
        registry = Registry(Path(settings.data_dir))
        with Decoder(settings, 1) as decoder:
            ears = Ears(settings, decoder, Limits.for_track(settings).for_own_file())
            chosen = {}
            for task in ("genre", "mood"):
                try:
                    chosen[task] = choose(registry, task, None, Path(settings.weights_dir))
                except EarmarkError as error:
                    self._log.debug("{}: {}", task, error)
            if not chosen:
                raise UserError("there is no model of genres or moods: see 'earmark models --help'")
            for item in lib.items(query):
                sure = True
                try:
                    for task, model in chosen.items():
                        answer = ask(model, ears, _path(item))
                        item[f"earmark_{task}"] = ", ".join(answer.labels)
                        sure &= answer.decision == "certain"
                except EarmarkError as error:
                    self._log.warning("{}: {}", _path(item), error)
                    continue
                item["earmark_sure"] = sure
                item.store()
                said = ", ".join(item[f"earmark_{task}"] for task in chosen)
                ui.print_(f"{item}: {said}{'' if sure else ' (uncertain)'}")


def _answer(lib: Library, tag: Tag) -> str:
    if tag.verdict == "no_match":
        return "not known"
    said = []
    for match in tag.matches[: max(1, tag.tied)]:
        item = lib.items(f"earmark_id:{match.track_id}").get()
        name = str(item) if item else f"{match.artist or '?'} - {match.title} (not in beets)"
        said.append(name if match.offset_s is None else f"{name}, at {match.offset_s:.1f} s")
    sure = "ambiguous" if tag.verdict == "ambiguous" else f"{100 * (tag.matches[0].confidence or 0.0):.0f} % sure"
    return f"{' or '.join(said)} ({sure})"


def _path(item: Item) -> Path:
    return Path(os.fsdecode(item.path))


def _named(item: Item) -> dict[str, Any]:
    return {name: item.get(name) or None for name in ("title", "artist", "album")}


def _ids(item: Item) -> dict[str, Any]:
    """Return the identifiers that have their proper form; beets keeps others as well."""
    found = {name: normalised(name, str(item.get(field) or "")) for name, field in _IDS.items()}
    return {name: value for name, value in found.items() if value}
