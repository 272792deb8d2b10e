"""Match files with an audfprint checkout: one WAV path a line in, one JSON object a line out.

A program of its own, run by :mod:`bench.peers.audfprint` with the interpreter that has audfprint's dependencies::

    python audfprint_driver.py CHECKOUT DATABASE DENSITY FANOUT

audfprint's own command rounds times to a tenth of a second; its functions, called here, give them in frames of
23.2 ms. Each file is matched at audfprint's own gate (``--min-count 5``) and, if nothing passes, without one.
"""

import json
import sys
import time

GATE = "5"


def main() -> None:
    """Answer until standard input ends."""
    checkout, database, density, fanout = sys.argv[1:5]
    answers, sys.stdout = sys.stdout, sys.stderr  # audfprint prints as it goes
    sys.path.insert(0, checkout)
    import audfprint
    import docopt
    import hash_table

    def arguments(gate: str) -> dict:
        return docopt.docopt(
            audfprint.USAGE, argv=["match", "-d", database, "-n", density, "-F", fanout, "-N", gate, "-v", "0"]
        )

    analyzer = audfprint.setup_analyzer(arguments(GATE))
    matchers = [audfprint.setup_matcher(arguments(gate)) for gate in (GATE, "0")]
    table = hash_table.HashTable(database)
    hop_s = analyzer.n_hop / analyzer.target_sr
    for line in sys.stdin:
        path = line.rstrip("\n")
        started = time.perf_counter()
        answer: dict = {"name": None, "offset_s": None, "score": None, "accepted": False}
        try:
            hashes = analyzer.wavfile2hashes(path)
            for matcher, accepted in zip(matchers, (True, False), strict=True):
                rows = matcher.match_hashes(table, hashes) if len(hashes) else []
                if len(rows):
                    track, count, frames = (int(value) for value in rows[0][:3])
                    answer = {
                        "name": table.names[track],
                        "offset_s": frames * hop_s,
                        "score": count,
                        "accepted": accepted,
                    }
                    break
        except Exception as error:  # short and silent files make it fail: that is no answer, not the end of the run
            answer["error"] = f"{type(error).__name__}: {error}"
        answer["seconds"] = time.perf_counter() - started
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
