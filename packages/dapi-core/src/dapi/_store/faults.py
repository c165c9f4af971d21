"""Faults: whether a file that could not be read is to blame, or the machine it was read on."""

from __future__ import annotations

import errno
import re

# Messages of torch's RuntimeError when the system refuses memory or a file.
_REFUSAL = re.compile(r"allocate memory|out of memory|unable to (?:mmap|open|stat) ", re.IGNORECASE)


def is_of_machine(cause: BaseException) -> bool:
    """Whether an error while reading is due to the machine and not to the file."""
    if isinstance(cause, OSError):
        # Readers raise OSErrors of their own without a number; a bad offset is the file's.
        return cause.errno not in (None, errno.EINVAL)
    if isinstance(cause, RuntimeError) and _REFUSAL.search(str(cause)):
        return True
    return isinstance(cause, MemoryError | ImportError | NotImplementedError)
