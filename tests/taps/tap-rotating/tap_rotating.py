"""A Singer tap whose source gives a new refresh token at each sign-in, and refuses every older one.

The source is the folder in TAP_ROTATING_NOTES: `current` has its token, `next` the one that it has given but not seen yet.
The tap writes the new token into its settings file, as taps for such sources do.
"""

import argparse
import json
import os
import sys
import time


def say(message):
    print(json.dumps(message), flush=True)


def catalog():
    root = {"inclusion": "available", "table-key-properties": ["id"]}
    metadata = [{"breadcrumb": [], "metadata": root}]
    metadata += [{"breadcrumb": ["properties", "id"], "metadata": {"inclusion": "available"}}]
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
    stream = {"tap_stream_id": "things", "stream": "things", "schema": schema, "metadata": metadata}
    return {"streams": [{**stream, "key_properties": ["id"], "replication_method": "FULL_TABLE"}]}


class Source:
    def __init__(self, folder):
        self.folder = folder

    def read(self, name):
        try:
            with open(os.path.join(self.folder, name)) as file:
                return file.read().strip()
        except FileNotFoundError:
            return None

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.replace(path + ".new", path)

    def note(self, name):
        with open(os.path.join(self.folder, name), "a") as file:
            file.write("x\n")

    def sign_in(self, token):
        """Returns a new token. One that never arrived is given again."""
        if token == self.read("next"):
            self.write("current", token)
            self.write("next", "")
        if token != self.read("current"):
            self.note("refused")
            sys.exit("invalid_grant: the refresh token is no longer valid")
        new = self.read("next") or f"refresh-{os.urandom(12).hex()}"
        self.write("next", new)
        return new


def replace(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.replace(path + ".new", path)


def main():
    parser = argparse.ArgumentParser()
    for name in ("config", "catalog", "state"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--discover", action="store_true")
    asked = parser.parse_args()
    with open(asked.config) as file:
        settings = json.load(file)
    fault = settings.get("fault", "none")
    source = Source(os.environ["TAP_ROTATING_NOTES"])
    old = settings["oauth"]["refresh_token"]
    if settings["session"] != f"session-of-{old}":
        sys.exit("ValueError: the session belongs to another token")
    if fault != "none" and asked.discover:
        pass
    elif fault == "truncates":
        open(asked.config, "w").close()
    elif fault == "other format":
        replace(asked.config, "oauth:\n  refresh_token: lost-one\n")
    else:
        new = source.sign_in(old)
        settings["oauth"]["refresh_token"], settings["session"] = new, f"session-of-{new}"
        settings["note"] = "changed, and not a secret"
        replace(asked.config, json.dumps(settings))
        print(f"the new token is {new}", file=sys.stderr, flush=True)
        source.write("current", new)
        source.note("signed-in")
    if asked.discover:
        return print(json.dumps(catalog()))
    say({"type": "SCHEMA", "stream": "things", "schema": catalog()["streams"][0]["schema"], "key_properties": ["id"]})
    for number in range(1, 4):
        say({"type": "RECORD", "stream": "things", "record": {"id": number}})
        time.sleep(float(os.environ.get("TAP_ROTATING_PAUSE", "0")))
    source.note("finished")
