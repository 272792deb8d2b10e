"""What a decoder that a file has taken over could still do: nothing with files, the network or other processes."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from classifier.audio import fence
from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.settings import Settings
from tests.data_audio import tone, wav

ROOT = Path(__file__).parents[2]

#: What the process tries once it is enclosed; each line says what the kernel answers, or "done".
_TRIES = """
import ctypes, json, os, resource, signal, socket, sys, threading
from classifier.audio import fence

libc = ctypes.CDLL(None, use_errno=True)
here, there = socket.socketpair()
fences = fence.enclose()

def thread():
    worker = threading.Thread(target=sum, args=([1, 2],))
    worker.start()
    worker.join()

def channel():
    here.sendall(b"x" * 10)
    assert there.recv(10) == b"x" * 10

def raw(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")

tries = {
    "read a file": lambda: open("/etc/passwd").close(),
    "write a file": lambda: open(sys.argv[1], "w").close(),
    "list a folder": lambda: os.listdir("/"),
    "remove a file": lambda: os.unlink(sys.argv[2]),
    "make a folder": lambda: os.mkdir(sys.argv[1]),
    "TCP": lambda: socket.socket(socket.AF_INET),
    "UDP": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "a socket of this machine": lambda: socket.socket(socket.AF_UNIX),
    "a copy of itself": os.fork,
    "another program": lambda: os.execv("/bin/true", ["true"]),
    "a signal to its parent": lambda: os.kill(os.getppid(), 0),
    "memory of its parent": lambda: raw(310 if os.uname().machine == "x86_64" else 270, os.getppid(), 0, 0, 0, 0, 0),
    "limits of its parent": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1)),
    "io_uring": lambda: raw(425, 1, 0),
    "a file by the older call": lambda: raw(2, b"/etc/passwd", 0) if os.uname().machine == "x86_64" else open("/"),
    "talk to its parent": channel,
    "memory": lambda: bytearray(50_000_000),
    "a thread": thread,
    "its own limits": lambda: resource.setrlimit(resource.RLIMIT_CPU, (1000, resource.RLIM_INFINITY)),
    "the time": lambda: signal.setitimer(signal.ITIMER_PROF, 0),
}
answers = {}
for name, act in tries.items():
    try:
        act()
        answers[name] = "done"
    except (OSError, RuntimeError) as error:
        answers[name] = type(error).__name__
print(json.dumps([fences, answers]))
"""
_ALLOWED = ("talk to its parent", "memory", "a thread", "its own limits", "the time")


def test_nothing_but_its_work(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("here")
    command = [sys.executable, "-c", _TRIES, str(tmp_path / "new"), str(victim)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    fences, answers = json.loads(done.stdout)
    if "seccomp" not in fences:
        pytest.skip("this kernel has no seccomp")
    assert {name for name, answer in answers.items() if answer == "done"} == set(_ALLOWED), answers
    assert victim.read_text() == "here"
    assert list(tmp_path.iterdir()) == [victim]


def test_landlock_alone_keeps_files_away(tmp_path: Path) -> None:
    code = """
import ctypes, sys
from classifier.audio import fence
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
up = fence._landlock(libc)
try:
    open(sys.argv[1]).read()
    print(up, "read")
except PermissionError:
    print(up, "refused")
"""
    own = tmp_path / "own"
    own.write_text("secret")
    done = subprocess.run(
        [sys.executable, "-c", code, str(own)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() in ("True refused", "False read")


@pytest.mark.skipif(platform.system() != "Linux", reason="the fences are Linux'")
def test_decoders_are_enclosed_before_their_first_file() -> None:
    settings = Settings()
    with Decoder(settings) as decoder:
        decoder.warm_up()
        [pid] = decoder.pids
        status = Path(f"/proc/{pid}/status").read_text()
        mode = re.search(r"^Seccomp:\s+(\d)", status, re.MULTILINE)
        assert decoder.fences
        assert (mode is not None and mode[1] == "2") == ("seccomp" in decoder.fences)
        assert re.search(r"^NoNewPrivs:\s+1", status, re.MULTILINE)
        audio = decoder.decode(wav(tone(2.0)), Limits.for_snippet(settings))
        assert audio.duration_s == pytest.approx(2.0)
        assert decoder.pids == [pid]


def test_numbers_of_system_calls_are_the_kernels() -> None:
    """Compared with the kernel's own headers, where they are installed; else they are at least all different."""
    for machine in ("x86_64", "aarch64"):
        numbers = [*fence._FREE[machine].values(), *fence._CHECKED[machine].values()]
        assert len(set(numbers)) == len(numbers)
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if header.exists():
        known = {name: int(n) for name, n in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())}
        assert known.items() >= {**fence._FREE["x86_64"], **fence._CHECKED["x86_64"]}.items()
