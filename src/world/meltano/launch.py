"""Starts Meltano as its own command does, with two things added that it has no switch for.

Records are counted on their way from the tap to the target: many taps and targets do not say how many they handled.
And when spile dies, Meltano is asked to stop, so that it closes its run; else the next run is refused for minutes.
"""

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


def stop_with(parent):
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=stop_with, args=(os.getppid(),), daemon=True).start()
    if "run" in sys.argv:
        try:
            count_records()
        except Exception as error:  # Another Meltano than this was written for: it runs all the same.
            print(f"records are not counted: {error}", file=sys.stderr)
    from meltano.cli import main

    sys.argv[0] = "meltano"
    sys.exit(main())
