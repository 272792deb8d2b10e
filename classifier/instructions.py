"""Instructions of the machine that compiled code can ask for, and Numba has no words for."""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ll
import numba
from numba.core import cgutils as untyped_cgutils

cgutils: Any = untyped_cgutils
#: Bytes that a machine reads from memory at once.
LINE = 64
#: To be read, and kept in all caches: not written, not instructions.
_TO_READ, _KEEP, _DATA = 0, 3, 1


def _popcount(_typing: Any, _value: Any) -> Any:
    """Count the set bits of a uint64 with the machine's own instruction."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return numba.types.uint64(numba.types.uint64), generate


def _prefetch(_typing: Any, _address: Any) -> Any:
    """Have the line of memory at an address read, without waiting for it."""
    pointer, number = ll.IntType(8).as_pointer(), ll.IntType(32)
    how = [ll.Constant(number, value) for value in (_TO_READ, _KEEP, _DATA)]

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ll.FunctionType(ll.VoidType(), [pointer, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [builder.inttoptr(arguments[0], pointer), *how])
        return context.get_dummy_value()

    return numba.types.none(numba.types.uintp), generate


#: Number of set bits of a uint64.
popcount: Any = numba.extending.intrinsic(_popcount)
#: Have the line of memory at an address, which need not exist, read ahead.
prefetch: Any = numba.extending.intrinsic(_prefetch)
