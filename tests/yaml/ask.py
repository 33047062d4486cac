"""Parses a JSON list of texts from standard input with Meltano's own loader, and prints the result of each.

Each answer is {"value": ..., "places": ...}, {"odd": true} if JSON cannot express the value, or {"refused": why}.
Places are those of keys and of their values: [key, line, column, line, column], in the order of the text.
"""

import copy
import datetime
import json
import math
import pathlib
import sys
import tempfile
import warnings

from meltano.core import yaml

warnings.simplefilter("ignore")


class Odd(Exception):
    """A value that JSON cannot express."""


class Half(Exception):
    """Half a character, which Python accepts, but cannot write."""


def plain(value):
    if value is None or isinstance(value, bool):
        return value
    if type(value).__name__ == "ScalarBoolean":
        return bool(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise Odd
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Odd
        return float(value)
    if isinstance(value, str):
        if any(0xD800 <= ord(letter) < 0xE000 for letter in value):
            raise Half
        return str(value)
    if isinstance(value, datetime.date):
        # Meltano copies the values for a plugin, and ruamel's timestamps lose something in the copy.
        return copy.deepcopy(value).isoformat()
    if isinstance(value, dict):
        if not all(type(key).__mro__[-2] is str for key in value) or tagged(value):
            raise Odd
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list) and not tagged(value):
        return [plain(inner) for inner in value]
    raise Odd


def tagged(value):
    tag = getattr(value, "tag", None)
    return tag is not None and tag.value is not None


def places(value, seen):
    if id(value) in seen:
        return
    if isinstance(value, dict):
        seen.add(id(value))
        for key, place in (value.lc.data or {}).items():
            yield [str(key), *place]
            yield from places(value[key], seen)
    elif isinstance(value, list):
        seen.add(id(value))
        for inner in value:
            yield from places(inner, seen)


def answer(text, path):
    path.write_bytes(text.encode())
    yaml.cache.clear()
    # Otherwise, a version in one file would apply to the next.
    yaml.yaml.version = None
    try:
        read = yaml.load(path)
    except Exception as error:
        return {"refused": " ".join(f"{type(error).__name__}: {error}".split())}
    try:
        # A file without content is an empty one.
        value = {} if read is None else plain(read)
        return {"value": value, "places": list(places(read, set()))}
    except Odd:
        return {"odd": True}
    except Half:
        return {"refused": "half a character"}
    except RecursionError:
        return {"refused": "it is a part of itself"}


with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "meltano.yml"
    json.dump([answer(text, path) for text in json.load(sys.stdin)], sys.stdout)
