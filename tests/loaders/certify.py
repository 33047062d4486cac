"""Sends Singer messages to a loader started as Meltano would, and compares its destination with the messages.

Called with the loader's name, its command and its settings as JSON, by the Python of the loader's own environment; prints
the results, case by case, as JSON.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import CASES, KEY, record, schema, state, written
from compare import verdict
from destinations import DESTINATIONS


# The last line of a tap that dies.
ENDS = {"tap_dies": [], "tap_dies_in_a_line": ['{"type": "RECORD", "stream": "tap_di']}


class Loader:
    def __init__(self, name, program, config, folder):
        self.name, self.program, self.config, self.folder = name, program, config, folder

    def run(self, lines, config):
        """Runs the loader on some lines; returns its output, or why it refused."""
        settings = self.folder / "config.json"
        settings.write_text(json.dumps({**self.config, **config}))
        sent = "".join(line if isinstance(line, str) else written(line) + "\n" for line in lines)
        command = [self.program, "--config", str(settings)]
        return subprocess.run(command, input=sent.encode(), capture_output=True, cwd=self.folder, timeout=300)

    def prepare(self, case):
        """Prepares the destination of a case; tells whether the case is for this loader."""
        if not case.before:
            return True
        if self.name != "duckdb":
            return False
        DESTINATIONS[self.name].make(self.config, case.before)
        return True

    def rows(self, stream):
        destination = DESTINATIONS[self.name](self.config)
        return destination.rows(stream), getattr(destination, "kinds", {})


def certify(loader):
    """Returns the verdict on each case; cases that no loader refuses share a run."""
    together = [case for case in CASES if not case.alone and not case.config]
    apart = [case for case in CASES if case not in together]
    told = {}
    if not told_of(loader, together, told):
        apart = CASES
    for case in apart:
        if loader.prepare(case):
            told_of(loader, [case], told)
    told.update(told_of_ends(loader))
    return told


def names():
    """Returns the names of all cases, in the order of the verdicts."""
    return [*(case.name for case in CASES), *ENDS]


def told_of(loader, cases, told):
    """Runs several cases at once, and records a verdict for each; returns whether the loader accepted them."""
    for number in range(max(len(case.runs) for case in cases)):
        runs = [case.runs[number] for case in cases if number < len(case.runs)]
        ended = loader.run([*(line for run in runs for line in run), state(number)], cases[0].config)
        if ended.returncode:
            sys.stderr.write(ended.stderr.decode(errors="replace"))
            told.update({case.name: "refused" for case in cases})
            return False
    for case in cases:
        rows, kinds = loader.rows(case.stream)
        told[case.name] = verdict(case, rows, kinds)
    return True


def told_of_ends(loader):
    """A tap that dies: the loader must never confirm a bookmark whose records are not in the destination."""
    for name, torn in ENDS.items():
        rows = [record(name, {"id": at}) for at in range(5)]
        ended = loader.run([schema(name, KEY, ["id"]), *rows[:3], state(3), *rows[3:], *torn], {})
        states = [json.loads(line) for line in ended.stdout.decode().splitlines() if line.strip()]
        kept = states[-1]["bookmarks"]["all"]["at"] if states else 0
        found, _ = loader.rows(name)
        missing = set(range(kept)) - {int(row["id"]) for row in found or []}
        yield name, f"bookmark without {len(missing)} rows" if missing else "ok"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = Loader(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), Path(folder))
        print(json.dumps(certify(made), ensure_ascii=False))
