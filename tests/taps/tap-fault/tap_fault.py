"""A Singer tap that does what its `mode` says: goes well, counts on from its bookmark, fails, hangs."""

import argparse
import json
import signal
import sys
import time

SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}}}


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def discover():
    entry = {
        "tap_stream_id": "things",
        "stream": "things",
        "schema": SCHEMA,
        "key_properties": ["id"],
        "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
    }
    say({"streams": [entry]})


def load(path):
    if not path:
        return {}
    with open(path) as file:
        return json.load(file)


def main():
    parser = argparse.ArgumentParser()
    for name in ("--config", "--state", "--catalog", "--properties"):
        parser.add_argument(name)
    parser.add_argument("--discover", action="store_true")
    arguments = parser.parse_args()
    mode = load(arguments.config).get("mode", "well")
    if arguments.discover:
        return discover()
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if mode in ("hang", "stubborn"):
        time.sleep(600)
    if mode == "fail":
        try:
            raise ConnectionError("the socket was closed")
        except ConnectionError as cause:
            raise RuntimeError("access token has expired") from cause
    if mode == "garbage":
        sys.stdout.write("this is not Singer\n")
    first = load(arguments.state).get("bookmarks", {}).get("things", {}).get("last", 0) + 1
    say({"type": "SCHEMA", "stream": "things", "schema": SCHEMA, "key_properties": ["id"]})
    for number in range(first, first + 3):
        say({"type": "RECORD", "stream": "things", "record": {"id": number}})
    say({"type": "STATE", "value": {"bookmarks": {"things": {"last": first + 2}}}})


if __name__ == "__main__":
    main()
