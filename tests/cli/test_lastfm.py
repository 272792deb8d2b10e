"""``earmark lastfm``: a session is asked for once, and kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from classifier.cli.scrobbling import lastfm
from classifier.errors import InvalidParameter
from tests.cli.conftest import Earmark
from tests.players.services import lastfm_server, serving
from tests.players.test_scrobbles import play


def test_a_session_is_asked_for_once(tmp_path: Path, earmark: Earmark) -> None:
    file = tmp_path / "lastfm.json"
    file.write_text(json.dumps({"api_key": "key", "secret": "hush"}))
    with serving(lastfm_server) as server:
        with pytest.raises(InvalidParameter, match="earmark lastfm"):
            lastfm(file, server.url)
        done = earmark("--json", "lastfm", file, EARMARK_LASTFM_ADDRESS=server.url)
        assert done.code == 0, done.err
        assert done.objects == [{"user": "me", "file": str(file)}]
        assert "api_key=key&token=tok" in done.err
        assert "hush" not in done.err
        assert file.stat().st_mode & 0o077 == 0
        lastfm(file, server.url).submit([play()])
