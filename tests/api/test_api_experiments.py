"""Experiments over HTTP: submitted, followed, read in every format, deleted; what is no experiment is refused."""

from __future__ import annotations

import csv
import io
from urllib.parse import urlencode

import pytest
from api_client import Answer, Client, multipart

Files = list[tuple[str, bytes]]


def submitted(client: Client, files: Files, table: str = "", **query: object) -> Answer:
    parts: list[tuple[str, str | None, bytes]] = [("file", name, content) for name, content in files]
    body, kind = multipart([*parts, *([("table", None, table.encode())] if table else [])])
    return client.ask("POST", f"/api/v1/experiments?{urlencode(query)}", body, {"Content-Type": kind})


def run(client: Client, files: Files, table: str = "", **query: object) -> str:
    """Run an experiment to its end and return its address."""
    answer = submitted(client, files, table, **query)
    assert answer.status == 202, answer
    job = client.finished(answer.headers["location"], 200.0)
    assert (job["kind"], job["error"], job["done"]) == ("experiment", None, job["total"]), job
    return f"/api/v1/experiments/{job['id']}"


def test_a_validation_is_run_read_and_deleted(client: Client, files: Files) -> None:
    path = run(client, files, kind="validate", cut=6, conditions="clean", seed=4)
    found = client.get(path).json
    assert (found["kind"], found["status"], found["catalogue"]) == ("validate", "done", "default")
    assert found["files"] == [name for name, _ in files]
    assert (found["total"], found["done"], found["stage"]) == (6, 6, None)
    whole = found["summary"]["rows"][0]
    # Each song is asked twice, and the third is not enrolled.
    assert (whole["known"], whole["unknown"]) == (4, 2)
    assert whole["right"]["value"] == found["headline"]["right"] == 1.0
    assert whole["false_names"]["value"] == 0.0
    assert whole["offset_error_s"] < 0.1

    answers = list(csv.DictReader(io.StringIO(client.get(f"{path}/results?format=csv").body.decode())))
    assert len(answers) == 6
    assert sum(row["right"] == "True" for row in answers) == 4
    report = client.get(f"{path}/results?format=html")
    assert report.headers["content-disposition"].startswith("attachment")
    assert b"<svg" in report.body
    assert b"<script" not in report.body
    assert client.get(f"{path}/results?format=json").json == found["summary"]
    client.get(f"{path}/results?format=cells").problem(404, "experiment_not_found")

    listed = client.get("/api/v1/experiments?limit=1").json["experiments"]
    assert [one["id"] for one in listed] == [found["id"]]
    assert client.delete(path).status == 204
    for gone in (client.get(path), client.delete(path), client.get(f"{path}/results?format=csv")):
        gone.problem(404, "experiment_not_found")


def test_whole_recordings_are_asked_by_a_table(client: Client, files: Files) -> None:
    (known, sound), (other, noise) = files[0], files[2]
    title = known.removesuffix(".wav")
    path = run(client, [(known, sound), (other, noise)], f"file,track,condition\n{known},{title},bar\n{other},,bar\n")
    whole, bar = client.get(path).json["summary"]["rows"]
    assert (bar["condition"], bar["known"], bar["unknown"]) == ("bar", 1, 1)
    assert whole["identified"]["value"] == 1.0
    assert whole["false_names"]["value"] == 0.0


def test_a_sweep_is_run_and_leaves_the_library_as_it_is(client: Client, files: Files) -> None:
    before = client.get("/api/v1/catalogues").json
    path = run(client, files[:2], kind="sweep", grid="window_step=1,2", cut=2, conditions="clean", unknown=0)
    found = client.get(path).json
    assert [cell["values"] for cell in found["cells"]] == [{"window_step": 1}, {"window_step": 2}]
    assert all(cell["summary"]["rows"][0]["known"] == 2 for cell in found["cells"])
    assert (found["total"], found["options"]["cells"], found["catalogue"]) == (4, 2, None)
    assert "Nested selection" in " ".join(found["choice"])
    assert client.get(f"{path}/results?format=cells").body.startswith(b"window_step,")
    assert client.get("/api/v1/catalogues").json == before


def test_one_that_runs_ends_when_it_is_deleted(client: Client, files: Files) -> None:
    answer = submitted(client, files, cut=300)
    path = f"/api/v1/experiments/{answer.json['id']}"
    assert client.get(path).json["status"] == "running"
    assert client.delete(path).status == 204
    client.get(answer.headers["location"]).problem(404, "job_not_found")
    # The worker is free for the next one, which fails and says why.
    wrong = submitted(client, files[:1], f"file,track\n{files[0][0]},Nobody knows it\n")
    job = client.finished(wrong.headers["location"], 200.0)
    assert "no track called 'Nobody knows it'" in job["error"]["message"]
    found = client.get(f"/api/v1/experiments/{job['id']}").json
    assert (found["status"], found["error"], found["summary"]) == ("failed", job["error"], None)


@pytest.mark.parametrize(
    ("query", "table", "message"),
    [
        ({}, "", "'table'"),
        ({}, "file,title\na.wav,x\n", "the table lacks the column 'track'"),
        ({}, "file,track\nb.wav,x\n", "no row for"),
        ({"cut": 5, "conditions": "babbl:5"}, "", "did you mean babble"),
        ({"cut": 1000, "conditions": ",".join(f"babble:{n}" for n in range(21))}, "", "21,000 questions"),
        ({"kind": "sweep"}, "", "nothing to vary"),
        ({"kind": "sweep", "grid": "n_component=4"}, "", "did you mean n_components"),
        ({"kind": "sweep", "grid": "n_components=4"}, "", "at least two"),
    ],
)
def test_what_is_no_experiment_is_refused(client: Client, query: dict[str, object], table: str, message: str) -> None:
    detail = submitted(client, [("a.wav", b"a")], table, **query).problem(422, "invalid_parameter")["detail"]
    assert message in detail


def test_a_file_that_is_no_sound_by_its_name_is_refused(client: Client) -> None:
    detail = submitted(client, [("a.txt", b"a")], cut=1).problem(422, "invalid_parameter")["detail"]
    assert "'a.txt' has no ending of a sound file" in detail
