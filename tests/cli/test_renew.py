"""A catalogue of an earlier release: it says so, and is renewed from the files that are found."""

from __future__ import annotations

import shutil

from classifier.config import FeatureConfig
from classifier.store import open_store


def age(url: str) -> None:
    """Make a store look as an earlier release left it: another configuration, and tracks without slots."""
    store = open_store(url)
    config = {**FeatureConfig().to_dict(), "twins": ["pink:3"]}
    del config["slot_mfcc"]
    store.update(
        "catalogues", {"name": "default"}, set={"config": config, "config_hash": "old", "background": "builtin-1"}
    )
    for document in list(store.find("tracks", {})):
        store.delete("slots", {"track_id": document["_id"]})
        store.delete("tracks", {"_id": document["_id"]})
        store.insert("tracks", [{name: value for name, value in document.items() if "slot" not in name}])
    store.close()


def test_a_catalogue_of_an_earlier_release_is_renewed_from_its_files(earmark, folder, tmp_path):
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    assert earmark("enroll", folder, "--store", url).code == 0
    before = {o["id"]: o for o in earmark("tracks", "list", "--store", url, "--json").objects}
    first, *_ = before
    assert earmark("tracks", "edit", first, "--title", "By hand", "--store", url).code == 0
    age(url)
    snippet = next(folder.glob("*.wav"))
    refused = earmark("identify", snippet, "--store", url)
    assert refused.code == 1
    assert "earmark catalogues renew default FOLDER" in refused.err

    elsewhere = tmp_path / "some"
    elsewhere.mkdir()
    shutil.copy(snippet, elsewhere)
    part = earmark("catalogues", "renew", "default", elsewhere, "--store", url)
    assert part.code == 0
    assert f"{len(before) - 1} tracks of catalogue 'default' still to be renewed" in part.err
    assert earmark("identify", snippet, "--store", url, "--json").objects[0]["verdict"] == "identified"

    whole = earmark("catalogues", "renew", "default", folder, "--store", url)
    assert "0 tracks of catalogue 'default' still to be renewed" in whole.err
    after = {o["id"]: o for o in earmark("tracks", "list", "--store", url, "--json").objects}
    assert after.keys() == before.keys()
    assert after[first]["title"] == "By hand"
    assert "0 tracks" in earmark("catalogues", "renew", "default", "--store", url).err
