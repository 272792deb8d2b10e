"""What a folder holds: the audio files in it and below, and how many of each other kind are left out.

Links are followed, also to folders; a folder is searched only once however many links lead there, so that loops end.
File systems and servers keep files of their own beside people's; those are not music, whatever their endings.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

from classifier.audio.formats import ENDINGS
from classifier.errors import EarmarkError, FileMissing

#: Files and folders of macOS, Windows, Linux desktops, Synology, QNAP and Syncthing; in lower case.
_COMPANIONS = frozenset(
    [
        *(".ds_store", ".appledouble", ".appledb", ".appledesktop", ".temporaryitems", ".trashes", "__macosx"),
        *("network trash folder", ".spotlight-v100", ".fseventsd", ".documentrevisions-v100", "icon\r"),
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),
        *(".directory", ".trash", ".thumbnails", "lost+found"),
        *("@eadir", "@tmp", "#recycle", "#snapshot", ".@__thumb", "@recycle", "@recently-snapshot", ".streams"),
        *(".stfolder", ".stversions"),
    ]
)
_COMPANION = re.compile(r"\._.*|\.trash-\d+|\.nfs[0-9a-f]+|\.smbdelete.*", re.DOTALL)
_ENDING = re.compile(r"\.([a-z0-9_+-]{1,10})")

#: Kinds that are not endings, and their plurals.
COMPANION = "file-system companion"
BROKEN = "broken link"
REPEATED = "repeated folder"
SPECIAL = "pipe or device"
ENDLESS = "file without an ending"
_PLURALS = {
    COMPANION: "file-system companions",
    BROKEN: "broken links",
    REPEATED: "repeated folders",
    SPECIAL: "pipes or devices",
    ENDLESS: "files without an ending",
}
_MOST_KINDS = 8


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a folder and below it.

    Parameters
    ----------
    files : list of Path
        Audio files, by name.
    left_out : Counter of str
        How many of each kind were left out; a kind is an ending without its dot, or one of this module's.
    unreadable : list of (Path, EarmarkError)
        Folders that cannot be read, and why.
    """

    files: list[Path] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[Path, EarmarkError]] = field(default_factory=list)


def search(folder: Path) -> Found:
    """Look for audio files in a folder and below it.

    Raises
    ------
    FileMissing
        If there are none and every folder could be read.
    """
    found = Found()
    seen: set[tuple[int, int]] = set()
    # Links last, so that what they lead to is found under its own name if it has one here.
    folders, links = deque([folder]), deque[Path]()
    while folders or links:
        is_link = not folders
        here = links.popleft() if is_link else folders.popleft()
        try:
            info = here.stat()
            if (info.st_dev, info.st_ino) in seen:
                found.left_out[REPEATED] += is_link
                continue
            seen.add((info.st_dev, info.st_ino))
            with os.scandir(here) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    _sort(entry, found, links if entry.is_symlink() else folders)
        except FileNotFoundError:
            pass  # removed while we looked
        except OSError as error:
            found.unreadable.append((here, FileMissing(f"the folder cannot be read ({error.strerror})")))
    found.files.sort()
    if not found.files and not found.unreadable:
        held = f", only {sentence(found.left_out)}" if found.left_out else ""
        raise FileMissing(f"{folder} holds no audio files{held}; Earmark reads {' '.join(sorted(ENDINGS))}")
    return found


def _sort(entry: os.DirEntry[str], found: Found, folders: deque[Path]) -> None:
    """Put an entry of a folder where it belongs."""
    name = entry.name.lower()
    if name in _COMPANIONS or _COMPANION.fullmatch(name):
        found.left_out[COMPANION] += 1
        return
    try:
        mode = entry.stat().st_mode
    except OSError:
        found.left_out[BROKEN] += entry.is_symlink()  # otherwise it was removed while we looked
        return
    ending = os.path.splitext(name)[1]
    if stat.S_ISDIR(mode):
        folders.append(Path(entry.path))
    elif not stat.S_ISREG(mode):
        found.left_out[SPECIAL] += 1
    elif ending in ENDINGS:
        found.files.append(Path(entry.path))
    else:
        match = _ENDING.fullmatch(ending)
        found.left_out[match[1] if match else ENDLESS] += 1


def sentence(counts: Counter[str]) -> str:
    """Return counts of kinds in words, the most frequent first: ``9 pdf, 3 cue, 1 broken link``."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{n} {_PLURALS.get(kind, kind) if n > 1 else kind}" for kind, n in ordered[:_MOST_KINDS]]
    rest = ordered[_MOST_KINDS:]
    if rest:
        parts.append(f"{sum(n for _, n in rest)} of {len(rest)} other kinds")
    return ", ".join(parts)
