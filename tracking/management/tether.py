"""Become a program that gets SIGTERM when its parent dies, even by kill -9: ``python tether.py PARENT_PID PROGRAM …``.

Only Linux can do this. A program of its own and not a hook between fork and exec, which is unsafe beside threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>

if __name__ == "__main__":
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before the request above
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  (the supervisor's own command line)
