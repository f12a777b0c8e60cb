"""Every compiler switch, with its reason.

* ``cache=True``: compile time is the user's time; the second process starts from disk.
* ``parallel=True`` only on kernels whose threads write disjoint outputs, so that the bytes do not depend
  on the number of threads.
* ``nogil=True``: a viewer or a progress bar goes on while a kernel runs.
* ``error_model="numpy"``: no division check that would block vectorisation.
* ``fastmath={"contract"}``: lets the compiler fuse a multiplication and an addition. It changes the last
  bit, never from run to run; NaN checks stay, which full ``fastmath`` would delete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

_FLAGS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
}

_CALLED: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
    # only kernels call these; a third of the time to compile them would go into wrappers for Python and C
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a single-threaded kernel."""
    compiled: Callable[..., Any] = numba.njit(**_FLAGS)(function)
    return compiled


def parallel_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel whose ``prange`` iterations write disjoint outputs."""
    compiled: Callable[..., Any] = numba.njit(parallel=True, **_FLAGS)(function)
    return compiled


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a small function that LLVM inlines into its callers, always: tuples of arguments then cost nothing."""
    compiled: Callable[..., Any] = numba.njit(**_CALLED, forceinline=True)(function)
    return compiled


def leaf(function: Callable[..., Any]) -> Callable[..., Any]:
    """As ``inline``, for functions that neither make nor return arrays: references are borrowed, not counted.

    Counting costs a locked instruction for each array at each call, and no pointer stays in a register.
    """
    compiled: Callable[..., Any] = numba.njit(**_CALLED, forceinline=True, _nrt=False)(function)
    return compiled


def outlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """As ``leaf``, but called: for what is big or rarely needed, to keep compiling short."""
    compiled: Callable[..., Any] = numba.njit(**_CALLED, _nrt=False)(function)
    return compiled


def thread_count() -> int:
    """Number of threads that parallel kernels use now."""
    return int(numba.get_num_threads())
