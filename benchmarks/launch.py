"""Starts one command from a small process and prints what it took, as JSON. Standard library only; run by its path.

On Linux a process's peak memory counts from before its exec, when it still was a copy of its parent: started straight
from a large benchmark it would never show less than that one's. This file's own process is about 10 MB.
"""

import json
import os
import sys
import time


def main() -> None:
    """`launch.py REPORT LOG COMMAND...`: the figures go to the file REPORT, the command's output to LOG."""
    report, log, *command = sys.argv[1:]
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    into = [(os.POSIX_SPAWN_DUP2, sink, 1), (os.POSIX_SPAWN_DUP2, sink, 2)]
    start = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=into)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - start
    figures = {
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "rss_mb": usage.ru_maxrss / 1024,
        "code": os.waitstatus_to_exitcode(status),
    }
    with open(report, "w") as file:  # noqa: PTH123 - pathlib alone would double this process
        json.dump(figures, file)


if __name__ == "__main__":
    main()
