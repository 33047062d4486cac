"""Runs a command several times and prints for each run: wall-clock seconds, CPU seconds, peak memory in KiB.

    measure.py RUNS OK,OK.. COMMAND [ARGUMENT..]

`OK` are the expected exit codes. Python's standard library reports all three numbers when it waits for a process.
"""

import os
import sys
import time

runs, wanted, command = int(sys.argv[1]), {int(code) for code in sys.argv[2].split(",")}, sys.argv[3:]
nothing = os.open(os.devnull, os.O_WRONLY)
for _ in range(runs):
    begun = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, nothing, 1)])
    _, status, used = os.wait4(child, 0)
    took = time.perf_counter() - begun
    code = os.waitstatus_to_exitcode(status)
    if code not in wanted:
        sys.exit(f"{command} exits with {code}")
    print(took, used.ru_utime + used.ru_stime, used.ru_maxrss)
