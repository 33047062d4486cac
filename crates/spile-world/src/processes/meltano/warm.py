"""Prepares Meltano for runs: imports what a run uses, waits, and forks itself for each run.

The folder of a project, its settings and its secrets are not known here. A forked process reads them from a socket of its own
and continues as the launcher.

Of the two processes that are forked for a run, the first waits for the second, the run itself, and reports how it ended. So a
run does not depend on this process.
"""

import array
import gc
import os
import signal
import socket
import sys
import time

# What is imported becomes no garbage.
gc.disable()

# Settings and secrets are written to files that only their owner can read.
os.umask(0o077)

# How many seconds it waits for the next run.
IDLE = 600

# What Meltano imports only while it runs.
LATER = (
    "anyio._backends._asyncio",
    "ctypes",
    "meltano.core.meltano_file",
    "meltano.core.state_store.azure",
    "meltano.core.state_store.google",
    "meltano.core.state_store.s3",
    "netrc",
    "ruamel.yaml.mergevalue",
    "sqlalchemy.dialects.sqlite",
    "termios",
)


def take(read, size):
    """Reads so many bytes; ends the process if there are fewer."""
    data = b""
    while len(data) < size:
        part = read(size - len(data))
        if not part:
            os._exit(0)
        data += part
    return data


def take_sized(read):
    """Reads bytes that are preceded by their number."""
    return take(read, int.from_bytes(take(read, 4), "big"))


def prepare():
    """Imports what a run uses. Another version of Meltano may have other modules."""
    import importlib

    for name in ("meltano.cli", *LATER):
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    # Otherwise a collection in a forked process would copy all memory.
    gc.freeze()


def next_run(door):
    """Waits for a run. Returns its socket, and its standard input, output and error."""
    try:
        message, control, *_ = door.recvmsg(1, socket.CMSG_SPACE(16), socket.MSG_CMSG_CLOEXEC)
    except TimeoutError:
        message = b""
    if not message:
        os._exit(0)
    files = array.array("i")
    files.frombytes(control[0][2])
    return files


def attend(run, line):
    """Waits for a run and reports how it ended. The id of the run stays taken until spile knows."""
    ended = os.waitid(os.P_PID, run, os.WEXITED | os.WNOWAIT)
    status = ended.si_status << 8 if ended.si_code == os.CLD_EXITED else ended.si_status
    try:
        os.write(line, b"ended %d\n" % status)
        while os.read(line, 4096):
            pass
    except OSError:
        # spile has ended.
        pass
    os.waitpid(run, 0)
    os._exit(0)


def fork_for_runs(door):
    """Forks for each run. Returns in the process of a run, with its socket."""
    while True:
        line, *files = next_run(door)
        try:
            is_here = os.fork() > 0
        except OSError:
            is_here = True
        if is_here:
            for file in (line, *files):
                os.close(file)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDWR), door.detach())
        if run := os.fork():
            for file in files:
                os.close(file)
            attend(run, line)
        os.setpgid(0, 0)
        for place, file in enumerate(files):
            os.dup2(file, place)
            os.close(file)
        return line


def become(line):
    """Takes the environment, folder and arguments of a run. Returns its arguments."""
    os.write(line, b"runs %d\n" % os.getpid())
    folder, *words = take_sized(lambda size: os.read(line, size)).split(b"\0")
    count, *words = words
    arguments, variables = words[: int(count)], words[int(count) :]
    os.chdir(folder)
    os.environ.clear()
    os.environb.update(variable.split(b"=", 1) for variable in variables)
    # As a shell does.
    os.environb[b"PWD"] = folder
    time.tzset()
    sys.stdin = sys.__stdin__ = open(0, closefd=False)
    return [os.fsdecode(argument) for argument in arguments]


def serve():
    door = socket.socket(fileno=0)
    launcher = compile(take_sized(door.recv), "launch.py", "exec")
    prepare()
    door.settimeout(IDLE)
    # The first of the two processes of a run is forgotten when it ends.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    line = fork_for_runs(door)
    sys.argv = become(line)
    # The launcher gets the socket in place of the process that must live for the run to continue.
    sys.argv[1] = f"socket:{line}"
    main = sys.modules["__main__"].__dict__
    main["__file__"] = sys.argv[0]
    # The launcher removes the first folder, which for a script is its own.
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    exec(launcher, main)


serve()
