"""What a process holds in memory stays there: no core file, no debugger of the same user."""

import ctypes
import resource

_PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """Leave no core file, and let nobody but root read this process's memory (prctl(2)).

    The limit is for the children too; a new program is dumpable again until it says so itself.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
