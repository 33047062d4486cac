"""A Singer tap whose streams count on from their bookmarks, a record and a bookmark at a time.

What it does besides is said by files next to it, for the tests to decide: `fails-STREAM` makes it fail in a stream once
with the file's text, `heedless` makes it read streams that are not selected, `opaque` makes its bookmarks unreadable, `slow` makes it take longer.
Where a stream begins is noted in `began-STREAM`, and that two processes read it at once in `twice`.
"""

import argparse
import fcntl
import json
import os
import sys
import time

STREAMS = ["a", "b", "c", "d"]
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}}}
STEPS = 5


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def load(path):
    if not path:
        return {}
    with open(path) as file:
        return json.load(file)


def note(name):
    return os.path.join(os.environ["TAP_FAULT_NOTES"], name)


def discover():
    with open(note("discovered"), "a") as file:
        file.write("once\n")
    metadata = [{"breadcrumb": [], "metadata": {"inclusion": "available"}}]
    offered = [{"tap_stream_id": one, "stream": one, "schema": SCHEMA, "metadata": metadata} for one in STREAMS]
    say({"streams": offered})


def selected(catalog):
    for stream in catalog["streams"]:
        own = [one["metadata"] for one in stream["metadata"] if not one["breadcrumb"]]
        if own[0].get("selected") or os.path.exists(note("heedless")):
            yield stream["tap_stream_id"]


def read(stream, bookmarks):
    alone = open(note(f"alone-{stream}"), "w")
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        open(note("twice"), "w").close()
    last = bookmarks.get(stream, {}).get("last", 0)
    with open(note(f"began-{stream}"), "a") as file:
        file.write(f"{last}\n")
    say({"type": "SCHEMA", "stream": stream, "schema": SCHEMA, "key_properties": ["id"]})
    for number in range(last + 1, last + STEPS + 1):
        if number == last + 3 and os.path.exists(note(f"fails-{stream}")):
            with open(note(f"fails-{stream}")) as file:
                why = file.read()
            os.unlink(note(f"fails-{stream}"))
            raise RuntimeError(f"{stream} cannot be read: {why}")
        say({"type": "RECORD", "stream": stream, "record": {"id": number}})
        bookmarks[stream] = {"last": number}
        more = {"cursor": 1} if os.path.exists(note("opaque")) else {}
        say({"type": "STATE", "value": {"bookmarks": bookmarks, "currently_syncing": stream, **more}})
        time.sleep(0.3 if os.path.exists(note("slow")) else 0.05)


def main():
    parser = argparse.ArgumentParser()
    for name in ("--config", "--state", "--catalog"):
        parser.add_argument(name)
    parser.add_argument("--discover", action="store_true")
    arguments = parser.parse_args()
    if arguments.discover:
        return discover()
    bookmarks = dict(load(arguments.state).get("bookmarks", {}))
    for stream in selected(load(arguments.catalog)):
        read(stream, bookmarks)


if __name__ == "__main__":
    main()
