"""A Singer tap that does what its `mode` says: goes well, counts on from its bookmark, fails, hangs, tells secrets."""

import argparse
import hashlib
import json
import signal
import sys
import time
import urllib.parse

SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "proof": {"type": ["null", "string"]}}}


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


def proof(config):
    """Proves that secrets have arrived as they are, without saying them."""
    secrets = [config.get(name) for name in ("token", "certificate", "extra")]
    if secrets == [None, None, None]:
        return {}
    text = json.dumps(secrets, sort_keys=True)
    return {"proof": hashlib.sha256(text.encode()).hexdigest()}


def main():
    parser = argparse.ArgumentParser()
    for name in ("--config", "--state", "--catalog", "--properties"):
        parser.add_argument(name)
    parser.add_argument("--discover", action="store_true")
    arguments = parser.parse_args()
    config = load(arguments.config)
    mode = config.get("mode", "well")
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
    if mode == "tell":
        # As drivers do that quote the address they could not connect to.
        token = config["token"]
        print("connecting with", config, file=sys.stderr)
        raise RuntimeError(f"cannot connect to db://user:{urllib.parse.quote(token)}@host ({json.dumps(token)})")
    if mode == "garbage":
        sys.stdout.write("this is not Singer\n")
    first = load(arguments.state).get("bookmarks", {}).get("things", {}).get("last", 0) + 1
    say({"type": "SCHEMA", "stream": "things", "schema": SCHEMA, "key_properties": ["id"]})
    for number in range(first, first + 3):
        say({"type": "RECORD", "stream": "things", "record": {"id": number, **proof(config)}})
    say({"type": "STATE", "value": {"bookmarks": {"things": {"last": first + 2}}}})


if __name__ == "__main__":
    main()
