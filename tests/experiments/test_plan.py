"""Plans of experiments: spread evenly, the same from the same seed, and clear about what cannot be asked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.errors import InvalidParameter
from classifier.experiments import plan


@given(st.integers(1, 9), st.integers(1, 40), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_snippets_are_spread_over_files_and_repeat_from_their_seed(n_files, per_condition, seed):
    paths = [Path(f"{i}.wav") for i in range(n_files)]
    kinds = plan.conditions("clean,babble:5")
    queries = plan.cuts(paths, kinds, per_condition, 5.0, seed)
    assert queries == plan.cuts(paths, kinds, per_condition, 5.0, seed)
    assert len({query.id for query in queries}) == len(queries) == 2 * per_condition
    for kind in kinds:
        counts = Counter(query.path for query in queries if query.cut == kind)
        assert max(counts.values()) - min(counts.get(path, 0) for path in paths) <= 1
    assert all(0 <= query.place < 1 for query in queries)
    assert plan.digest(queries) != plan.digest(plan.cuts(paths, kinds, per_condition, 6.0, seed))


def test_conditions_are_read():
    clean, room, noisy = plan.conditions("clean, room,pink:-3,clean")
    assert (clean.room, room.room, noisy.room) == (False, True, True)
    assert (noisy.noise, noisy.snr_db) == ("pink", -3.0)


@pytest.mark.parametrize(
    "text", ["", "loud", "babble", "babble:", "babble:loud", "babble:nan", "babble:900", "babbling:5"]
)
def test_what_is_no_condition_is_named(text):
    with pytest.raises(InvalidParameter, match="is unknown"):
        plan.conditions(text)


def test_folders_and_tables_say_what_recordings_are_of(tmp_path):
    files = [tmp_path / name for name in ("song/a.wav", "unknown/b.wav")]
    by_folder = plan.recordings(tmp_path, files, None)
    assert [query.track for query in by_folder] == ["song", None]
    assert {query.condition for query in by_folder} == {plan.RECORDED}
    table = tmp_path / "table.csv"
    table.write_text("\ufefffile,track,condition\nsong/a.wav,Another,bar\nunknown/b.wav,,\n", encoding="utf-8")
    by_table = plan.recordings(tmp_path, files, plan.read_table(table))
    assert [(query.track, query.condition) for query in by_table] == [("Another", "bar"), (None, plan.RECORDED)]


@pytest.mark.parametrize(
    ("text", "said"),
    [("file,title\na,b\n", "lacks the column 'track'"), ("", "lacks the column"), ("file,track\na,b\na,c\n", "twice")],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path, text, said):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(InvalidParameter, match=said):
        plan.read_table(path)


def test_a_recording_without_a_track_is_named(tmp_path):
    with pytest.raises(InvalidParameter, match="lies in no folder"):
        plan.recordings(tmp_path, [tmp_path / "a.wav"], None)
    with pytest.raises(InvalidParameter, match=r"no row for a\.wav"):
        plan.recordings(tmp_path, [tmp_path / "a.wav"], {})
