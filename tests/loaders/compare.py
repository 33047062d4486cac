"""Compares a destination with the messages sent to it, and describes the first difference."""

import json
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation

from cases import Digits, last_by_key, written


def verdict(case, found, kinds):
    """Returns `ok` for a case, or the first difference from what was sent."""
    if found is None:
        return "no table"
    sent = [[line["record"] for line in run if line["type"] == "RECORD"] for run in case.runs]
    everything = [row for run in sent for row in run]
    # A file loader may keep every version of a row, or start over in each run.
    wanted = [(case.rows, ""), (everything, "every version"), (sent[-1], "the last run alone")]
    counts = [(rows, how) for rows, how in wanted if len(rows) == len(found)]
    if not counts:
        return f"{len(found)} of {len(case.rows)} rows"
    told = [(differences(case, rows, found), how) for rows, how in counts]
    differing, how = next(((none, how) for none, how in told if not none), told[0])
    kind = kinds.get("v", "").lower()
    if differing:
        return differing[0] + (f" ({kind})" if kind else "")
    return ", ".join(["ok"] + [text for text in (how, kind) if text])


def differences(case, rows, found):
    """Pairs rows by key, or by their sorted position, and returns the difference."""
    rows, found = (sorted(some, key=lambda row: place(case, row)) for some in (rows, found))
    told = []
    for wanted, row in zip(rows, found):
        for name, schema in case.types.items():
            told.extend(filter(None, [difference(schema, wanted.get(name), value_of(row, name))]))
    return told


def place(case, row):
    key = [value_of(row, name) for name in case.key or case.types]
    return [str(int(value)) if isinstance(value, Decimal) and value == int(value) else str(value) for value in key]


def value_of(row, name):
    """Returns the value of a column, whatever the loader does to the case of its name."""
    names = [name, name.lower(), name.replace(" ", "_").lower(), name.replace("-", "_").lower(), name.replace(".", "_").lower()]
    known = {key.lower(): value for key, value in row.items()}
    return next((known[name.lower()] for name in names if name.lower() in known), None)


def difference(schema, sent, found):
    """Returns how one value has changed; nothing if it is the same."""
    if sent is None or found is None:
        return None if sent is found else f"{shown(sent)} became {shown(found)}"
    kind = [kind for kind in schema["type"] if kind != "null"][0]
    same = {"integer": number, "number": number, "boolean": boolean, "object": tree, "array": tree}.get(kind, text)
    if schema.get("format") == "date-time":
        same = moment
    elif schema.get("format") == "time":
        same = clock
    elif schema.get("format") == "singer.decimal":
        same = number
    return None if same(sent, found) else f"{shown(sent)} became {shown(found)}"


def shown(value):
    shown = written(value)
    return shown if len(shown) < 50 else shown[:47] + "..."


def number(sent, found):
    exact = sent.text if isinstance(sent, Digits) else str(sent)
    try:
        return Decimal(exact) == Decimal(str(found))
    except InvalidOperation:
        return False


def boolean(sent, found):
    return sent is found or (isinstance(found, str) and found.lower() == str(sent).lower())


def tree(sent, found):
    if isinstance(found, str):
        try:
            found = json.loads(found, parse_float=Decimal)
        except ValueError:
            return False
    return found == json.loads(written(sent), parse_float=Decimal)


def text(sent, found):
    return found == sent


def clock(sent, found):
    return sent.ljust(15, "0") == found.ljust(15, "0") or f"{sent}.".ljust(15, "0") == f"{found}.".ljust(15, "0")


def moment(sent, found):
    """Compares timestamps; those without a zone are in UTC."""
    return found == sent or instant(found) == instant(sent)


def instant(text):
    text = text.replace("Z", "+00:00").replace(" ", "T")
    # Postgres writes `+00`; Python before 3.11 takes three or six digits of a second.
    head, sign, zone = text.partition("+") if "+" in text[10:] else (text, "", "")
    whole, _, part = head.partition(".")
    if len(part) > 6 and not part.rstrip("0-:").isdigit():
        return text
    if sign and len(zone) == 2:
        zone += ":00"
    try:
        read = datetime.fromisoformat(head + sign + zone)
    except ValueError:
        return text
    if len(part.split("-")[0]) > 6:
        return text
    return read if read.tzinfo else read.replace(tzinfo=timezone.utc)
