"""Which store a URL means."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from classifier.errors import InvalidParameter
from classifier.store import open_store


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////tmp/a b%20c?d.sqlite", "sqlite:////tmp/a b%20c?d.sqlite"),
        ("sqlite:///~/x.sqlite", f"sqlite:///{Path.home()}/x.sqlite"),
        ("sqlite:///x.sqlite", f"sqlite:///{Path.cwd()}/x.sqlite"),
        ("mongodb://host/db", "mongodb://host/db"),
        ("mongodb://user:s3cret@host:27017,other/db?replicaSet=rs0", "mongodb://user:***@host:27017,other/db"),
        ("mongodb+srv://user:s3cret@cluster.example.org/db?tls=true", "mongodb+srv://user:***@cluster.example.org/db"),
        ("mongodb://host/db?tlsCertificateKeyFilePassword=s3cret", "mongodb://host/db"),
    ],
)
def test_urls(url: str, shown: str) -> None:
    store = open_store(url)  # touches neither disk nor network

    assert store.url == shown
    store.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is not the URL of a store"),
        ("/tmp/x.sqlite", "is not the URL of a store: use sqlite:///PATH"),
        ("postgres://user:s3cret@host/db", r"'postgres://user:\*\*\*@host/db' is not the URL"),
        ("sqlite://x.sqlite", "three slashes"),
        ("sqlite:///", "does not name a file"),
        ("sqlite:///folder/", "does not name a file"),
        ("sqlite:///:memory:", "does not name a file"),
        ("mongodb://host", "names no possible database"),
        ("mongodb://host/", "names no possible database"),
        ("mongodb://host/a.b", "names no possible database"),
        ("mongodb://user:s3cret@host:port/db", "is malformed"),
        ("mongodb://user:s3%cret@host/db", "is malformed"),
        ("mongodb://user:s3/cret@host/db", "names no possible database"),
        ("mongodb://host/db?w=0", "would lose documents"),
        ("mongodb://host/db?tlsInsecure=true&tlsAllowInvalidCertificates=true", "is malformed"),
    ],
)
def test_what_is_no_store(url: str, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words) as caught:
        open_store(url)
    assert "s3cret" not in str(caught.value)


def test_pymongo_is_imported_for_mongodb_only(tmp_path: Path) -> None:
    code = (
        "import sys; from classifier.store import open_store; import classifier.records.tracks\n"
        f"open_store('sqlite:///{tmp_path}/x').ensure_schema(); assert 'pymongo' not in sys.modules\n"
        "open_store('mongodb://h/d'); assert 'pymongo' in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=Path(__file__).parents[2])
