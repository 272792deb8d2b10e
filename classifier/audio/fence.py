"""What a decoder process may ask of the kernel: to read and answer, to use memory and time, and nothing else.

A file that takes the decoder over finds itself in a process that can open no file, connect to nothing, start no program
and signal no other process. Two fences, each where the kernel has it:

* seccomp (Linux; x86-64 and ARM64): a list of allowed system calls; every other one fails with EPERM. What a call is
  given is checked where the call itself would allow too much: threads yes, processes no; signals and limits for this
  process only.
* Landlock (Linux 5.13 and newer): no access to any file, from 6.7 on none to TCP, from 6.12 on none to other processes'
  sockets without a name in the file system.

Neither can be taken down again. The numbers are those of the kernel's ``asm/unistd.h``, ``linux/seccomp.h``,
``linux/filter.h`` and ``linux/landlock.h``.

Runs in the child only; see :mod:`classifier.audio.child`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable

#: System calls that any argument may come with, by machine: AUDIT_ARCH, then number by name.
_FREE = {
    "x86_64": {
        **{"read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10},
        **{"munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17},
        **{"readv": 19, "writev": 20, "select": 23, "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32},
        **{"nanosleep": 35, "setitimer": 38, "getpid": 39, "sendto": 44, "recvfrom": 45, "sendmsg": 46},
        **{"recvmsg": 47, "shutdown": 48, "exit": 60, "uname": 63, "fcntl": 72, "getrlimit": 97, "getrusage": 98},
        **{"sysinfo": 99, "sigaltstack": 131, "gettid": 186, "futex": 202, "sched_getaffinity": 204},
        **{"restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230},
        **{"exit_group": 231, "pselect6": 270, "ppoll": 271, "set_robust_list": 273, "getcpu": 309},
        **{"getrandom": 318, "membarrier": 324, "rseq": 334},
    },
    "aarch64": {
        **{"dup": 23, "fcntl": 25, "close": 57, "lseek": 62, "read": 63, "write": 64, "readv": 65, "writev": 66},
        **{"pread64": 67, "pselect6": 72, "ppoll": 73, "fstat": 80, "exit": 93, "exit_group": 94, "futex": 98},
        **{"set_robust_list": 99, "nanosleep": 101, "setitimer": 103, "clock_gettime": 113, "clock_getres": 114},
        **{"clock_nanosleep": 115, "sched_getaffinity": 123, "sched_yield": 124, "restart_syscall": 128},
        **{"sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "uname": 160},
        **{"getrlimit": 163, "getrusage": 165, "getcpu": 168, "getpid": 172, "gettid": 178, "sysinfo": 179},
        **{"sendto": 206, "recvfrom": 207, "shutdown": 210, "sendmsg": 211, "recvmsg": 212, "brk": 214},
        **{"munmap": 215, "mremap": 216, "mmap": 222, "mprotect": 226, "madvise": 233, "getrandom": 278},
        **{"membarrier": 283, "rseq": 293},
    },
}
#: Those that are checked, in the order of :func:`_program`.
_CHECKED = {
    "x86_64": {"clone": 56, "tgkill": 234, "newfstatat": 262, "prlimit64": 302},
    "aarch64": {"newfstatat": 79, "tgkill": 131, "clone": 220, "prlimit64": 261},
}
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_CLONE3 = 435
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446

_NO_NEW_PRIVILEGES = 38
_FILTER, _ALL_THREADS = 1, 1
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_CLONE_THREAD, _EMPTY_PATH = 0x00010000, 0x1000
#: Instructions: load a word of the call; go on if it is equal, or has a bit, else leap; end.
_LOAD, _EQUAL, _BIT, _END = 0x20, 0x15, 0x45, 0x06
#: Where things are in what a filter sees: number, architecture, low words of the arguments.
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
#: Kinds of access to files that each version of Landlock added, as bits: all of them are forbidden.
_FILES = {1: 13, 2: 14, 3: 15, 5: 16}
_TCP, _SOCKETS = 0b11, 0b1


def enclose() -> list[str]:
    """Put this process behind every fence that the kernel has, for good; return their names."""
    libc = ctypes.CDLL(None, use_errno=True)
    if platform.system() != "Linux" or libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return []
    up = {"landlock": _landlock(libc), "seccomp": _seccomp(libc)}  # after seccomp no other can be put up
    return [name for name, stands in up.items() if stands]


def _landlock(libc: ctypes.CDLL) -> bool:
    libc.syscall.restype = ctypes.c_long
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    files = (1 << _FILES[max(known for known in _FILES if known <= version)]) - 1
    rules = struct.pack("=QQQ", files, _TCP if version >= 4 else 0, _SOCKETS if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    descriptor = libc.syscall(_LANDLOCK_CREATE, ctypes.create_string_buffer(rules, 24), ctypes.c_size_t(size), 0)
    if descriptor < 0:
        return False
    try:
        return bool(libc.syscall(_LANDLOCK_RESTRICT, descriptor, 0) == 0)
    finally:
        os.close(descriptor)


def _seccomp(libc: ctypes.CDLL) -> bool:
    machine = platform.machine()
    if machine not in _ARCHITECTURE or struct.calcsize("P") != 8:
        return False
    program = _program(machine)
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    done = libc.syscall(_SECCOMP[machine], _FILTER, _ALL_THREADS, ctypes.create_string_buffer(head, len(head)))
    return bool(done == 0)


def _program(machine: str) -> bytes:
    """Return the filter, in the kernel's classic BPF."""
    checked = _CHECKED[machine]
    fail = _step(_END, _FAIL | errno.EPERM)
    allow = _step(_END, _ALLOW)
    steps = [_step(_LOAD, _MACHINE), _step(_EQUAL, _ARCHITECTURE[machine], 1, 0), fail, _step(_LOAD, _NUMBER)]
    for number in _FREE[machine].values():
        steps += [_step(_EQUAL, number, 0, 1), allow]
    # Its flags lie in memory, where no filter sees them: libc then uses the older call.
    steps += [_step(_EQUAL, _CLONE3, 0, 1), _step(_END, _FAIL | errno.ENOSYS)]
    steps += _only_if(checked["clone"], 0, _step(_BIT, _CLONE_THREAD, 0, 1))
    steps += _only_if(checked["tgkill"], 0, _step(_EQUAL, os.getpid(), 0, 1))
    steps += _only_if(checked["newfstatat"], 3, _step(_BIT, _EMPTY_PATH, 0, 1))
    steps += _only_if(checked["prlimit64"], 0, _step(_EQUAL, 0, 0, 1))
    return b"".join([*steps, fail])


def _only_if(number: int, argument: int, condition: bytes) -> Iterable[bytes]:
    """Allow a call if an argument fulfils a condition, which leaps over one step if it does not hold."""
    load = _step(_LOAD, _ARGUMENTS + 8 * argument)
    ends = [_step(_END, _ALLOW), _step(_END, _FAIL | errno.EPERM)]
    return [_step(_EQUAL, number, 0, 4), load, condition, *ends]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
