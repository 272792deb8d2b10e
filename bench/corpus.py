"""The benchmark's recordings: freely licensed music and speech from Debian packages, decoded once.

Conventions
-----------
Everything is mono float32 at ``SAMPLE_RATE`` (16 kHz), full scale +-1; times are in seconds. The cache folder is
``$EARMARK_BENCH_CACHE`` or ``~/.cache/earmark-bench``::

    deb/            packages as downloaded by ``apt-get download``
    raw/<package>/  packages unpacked by ``dpkg-deb -x`` (nothing is installed, root is not needed)
    audio/<id>.npy  decoded samples, memory-mapped by :func:`samples`
    audio/<id>.wav  the same as 16-bit PCM, written by :func:`wav` for programs that want a file
    index.json      what was decoded from what, with the SHA-256 of every source file

Sets are disjoint by package. ``evaluation`` is only ever measured on; whatever is fitted or tuned (background
mixture, null cohort, thresholds) sees ``development`` and the user's own folders, nothing else.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import soxr
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

SAMPLE_RATE = 16000
MIN_MUSIC_S = 20.0
HELD_OUT_EVERY = 8
AUDIO_SUFFIXES = frozenset((".ogg", ".opus", ".mp3", ".flac", ".wav", ".m4a", ".aac", ".oga", ".g722"))

# Package: folders (below the package's root) that hold music. Games ship far more sound effects than music.
EVALUATION_MUSIC = {
    "wesnoth-1.16-music": ("usr/share/games/wesnoth/1.16/data/core/music",),
    "warzone2100-music": ("usr/share/games/warzone2100/music",),
}
DEVELOPMENT_MUSIC = {
    "asc-music": ("usr/share/games/asc/music",),
    "flare-game": ("usr/share/games/flare/mods/fantasycore/music",),
    "hedgewars-data": ("usr/share/games/hedgewars/Data/Music",),
    "hyperrogue-music": ("usr/share/hyperrogue/music",),
    "lincity-ng-data": ("usr/share/games/lincity-ng/music",),
    "planetblupi-music-ogg": ("usr/share/planetblupi/music",),
    "singularity-music": ("usr/share/games/singularity/music",),
    "supertux-data": ("usr/share/games/supertux2/music",),
}
SPEECH = {
    "evaluation": ("asterisk-core-sounds-en-wav",),
    # Not the Spanish prompts: they are spoken by the same voice as the English ones.
    "development": (
        "asterisk-core-sounds-fr-wav",
        "asterisk-core-sounds-it-wav",
        "asterisk-core-sounds-ru-wav",
    ),
}
SPEECH_FOLDER = "usr/share/asterisk/sounds"

# Voices at full bandwidth, in many languages. A folder of these holds one language, spoken by one voice or a few.
VOICE_FOLDERS = {
    **{f"asterisk-core-sounds-{code}-g722": SPEECH_FOLDER for code in ("en", "fr", "it", "ru")},
    "klettres-data": "usr/share/klettres",
    "ktuberling-data": "usr/share/ktuberling/sounds",
}
# The sets are disjoint by language, since a volunteer may have read a language for both teaching programs.
VOICE_LANGUAGES = {
    "evaluation": frozenset(
        ("en", "en_GB", "en_US_f_Allison", "ca", "da", "de", "el", "he", "hu", "lt", "ml", "pt", "pt_BR", "sr", "sv")
    ),
    "development": frozenset(
        (
            *("ar", "cs", "es", "fi", "fr", "ga", "gl", "it", "nb", "nds", "nl", "ro", "ru", "sl", "tn", "uk", "wa"),
            *("fr_CA_f_June", "it_IT_m_Carlo", "ru_RU_f_IvrvoiceRU"),
        )
    ),
}

# Tracks that are, for a good part, the same performance in another mix or cut: either name is right.
SAME_RECORDING = (
    frozenset(("warzone2100-music.menu", "warzone2100-music.menu_enhanced")),
    frozenset(("warzone2100-music.track3", "warzone2100-music.track3_enhanced")),
    frozenset(("supertux-data.christmas_theme", "supertux-data.theme")),
    frozenset(("supertux-data.call_of_the_winding_path", "supertux-data.shallow-green")),
)
# Evaluation tracks some stretch of which is also heard in another one: loops and samples, of which the Warzone albums
# are full. Found on the clean recordings with audfprint at density 70: a dozen landmarks in 5 s, or at least five that
# bench/identical.py confirms. They are never kept out, or the right answer to an unknown track could be the name of a
# known one; answers about them are judged one by one, in bench/identical.py.
_WARZONE = ("menu", "menu_enhanced", "track3_enhanced", *(f"track{i}" for i in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14)))
_WARZONE += tuple(f"track{i}" for i in (15, 16, 17, 18, 20, 21, 22, 25, 26, 27))
_WESNOTH = ("battle", "frantic", "knolls", "siege_of_laurelmor", "the_dangerous_symphony", "wanderer")
SHARING = frozenset(
    (*(f"warzone2100-music.{name}" for name in _WARZONE), *(f"wesnoth-1.16-music.{name}" for name in _WESNOTH))
)
# Copies of what another package holds.
DUPLICATES = frozenset(("supertux-data.battle_theme",))  # flare-game.battle_theme


class CorpusError(RuntimeError):
    """The corpus cannot be built: apt is missing, a package is not found, or a folder holds no usable audio."""


@dataclass(frozen=True)
class Reference:
    """One recording of the corpus.

    Parameters
    ----------
    id : str
        Unique and safe as a file name, such as ``wesnoth-1.16-music.battle``; it survives re-building the cache.
    path : Path
        The original file, compressed as it came.
    package : str
        Debian package, or the folder's path for a user's own music.
    duration_s : float
        Length of the decoded audio.
    known : bool
        False for tracks kept out of the catalogue, to measure false answers.
    """

    id: str
    path: Path
    package: str
    duration_s: float
    known: bool


def cache_folder() -> Path:
    """Return the cache folder, created if missing."""
    named = os.environ.get("EARMARK_BENCH_CACHE")
    folder = Path(named).expanduser() if named else Path.home() / ".cache" / "earmark-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# --- sets -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def evaluation() -> list[Reference]:
    """Return the music to measure on, in order of id; an eighth is kept out (``known`` False).

    Raises
    ------
    CorpusError
        If a package can neither be found in the cache nor downloaded.
    """
    return hold_out(_music(EVALUATION_MUSIC))


@lru_cache(maxsize=1)
def development() -> list[Reference]:
    """Return the music to fit and tune on, in order of id, all ``known``; no package is shared with evaluation."""
    return _music(DEVELOPMENT_MUSIC)


@lru_cache(maxsize=2)
def speech(which: str = "evaluation") -> list[Reference]:
    """Return recorded utterances for babble, in order of id.

    Parameters
    ----------
    which : {"evaluation", "development"}
        The two share neither language nor voice.
    """
    if which not in SPEECH:
        raise CorpusError(f"speech set {which!r} is unknown: choose one of {', '.join(SPEECH)}")
    found = []
    for package in SPEECH[which]:
        files = [p for p in _audio_files(unpacked(package), (SPEECH_FOLDER,)) if p.parent.name != "silence"]
        found += _index(package, unpacked(package), files, known=True)
    return found


@lru_cache(maxsize=2)
def voices(which: str = "evaluation") -> dict[str, list[Reference]]:
    """Return recorded utterances at full bandwidth, by voice (package and language), each in order of id.

    Parameters
    ----------
    which : {"evaluation", "development"}
        The two share no language.
    """
    if which not in VOICE_LANGUAGES:
        raise CorpusError(f"voice set {which!r} is unknown: choose one of {', '.join(VOICE_LANGUAGES)}")
    found: dict[str, list[Reference]] = {}
    for package, folder in VOICE_FOLDERS.items():
        root = unpacked(package)
        files = [p for p in _audio_files(root, (folder,)) if p.parent.name != "silence"]
        for item in _index(package, root, files, known=True):
            language = item.path.relative_to(root / folder).parts[0]
            if language in VOICE_LANGUAGES[which]:
                found.setdefault(f"{package}.{language}", []).append(item)
    return found


def corpus_from_folder(path: Path | str) -> list[Reference]:
    """Return a folder of the user's own music as an evaluation set: over 20 s, an eighth of it unknown.

    Raises
    ------
    CorpusError
        If the folder is missing or holds no music over 20 s.
    """
    root = Path(path).expanduser().resolve()
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder")
    prefix = f"{_slug(root.name)}-{hashlib.sha256(str(root).encode()).hexdigest()[:6]}"
    found = _index(str(root), root, _audio_files(root, (".",)), known=True, prefix=prefix)
    found = [item for item in found if item.duration_s > MIN_MUSIC_S]
    if not found:
        raise CorpusError(f"{root} holds no music over {MIN_MUSIC_S:g} s that could be decoded")
    return hold_out(found)


def find(reference_id: str) -> Reference:
    """Return the track of that id, from any set used so far in this process, then from the standard sets.

    Raises
    ------
    KeyError
        If there is none.
    """
    if reference_id not in _seen:
        evaluation()
    if reference_id not in _seen:
        development()
    return _seen[reference_id]


def _music(packages: Mapping[str, tuple[str, ...]]) -> list[Reference]:
    found: list[Reference] = []
    for package, folders in packages.items():
        root = unpacked(package)
        found += _index(package, root, _audio_files(root, folders), known=True)
    kept = (item for item in found if item.duration_s > MIN_MUSIC_S and item.id not in DUPLICATES)
    return sorted(kept, key=lambda item: item.id)


def hold_out(references: Sequence[Reference], sharing: Collection[str] = SHARING) -> list[Reference]:
    """Mark an eighth of the tracks as unknown, the first by a hash of their id, passing over those of ``sharing``."""
    free = sorted((item.id for item in references if item.id not in sharing), key=_digest)
    unknown = set(free[: len(references) // HELD_OUT_EVERY])
    return [
        _remember(Reference(item.id, item.path, item.package, item.duration_s, item.id not in unknown))
        for item in sorted(references, key=lambda item: item.id)
    ]


# --- samples --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def samples(reference: Reference) -> np.ndarray:
    """Return a track's samples.

    Returns
    -------
    np.ndarray, shape (n,), float32
        Mono, 16 kHz, full scale +-1 (lossy codecs may overshoot a little); memory-mapped, read-only.
    """
    path = _audio_path(reference.id, ".npy")
    if not path.exists():
        _decode_into_cache(reference.id, reference.path)
    array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def wav(reference: Reference) -> Path:
    """Return the track as a mono 16-bit WAV file at 16 kHz, written on first use (overshoots are clipped)."""
    path = _audio_path(reference.id, ".wav")
    if not path.exists():
        with replacing(path) as draft:
            write_wav(draft, samples(reference))
    return path


def write_wav(path: Path, audio: np.ndarray) -> None:
    """Write float samples as 16-bit PCM at 16 kHz; values beyond full scale are clipped."""
    path.write_bytes(wav_bytes(audio))


def wav_bytes(audio: np.ndarray) -> bytes:
    """Return float samples as a mono 16-bit WAV file at 16 kHz; values beyond full scale are clipped."""
    pcm = np.round(np.clip(audio, -1.0, 32767 / 32768) * 32768).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm.tobytes())
    return buffer.getvalue()


def decode(path: Path) -> np.ndarray:
    """Decode the first audio stream of a file to mono float32 at 16 kHz (channels averaged).

    Raises
    ------
    av.error.FFmpegError
        If the file cannot be decoded at all. Broken frames within a readable file are skipped.
    """
    pieces: list[np.ndarray] = []
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp")
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in frames:
                rate = frame.sample_rate
                pieces += [plane.to_ndarray().mean(axis=0, dtype=np.float32) for plane in resampler.resample(frame)]
    if not pieces:
        raise av.error.InvalidDataError(0, "no audio frames", str(path))
    native = np.concatenate(pieces)
    return native if rate == SAMPLE_RATE else soxr.resample(native, rate, SAMPLE_RATE, quality="HQ").astype(np.float32)


# --- packages -------------------------------------------------------------------------------------------------


def unpacked(package: str) -> Path:
    """Return the folder of an unpacked Debian package; download and unpack it if it is not in the cache.

    Raises
    ------
    CorpusError
        If apt or dpkg is missing, or the package is not found.
    """
    folder = cache_folder() / "raw" / package
    if folder.is_dir():
        return folder
    archive = _downloaded(package)
    if shutil.which("dpkg-deb") is None:
        raise CorpusError(f"dpkg-deb is missing: unpack {archive} into {folder} by other means")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{package}-") as draft:
        _run(
            ["dpkg-deb", "-x", str(archive), draft],
            f"{archive.name} could not be unpacked",
        )
        Path(draft).chmod(0o755)
        try:
            Path(draft).rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was faster, which is as good
                raise
        Path(draft).mkdir(exist_ok=True)  # the temporary folder's own clean-up expects it
    return folder


def _downloaded(package: str) -> Path:
    folder = cache_folder() / "deb"
    folder.mkdir(parents=True, exist_ok=True)
    held = sorted(folder.glob(f"{package}_*.deb"))
    if held:
        return held[-1]
    if shutil.which("apt-get") is None:
        raise CorpusError(
            f"the corpus comes from Debian packages and apt-get is missing: put {package}_*.deb into {folder}, "
            "or measure on a folder of your own music"
        )
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as draft:
        _run(
            ["apt-get", "download", package],
            f"Debian package {package} could not be downloaded (is it in your release? try apt-get update)",
            cwd=Path(draft),
        )
        got = next(Path(draft).glob("*.deb"), None)
        if got is None:
            raise CorpusError(f"apt-get download {package} left no file")
        return got.rename(folder / got.name)


def _run(command: list[str], complaint: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise CorpusError(f"{complaint}: {' '.join(last) or f'exit status {done.returncode}'}")


# --- index ----------------------------------------------------------------------------------------------------

_seen: dict[str, Reference] = {}


def _remember(reference: Reference) -> Reference:
    _seen[reference.id] = reference
    return reference


def _index(
    source: str,
    root: Path,
    files: Sequence[Path],
    *,
    known: bool,
    prefix: str | None = None,
) -> list[Reference]:
    """Return references of ``files``; decode those that the index does not hold as they are now."""
    held = _read_index().get(source, {})
    entries: dict[str, dict[str, Any]] = {}
    fresh: list[tuple[str, Path]] = []
    for name, path in _names(prefix or source, root, files):
        facts = path.stat()
        entry = held.get(name, {})
        same = entry.get("bytes") == facts.st_size and entry.get("mtime_ns") == facts.st_mtime_ns
        if same and (entry.get("error") or _audio_path(name, ".npy").exists()):
            entries[name] = entry
        else:
            fresh.append((name, path))
    for name, path in tracked(fresh, f"Decoding {source}"):
        facts = path.stat()
        entry = {
            "path": str(path.relative_to(root)),
            "bytes": facts.st_size,
            "mtime_ns": facts.st_mtime_ns,
        }
        entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        try:
            entry["samples"] = _decode_into_cache(name, path)
        except (av.error.FFmpegError, IndexError) as error:
            entry["error"] = type(error).__name__
            _console().print(f"{path.name} of {source} cannot be decoded and is left out ({type(error).__name__})")
        entries[name] = entry
    if fresh:
        _write_index(source, entries)
    return [
        _remember(
            Reference(
                name,
                root / entry["path"],
                source,
                entry["samples"] / SAMPLE_RATE,
                known,
            )
        )
        for name, entry in sorted(entries.items())
        if "samples" in entry
    ]


def _decode_into_cache(name: str, path: Path) -> int:
    audio = decode(path)
    target = _audio_path(name, ".npy")
    with replacing(target) as draft, draft.open("wb") as handle:
        np.save(handle, audio, allow_pickle=False)
    _audio_path(name, ".wav").unlink(missing_ok=True)
    return len(audio)


def _audio_path(name: str, suffix: str) -> Path:
    folder = cache_folder() / "audio"
    folder.mkdir(exist_ok=True)
    return folder / (name + suffix)


def _audio_files(root: Path, folders: Iterable[str]) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in (root / folder).rglob("*")
        if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file() and not path.is_symlink()
    )


def _names(prefix: str, root: Path, files: Sequence[Path]) -> list[tuple[str, Path]]:
    """Name files after their stem; where two share one, after their whole path."""
    stems = [_slug(path.stem) for path in files]
    named = []
    for stem, path in zip(stems, files, strict=True):
        if stems.count(stem) > 1:
            stem = (
                f"{_slug(str(path.relative_to(root).with_suffix('')))[-80:]}-{_digest(str(path.relative_to(root)))[:6]}"
            )
        named.append((f"{prefix}.{stem}", path))
    return named


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("_.") or "unnamed"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read_index() -> dict[str, dict[str, dict[str, Any]]]:
    path = cache_folder() / "index.json"
    if not path.exists():
        return {}
    index: dict[str, dict[str, dict[str, Any]]] = json.loads(path.read_text())
    return index


def _write_index(source: str, entries: dict[str, dict[str, Any]]) -> None:
    index = _read_index()
    index[source] = entries
    with replacing(cache_folder() / "index.json") as draft:
        draft.write_text(json.dumps(index, indent=1, sort_keys=True))


class replacing:
    """A draft beside ``target`` that takes its place at the end, so that no reader sees half a file."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.draft = target.with_name(f".{target.name}.{os.getpid()}.part")

    def __enter__(self) -> Path:
        return self.draft

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.draft.replace(self.target)
        else:
            self.draft.unlink(missing_ok=True)


def _console() -> Console:
    return Console(stderr=True)


def tracked(items: Sequence[Any], text: str) -> Iterable[Any]:
    """Yield items under a progress bar on a terminal, silently elsewhere."""
    if not items:
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_console(), disable=not sys.stderr.isatty()) as progress:
        yield from progress.track(items, description=text)


def main() -> None:
    """Build every set and print what it holds: ``python -m bench.corpus``."""
    sets: dict[str, Callable[[], list[Reference]]] = {
        "evaluation": evaluation,
        "development": development,
        "speech, evaluation": lambda: speech("evaluation"),
        "speech, development": lambda: speech("development"),
        "voices, evaluation": lambda: [item for voice in voices("evaluation").values() for item in voice],
        "voices, development": lambda: [item for voice in voices("development").values() for item in voice],
    }
    for name, build in sets.items():
        items = build()
        unknown = sum(not item.known for item in items)
        hours = sum(item.duration_s for item in items) / 3600
        print(f"{name}: {len(items)} recordings, {hours:.2f} h" + (f", {unknown} kept out" if unknown else ""))


if __name__ == "__main__":
    try:
        main()
    except CorpusError as error:
        sys.exit(f"error: {error}")
