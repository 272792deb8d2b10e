"""Lists in pages, in orders, in part; answers that are spared, and changes that would overwrite others."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_client import Client, Running, piece, running, wav

from classifier.api.paging import Paged, cursor_of, page, place_of
from classifier.demo.songs import Song
from classifier.errors import InvalidParameter
from classifier.records import experiments, keys, tracklists, webhooks
from classifier.records.tracklist_writing import Writer
from classifier.settings import Settings
from classifier.store import open_store


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]]) -> Iterator[Running]:
    """Run a service whose three tracks have two artists, one of them none."""
    with running(tmp_path_factory.mktemp("lists")) as service:
        for number, file in enumerate(files):
            service.client.enroll(file, **({"artist": "One, the same"} if number < 2 else {}))
        yield service


@pytest.fixture
def client(own: Running) -> Client:
    return own.client


def pages(client: Client, path: str, name: str) -> list[dict[str, Any]]:
    """Return all entries of a list, one a page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = client.get(f"{path}{'&' if '?' in path else '?'}limit=1{cursor}").json
        found += answer[name]
        if answer["next"] is None:
            return found
        cursor = f"&cursor={answer['next']}"


@pytest.mark.parametrize("sort", ["title", "artist", "album", "created", "duration_s"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_tracks_in_every_order_page_by_page(client: Client, sort: str, sign: str) -> None:
    whole = client.get(f"/api/v1/tracks?sort={sign}{sort}").json
    assert whole["next"] is None
    assert pages(client, f"/api/v1/tracks?sort={sign}{sort}", "tracks") == whole["tracks"]
    rows = [((track[sort] is not None, track[sort]), track["id"]) for track in whole["tracks"]]
    assert len(rows) == 3
    assert rows == sorted(rows, reverse=bool(sign), key=lambda row: (row[0][0], row[0][1] or "", row[1]))


def test_a_page_is_not_moved_by_what_is_removed(client: Client, own: Running) -> None:
    first = client.get("/api/v1/tracks?limit=1").json
    elsewhere = client.get("/api/v1/tracks?limit=1&sort=-title").json["next"]
    rest = client.get(f"/api/v1/tracks?cursor={first['next']}").json["tracks"]
    assert len(rest) == 2
    client.get(f"/api/v1/tracks?cursor={elsewhere}").problem(422, "invalid_parameter")
    client.get("/api/v1/tracks?cursor=nonsense!").problem(422, "invalid_parameter")


def test_keys_and_webhooks_come_in_pages(tmp_path: Path) -> None:
    with contextlib.closing(open_store(Settings(data_dir=str(tmp_path)).store)) as store:
        made = [keys.create(store, f"phone {n}", "tag")[0].id for n in range(3)]
        hooks = [webhooks.create(store, f"https://example.org/{n}").id for n in range(3)]
        _, secret = keys.create(store, "chief", "admin")
    with running(tmp_path) as service:
        as_admin = {"Authorization": f"Bearer {secret}"}
        for name, ids, field in (("keys", made, "name"), ("webhooks", hooks, "url")):
            first = service.client.get(f"/api/v1/{name}?limit=2&fields=id,{field}", **as_admin).json
            assert [set(entry) for entry in first[name]] == [{"id", field}] * 2
            rest = service.client.get(f"/api/v1/{name}?limit=1000&cursor={first['next']}", **as_admin).json
            assert rest["next"] is None
            listed = [entry["id"] for entry in first[name] + rest[name]]
            assert len(listed) == len(set(listed))
            assert set(ids) <= set(listed)
            other = "webhooks" if name == "keys" else "keys"
            answer = service.client.get(f"/api/v1/{other}?cursor={first['next']}", **as_admin)
            answer.problem(422, "invalid_parameter")


def test_keys_and_webhooks_are_searched_and_ordered(tmp_path: Path) -> None:
    with contextlib.closing(open_store(Settings(data_dir=str(tmp_path)).store)) as store:
        for name in ("Öffice door", "bar phone", "Zoe's phone"):
            keys.create(store, name, "tag")
        for host in ("b.example", "a.example"):
            webhooks.create(store, f"https://{host}/earmark", ["tag.created"] if host[0] == "a" else [])
        _, secret = keys.create(store, "chief", "admin")
    with running(tmp_path) as service:
        client, as_admin = service.client, {"Authorization": f"Bearer {secret}"}

        def names(query: str) -> list[str]:
            return [key["name"] for key in client.get(f"/api/v1/keys?{query}", **as_admin).json["keys"]]

        assert names("search=PHONE%20bar") == ["bar phone"]
        assert names("search=zoe%E2%80%99s") == ["Zoe's phone"]
        assert names("search=admin") == ["chief"]
        assert names("sort=name") == ["bar phone", "chief", "Öffice door", "Zoe's phone"]
        assert names("sort=-name&search=tag") == ["Zoe's phone", "Öffice door", "bar phone"]
        assert names("sort=-last_used")[0] == "chief"  # the only one that was used
        first = client.get("/api/v1/keys?sort=-name&limit=3", **as_admin).json
        assert names(f"sort=-name&cursor={first['next']}") == ["bar phone"]
        client.get(f"/api/v1/keys?cursor={first['next']}", **as_admin).problem(422, "invalid_parameter")
        client.get("/api/v1/keys?sort=digest", **as_admin).problem(422, "invalid_parameter")
        found = client.get("/api/v1/webhooks?sort=url", **as_admin).json["webhooks"]
        assert [webhook["url"][8] for webhook in found] == ["a", "b"]
        found = client.get("/api/v1/webhooks?search=finished", **as_admin).json["webhooks"]
        assert [webhook["url"][8] for webhook in found] == ["b"]


def test_experiments_are_searched_and_ordered(tmp_path: Path) -> None:
    shares = {"a" * 32: 0.5, "b" * 32: None, "c" * 32: 0.9}
    with contextlib.closing(open_store(Settings(data_dir=str(tmp_path)).store)) as store:
        for number, (name, share) in enumerate(shares.items()):
            options = {"conditions": "clean" if number else "babble:5", "cut": 2}
            files = [f"song {number}.flac"]
            experiments.create(store, name, kind="validate", catalogue="default", files=files, options=options)
            experiments.finish(store, name, headline={} if share is None else {"identified": share})
    with running(tmp_path) as service:

        def ids(query: str) -> list[str]:
            return [one["id"][0] for one in service.client.get(f"/api/v1/experiments?{query}").json["experiments"]]

        assert ids("") == ["c", "b", "a"] == ids("sort=-created")
        assert ids("sort=-identified") == ["c", "a", "b"]
        assert ids("sort=identified") == ["b", "a", "c"]
        assert ids("search=babble%20validate") == ["a"] == ids("search=SONG%200")
        assert ids("search=nothing") == []
        whole = service.client.get("/api/v1/experiments?sort=identified").json["experiments"]
        assert pages(service.client, "/api/v1/experiments?sort=identified", "experiments") == whole


def test_tracklists_are_searched_and_ordered(tmp_path: Path) -> None:
    with contextlib.closing(open_store(Settings(data_dir=str(tmp_path)).store)) as store:
        for file, heard_s in (("b set.flac", 60.0), ("Ämter.flac", 20.0), ("a set.flac", 60.0)):
            Writer(store, tracklists.create(store, "default", file=file)).heard(heard_s)
    with running(tmp_path) as service:

        def files(query: str) -> list[str]:
            answer = service.client.get(f"/api/v1/tracklists?{query}").json
            return [one["file"].split(".")[0] for one in answer["tracklists"]]

        assert files("") == ["a set", "Ämter", "b set"] == files("sort=-created")
        assert files("sort=file") == ["a set", "b set", "Ämter"]
        assert files("sort=-duration_s&search=SET") == ["a set", "b set"]
        assert files("search=amter") == ["Ämter"]
        assert files("search=nothing") == []
        whole = service.client.get("/api/v1/tracklists?sort=duration_s").json["tracklists"]
        assert pages(service.client, "/api/v1/tracklists?sort=duration_s", "tracklists") == whole
        first = service.client.get("/api/v1/tracklists?limit=1").json["next"]
        service.client.get(f"/api/v1/tracklists?sort=file&cursor={first}").problem(422, "invalid_parameter")
        service.client.get("/api/v1/tracklists?sort=seconds").problem(422, "invalid_parameter")


def test_every_list_refuses_a_cursor_that_is_none(client: Client) -> None:
    listed = client.get("/api/v1/openapi.json").json["paths"]
    lists = [
        path
        for path, routes in listed.items()
        if any(parameter["name"] == "cursor" for parameter in routes.get("get", {}).get("parameters", ()))
    ]
    assert {"/api/v1/tags", "/api/v1/tracks", "/api/v1/tracklists"} <= set(lists)
    foreign = cursor_of("nothing", (None, "b"))
    (track,) = client.get("/api/v1/tracks?limit=1").json["tracks"]
    for path in (path.format(track_id=track["id"]) for path in lists):
        for cursor in ("zzz", "0" * 32, foreign, foreign[:-1]):
            problem = client.get(f"{path}?cursor={cursor}").problem(422, "invalid_parameter")
            assert "`next`" in problem["detail"], path


def test_skip_counts_from_the_cursor_on(client: Client) -> None:
    for sort in ("artist", "-artist"):
        whole = [track["id"] for track in client.get(f"/api/v1/tracks?sort={sort}").json["tracks"]]
        first = client.get(f"/api/v1/tracks?sort={sort}&limit=1").json["next"]
        for skip in range(4):
            rest = client.get(f"/api/v1/tracks?sort={sort}&cursor={first}&skip={skip}").json["tracks"]
            assert [track["id"] for track in rest] == whole[1 + skip :]


def test_facets_and_what_they_lead_to(client: Client) -> None:
    facets = client.get("/api/v1/tracks?facets=artist,album&limit=1").json["facets"]
    assert facets["artist"] == [{"value": "One, the same", "count": 2}, {"value": None, "count": 1}]
    assert facets["album"] == [{"value": None, "count": 3}]
    of_one = client.get("/api/v1/tracks?artist=One,%20the%20same&sort=-artist").json
    assert of_one["total"] == 2
    assert pages(client, "/api/v1/tracks?artist=One,%20the%20same&sort=-artist", "tracks") == of_one["tracks"]


def test_tags_have_facets_and_fields(client: Client, songs: list[Song]) -> None:
    tag = client.tag(wav(piece(songs[0], 4.0, 6.0), songs[0].sample_rate)).json
    found = client.get("/api/v1/tags?facets=verdict,catalogue&fields=id,verdict").json
    assert found["facets"]["verdict"] == [{"value": "identified", "count": 1}]
    assert found["tags"] == [{"id": tag["id"], "verdict": "identified"}]
    assert client.get(f"/api/v1/tags/{tag['id']}?fields=file").json == {"file": "snippet"}
    wrong = client.get("/api/v1/tags?fields=id,nonsense").problem(422, "invalid_parameter")
    assert wrong["errors"][0]["field"] == "fields"


@pytest.mark.parametrize(
    ("path", "name"),
    [("catalogues", "catalogues"), ("label-models", "models"), ("monitors", "monitors"), ("merges", "merges")],
)
def test_short_lists_have_pages_too(client: Client, path: str, name: str) -> None:
    client.send("POST", "/api/v1/catalogues", {"name": "another"})
    whole = client.get(f"/api/v1/{path}").json
    assert whole["next"] is None
    assert pages(client, f"/api/v1/{path}", name) == whole[name]
    if path == "catalogues":
        assert [each["name"] for each in whole[name]] == ["another", "default"]


def test_pages_of_a_list_at_hand() -> None:
    items = list("abcde")
    first, cursor = page(items, str, Paged(limit=2), order="letters")
    second, last = page(items, str, Paged(limit=3, cursor=cursor), order="letters")
    assert (first, second, last) == (["a", "b"], ["c", "d", "e"], None)
    with pytest.raises(InvalidParameter, match="gone"):
        page(items[2:], str, Paged(cursor=cursor), order="letters")
    for wrong in (cursor_of("others", (None, "b")), "!", "bm8", cursor_of("letters", (None, "b"))[:-1]):
        with pytest.raises(InvalidParameter):
            place_of("letters", wrong)
    assert place_of("letters", cursor_of("letters", ("ä", "b"))) == ("ä", "b")


def test_what_has_not_changed_is_not_sent_again(client: Client) -> None:
    answer = client.get("/api/v1/tracks")
    tag = answer.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        spared = client.ask("GET", "/api/v1/tracks", headers={"If-None-Match": known})
        assert (spared.status, spared.body, spared.headers["etag"]) == (304, b"", tag)
        assert "content-type" not in spared.headers
    assert client.ask("GET", "/api/v1/tracks", headers={"If-None-Match": '"other"'}).body == answer.body
    assert {"Authorization", "Accept-Encoding"} <= set(answer.headers["vary"].split(", "))


def test_answers_are_compressed_for_who_asks(client: Client) -> None:
    plain = client.get("/api/v1/openapi.json")
    packed = client.ask("GET", "/api/v1/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 4
    tags = {answer.headers["etag"] for answer in (plain, packed)}
    assert len(tags) == 2
    for tag in tags:
        headers = {"If-None-Match": tag, "Accept-Encoding": "gzip"}
        assert client.ask("GET", "/api/v1/openapi.json", headers=headers).status == 304
    small = client.ask("GET", "/api/v1/me", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in small.headers


def patch(client: Client, path: str, change: dict[str, Any], tag: str | None) -> Any:
    headers = {"Content-Type": "application/json", **({"If-Match": tag} if tag else {})}
    return client.ask("PATCH", path, json.dumps(change).encode(), headers)


def test_a_track_is_not_overwritten_unread(client: Client) -> None:
    track = client.get("/api/v1/tracks?limit=1").json["tracks"][0]
    path = f"/api/v1/tracks/{track['id']}"
    read = client.get(path)
    part = client.get(f"{path}?fields=title")
    assert part.json == {"title": track["title"]}
    assert part.headers["etag"] == read.headers["etag"]
    first = patch(client, path, {"album": "First"}, read.headers["etag"])
    assert (first.status, first.json["album"]) == (200, "First")
    problem = patch(client, path, {"album": "Second"}, read.headers["etag"]).problem(412, "precondition_failed")
    assert "read it again" in problem["detail"]
    assert client.ask("DELETE", path, headers={"If-Match": read.headers["etag"]}).status == 412
    again = client.ask("GET", path, headers={"Accept-Encoding": "gzip"})
    assert again.headers["etag"].removesuffix('"').removesuffix("-gzip") == first.headers["etag"].removesuffix('"')
    assert patch(client, path, {"album": None}, first.headers["etag"]).json["album"] is None
    assert patch(client, path, {"album": None}, "*").status == 200
    assert patch(client, path, {"album": None}, None).status == 200


def test_a_segment_is_not_overwritten_unread(client: Client, files: list[tuple[str, bytes]]) -> None:
    begun = client.ask("POST", "/api/v1/listens?continuous=true").json
    path = f"/api/v1/listens/{begun['id']}/pieces/0?last=true"
    answer = client.ask("POST", path, files[0][1], {"Content-Type": "audio/wav"}).json
    segment = next(segment for segment in answer["segments"] if segment["kind"] == "track")
    path = f"/api/v1/tracklists/{begun['tracklist']}/segments/{segment['id']}"
    read = client.get(path)
    assert read.json == segment
    corrected = patch(client, path, {"title": "By hand"}, read.headers["etag"])
    assert corrected.json["title"] == "By hand"
    patch(client, path, {"title": "Again"}, read.headers["etag"]).problem(412, "precondition_failed")
    assert client.get(path).headers["etag"] == corrected.headers["etag"]
    client.get(f"/api/v1/tracklists/{begun['tracklist']}/segments/none").problem(404, "tracklist_not_found")
    whole = f"/api/v1/tracklists/{begun['tracklist']}"
    assert client.ask("DELETE", whole, headers={"If-Match": '"other"'}).status == 412
    deleted = client.ask("DELETE", whole, headers={"If-Match": client.get(whole).headers["etag"]})
    assert (deleted.status, deleted.body) == (204, b"")
    assert not {"content-type", "content-length"} & set(deleted.headers)
