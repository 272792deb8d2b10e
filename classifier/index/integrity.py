"""Whether segments on disk are as they were written.

A segment is not read as a whole before it is searched, which would take too long. It is compared with its checksums in
the background (``checker.py``), before it is merged into another (``builder.py``), and by ``earmark doctor``. A damaged
segment is withdrawn (``manifest.py``), and its tracks are loaded from the store again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from classifier.index.files import checksum
from classifier.index.manifest import Manifest
from classifier.index.profile import EXACT, Profile
from classifier.index.segment import FURTHER, Segment, read_table


def check(folder: Path, profile: Profile = EXACT, pause: Callable[[], object] = lambda: None) -> None:
    """Read a whole segment and compare it with its checksums.

    Parameters
    ----------
    folder : Path
        The segment.
    profile : Profile
        Its arrays.
    pause : callable
        Called after every 4 MiB; an exception that it raises ends the check.

    Raises
    ------
    ValueError, OSError
        If the segment is damaged; the message says where.
    """
    Segment.load(folder, profile)
    arrays = read_table(folder, profile)["arrays"]
    further = arrays.keys() & {name for names in FURTHER for name in names}
    for name in (*profile.arrays, *further):
        path = folder / f"{name}.npy"
        if checksum(path, pause) != arrays[name].get("crc32"):
            raise ValueError(f"{path.name} is not as it was written")


def examine(manifest: Manifest) -> dict[str, str]:
    """Check every segment that the manifest lists and that is not withdrawn.

    Returns
    -------
    dict of str to str
        What is wrong with each damaged segment, by name.
    """
    found = {}
    for name in manifest.names():
        if not manifest.is_withdrawn(name):
            try:
                check(manifest.folder / name, manifest.profile)
            except (ValueError, OSError) as error:
                found[name] = str(error)
    return found
