"""Types of columns: which one a schema asks for, which values it keeps, and which wider one keeps more."""

import re
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation

from . import exact

BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
# The least integer of each type, and the first one beyond the greatest.
INTEGERS = {
    **{kind: (-(1 << bits - 1), 1 << bits - 1) for kind, bits in BITS.items()},
    **{f"U{kind}": (0, 1 << bits) for kind, bits in BITS.items()},
}
# All integers below are floats of 32 bits.
FLOATS = 1 << 24
DIGITS = 38
SCALE = 10
DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
MOMENTS = ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
TIME = re.compile(r"\d\d:\d\d:\d\d(?:\.\d{1,6})?", re.ASCII)
ZONE = r"([+-](?:0\d|1[0-4])):?([0-5]\d)|[Zz]"
MOMENT = re.compile(rf"({DATE.pattern})(?:[Tt ]({TIME.pattern})(?:{ZONE})?)?", re.ASCII)


def kinds(schema):
    """Returns what types a property may have, `null` apart; none where anything goes."""
    if not isinstance(schema, dict):
        return set()
    asked = schema.get("type", [])
    found = {asked} if isinstance(asked, str) else set(asked)
    for key in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(key, []):
            found |= kinds(branch)
    return found - {"null"}


def form(schema):
    """Returns the format of a property, also where only one of its branches has one."""
    branches = [branch for key in ("anyOf", "oneOf", "allOf") for branch in schema.get(key, [])]
    branches = [branch for branch in branches if kinds(branch)]
    return schema.get("format") or (form(branches[0]) if len(branches) == 1 else None)


def is_decimal(schema):
    return form(schema) in ("singer.decimal", "x-singer.decimal")


def declared(schema):
    """Returns the type that a new column of a property gets."""
    found = kinds(schema)
    if not found or found & {"object", "array"}:
        return "JSON"
    if is_decimal(schema):
        digits, scale = schema.get("precision") or DIGITS, schema.get("scale")
        fits = isinstance(scale, int) and 0 <= scale <= digits <= DIGITS
        return f"DECIMAL({digits},{scale})" if fits else f"DECIMAL({DIGITS},{SCALE})"
    if found == {"string"}:
        by_form = {"date": "DATE", "time": "TIME", "date-time": "TIMESTAMP WITH TIME ZONE"}
        return by_form.get(form(schema), "VARCHAR")
    if found == {"boolean"}:
        return "BOOLEAN"
    if found == {"integer"}:
        return "BIGINT"
    return "DOUBLE" if found <= {"integer", "number"} else "VARCHAR"


def keeps(kind, value):
    """Tells whether a column of a type keeps a value as it is. What DuckDB alone knows, its own cast decides."""
    if value is None or kind in ("VARCHAR", "JSON"):
        return True
    if kind == "BOOLEAN":
        return isinstance(value, bool)
    if kind in INTEGERS:
        least, beyond = INTEGERS[kind]
        return is_number(value) and least <= value < beyond and value == int(value)
    if kind == "FLOAT":
        return is_number(value) and abs(value) < FLOATS and value == int(value)
    if kind == "DOUBLE":
        return is_number(value) and is_double(value)
    if match := DECIMAL.fullmatch(kind):
        return is_number(value) and fits_decimal(value, *map(int, match.groups()))
    if kind == "DATE":
        return isinstance(value, str) and bool(DATE.fullmatch(value)) and is_read(date.fromisoformat, value)
    if kind == "TIME":
        return isinstance(value, str) and bool(TIME.fullmatch(value)) and is_read(time.fromisoformat, value[:8])
    if kind.startswith("TIMESTAMP"):
        return kind in MOMENTS and moment(value) is not None
    return True


def is_number(value):
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def is_double(value):
    # A decimal is one because a double is another number.
    if isinstance(value, int):
        return abs(value) < 1 << 1023 and int(float(value)) == value
    return isinstance(value, float)


def digits(value):
    """Returns how many digits a number has before and after the point; `None` where it has no end."""
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number:
        return 0, 0
    if not number.is_finite():
        return None
    _, figures, exponent = number.as_tuple()
    while len(figures) > 1 and figures[-1] == 0 and exponent < 0:
        figures, exponent = figures[:-1], exponent + 1
    return max(len(figures) + exponent, 0), max(-exponent, 0)


def fits_decimal(value, precision, scale):
    found = digits(value)
    return found is not None and found[0] <= precision - scale and found[1] <= scale


def is_read(read, text):
    try:
        read(text)
    except ValueError:
        return False
    return True


def moment(value):
    """Returns a date and time as DuckDB reads it, in UTC where no zone is given; `None` where it is none."""
    match = MOMENT.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return None
    day, clock, hours, minutes = match.groups()
    if not is_read(datetime.fromisoformat, f"{day}T{(clock or '00:00:00')[:8]}"):
        return None
    return f"{day} {clock or '00:00:00'}{hours or '+00'}:{minutes or '00'}"


def wider(kind, values):
    """Returns types that keep all of some values, the narrowest first; text, which keeps everything, is the last."""
    ladder = []
    if kind in INTEGERS:
        ladder += ["BIGINT", "HUGEINT"]
    if kind in INTEGERS or kind in ("FLOAT", "DOUBLE") or DECIMAL.fullmatch(kind):
        ladder += ["DOUBLE", *decimals(values)]
    return [step for step in ladder if step != kind and all(keeps(step, value) for value in values)] + ["VARCHAR"]


def decimals(values):
    found = [digits(value) for value in values if is_number(value)]
    if not found or None in found:
        return []
    whole, scale = max(one[0] for one in found), max(one[1] for one in found)
    room = DIGITS - whole
    # Room on both sides for what comes later, else all that is left, else just enough.
    scales = [max(scale, min(SCALE, room)), room, scale]
    return [f"DECIMAL({DIGITS},{one})" for one in dict.fromkeys(scales) if 0 <= scale <= one <= room]


def value_of(schema, value):
    """Reads a value as its schema means it: decimals are sent as texts."""
    if not isinstance(value, str) or not is_decimal(schema):
        return value
    try:
        return exact.number(value)
    except (InvalidOperation, ValueError):
        return value


def text(kind, value):
    """Returns a value as a text that DuckDB casts to the column's type."""
    if value is None:
        return None
    if kind == "JSON" or isinstance(value, (dict, list, bool)):
        return exact.dumps(value)
    if kind in MOMENTS:
        return moment(value) or value
    if kind in INTEGERS and is_number(value):
        return str(int(value))
    return value if isinstance(value, str) else str(value)


def cast(kind, column):
    """Returns the SQL that makes a value of a text."""
    if kind == "TIMESTAMP":
        return f"CAST({column} AS TIMESTAMP WITH TIME ZONE) AT TIME ZONE 'UTC'"
    return column if kind == "VARCHAR" else f"CAST({column} AS {kind})"
