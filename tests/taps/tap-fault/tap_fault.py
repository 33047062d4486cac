"""A Singer tap that does what its `mode` says: goes well, counts on from its bookmark, fails, hangs, tells secrets."""

import argparse
import base64
import datetime
import fcntl
import hashlib
import html
import json
import os
import shlex
import signal
import sys
import time
import urllib.parse

# More than a log may hold.
FLOOD = 70_000

# The streams of the mode `three`.
THREE = ["first", "second", "third"]

SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "proof": {"type": ["null", "string"]}}}


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def tell_everything(config):
    """Says its settings and each secret in every way in which programs say such a thing."""
    print("connecting with", config, file=sys.stderr)
    print(json.dumps({"config": repr(config), "inner": json.dumps(config)}), file=sys.stderr)
    for name in ("token", "certificate"):
        secret = config.get(name) or ""
        for user in ("", "u", "us", "user:"):
            print("Basic", base64.b64encode((user + secret).encode()).decode(), file=sys.stderr)
            print("Basic", base64.urlsafe_b64encode((user + secret).encode()).decode().rstrip("="), file=sys.stderr)
        quoted = urllib.parse.quote(secret, safe="")
        for said in (
            secret.encode().hex(),
            secret.encode().hex().upper(),
            quoted,
            quoted.lower(),
            urllib.parse.quote_plus(secret),
            urllib.parse.quote(quoted),
            html.escape(secret),
            shlex.quote(secret),
            secret.replace("'", "''"),
            repr(secret.encode()),
            repr(repr(secret)),
            json.dumps(json.dumps(secret)),
            base64.b64encode(json.dumps(config).encode()).decode(),
        ):
            print("said:", said, file=sys.stderr)


def discover(config):
    """Tells its streams; in modes that begin with `offer-`, something else."""
    mode = config.get("mode", "well")
    token = config.get("token")
    if mode == "offer-fail":
        raise PermissionError("the account may not list its tables")
    if mode == "offer-tell":
        tell_everything(config)
        raise RuntimeError(f"cannot list the tables with {config}")
    if mode == "offer-silent":
        sys.exit(3)
    if mode == "offer-hang":
        time.sleep(600)
    if mode == "offer-garbage":
        print("Welcome to this tap!")
    if mode == "offer-other":
        return say({"stream": []})
    if mode == "offer-nothing":
        return None
    if mode == "offer-flood":
        while True:
            sys.stdout.write("x" * (1 << 20))
    if mode == "offer-large":
        fields = {f"field_{number}": {"type": ["null", "string"]} for number in range(500)}
        many = [{"tap_stream_id": f"s{number}", "schema": {"properties": fields}} for number in range(2000)]
        return say({"streams": many})
    if mode == "offer-secret":
        print("connecting with", config, file=sys.stderr)
        return say({"streams": [{"tap_stream_id": f"of {token}", "schema": {"properties": {token: {"type": token}}}}]})
    entries = [
        {
            "tap_stream_id": stream,
            "stream": stream,
            "schema": SCHEMA,
            "key_properties": ["id"],
            "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
        }
        for stream in (THREE if mode == "three" else ["things"])
    ]
    say({"streams": entries})


def offered():
    """What the source of the mode `source` has now: a file beside it says, for each stream, its fields and records."""
    return load(os.path.join(os.environ["TAP_FAULT_NOTES"], "streams.json"))


def has_note(name):
    return os.path.exists(os.path.join(os.environ["TAP_FAULT_NOTES"], name))


def offer():
    """Tells the streams of the source, and notes that it was asked."""
    with open(os.path.join(os.environ["TAP_FAULT_NOTES"], "asked"), "a") as asked:
        asked.write("once\n")
    if has_note("down"):
        raise ConnectionError("the source is down")
    streams = []
    for name, stream in offered().items():
        fields = {field: {"type": ["null", "string", "integer"]} for field in stream["fields"]}
        metadata = [{"breadcrumb": ["properties", field], "metadata": {"inclusion": "available"}} for field in fields]
        metadata.append({"breadcrumb": [], "metadata": {"inclusion": "available"}})
        schema = {"type": "object", "properties": fields}
        streams.append({"tap_stream_id": name, "stream": name, "schema": schema, "metadata": metadata})
    say({"streams": streams})


def read_whole(catalog):
    """Reads what is selected, as the catalog has it; everything, where it is heedless."""
    offers = offered()
    for stream in catalog["streams"]:
        selected = {tuple(one["breadcrumb"]): one["metadata"].get("selected") for one in stream["metadata"]}
        source = offers.get(stream["tap_stream_id"])
        if source is None or not (selected[()] or has_note("heedless")):
            continue
        properties = stream["schema"]["properties"]
        fields = [field for field in properties if selected.get(("properties", field)) or has_note("heedless")]
        schema = {"type": "object", "properties": {field: properties[field] for field in fields}}
        say({"type": "SCHEMA", "stream": stream["stream"], "schema": schema, "key_properties": []})
        for number in range(source["records"]):
            record = {field: number if field == "id" else f"{field} {number}" for field in fields}
            say({"type": "RECORD", "stream": stream["stream"], "record": record})


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


def step(state):
    """Counts on from its bookmark, a record and a bookmark at a time; says so where it is not the only one.

    Where it begins and that it is alone are told in files beside it, for the tests to see.
    """
    folder = os.environ["TAP_FAULT_NOTES"]
    alone = open(os.path.join(folder, "alone"), "w")
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        open(os.path.join(folder, "twice"), "w").close()
    last = state.get("bookmarks", {}).get("things", {}).get("last", 0)
    with open(os.path.join(folder, "began"), "a") as began:
        began.write(f"{last}\n")
    say({"type": "SCHEMA", "stream": "things", "schema": SCHEMA, "key_properties": ["id"]})
    for number in range(last + 1, last + 21):
        say({"type": "RECORD", "stream": "things", "record": {"id": number}})
        say({"type": "STATE", "value": {"bookmarks": {"things": {"last": number}}}})
        time.sleep(0.05)


def three(state):
    """Counts on in three streams, one after the other, a bookmark after each. Breaks off at the stream that a note names."""
    note = os.path.join(os.environ["TAP_FAULT_NOTES"], "breaks")
    breaks = open(note).read().strip() if os.path.exists(note) else None
    bookmarks = dict(state.get("bookmarks", {}))
    for stream in THREE:
        if stream == breaks:
            os.unlink(note)
            raise RuntimeError("it broke off")
        last = bookmarks.get(stream, {}).get("last", 0)
        say({"type": "SCHEMA", "stream": stream, "schema": SCHEMA, "key_properties": ["id"]})
        for number in range(last + 1, last + 4):
            say({"type": "RECORD", "stream": stream, "record": {"id": number}})
        bookmarks[stream] = {"last": last + 3}
        say({"type": "STATE", "value": {"bookmarks": bookmarks}})


def hours(config, state):
    """Reads a record for each hour from its bookmark or its start on, up to its end; without an end, three hours.

    Which hours it is asked for is noted beside it, for the tests to see.
    """

    def hour(moment):
        return int(datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()) // 3600

    last = state.get("bookmarks", {}).get("things", {}).get("last")
    begin = hour(config["start_date"]) if last is None else last + 1
    end = hour(config["end_date"]) if config.get("end_date") else begin + 3
    with open(os.path.join(os.environ["TAP_FAULT_NOTES"], "hours"), "a") as notes:
        notes.write(f"{begin} {end}\n")
    say({"type": "SCHEMA", "stream": "things", "schema": SCHEMA, "key_properties": ["id"]})
    for number in range(begin, end):
        say({"type": "RECORD", "stream": "things", "record": {"id": number}})
        say({"type": "STATE", "value": {"bookmarks": {"things": {"last": number}}}})
        time.sleep(0.02)


def main():
    parser = argparse.ArgumentParser()
    for name in ("--config", "--state", "--catalog", "--properties"):
        parser.add_argument(name)
    parser.add_argument("--discover", action="store_true")
    arguments = parser.parse_args()
    config = load(arguments.config)
    mode = config.get("mode", "well")
    keys = [name for name in os.environ if name.startswith("SOPS_AGE_")]
    if keys:
        sys.exit(f"a tap is given keys: {keys}")
    if mode == "source":
        return offer() if arguments.discover else read_whole(load(arguments.catalog))
    if arguments.discover:
        return discover(config)
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
    if mode == "renewal" and config.get("token") != "renewed-at-last":
        raise RuntimeError("access token has expired")
    if mode == "tell":
        # As drivers do that quote the address they could not connect to.
        token = config["token"]
        print("connecting with", config, file=sys.stderr)
        raise RuntimeError(f"cannot connect to db://user:{urllib.parse.quote(token)}@host ({json.dumps(token)})")
    if mode == "tell-everything":
        tell_everything(config)
        raise RuntimeError(f"cannot connect with {config} ({base64.b64encode(config['token'].encode()).decode()})")
    if mode == "environment":
        print("the variables are:", *sorted(os.environ), file=sys.stderr)
        print("the environment is:", json.dumps(dict(os.environ)), file=sys.stderr)
    if mode == "garbage":
        sys.stdout.write("this is not Singer\n")
    if mode == "nothing":
        return None
    if mode == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "flood":
        for number in range(FLOOD):
            print(f"{number} of {FLOOD}: {'x' * 1000}", file=sys.stderr)
    if mode == "step":
        return step(load(arguments.state))
    if mode == "hours":
        return hours(config, load(arguments.state))
    if mode == "three":
        return three(load(arguments.state))
    first = load(arguments.state).get("bookmarks", {}).get("things", {}).get("last", 0) + 1
    say({"type": "SCHEMA", "stream": "things", "schema": SCHEMA, "key_properties": ["id"]})
    for number in range(first, first + 3):
        say({"type": "RECORD", "stream": "things", "record": {"id": number, **proof(config)}})
    say({"type": "STATE", "value": {"bookmarks": {"things": {"last": first + 2}}}})


if __name__ == "__main__":
    main()
