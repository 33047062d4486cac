"""The messages for a loader, and what its destination must contain afterwards."""

import json
from dataclasses import dataclass, field
from decimal import Decimal

TEXT = {"type": ["null", "string"]}
INTEGER = {"type": ["null", "integer"]}
NUMBER = {"type": ["null", "number"]}
BOOLEAN = {"type": ["null", "boolean"]}
DATE = {"type": ["null", "string"], "format": "date"}
MOMENT = {"type": ["null", "string"], "format": "date-time"}
TIME = {"type": ["null", "string"], "format": "time"}
DECIMAL = {"type": ["null", "string"], "format": "singer.decimal"}
ANYTHING = {"type": ["null", "object"]}
LIST = {"type": ["null", "array"], "items": {}}
KEY = {"id": INTEGER}


class Digits(float):
    """A number that is written with all of its digits."""

    def __new__(cls, text):
        made = super().__new__(cls, text)
        made.text = text
        return made


@dataclass
class Case:
    """One kind of record: the runs that send it, and the rows that must exist after the last one."""

    name: str
    runs: list
    rows: list
    key: list
    types: dict
    stream: str = ""
    config: dict = field(default_factory=dict)
    # Whether a loader may refuse it, which would end a run of several cases.
    alone: bool = False
    # Statements that prepare the database file, if the loader writes one.
    before: list = field(default_factory=list)


def written(value):
    """Writes JSON as taps do, with each number exactly as given."""
    if isinstance(value, Digits):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


def schema(stream, types, key):
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": types},
        "key_properties": key,
    }


def record(stream, values, **more):
    return {"type": "RECORD", "stream": stream, "record": values, **more}


def state(value):
    return {"type": "STATE", "value": {"bookmarks": {"all": {"at": value}}}}


def last_by_key(rows, key):
    if not key:
        return rows
    return list({tuple(row[name] for name in key): row for row in rows}.values())


def case(name, types, *runs, key=("id",), stream=None, config=None, alone=False):
    """Makes a case in which each run sends one schema and then its records."""
    key, stream = list(key), stream or name
    sent = [[schema(stream, types, key), *(record(stream, row) for row in run)] for run in runs]
    rows = last_by_key([row for run in runs for row in run], key)
    return Case(name, sent, rows, key, types, stream, config or {}, alone)


def values(name, kind, sent, **more):
    """Makes a case with one column of values."""
    return case(name, {**KEY, "v": kind}, [{"id": at, "v": value} for at, value in enumerate(sent)], **more)


def grown(name, within_a_run):
    wide = {**KEY, "v": TEXT, "w": INTEGER}
    before = [schema(name, {**KEY, "v": TEXT}, ["id"]), record(name, {"id": 1, "v": "a"})]
    after = [schema(name, wide, ["id"]), record(name, {"id": 2, "v": "b", "w": 7})]
    rows = [{"id": 1, "v": "a", "w": None}, {"id": 2, "v": "b", "w": 7}]
    return Case(name, [before + after] if within_a_run else [before, after], rows, ["id"], wide, name)


def retyped():
    name = "retyped"
    text = {**KEY, "v": TEXT}
    before = [schema(name, {**KEY, "v": INTEGER}, ["id"]), record(name, {"id": 1, "v": 5})]
    after = [schema(name, text, ["id"]), record(name, {"id": 2, "v": "five"})]
    rows = [{"id": 1, "v": "5"}, {"id": 2, "v": "five"}]
    return Case(name, [before, after], rows, ["id"], text, name, alone=True)


def deleted():
    name, types = "deleted", {**KEY, "_sdc_deleted_at": MOMENT}
    rows = [{"id": 1, "_sdc_deleted_at": None}, {"id": 2, "_sdc_deleted_at": "2026-01-02T03:04:05Z"}]
    made = case(name, types, [{"id": 1}, {"id": 2}], [rows[1]])
    made.rows = rows
    return made


def versions():
    name = "versions"
    runs = []
    for version, ids in ((1, [1, 2, 3]), (2, [1, 3])):
        rows = [record(name, {"id": at}, version=version) for at in ids]
        runs.append([schema(name, KEY, ["id"]), *rows, {"type": "ACTIVATE_VERSION", "stream": name, "version": version}])
    return Case(name, runs, [{"id": 1}, {"id": 3}], ["id"], KEY, name, {"hard_delete": True}, alone=True)


def old_file():
    """A table that target-duckdb 0.8.0 created from this schema, with its column types, and a run that writes to it."""
    name = "old_file"
    types = {**KEY, "n": NUMBER, "i": {"type": ["null", "integer"], "maximum": 100}, "d": DATE, "m": MOMENT}
    first = {"id": 1, "n": 0.1, "i": 7, "d": "2026-01-01", "m": "2026-01-01T00:00:00Z"}
    more = {"id": 2, "n": Digits(NUMERICS[1]), "i": 70_000, "d": "2026-01-02", "m": "2026-01-01T00:00:00+02:00"}
    made = Case(name, [[schema(name, types, ["id"]), record(name, more)]], [first, more], ["id"], types, name, alone=True)
    made.before = [
        "CREATE TABLE old_file (id HUGEINT, n DOUBLE, i SMALLINT, d VARCHAR, m TIMESTAMP, PRIMARY KEY (id))",
        "INSERT INTO old_file VALUES (1, 0.1, 7, '2026-01-01', '2026-01-01 00:00:00')",
    ]
    return made


TRICKY = ['"', '""', "'", ",", ";", "|", "\t", "\\", "\\n", "a\"b,c'd", " lead", "trail ", "#", "--", "{}", "[]", "%s", "$1"]
UNICODE = ["😀🏳️‍🌈", "é", "e\u0301", "שלום", "\u202eabc", "\ufeffbom", "a\u2028b", "\u0001", "漢字", "ﬁ", "\u00a0", "\U0010ffff"]
MOMENTS = [
    "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05.678901+02:00",
    "1969-12-31T23:59:59-09:30",
    "2026-06-30T12:00:00.5+00:00",
    "9999-12-31T23:59:59Z",
]
NUMERICS = ["0.1", "12345678901234567890123456789.012345678", "-99999999999999999999999999999.999999999"]
# More digits in one column than the decimals of any database can have.
ALL_NUMERICS = [*NUMERICS, "99999999999999999999999999999999999999", "-0.00000000000000000001"]
NAMES = {"Group": TEXT, "order": TEXT, "a b": TEXT, "a.b": TEXT, "Ünï": TEXT, "camelCase": TEXT, "x-y": TEXT, "1st": TEXT}

CASES = [
    case("text_only", {"id": TEXT, "name": TEXT}, [{"id": f"a{at}", "name": f"n{at}"} for at in range(5)]),
    case("one_record", {"id": TEXT, "name": TEXT}, [{"id": "a", "name": "b"}]),
    case(
        "nulls",
        {**KEY, "t": TEXT, "n": NUMBER, "i": INTEGER, "b": BOOLEAN, "m": MOMENT, "o": ANYTHING},
        [{"id": 1, "t": None, "n": None, "i": None, "b": None, "m": None, "o": None}, {"id": 2}],
    ),
    values("empty_texts", TEXT, ["", " ", "null", "NULL", "\\N", "None", "NaN"]),
    values("quotes", TEXT, TRICKY),
    values("newlines", TEXT, ["a\nb", "a\r\nb", "a\rb", "\n", "a\n", "\r\n", "a\n\nb"]),
    values("unicode", TEXT, UNICODE),
    values("nul_character", TEXT, ["a\u0000b"], alone=True),
    values("integers", INTEGER, [0, -1, 2**53 + 1, 2**63 - 1, -(2**63)]),
    values("huge_integers", INTEGER, [2**63, -(10**30), 10**37], alone=True),
    values("numerics", NUMBER, [Digits(text) for text in NUMERICS]),
    values("numerics_of_any_size", NUMBER, [Digits(text) for text in ALL_NUMERICS]),
    values("decimal_texts", DECIMAL, NUMERICS),
    values("floats", NUMBER, [0.1, 1.5, -2.25, 1e300, 1.7976931348623157e308, 0.30000000000000004, 3]),
    values("booleans", BOOLEAN, [True, False, None]),
    values("dates", DATE, ["2026-01-02", "0001-01-01", "9999-12-31"]),
    values("moments", MOMENT, MOMENTS),
    values("nanoseconds", MOMENT, ["2026-01-02T03:04:05.123456789Z"]),
    values("times", TIME, ["12:34:56", "23:59:59.123456", "00:00:00"]),
    values("intervals", TEXT, ["1 day, 2:03:04", "P1DT2H", "-00:00:01"]),
    values("objects", ANYTHING, [{}, {"a": {"b": [1, None, "x\"\n"]}}, {"n": 2**60, "u": "é😀"}]),
    values("arrays", LIST, [[], [1, 2], ["a,b", 'c"d', ""], [{"x": 1}, None]]),
    values("digits_in_objects", ANYTHING, [{"n": Digits("12345678901234567890.123456789")}]),
    case("many", {**KEY, "t": TEXT}, [{"id": at, "t": f"text {at}"} for at in range(30_000)]),
    case("batches", {**KEY, "t": TEXT}, [{"id": at, "t": f"t{at}"} for at in range(5)], config={"batch_size_rows": 2}),
    case("same_key", {**KEY, "t": TEXT}, [{"id": 1, "t": "old"}, {"id": 2, "t": "x"}, {"id": 1, "t": "new"}]),
    case("same_key_later", {**KEY, "t": TEXT}, [{"id": 1, "t": "old"}, {"id": 2, "t": "x"}], [{"id": 1, "t": "new"}]),
    case(
        "keys_of_two",
        {"a": TEXT, "b": TEXT, "v": INTEGER},
        [{"a": "x,y", "b": "z", "v": 1}, {"a": "x", "b": "y,z", "v": 2}],
        key=("a", "b"),
    ),
    grown("grows_in_a_run", within_a_run=True),
    grown("grows_later", within_a_run=False),
    retyped(),
    case(
        "names",
        {**KEY, **NAMES},
        [{"id": 1, **{name: name for name in NAMES}}],
        stream="public-Select.Order Items",
    ),
    case("no_key", {**KEY, "t": TEXT}, [{"id": 1, "t": "a"}, {"id": 1, "t": "a"}], key=(), alone=True),
    deleted(),
    versions(),
    old_file(),
]
