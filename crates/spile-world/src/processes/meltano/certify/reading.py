"""What one read of a tap delivers, and what is wrong with it.

Of each record only its key is kept, or a hash if its stream has no key.
"""

import json
import math
import os

# How many keys of records are reported as examples.
EXAMPLES = 3
NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object", type(None): "null"}


def fits(value, declared):
    """Tells whether a value has a type that its schema declares."""
    if declared in ("integer", "number") and isinstance(value, float):
        return math.isfinite(value) and (declared == "number" or value.is_integer())
    return NAMES[type(value)] == declared or (declared == "number" and type(value) is int)


def mismatches(value, schema, path=""):
    """Yields the path of each value that has no declared type, with the declared types and its own."""
    if not isinstance(schema, dict):
        return
    choices = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(choices, list):
        if all(next(mismatches(value, choice), None) for choice in choices):
            types = sorted({name for choice in choices if isinstance(choice, dict) for name in listed(choice.get("type"))})
            yield path, types, NAMES[type(value)]
        return
    types = listed(schema.get("type"))
    if types and not any(fits(value, declared) for declared in types):
        yield path, types, NAMES[type(value)]
    elif isinstance(value, dict):
        properties = schema.get("properties")
        for name, inner in (properties if isinstance(properties, dict) else {}).items():
            if name in value:
                yield from mismatches(value[name], inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for item in value:
            yield from mismatches(item, schema.get("items"), f"{path}[]")


def listed(types):
    return [types] if isinstance(types, str) else list(types or [])


def identity_of(record, key):
    """Returns what tells a record from the others of its stream."""
    if key:
        return json.dumps([record.get(name) for name in key])
    return hash(json.dumps({name: value for name, value in record.items() if not name.startswith("_sdc_")}, sort_keys=True))


def is_less(one, other):
    try:
        return one is not None and other is not None and one < other
    except TypeError:
        return False


def sample(identities):
    """Returns how many records these are, with the keys of some."""
    known = [json.loads(one) for one in identities[:EXAMPLES] if isinstance(one, str)]
    return {"count": len(identities), "examples": known}


class Stream:
    """The records of a stream in one read."""

    def __init__(self, replication_key):
        self.schema = None
        self.key = []
        self.replication_key = replication_key
        self.records = 0
        # How often each record came.
        self.rows = {}
        # The greatest value of the replication key so far.
        self.greatest = None
        self.null_keys, self.repeated_keys = [], []
        self.wrong_types, self.undeclared = {}, set()
        # Fields of its batches that are not selected.
        self.unwanted = set()
        self.out_of_order = self.without_schema = 0
        # Records that came before the restart as well: with the greatest value of the replication key, and others.
        self.last = self.earlier = 0

    def declare(self, message, is_known):
        self.schema = message.get("schema") or {}
        self.key = message.get("key_properties") or []
        properties = message.get("bookmark_properties") or []
        if not is_known and properties:
            self.replication_key = listed(properties)[0]

    def take(self, record, before):
        """Adds a record. `before` is the same stream up to the restart, if there was one."""
        self.records += 1
        identity = identity_of(record, self.key)
        value = record.get(self.replication_key) if self.replication_key else None
        if before is not None and identity in before.rows:
            is_last = value is not None and value == before.greatest
            self.last, self.earlier = self.last + is_last, self.earlier + (not is_last)
        self.rows[identity] = self.rows.get(identity, 0) + 1
        if is_less(value, self.greatest):
            self.out_of_order += 1
        elif value is not None:
            self.greatest = value
        return identity

    def check(self, record, identity):
        """Compares a record with what its schema declares."""
        if self.schema is None:
            self.without_schema += 1
            return
        if self.key and any(record.get(name) is None for name in self.key):
            self.null_keys.append(identity)
        elif self.key and self.rows[identity] > 1:
            self.repeated_keys.append(identity)
        properties = self.schema.get("properties") or {}
        if properties and not self.schema.get("additionalProperties"):
            self.undeclared.update(record.keys() - properties.keys())
        for found in {(path, tuple(types), own) for path, types, own in mismatches(record, self.schema)}:
            self.wrong_types[found] = self.wrong_types.get(found, 0) + 1

    def answer(self, name):
        wrong = sorted(self.wrong_types.items())
        return {
            "stream": name,
            "records": self.records,
            "key": self.key,
            "replication_key": self.replication_key,
            "null_keys": sample(self.null_keys),
            "repeated_keys": sample(self.repeated_keys),
            "wrong_types": [
                {"field": path, "declared": list(types), "found": own, "count": count} for (path, types, own), count in wrong
            ],
            "undeclared": sorted(self.undeclared),
            "out_of_order": self.out_of_order,
            "without_schema": self.without_schema,
        }


class Reading:
    """One read of a tap, up to a state or to its end."""

    def __init__(self, methods, before=None):
        # For each stream of the catalog how it is read, and its replication key.
        self.methods = methods
        self.before = before
        self.streams = {}
        self.states = 0
        # The numbers of the states that differ from the one before.
        self.marks = []
        self.state = None

    def stream(self, name):
        if name not in self.streams:
            self.streams[name] = Stream(self.methods.get(name, (None, None))[1])
        return self.streams[name]

    def take(self, message, is_checked=False):
        kind, name = message.get("type"), message.get("stream")
        if kind == "SCHEMA":
            self.stream(name).declare(message, name in self.methods)
        elif kind == "RECORD":
            stream = self.stream(name)
            identity = stream.take(message["record"], self.before and self.before.streams.get(name))
            if is_checked:
                stream.check(message["record"], identity)
        elif kind == "STATE":
            self.states += 1
            if message.get("value") != self.state:
                self.marks.append(self.states)
                self.state = message.get("value")

    def take_batch(self, message, batches):
        """Adds the records of a batch, and removes its files."""
        name = message.get("stream")
        stream = self.stream(name)
        for line in batches.lines(message):
            record = json.loads(line)
            stream.take(record, None)
            stream.unwanted.update(batches.unwanted(name, record))
        for url in message.get("manifest", []):
            os.unlink(batches.path(url))

    def answer(self):
        found = []
        for name, stream in self.streams.items():
            told = stream.answer(name)
            if self.methods.get(name, (None, None))[0] == "LOG_BASED":
                # Each change of a row is a record.
                told["repeated_keys"] = sample([])
            found.append(told)
        without = [{"stream": name} for name in self.methods if name not in self.streams]
        return found + without

    def lost(self, name, before, after):
        """Returns the records of a stream that neither part of an interrupted read delivered."""
        rows = self.streams[name].rows
        parts = [part.streams[name].rows for part in (before, after) if name in part.streams]
        return [one for one, times in rows.items() if sum(part.get(one, 0) for part in parts) < (1 if isinstance(one, str) else times)]

    def lacking(self, name, other):
        """Returns the records of a stream that another read did not deliver.

        Without a key only their number is known: a batch may spell the values of a record in another way.
        """
        stream, there = self.streams[name], other.streams.get(name) or Stream(None)
        if not stream.key:
            return list(stream.rows)[: max(0, stream.records - there.records)]
        return [one for one in stream.rows if one not in there.rows]


def in_batches(whole, read, control):
    """Compares a read in batches with one without. `control` is a second one without, if records seem to be lost."""
    found = []
    for name in whole.streams:
        lost = whole.lacking(name, read)
        if lost and whole.streams[name].key:
            # What is no longer in the source was deleted there meanwhile.
            rows = control.streams[name].rows if name in control.streams else {}
            lost = [one for one in lost if one in rows]
        unwanted = sorted(read.streams[name].unwanted) if name in read.streams else []
        found.append({"stream": name, "lost": sample(lost), "unselected": unwanted})
    return found


def continued(whole, before, after, control):
    """Compares a read that was interrupted with one that was not. `control` reads everything once more."""
    found = []
    for name in whole.streams:
        there = after.streams.get(name) or Stream(None)
        lost = whole.lost(name, before, after)
        if lost:
            # What is no longer in the source was deleted there meanwhile.
            rows = control().streams[name].rows if name in control().streams else {}
            lost = [one for one in lost if one in rows]
        told = {"stream": name, "lost": sample(lost), "last": there.last, "earlier": there.earlier}
        if lost or there.last or there.earlier:
            found.append(told)
    return found


def picked(marks, most):
    """Returns some of the states, evenly distributed, with the last."""
    count = min(most, len(marks))
    return sorted({marks[-(-len(marks) * number // count) - 1] for number in range(1, count + 1)})
