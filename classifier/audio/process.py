"""One decoder process, as its parent sees it: starting it, handing it a file, ending it.

The process is a fresh interpreter, not a copy of this one: it works from threads, from forked workers and from a
prompt, and inherits no secret.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from classifier.audio.wire import or_raise, receive, send
from classifier.errors import DecodeLimit, DecoderUnavailable

#: Seconds for a fresh interpreter to import numpy and PyAV, on a busy machine with cold disks.
_START_S = 60.0
#: The dynamic linker's and Python's own; everything else, secrets above all, stays with the parent.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "PYTHONHOME")
#: The child's program. The package is set up empty, for its own ``__init__`` would import most of Earmark.
_PROGRAM = """
import socket, sys, types
for name, folder in (("classifier", ""), ("classifier.audio", "/audio")):
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [sys.argv[1] + folder]
channel = socket.socket(fileno=int(sys.argv[2]))
try:
    from classifier.audio.child import serve
except ImportError as error:
    from classifier.audio.wire import send
    send(channel, {"failed": f"{error.name or 'a library'} cannot be imported"})
else:
    serve(channel)
"""


class NeverStarted(Exception):
    """A child was gone before it took the job."""


class Child:
    """One fresh interpreter that runs ``_decoder.py``, and the socket to it."""

    def __init__(self) -> None:
        self.jobs = 0
        self._ending = threading.Lock()
        folder = Path(__file__).resolve().parents[1]
        if not sys.executable or not folder.is_dir():
            raise DecoderUnavailable("no Python interpreter or decoder code to start: install Earmark as plain files")
        try:
            environment = _environment()
            self._channel, theirs = socket.socketpair()
        except OSError as error:
            raise DecoderUnavailable(f"no decoder process can be started ({error.strerror}): try again later") from None
        try:
            self._process = subprocess.Popen(
                # -P: nothing is imported from the folder that happens to be current.
                [sys.executable, "-P", "-c", _PROGRAM, str(folder), str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=environment,
                # Ctrl-C at a terminal is for the parent, which ends its children in order.
                start_new_session=True,
            )
        except OSError as error:
            self._channel.close()
            raise DecoderUnavailable(f"no decoder process can be started ({error.strerror}): try again later") from None
        finally:
            theirs.close()

    def greet(self) -> None:
        """Wait until the child has imported what it needs."""
        self._channel.settimeout(_START_S)
        try:
            message = receive(self._channel)
        except (OSError, EOFError, ValueError):
            self.kill()
            raise DecoderUnavailable(
                f"a decoder process did not start (exit status {self._process.returncode}): run `earmark doctor`"
            ) from None
        if "ready" not in message:
            reason = message.get("failed")
            raise DecoderUnavailable(f"a decoder process cannot work ({reason}): reinstall what Earmark depends on")

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process.poll() is None

    def run(self, job: Mapping[str, Any], descriptors: tuple[int, int]) -> dict[str, Any]:
        """Hand over one file and wait for the answer, no longer than its limits allow."""
        self.jobs += 1
        begun = time.monotonic()
        allowed = job["wall_s"]
        started = False
        try:
            self._channel.settimeout(allowed)
            send(self._channel, job, descriptors)
            while True:
                left = begun + allowed - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                self._channel.settimeout(left)
                message = receive(self._channel)
                if "started" in message:
                    started = True
                elif "audio_s" in message:
                    hours = min(float(message["audio_s"]), job["max_seconds"]) / 3600
                    allowed = max(allowed, job["wall_per_hour_s"] * hours)
                else:
                    return message
        except TimeoutError:
            raise DecodeLimit(
                f"decoding took longer than {allowed:g} s, the limit: convert the file to a common format"
                + or_raise(job["kind"], "snippet_decode_seconds", "track_decode_seconds")
            ) from None
        except (EOFError, OSError):
            if not started:
                raise NeverStarted from None
            raise DecodeLimit(self._obituary()) from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise DecodeLimit("the decoder answered nonsense on this file: convert it to another format") from None

    def _obituary(self) -> str:
        self.kill(grace_s=1.0)
        code = self._process.returncode or 0
        if -code == signal.SIGXCPU:
            return "decoding needed more processor time than its limit: convert the file to a common format"
        how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
        return f"the decoder {how} on this file: convert it, or see that the machine has memory to spare"

    def kill(self, grace_s: float = 0.0) -> None:
        """End the process, after ``grace_s`` seconds in which it may end by itself, and reap it."""
        # A thread that waits for an answer wakes up; closing alone would leave it asleep.
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        with self._ending:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_s)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            self._channel.close()

    def disown(self) -> None:
        """Forget a process that belongs to the parent of this one."""
        self._channel.close()
        # Popen warns of a child that was never waited for; this one is not ours to wait for.
        self._process.returncode = 0


def _environment() -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    # The same libraries as here; relative places would mean something else in the child's folder.
    places = [os.path.abspath(place) for place in sys.path if place]
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return {**passed_on, **one_thread, "PYTHONPATH": os.pathsep.join(places)}


def kill_all(children: set[Child], owner: int) -> None:
    """End all ``children``, unless this is a fork of the process ``owner`` that they belong to."""
    if os.getpid() != owner:
        return
    for child in list(children):
        child.kill()
