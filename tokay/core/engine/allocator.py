"""Tensors of a meta-batch on a CPU: keep their memory from one outer step to the next."""

import ctypes
import sys

# From glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


def keep_freed_memory() -> bool:
    """Have the C library keep what is freed for the next allocation, instead of giving it back to the system.

    By default each large tensor is fresh memory of the system's, which hands it out page by page, zeroed; where tensors
    are as large as those of a meta-batch, and as short-lived as those of an inner loop, that is more than half of the
    time of an outer step on a CPU. Results are the same. The process keeps the most memory that it ever needed at once.

    It holds for the whole process, so a library must not decide it: the ``tokay`` program calls this when it starts,
    your own program may. Gives whether it took effect; only glibc's allocator (most of Linux) can be told.

    >>> keep_freed_memory() or sys.platform != "linux"
    True
    """
    if sys.platform != "linux":
        return False
    tell = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return tell is not None and bool(tell(_MMAP_MAX, 0)) and bool(tell(_TRIM_THRESHOLD, 2**31 - 1))
