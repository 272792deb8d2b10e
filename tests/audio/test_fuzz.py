"""A share of the fuzzer's files: no crash, no hang, nothing lost without a word."""

from __future__ import annotations

from collections import Counter

from tests.tools.fuzz_decoder import DAMAGES, KINDS, damaged, fuzz

#: Some ten of each kind: ten seconds or so on an idle machine.
N_FILES = 300


def test_damaged_files() -> None:
    outcomes: Counter[str] = Counter()
    faults = []
    for outcome, fault in fuzz(range(N_FILES), seed=2):
        outcomes[outcome] += 1
        if fault is not None:
            faults.append((fault.number, fault.sort, fault.damaged.kind, fault.damaged.what, fault.detail))
    assert faults == []
    # The damage is of all grades.
    assert min(outcomes["decoded"], outcomes["remarked"], outcomes["audio_unreadable"]) > N_FILES // 20


def test_files_are_the_same_for_the_same_number() -> None:
    files = [damaged(number, 5) for number in range(200)]
    assert files == [damaged(number, 5) for number in range(200)]
    assert {file.kind for file in files} == set(KINDS)
    assert {file.what for file in files} == set(DAMAGES)
