"""Compares a source with its destination instead of running them. Runs inside Meltano, which prepares both plugins.

`source.py` runs in the tap's environment and `destination.py` in the loader's. Their answers are printed to standard output
as one JSON value. Records never pass through here, only keys and digests of sampled rows.
"""

import asyncio
import json
import os
import subprocess
import sys

import values

# How many keys of rows are reported as examples.
EXAMPLES = 3
NULL, EMPTY = values.digest(values.NULL), values.digest("")


class Unknown(Exception):
    """Why one side cannot be compared."""


class Failed(Exception):
    """Why one side has no answer although it should."""


class Side:
    """A program that answers questions."""

    def __init__(self, block, script, *files):
        program = str(block.invoker.exec_path())
        self.name = block.invoker.plugin.name
        python = os.path.join(os.path.dirname(program), "python")
        if not os.path.exists(python):
            raise Failed(f"`{self.name}` is not a program of a Python package")
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), script)
        command = [python, script, os.path.basename(program), *map(str, files)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, env=block.invoker.env(), **pipes)

    def ask(self, *question):
        try:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except OSError:
            line = b""
        if not line:
            raise Failed("the program that queries it has ended")
        said = json.loads(line)
        if "failed" in said:
            raise Failed(said["failed"])
        if "unknown" in said:
            raise Unknown(said["unknown"])
        return said

    def end(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


def compared(source, destination, stream, size):
    """Compares one stream. `stream` is the source's description of it."""
    name, told = stream
    message = {"type": "SCHEMA", **{key: told[key] for key in ("stream", "schema", "key_properties")}}
    try:
        before = source.ask("begin", name)["rows"]
        there = destination.ask("begin", message, told["replication_key"])
        until = (there["spans"].get(told["replication_key"]) or {}).get("greatest")
        here = source.ask("figures", until)
        found = {
            "table": there["table"],
            "load": there["load"],
            "source": {"before": before, "until": here["rows"]},
            "destination": {"rows": there["rows"]},
            "spans": {key: {"source": span, "destination": there["spans"].get(key)} for key, span in here["spans"].items()},
            "lacking": there["lacking"],
        }
        is_there = told["key_properties"] and not there.get("missing")
        if is_there and there["rows"] > before:
            found["destination"]["keys"] = destination.ask("distinct")["rows"]
        if is_there and size:
            found["sample"] = sampled(source.ask("sample", size, until)["rows"], destination, there)
        found["source"]["after"] = source.ask("end")["rows"]
    except Unknown as why:
        return {"unknown": str(why)}
    return found


def sampled(rows, destination, there):
    """Compares rows of the source with the destination's rows of the same keys."""
    found = {}
    for key, digests in destination.ask("sample", [key for key, _ in rows])["rows"]:
        found.setdefault(tuple(key), []).append(digests)
    missing, different, columns = [], [], {}
    is_same = same_where_blank if there.get("blank") else (lambda one, other: one == other)
    for key, digests in rows:
        candidates = found.get(tuple(key))
        if candidates is None:
            missing.append(key)
            continue
        # A loader that only appends has several candidates. It is enough if one of them matches.
        differing = [[name for name in digests.keys() & one.keys() if not is_same(digests[name], one[name])] for one in candidates]
        least = min(differing, key=len)
        if least:
            different.append(key)
        for name in least:
            columns[name] = columns.get(name, 0) + 1
    examples = {"missing": missing[:EXAMPLES], "different": different[:EXAMPLES]}
    return {"rows": len(rows), "missing": len(missing), "different": len(different), "columns": columns, "examples": examples}


def same_where_blank(one, other):
    return one == other or {one, other} <= {NULL, EMPTY}


def compare(tap, target, asked):
    """Returns the result for each stream that is read, and the names of the other streams."""
    source = destination = None
    try:
        files = tap.invoker.files
        source = Side(tap, "source.py", files["config"], files["catalog"])
        known = source.ask("streams")["streams"]
        wanted = asked["streams"] or [name for name, told in known.items() if told]
        answer = {"known": {name: told is not None for name, told in known.items()}, "streams": {}}
        if any(not known.get(name) for name in wanted):
            return answer
        destination = Side(target, "destination.py", target.invoker.files["config"])
        for name in wanted:
            told = known[name]
            about = {key: told[to] for key, to in (("method", "method"), ("key", "key_properties"), ("replication_key", "replication_key"))}
            answer["streams"][name] = {**about, **compared(source, destination, (name, told), asked["sample"])}
        return answer
    except (Failed, Unknown) as why:
        return {"failed": str(why)}
    finally:
        for side in filter(None, (source, destination)):
            side.end()


def take_over(path):
    """Hooks into Meltano where it would run both plugins."""
    from meltano.core.block.extract_load import ExtractLoadBlocks
    from meltano.core.plugin.singer.tap import SingerTap

    with open(path, encoding="utf-8") as file:
        asked = json.load(file)

    async def look_up_state(*_):
        # No bookmarks are needed.
        pass

    async def run(self):
        tap, target = self.head, self.tail
        try:
            await tap.pre(self.context)
            await target.pre(self.context)
            # Discovers the catalog and applies the selection to it.
            async with tap.invoker.plugin.trigger_hooks("invoke", tap.invoker, ()):
                answer = await asyncio.to_thread(compare, tap, target, asked)
        finally:
            await self._cleanup()
        print(json.dumps(answer), file=sys.__stdout__, flush=True)

    SingerTap.look_up_state = look_up_state
    ExtractLoadBlocks.run = run
