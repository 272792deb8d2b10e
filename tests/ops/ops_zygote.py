"""The command line in processes that start at once: forked from one that has imported everything already.

Reads one JSON object a line, ``{"arguments": [...], "output": PATH}``, forks, runs ``earmark`` with the arguments in
the child with its output in the file, and answers with the child's process id. Ends with its standard input.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import numpy as np

import classifier.cli.enroll
import classifier.cli.tracks
import classifier.demo.songs
import classifier.store.mongo  # noqa: F401
from classifier.cli import main
from classifier.config import FeatureConfig
from classifier.models.background import builtin_background
from classifier.models.track import model_track


def child(arguments: list[str], output: str) -> int:
    """Run the command line; return its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    try:
        main(arguments, prog_name="earmark")
    except SystemExit as end:
        return int(end.code or 0) if not isinstance(end.code, str) else 1
    return 0


if __name__ == "__main__":
    # Everything that is compiled or synthesised once a process.
    noise = np.random.default_rng(1).standard_normal(6 * 16000).astype(np.float32)
    model_track(noise, FeatureConfig(), builtin_background())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os._exit(child(order["arguments"], order["output"]))
        print(pid, flush=True)
