"""Settings of the app's process, made once when this module is imported, before torch is loaded."""

import contextlib
import ctypes
import os

# Threads that spin while they wait take the cores from other sessions and from a training.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# What twenty sessions free goes back to the system. glibc would keep it: in one heap a thread, and
# blocks of up to 32 MB in none of their own. Elsewhere there is no mallopt, and no need of it.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
with contextlib.suppress(OSError, AttributeError):
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(M_ARENA_MAX, 2)
    mallopt(M_MMAP_THRESHOLD, 2**20)
    mallopt(M_TRIM_THRESHOLD, 2**20)
