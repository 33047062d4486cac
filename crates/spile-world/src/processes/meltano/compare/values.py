"""Normalizes values from both sides of a comparison to text, so that values with the same meaning are equal.

A property's schema defines the type of its values. A source and a destination never agree on types: a time has a zone only
on one side, a number is text, or an object is text that contains JSON.
"""

import hashlib
import json
import re
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?\s*([Zz]|[+-]\d\d(?::?\d\d)?)?)?$", re.ASCII
)
TRUE, FALSE = ("true", "t", "1", "yes"), ("false", "f", "0", "no")
# No value equals this, because a text starts with another character.
NULL = "\x00null"


def kind_of(schema):
    """Returns the kind of a property's values: `boolean`, `number`, `moment`, `date`, `time`, `json` or `text`."""
    types, form = found_in(schema)
    types -= {"null"}
    if form in ("singer.decimal", "x-singer.decimal"):
        return "number"
    if not types or types & {"object", "array"}:
        return "json"
    if types == {"string"}:
        return {"date-time": "moment", "date": "date", "time": "time"}.get(form, "text")
    if types == {"boolean"}:
        return "boolean"
    return "number" if types <= {"integer", "number"} else "text"


def found_in(schema):
    """Returns the types and the format of a property, including those in branches."""
    if not isinstance(schema, dict):
        return set(), None
    said = schema.get("type", [])
    types, form = ({said} if isinstance(said, str) else set(said)), schema.get("format")
    for branch in [branch for key in ("anyOf", "oneOf", "allOf") for branch in schema.get(key, [])]:
        more, inner = found_in(branch)
        types, form = types | more, form or inner
    return types, form


def text_of(kind, value):
    """Returns the normalized text of a value."""
    if value is None:
        return NULL
    if kind == "json":
        return of_json(value)
    found = typed(kind, value)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, Decimal):
        return number(found)
    if isinstance(found, datetime):
        return found.isoformat().replace("+00:00", "Z")
    if isinstance(found, (date, time)):
        return found.isoformat()
    return found


def typed(kind, value):
    """Returns a value as a Python bool, number, UTC moment, date or time; otherwise as text."""
    try:
        return {"boolean": truth, "number": decimal, "moment": moment, "date": day, "time": clock}[kind](value)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return plain(value)


def plain(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, (dict, list)):
        return of_json(value)
    if isinstance(value, (int, float, Decimal)):
        return number(decimal(value))
    return str(value)


def truth(value):
    if isinstance(value, (bool, int, float, Decimal)):
        return bool(value)
    word = str(value).strip().lower()
    if word not in TRUE + FALSE:
        raise ValueError
    return word in TRUE


def decimal(value):
    if isinstance(value, float):
        value = repr(value)
    found = Decimal(int(value) if isinstance(value, bool) else value)
    if not found.is_finite():
        raise InvalidOperation
    return found


def number(value):
    # `normalize` would round numbers with more digits than its context.
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    if not text:
        return "0"
    while exponent < 0 and text.endswith("0"):
        text, exponent = text[:-1], exponent + 1
    return format(Decimal((sign, tuple(map(int, text)), exponent)), "f")


def moment(value):
    if isinstance(value, timedelta):
        return EPOCH + value
    if isinstance(value, datetime):
        # A time without a zone is in UTC, because taps send it and loaders store it that way.
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=timezone.utc)
    match = MOMENT.match(str(value).strip())
    if not match:
        raise ValueError
    *parts, fraction, zone = match.groups()
    year, month, at, hour, minute, second = (int(part or 0) for part in parts)
    micro = int((fraction or "").ljust(6, "0")[:6])
    return (datetime(year, month, at, hour, minute, second, micro, tzinfo=timezone.utc) - offset(zone)).astimezone(timezone.utc)


def offset(zone):
    if zone in (None, "Z", "z"):
        return timedelta()
    digits = zone[1:].replace(":", "").ljust(4, "0")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -away if zone[0] == "-" else away


def day(value):
    return moment(value).date()


def clock(value):
    if isinstance(value, timedelta):
        return (EPOCH + value).time()
    if isinstance(value, time):
        return value
    hour, minute, second = str(value).strip().split(":")
    whole, _, fraction = second.partition(".")
    return time(int(hour), int(minute), int(whole), int(fraction.ljust(6, "0")[:6]))


def of_json(value):
    """Returns JSON with sorted keys and plain numbers. Text that contains an object or a list is treated as such."""
    if isinstance(value, str):
        try:
            read = json.loads(value, parse_float=Decimal)
        except ValueError:
            read = value
        value = read if isinstance(read, (dict, list)) else value
    return json.dumps(plain_json(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def plain_json(value):
    if isinstance(value, dict):
        return {str(key): plain_json(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(inner) for inner in value]
    if value is None or isinstance(value, (bool, str)):
        return value
    # Distinguishes a number from a text with the same digits.
    return {"": plain(value)} if isinstance(value, (int, float, Decimal)) else plain(value)


def digest(text):
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def digests(kinds, row):
    """Returns a digest for each value of a row whose properties have these kinds."""
    return {name: digest(text_of(kind, row[name])) for name, kind in kinds.items() if name in row}


class Span:
    """The least and the greatest of a series of values."""

    def __init__(self, kind):
        self.kind, self.least, self.greatest = kind, None, None

    def add(self, value):
        if value is None:
            return
        value = typed(self.kind, value)
        self.least = value if self.least is None else min(self.least, value)
        self.greatest = value if self.greatest is None else max(self.greatest, value)

    def told(self):
        return span(self.kind, self.least, self.greatest)


def span(kind, least, greatest):
    texts = [None if value is None else text_of(kind, value) for value in (least, greatest)]
    return {"least": texts[0], "greatest": texts[1]}
