"""Starts Meltano as its own command does, with some things added that it has no switch for.

Records are counted on their way from the tap to the target: many taps and targets do not say how many they handled.
Bookmarks are told, those that the tap begins with and those that it leaves, whatever backend keeps them. The files with
the settings of plugins, secrets included, bear the name of the run. A tap that is asked what it offers is given nothing
that an earlier run has left. And when spile dies, Meltano is asked to stop, so that it closes its run, and is killed with
its plugins when it does not.

And it starts faster: nothing that Meltano imports becomes garbage, so none is looked for until it is there, and its project's
id is told it, which it would else write into the run's own `meltano.yml` each time.
"""

import atexit
import gc
import json
import os
import re
import signal
import sys
import threading
import time

# What Singer's libraries write: these keys, in this order. Everything else is parsed.
USUAL = re.compile(r'\s*\{\s*"type"\s*:\s*"RECORD"\s*,\s*"stream"\s*:\s*"([^"\\]*)"')


class Counter:
    """Counts the records of a tap: one of the writers that Meltano hands every line to."""

    def __init__(self):
        self.records = {}
        self.told = {}
        self.next = time.monotonic() + 1

    def writeline(self, line):
        if '"RECORD"' not in line:
            return
        usual = USUAL.match(line)
        stream = usual.group(1) if usual else self.parsed(line)
        if stream is None:
            return
        self.records[stream] = self.records.get(stream, 0) + 1
        if time.monotonic() >= self.next:
            self.tell()

    @staticmethod
    def parsed(line):
        try:
            message = json.loads(line)
        except ValueError:
            return None
        is_record = isinstance(message, dict) and message.get("type") == "RECORD"
        return str(message.get("stream")) if is_record else None

    def tell(self, *_):
        self.next = time.monotonic() + 1
        if self.records != self.told:
            self.told = dict(self.records)
            line = {"event": "Records so far", "level": "info", "spile_records": self.told}
            print(json.dumps(line), file=sys.stderr, flush=True)


def count_records():
    """Hooks a counter behind the target's input, so that it counts only what the target was given."""
    from meltano.core.block.singer import SingerBlock

    proxy = SingerBlock.proxy_stdout

    def proxy_stdout(self):
        if self._stdout_future is not None or self.invoker.plugin.type != "extractors":
            return proxy(self)
        counter = Counter()
        self.stdout_link(counter)
        future = proxy(self)
        future.add_done_callback(counter.tell)
        return future

    SingerBlock.proxy_stdout = proxy_stdout


class Bookmarks:
    """Tells the Singer state that a tap is given, and the last one that is kept, now and then and at the end."""

    # The registry keeps them with the run: what is longer is of use to nobody who reads it there.
    LONGEST = 64 * 1024
    PAUSE = 5

    def __init__(self):
        self.last = None
        self.next = 0

    def began(self, state):
        self.tell("spile_bookmark_before", state)

    def kept(self, text):
        self.last = text
        if time.monotonic() >= self.next:
            self.next = time.monotonic() + self.PAUSE
            self.tell_last()

    def tell_last(self):
        text, self.last = self.last, None
        if text is not None:
            self.tell("spile_bookmark_after", json.loads(text).get("singer_state"))

    def tell(self, key, state):
        line = json.dumps({"event": "Bookmarks", "level": "info", key: state})
        if state and len(line) <= self.LONGEST:
            print(line, file=sys.stderr, flush=True)


def tell_bookmarks():
    """Hooks into where Meltano looks bookmarks up and where it keeps them."""
    from meltano.core.plugin.singer.tap import SingerTap
    from meltano.core.state_service import StateService

    bookmarks = Bookmarks()
    look_up, keep = SingerTap.get_singer_state, StateService.add_state

    def get_singer_state(*args, **kwargs):
        state = look_up(*args, **kwargs)
        bookmarks.began(state)
        return state

    def add_state(self, job, new_state, *args, **kwargs):
        keep(self, job, new_state, *args, **kwargs)
        bookmarks.kept(new_state)

    SingerTap.get_singer_state = get_singer_state
    StateService.add_state = add_state
    atexit.register(bookmarks.tell_last)


def name_settings():
    """Names the files with a plugin's settings after the run, so that those of a run that was killed are known."""
    from meltano.core.plugin.singer.base import SingerPlugin

    run = os.path.basename(os.environ["MELTANO_PROJECT_ROOT"])
    SingerPlugin.instance_uuid = property(lambda self: run)


def discover_afresh():
    """Gives a tap its settings alone: with the catalog of its last sync many say that one again, selection and all."""
    from meltano.core.plugin.singer.tap import SingerTap

    SingerTap.exec_args = lambda self, invoker: ["--config", invoker.files["config"]]


def name_project():
    """Tells Meltano the id that it gave the project when it first ran there."""
    try:
        with open(os.path.join(os.environ["MELTANO_SYS_DIR_ROOT"], "analytics.json")) as file:
            os.environ.setdefault("MELTANO_PROJECT_ID", json.load(file)["project_id"])
    except (KeyError, OSError, TypeError, ValueError):
        pass  # It has not run there yet, and makes one now.


def stop_with(parent):
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    # It leads a group of its own, with all that it started.
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    gc.disable()
    name_project()
    threading.Thread(target=stop_with, args=(int(sys.argv.pop(1)),), daemon=True).start()
    try:
        name_settings()
        if "run" in sys.argv:
            count_records()
            tell_bookmarks()
        if "--discover" in sys.argv:
            discover_afresh()
    except Exception as error:  # Another Meltano than this was written for: it runs all the same.
        print(f"records are not counted, or bookmarks not told: {error}", file=sys.stderr)
    from meltano.cli import main

    gc.freeze()
    gc.enable()
    sys.argv[0] = "meltano"
    sys.exit(main())
