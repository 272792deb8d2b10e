"""What a long run keeps."""

from __future__ import annotations

from bench.kept import Kept


def test_what_is_kept_is_not_worked_out_again(tmp_path):
    path, worked = tmp_path / "kept", []

    def work(value: float) -> dict[str, float]:
        worked.append(value)
        return {"value": value}

    for _ in range(2):
        kept = Kept(path)
        assert kept.get("a", lambda: work(1.5)) == {"value": 1.5}
    assert kept.get("b", lambda: work(2.0)) == Kept(path).get("b", lambda: work(3.0)) == {"value": 2.0}
    assert worked == [1.5, 2.0]
    assert Kept(None).get("a", lambda: work(4.0)) == {"value": 4.0}
