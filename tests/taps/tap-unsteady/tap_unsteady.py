"""A Singer tap of nine orders that is right, or wrong in the way that its setting `fault` names."""

import argparse
import json
import os
import sys
import time

ROWS = 9


def say(message):
    print(json.dumps(message), flush=True)


def catalog(fault):
    properties = {"id": {"type": "integer"}, "at": {"type": "integer"}, "note": {"type": ["null", "string"]}}
    if fault == "discovery":
        properties[f"field_{os.getpid()}"] = {"type": "string"}
    root = {"inclusion": "available", "table-key-properties": ["id"], "valid-replication-keys": ["at"]}
    metadata = [{"breadcrumb": [], "metadata": root}]
    metadata += [{"breadcrumb": ["properties", name], "metadata": {"inclusion": "available"}} for name in properties]
    schema = {"type": "object", "properties": properties}
    stream = {"tap_stream_id": "orders", "stream": "orders", "schema": schema, "metadata": metadata, "key_properties": ["id"]}
    return {"streams": [{**stream, "replication_key": "at", "replication_method": "INCREMENTAL"}]}


def rows(fault):
    for number in range(1, ROWS + 1):
        row = {"id": number, "at": number * 10, "note": f"n{number}"}
        if fault == "null key" and number == 4:
            row["id"] = None
        if fault == "same key" and number == 5:
            row["id"] = 4
        if fault == "type" and number == 6:
            row["note"] = 6
        if fault == "undeclared" and number == 7:
            row["extra"] = "x"
        yield row


def is_read(row, bookmark, fault):
    if bookmark is None:
        return True
    if fault == "loses":
        # As with an offset that is counted one too far.
        return row["at"] > bookmark + 10
    return row["at"] >= bookmark - (20 if fault == "looks back" else 0)


def main():
    parser = argparse.ArgumentParser()
    for name in ("config", "catalog", "state"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--discover", action="store_true")
    asked = parser.parse_args()
    with open(asked.config) as file:
        fault = json.load(file).get("fault", "none")
    if asked.discover:
        return print(json.dumps(catalog(fault)))
    bookmark = None
    if asked.state:
        with open(asked.state) as file:
            bookmark = json.load(file)["bookmarks"]["orders"]["at"]
        if fault == "fails":
            sys.exit("ValueError: cannot read its own state")
    key = [] if fault == "no key" else ["id"]
    schema = catalog("none")["streams"][0]["schema"]
    say({"type": "SCHEMA", "stream": "orders", "schema": schema, "key_properties": key, "bookmark_properties": ["at"]})
    found = [row for row in rows(fault) if is_read(row, bookmark, fault)]
    if fault == "order":
        found[1:3] = reversed(found[1:3])
    for row in found:
        if fault == "dies" and row["id"] == 4:
            sys.exit("ConnectionError: the source has gone away")
        say({"type": "RECORD", "stream": "orders", "record": row})
        if fault != "no state":
            say({"type": "STATE", "value": {"bookmarks": {"orders": {"at": row["at"]}}}})
            time.sleep(0.01)
