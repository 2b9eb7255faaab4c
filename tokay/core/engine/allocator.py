"""Keeps the memory of a CPU's tensors from one outer step to the next, which saves time."""

import ctypes
import sys

# From glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


def keep_freed_memory() -> bool:
    """Tell the C library to reuse freed memory instead of returning it to the system.

    By default, the system zeroes new pages of memory for every large tensor. The inner loop makes many large,
    short-lived tensors, so this can take more than half of an outer step on a CPU. The results do not change. The
    process keeps its peak memory until it ends.

    The setting holds for the whole process, so the library does not make it by itself. The ``tokay`` program calls this
    function at its start; call it in your own program if you train on a CPU.

    Returns whether the setting took effect. Only glibc's allocator (most Linux systems) supports it.

    >>> keep_freed_memory() or sys.platform != "linux"
    True
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # missing in musl
    return mallopt is not None and bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))
