"""The parent's side of one decoder process: starting it, handing it a file, ending it.

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
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from classifier.audio.limits import Limits
from classifier.audio.replies import NONSENSE
from classifier.audio.wire import receive, receive_samples, send
from classifier.errors import AudioUnreadable, DecodeLimit, DecoderUnavailable

#: Seconds for a fresh interpreter to import numpy and PyAV on a busy machine with cold disks.
_START_S = 60.0
#: A child that had the processor for less than this share of its time was stopped or starved; the file is not to blame.
_STARVED = 0.1
#: Variables of the dynamic linker and Python; everything else, especially secrets, stays with the parent.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "PYTHONHOME")
#: The child's program. It sets the package up empty, because the real ``__init__`` would import most of Earmark.
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
    serve(channel, alone=sys.argv[3] == "alone")
"""


class NeverStarted(Exception):
    """A child was gone before it took the job."""


class Child:
    """One fresh interpreter that runs :mod:`classifier.audio.child`, and the socket to it.

    Parameters
    ----------
    alone : bool
        Whether it gives up files, network and other processes (:mod:`classifier.audio.fence`).
    """

    def __init__(self, *, alone: bool = True) -> None:
        self.alone = alone
        self.fences: tuple[str, ...] = ()
        """What keeps it from files, network and other processes; known once it is ready."""
        self.jobs = 0
        self.promised_s = 0.0
        """Seconds of audio that the file at hand promises, or that were decoded so far; 0 if neither is known."""
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
                [sys.executable, "-P", "-c", _PROGRAM, str(folder), str(theirs.fileno()), "alone" if alone else ""],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=environment,
                # Ctrl-C at a terminal goes to the parent alone, which ends its children in order.
                start_new_session=True,
            )
        except OSError as error:
            self._channel.close()
            raise DecoderUnavailable(f"no decoder process can be started ({error.strerror}): try again later") from None
        finally:
            theirs.close()

    def wait_until_ready(self) -> None:
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
        self.fences = tuple(str(name) for name in message.get("fences", ()))

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.poll() is None

    def start(self, limits: Limits, task: Mapping[str, Any], descriptor: int) -> None:
        """Hand over one file, and wait until the child has taken it.

        Parameters
        ----------
        limits : Limits
            What the file may cost.
        task : mapping
            ``{"sample_rate": Hz}`` to decode it, ``{"probe": True}`` to probe it; with ``live``, as
            :func:`classifier.audio.tap.listen` takes it.
        descriptor : int
            Of the open file.

        Raises
        ------
        NeverStarted
            If the child has died.
        DecodeLimit, DecoderUnavailable
            As :meth:`answers` does.
        """
        self.jobs += 1
        self._limits = limits
        self._allowed_s, self._waited_s = limits.wall_s, 0.0
        self._is_live = "live" in task
        self.promised_s = 0.0
        self._processor_s = self._cpu_s()
        try:
            self._channel.settimeout(self._allowed_s)
            send(self._channel, {"limits": asdict(limits), **task}, (descriptor,))
            if "started" not in self._next():
                raise ValueError
        except TimeoutError:
            raise self._overrun() from None
        except (EOFError, OSError):
            raise NeverStarted from None
        except (ValueError, RecursionError):
            raise DecodeLimit(NONSENSE) from None

    def answers(self) -> Iterator[np.ndarray | dict[str, Any]]:
        """Yield blocks of samples, then the child's answer.

        The time limit counts waiting for messages, not the receiver's own work. What comes live may come for ever:
        there, it holds for each message by itself.

        Raises
        ------
        DecodeLimit
            If the child exceeds its time, is killed by the file or sends nonsense.
        AudioUnreadable
            If something live is silent for too long.
        DecoderUnavailable
            If it was killed or could not work, so that another attempt may succeed.
        """
        try:
            while True:
                message = self._next()
                if "samples" in message:
                    yield receive_samples(self._channel, int(message["samples"]))
                elif "audio_s" in message:
                    seconds = min(float(message["audio_s"]), self._limits.max_seconds)
                    self.promised_s = max(self.promised_s, seconds)
                    hours = self.promised_s / 3600
                    self._allowed_s = max(self._allowed_s, self._limits.wall_per_hour_s * hours)
                else:
                    yield message
                    return
        except TimeoutError:
            raise self._overrun() from None
        except (EOFError, OSError):
            raise self._exit_reason() from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise DecodeLimit(NONSENSE) from None

    def _next(self) -> dict[str, Any]:
        left = self._allowed_s - self._waited_s
        if left <= 0:
            raise TimeoutError
        self._channel.settimeout(left)
        begun = time.monotonic()
        try:
            return receive(self._channel)
        finally:
            self._waited_s = 0.0 if self._is_live else self._waited_s + time.monotonic() - begun

    def _cpu_s(self) -> float | None:
        """Return the seconds of processor time that the child has used, or None if the system does not say."""
        try:
            user, system = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        except (OSError, ValueError):
            return None
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def _overrun(self) -> AudioUnreadable | DecodeLimit | DecoderUnavailable:
        if self._is_live:
            return AudioUnreadable(f"no sound came for {self._allowed_s:g} s: check what sends it")
        had = self._cpu_s()
        if had is not None and self._processor_s is not None:
            had -= self._processor_s
            if had < _STARVED * self._allowed_s:
                return DecoderUnavailable(
                    f"the decoder had only {had:.1f} s of the processor in {self._allowed_s:g} s: the machine or its "
                    "disk is busy; try again later"
                )
        return DecodeLimit(
            f"decoding took longer than {self._allowed_s:g} s, the limit: convert the file to a common format"
            + self._limits.remedy("wall clock")
        )

    def _exit_reason(self) -> DecodeLimit | DecoderUnavailable:
        self.kill(grace_s=1.0)
        code = self._process.returncode or 0
        if -code == signal.SIGKILL:
            return DecoderUnavailable(
                "the decoder was killed: the machine is short of memory, or someone ended it; try again later"
            )
        if -code == signal.SIGXCPU:
            return DecodeLimit(
                "decoding needed more processor time than its limit: convert the file to a common format"
            )
        if -code == signal.SIGPROF:
            return DecodeLimit("the file's tags and headers take too long to read: export it again without them")
        if code < 0:  # FFmpeg does not survive every allocation that the limit refuses
            return DecodeLimit(
                f"signal {-code} ended the decoder on this file, with {self._limits.memory_bytes:,} bytes of memory "
                "allowed: convert the file to another format, or raise the setting decoder_memory_bytes"
            )
        return DecodeLimit(f"the decoder ended with status {code} on this file: convert it to another format")

    def kill(self, grace_s: float = 0.0) -> None:
        """End the process, after ``grace_s`` seconds in which it may end by itself, and reap it."""
        # Shutting the socket down wakes a thread that waits for an answer; closing it would not.
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        with self._ending:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_s)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            self._channel.close()

    def release(self) -> None:
        """Let go of a process that belongs to this one's parent."""
        self._channel.close()
        # Popen warns of a child that nobody waited for; this one is not ours to wait for.
        self._process.returncode = 0


def _environment() -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    # The same libraries as here; relative paths would mean something else in the child's folder.
    places = [os.path.abspath(place) for place in sys.path if place]
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return {**passed_on, **one_thread, "PYTHONPATH": os.pathsep.join(places)}


def kill_all(children: set[Child], owner: int) -> None:
    """End all ``children``, unless this is a fork of the process ``owner`` that they belong to."""
    if os.getpid() != owner:
        return
    for child in list(children):
        child.kill()
