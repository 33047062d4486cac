"""JSON with all the digits of its numbers."""

import json
from decimal import Decimal

# A double keeps every decimal number of so many digits.
SHORT = 15


def number(text):
    """Reads a number: a double where that is the very number, else a decimal."""
    made = float(text)
    if len(text) <= SHORT and 1e-300 < abs(made) < 1e300:
        return made
    exact = Decimal(text)
    return exact if exact.is_finite() and Decimal(repr(made)) != exact else made


def loads(line):
    return json.loads(line, parse_float=number)


def dumps(value):
    """Writes compact JSON; decimals, which the standard library does not write, with all their digits."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except TypeError:
        return written(value)


def written(value):
    if isinstance(value, dict):
        members = (f"{dumps(key)}:{written(item)}" for key, item in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return str(value) if isinstance(value, Decimal) else dumps(value)
