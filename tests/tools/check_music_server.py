"""Import from a real server of Subsonic's kind, and fill a playlist of it, as a user would.

    pip install maneki                                             # in an environment of its own; Python 3.13
    python tests/tools/check_music_server.py path/to/maneki        # starts it on made songs, on this machine only

The server is Maneki, an OpenSubsonic server that PyPI has. Four songs are made and given to it; they must be imported
once and not again, with the server's ids, by download and from the shared folder; a noisy snippet must put its song
into a playlist, once; and a wrong password must be refused.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from classifier.demo.phone import record, write_wav
from classifier.demo.songs import catalogue_seeds, compose, write

USER = PASSWORD = "admin"
N_SONGS, STARTING_S = 4, 120.0


def asked(server: str, what: str, **parameters: str) -> dict[str, Any]:
    """Return what the server answers."""
    words = {"u": USER, "p": PASSWORD, "v": "1.13.0", "c": "check", "f": "json", **parameters}
    query = "&".join(f"{name}={value}" for name, value in words.items())
    with urllib.request.urlopen(f"{server}/rest/{what}.view?{query}", timeout=30) as answer:
        return dict(json.load(answer)["subsonic-response"])


@contextlib.contextmanager
def serving(program: Path, folder: Path) -> Iterator[str]:
    """Run the server on a library, with all that it keeps in a folder; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = {name: str(folder / name.lower()) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    command = [program, "serve", folder / "library", "--host", "127.0.0.1", "--port", str(port)]
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **home}, stdout=log, stderr=log)
    try:
        server, deadline = f"http://127.0.0.1:{port}/audio", time.monotonic() + STARTING_S
        while True:
            with contextlib.suppress(urllib.error.URLError, OSError):
                about = asked(server, "ping")
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit((folder / "server.log").read_text())
            time.sleep(0.3)
        print(about["type"], about["serverVersion"])
        yield server
    finally:
        process.terminate()
        process.wait(30)


def earmark(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run the command line with data in a folder."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("EARMARK_")}
    own["EARMARK_DATA_DIR"] = str(folder)
    command = [sys.executable, "-m", "classifier", *map(str, words)]
    return subprocess.run(command, env=own, capture_output=True, text=True, check=False)


def check(server: str, folder: Path, snippet: Path, title: str) -> None:
    """Do what a user would do, and see that it is right."""
    address = server.replace("http://", f"subsonic+http://{USER}@")
    for name, content in (("password", PASSWORD), ("wrong", "x")):
        (folder / name).write_text(content)
    account = (address, "--password-file", folder / "password")
    for data, more in (("fetched", ()), ("shared", ("--music", folder / "library"))):
        first = earmark(folder / data, "import", *account, *more, "--json")
        songs = [json.loads(line) for line in first.stdout.splitlines()]
        assert [song["status"] for song in songs] == ["added"] * N_SONGS, first
        again = earmark(folder / data, "import", *account, *more, "--json")
        assert (again.returncode, again.stdout) == (0, ""), again
        tracks = [json.loads(line) for line in earmark(folder / data, "tracks", "list", "--json").stdout.splitlines()]
        assert {track["metadata"]["subsonic_id"] for track in tracks} == {song["song"] for song in songs}, tracks
    for _ in range(2):
        done = earmark(folder / "fetched", "playlist", address, "Heard", snippet, *account[1:])
        assert done.returncode == 0, done
    (made,) = asked(server, "getPlaylists")["playlists"]["playlist"]
    assert [song["title"] for song in asked(server, "getPlaylist", id=made["id"])["playlist"]["entry"]] == [title]
    refused = earmark(folder / "fetched", "import", address, "--password-file", folder / "wrong")
    assert refused.returncode == 1, refused
    assert "wrong username or password" in refused.stderr.lower(), refused
    assert "Traceback" not in refused.stderr


def main() -> None:
    """Check everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path, help="maneki, in an environment of its own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        album = folder / "library" / "Artist" / "Album"
        songs = [compose(seed, duration_s=30) for seed in catalogue_seeds(N_SONGS)]
        for song in songs:
            write(song, album)
        heard = record(songs[2].samples, songs[2].sample_rate, 9.0, 6.0, snr_db=10.0)
        write_wav(folder / "snippet.wav", heard, songs[2].sample_rate)
        with serving(options.program.resolve(), folder) as server:
            check(server, folder, folder / "snippet.wav", songs[2].title)
    print("imported by download and from the shared folder, once; one song in the playlist; a wrong password refused")


if __name__ == "__main__":
    main()
