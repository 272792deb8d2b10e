"""``earmark docs``: the pages that the package carries."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from classifier.cli import docs
from classifier.errors import FileMissing, InvalidParameter
from tests.cli.conftest import ROOT, Earmark


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small site, in the place of the one that is built; no browser is opened."""
    folder = tmp_path / "site"
    (folder / "docs").mkdir(parents=True)
    for name in ("index.html", "404.html", "docs/guide.html"):
        (folder / name).write_text(f"<h1>{name}</h1>")
    monkeypatch.setattr(docs, "ROOT", folder)
    monkeypatch.setenv("BROWSER", "true")
    return folder


def test_the_page_is_found_by_its_name(earmark: Earmark, site: Path) -> None:
    assert earmark("docs", "--where").out.strip() == str(site / "index.html")
    assert earmark("docs", "Guide", "--where").out.strip() == str(site / "docs" / "guide.html")
    (told,) = earmark("docs", "guide.md", "--json").objects
    assert told == {
        "folder": str(site),
        "file": str(site / "docs" / "guide.html"),
        "url": (site / "docs" / "guide.html").as_uri(),
    }


def test_another_name_is_refused_with_those_that_there_are(earmark: Earmark, site: Path) -> None:
    done = earmark("docs", "giude")
    assert done.code == 1
    assert "there is no page 'giude': choose one of guide" in done.err
    with pytest.raises(InvalidParameter):
        docs.find(site, "404")


def test_an_installation_without_it_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="'make site' builds it in a clone"):
        docs.find(tmp_path, "index")


def test_it_is_served_to_this_machine_until_ctrl_c(earmark: Earmark, site: Path, tmp_path: Path) -> None:
    """As a process of its own, with the small site where a clone has the built one."""
    code = (
        "import sys; from pathlib import Path; from classifier.cli import docs, main; "
        f"docs.ROOT = Path({str(site)!r}); main(['docs', 'guide', '--serve', '--port', '0'])"
    )
    (tmp_path / "secret").write_text("of nobody's business")
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(url) as answer:
                assert answer.read() == b"<h1>docs/guide.html</h1>"
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(url.replace("docs/guide.html", "..%2fsecret"))
            port = url.split(":")[2].split("/")[0]
            taken = earmark("docs", "--serve", "--port", port)
            assert taken.code == 1
            assert f"port {port} cannot be served on" in taken.err
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
