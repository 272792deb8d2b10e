"""A plugin for MusicBrainz Picard 3: names files by their sound, with the library of an Earmark service.

*Identify with Earmark*, for files, clusters, tracks and albums, sends an excerpt of each file and fills in what the
service knows of the track: title, artist, album, ISRC, and the ids of MusicBrainz and AcoustID. Nothing is written
before the user saves the file. Settings: address of the service and, where it asks for one, a key of role ``tag``.

It runs within Picard, which has no Earmark of its own: it needs the standard library, PyQt6 and Picard alone.

Source: Picard's ``picard.plugin3.api``, version 3.0.
"""

from __future__ import annotations

import io
import json
import time
import urllib.error
import urllib.request
import uuid
import wave
from functools import partial
from typing import Any

from picard.plugin3.api import BaseAction, File, OptionsPage, PluginApi
from picard.util import iter_files_from_objects, thread
from PyQt6.QtCore import QEventLoop, QThreadPool, QTimer, QUrl
from PyQt6.QtMultimedia import QAudioDecoder, QAudioFormat
from PyQt6.QtWidgets import QFormLayout, QLineEdit

SERVICE = "http://127.0.0.1:8000"
#: Of an excerpt: Hz, and seconds.
RATE, LENGTH_S = 16000, 10.0
#: Longest time that decoding may take.
DECODE_S = 60.0
#: Where in a file excerpts begin, as shares of its length, and how many are asked about until one is known.
PLACES = (1 / 3, 2 / 3)
#: Statuses after which the same request may succeed, and how often it is made.
PASSING, ATTEMPTS = (408, 409, 429, 502, 503, 504), 4
#: A service's name of something known about a track -> Picard's tag.
TAGS = {"title": "title", "artist": "artist", "album": "album"}
IDS = {
    "isrc": "isrc",
    "recording_mbid": "musicbrainz_recordingid",
    "release_mbid": "musicbrainz_albumid",
    "acoustid": "acoustid_id",
}


class Unanswered(Exception):
    """There is no answer; the message says why."""


def excerpt(path: str, start_s: float) -> bytes:
    """Return an excerpt of a file as WAV, one channel of 16 bits; shorter if the file ends before. For any thread."""
    sound = QAudioFormat()
    sound.setSampleRate(RATE)
    sound.setChannelCount(1)
    sound.setSampleFormat(QAudioFormat.SampleFormat.Int16)
    decoder = QAudioDecoder()
    decoder.setAudioFormat(sound)
    decoder.setSource(QUrl.fromLocalFile(path))
    first = 2 * int(RATE * start_s)
    last = first + 2 * int(RATE * LENGTH_S)
    heard, loop, failed = bytearray(), QEventLoop(), []

    def take() -> None:
        piece = decoder.read()
        if piece.isValid():
            heard.extend(piece.constData().asstring(piece.byteCount()))
        if len(heard) >= last:
            loop.quit()

    def fail(why: Any) -> None:
        failed.append(decoder.errorString() or str(why))
        loop.quit()

    decoder.bufferReady.connect(take)
    decoder.finished.connect(loop.quit)
    decoder.error.connect(fail)
    # Queued, since a loop that does not run yet cannot be left; and a decoder that falls silent is not waited for.
    QTimer.singleShot(0, decoder.start)
    QTimer.singleShot(int(1000 * DECODE_S), lambda: fail("it takes too long"))
    loop.exec()
    decoder.stop()
    if failed and len(heard) <= first:
        raise Unanswered(f"it cannot be decoded ({failed[0]})")
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(heard[first:last]))
    return written.getvalue()


def ask(service: str, key: str, recording: bytes) -> dict[str, Any]:
    """Return the service's answer about a recording; a busy one is asked again."""
    headers = {"Content-Type": "audio/wav", "Idempotency-Key": str(uuid.uuid4())}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    if not service.startswith(("http://", "https://")):
        raise Unanswered(f"{service!r} is no address of a service: it begins with http:// or https://")
    request = urllib.request.Request(f"{service.rstrip('/')}/api/v1/tags?device=Picard", recording, headers)
    for attempt in range(ATTEMPTS):
        wait_s = float(2**attempt)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # nosec B310
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            try:
                why = str(json.load(error)["detail"])
            except (ValueError, KeyError, TypeError):
                why = f"status {error.code}: is {service} an Earmark service?"
            if error.code not in PASSING:
                raise Unanswered(why) from None
            wait_s = float(error.headers.get("Retry-After") or wait_s)
        except (OSError, ValueError) as error:
            why = f"{service} does not answer ({error})"
        if attempt + 1 < ATTEMPTS:
            time.sleep(min(wait_s, 60.0))
    raise Unanswered(why)


def identify(path: str, duration_s: float, service: str, key: str) -> dict[str, Any]:
    """Return the answer about a file: the first that names a track, else the last."""
    starts = [share * duration_s for share in PLACES] if duration_s > 3 * LENGTH_S else [0.0]
    for start_s in starts:
        tag = ask(service, key, excerpt(path, start_s))
        if tag["verdict"] == "identified":
            break
    return tag


def known(match: dict[str, Any]) -> dict[str, str]:
    """Return what an answer says of a track, by Picard's tags."""
    found = {tag: match.get(name) for name, tag in TAGS.items()}
    found |= {tag: match.get("ids", {}).get(name) for name, tag in IDS.items()}
    return {tag: value for tag, value in found.items() if value}


class Identify(BaseAction):  # type: ignore[misc]  # Picard has no types for it
    """Names the selected files."""

    TITLE = "Identify with Earmark"

    def callback(self, objs: Any) -> None:
        """Ask about every file of the selection, a few at a time, beside the program."""
        service = self.api.plugin_config["service"]
        key = self.api.plugin_config["key"].strip()
        for file in dict.fromkeys(iter_files_from_objects(objs)):
            file.set_pending()
            thread.run_task(
                partial(identify, file.filename, file.metadata.length / 1000, service.strip(), key),
                partial(_answered, self.api, file),
                thread_pool=_POOL,
                traceback=False,
            )


#: Decoding is quick; the service has a queue of its own.
_POOL = QThreadPool()
_POOL.setMaxThreadCount(2)


def _answered(api: PluginApi, file: File, result: dict[str, Any] | None = None, error: Exception | None = None) -> None:
    """Fill in what was found; the main thread calls it."""
    file.clear_pending()
    if result is None:
        if not isinstance(error, Unanswered):
            api.logger.error("%s: %r", file.filename, error)
        _say(api, file, f"no answer: {error}")
    elif result["verdict"] == "no_match":
        _say(api, file, "not known")
    elif result["verdict"] == "ambiguous":
        _say(api, file, "one of " + ", ".join(match["title"] for match in result["matches"][: result["tied"]]))
    else:
        match = result["matches"][0]
        for tag, value in known(match).items():
            file.metadata[tag] = value
        file.update()
        _say(api, file, f"{match['title']}, {100 * match['confidence']:.0f} % sure")


def _say(api: PluginApi, file: File, text: str) -> None:
    """Show it below the lists, and in the history of messages."""
    api.tagger.window.set_statusbar_message(
        "Earmark: %(file)s: %(text)s", {"file": file.base_filename, "text": text}, translate=None
    )


class Options(OptionsPage):  # type: ignore[misc]
    """Which service is asked."""

    NAME, TITLE, PARENT = "earmark", "Earmark", "plugins"

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        form = QFormLayout(self)
        self.service, self.key = QLineEdit(), QLineEdit()
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        form.addRow("Address of the service", self.service)
        form.addRow("Key, if it asks for one", self.key)

    def load(self) -> None:
        """Show what is set."""
        self.service.setText(self.api.plugin_config["service"])
        self.key.setText(self.api.plugin_config["key"])

    def save(self) -> None:
        """Keep what was typed."""
        self.api.plugin_config["service"] = self.service.text().strip() or SERVICE
        self.api.plugin_config["key"] = self.key.text().strip()


def enable(api: PluginApi) -> None:
    """Add the action and the settings; Picard calls it."""
    api.plugin_config.register_option("service", SERVICE)
    api.plugin_config.register_option("key", "")
    for register in (
        api.register_file_action,
        api.register_cluster_action,
        api.register_clusterlist_action,
        api.register_track_action,
        api.register_album_action,
    ):
        register(Identify)
    api.register_options_page(Options)
