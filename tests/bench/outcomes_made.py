"""Outcomes of a made-up run, deterministic and large enough for every table and chart."""

from __future__ import annotations

import numpy as np

from bench.conditions import CONDITIONS
from bench.outcomes import Outcome

PEERS = ("audfprint-20-3", "audfprint-70-8", "chromaprint")


def made(per_cell: int = 12, lengths: tuple[float, ...] = (2.0, 5.0)) -> list[Outcome]:
    """Every condition, method and peer; sure in quiet, doubtful in noise; strangers named by chance alone."""
    rng = np.random.default_rng(440)
    outcomes = []
    for name, condition in CONDITIONS.items():
        for length_s in lengths:
            for i in range(per_cell):
                for known in (False,) if condition.music_free else (True, False):
                    ease = 2 * length_s - (0 if condition.snr_db is None else 10 - condition.snr_db)
                    for j, by in enumerate(("auto", "kl", *PEERS)):
                        surprise = rng.exponential(1 / np.log(10)) - 0.4
                        log10_e = float(
                            -surprise - (max(0.0, ease - 2 * j + 4 * rng.standard_normal()) if known else 0)
                        )
                        sure = log10_e < -5
                        right = known and log10_e < -1
                        outcomes.append(
                            Outcome(
                                query_id=f"{i}-{length_s:g}-{name}-{known}",
                                condition=name,
                                length_s=length_s,
                                known=known,
                                cluster=f"track{i % 5}" if known else f"stranger{i % 3}",
                                by=by,
                                tracks=59,
                                verdict="identified" if sure or by == "chromaprint" else "no_match",
                                named=f"track{i % 5}",
                                right=right,
                                right_name=known and log10_e < 0,
                                error_s=float(rng.exponential(0.01 * (1 + j))) if right else None,
                                log10_e=log10_e if by == "auto" else None,
                                confidence=float(1 / (1 + 10 ** (log10_e + 1))) if j < 2 else None,
                                score=-log10_e if j >= 2 else None,
                                seconds={"decode": 0.01, "align": float(rng.exponential(0.1))}
                                if j < 2
                                else {"total": 0.2},
                            )
                        )
    return outcomes
