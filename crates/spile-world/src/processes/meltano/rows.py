"""Counts the rows in the tables of a loader. Runs next to the loader, in the loader's own environment.

Its arguments are the loader's program and the file with its settings. It reports that it is ready before the loader starts,
because only one program at a time can open a DuckDB file. Then it answers each line of its input with a line of output. For a
Singer message `SCHEMA`, the answer is the table of that stream, how many rows it has and how records are loaded into it. For
`null`, the answer is how many rows each of these tables has at the end.

The names of tables are not computed here but by the loader's own code.
"""

import sys

if __name__ == "__main__":
    # This file is in the folder of a run, among links to files of the project, which Python would import instead of
    # libraries.
    sys.path.pop(0)

import csv
import glob
import json
import os
from importlib import import_module, metadata

DUCKDB = "spile_target_duckdb.target"
SECONDS = 10
# The limit for a database whose tables are counted before it is known which of them are needed.
TABLES = 2_000


class Unknown(Exception):
    """Why the rows cannot be counted: a clause that does not name the loader."""


class Tables:
    """The tables or files of a loader. `place` returns the name of a stream's table, how records are loaded into it, and
    the key that `rows` counts it by."""

    def finish(self):
        """Called when the loader has ended."""


class Json(Tables):
    """target-jsonl: appends to a file for each stream, or creates a new file in each run."""

    def __init__(self, config):
        self.folder, self.name = config.get("destination_path") or "", config.get("custom_name")
        self.is_dated = config.get("do_timestamp_file", True)

    def place(self, message):
        if self.name:
            raise Unknown("all streams share one file")
        stem = os.path.join(os.path.expanduser(self.folder), message["stream"])
        if not self.is_dated:
            return f"{stem}.jsonl", "append", f"{glob.escape(stem)}.jsonl"
        return f"{stem}-*.jsonl", "append", f"{glob.escape(stem)}-{'[0-9]' * 8}T{'[0-9]' * 6}.jsonl"

    def rows(self, pattern):
        return sum(map(lines, glob.glob(pattern)))


def lines(path):
    count = 0
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            count += piece.count(b"\n")
    return count


class Csv(Tables):
    """meltanolabs-target-csv: rewrites the file of a stream in each run."""

    def __init__(self, target):
        self.target = target

    def place(self, message):
        naming = self.target.config["file_naming_scheme"]
        if "{timestamp}" in naming or "{datestamp}" in naming:
            raise Unknown("its files are named after the time they are written")
        sink = sink_of(self.target, message)
        return str(sink.output_file), "replace", sink

    def rows(self, sink):
        if not sink.output_file.exists():
            return 0
        csv.field_size_limit(sys.maxsize)
        with sink.output_file.open(newline="", encoding=sink.encoding) as file:
            # The first line is the header.
            return max(sum(1 for _ in csv.reader(file, escapechar=sink.escape_character)) - 1, 0)


class Duck(Tables):
    """spile's own loader for DuckDB. Counts all tables at once and then closes the file."""

    def __init__(self, config):
        self.config = config
        self.finish()

    def place(self, message):
        from spile_target_duckdb.stream import place

        schema, table = place(message["stream"], self.config)
        # Rows that are marked as deleted are removed immediately.
        merges = "other" if self.config.get("hard_delete") else "merge"
        load = merges if message.get("key_properties") else "append"
        return f"{schema}.{table}", load, (schema.lower(), table.lower())

    def rows(self, table):
        return self.counts.get(table, 0)

    def opened(self):
        """Returns a connection for reading; `None` if the file does not exist yet."""
        import duckdb

        path = self.config.get("path") or self.config.get("filepath") or ""
        is_remote = path.startswith(("md:", "motherduck:"))
        if not is_remote and not os.path.exists(path):
            return None
        options = {"motherduck_token": self.config["token"]} if self.config.get("token") else {}
        return duckdb.connect(path, read_only=not is_remote, config=options)

    def finish(self):
        self.counts = {}
        connection = self.opened()
        if connection is None:
            return
        with connection:
            tables = connection.execute(
                """SELECT schema_name, table_name FROM duckdb_tables()
                WHERE NOT internal AND NOT temporary AND database_name = coalesce(?, current_database())""",
                [self.config.get("database") or self.config.get("dbname")],
            ).fetchall()
            if len(tables) > TABLES:
                raise Unknown(f"the database has more than {TABLES} tables")
            for names in tables:
                quoted = ".".join('"' + name.replace('"', '""') + '"' for name in names)
                count = connection.execute(f"SELECT count(*) FROM {quoted}").fetchone()
                self.counts[tuple(name.lower() for name in names)] = count[0]


class Sql(Tables):
    """Any loader whose sinks are based on the Meltano SDK's `SQLSink`."""

    def __init__(self, target):
        self.target = target
        self.connector = None

    def place(self, message):
        sink = sink_of(self.target, message, **({"connector": self.connector} if self.connector else {}))
        self.connector = sink.connector
        name = ".".join(filter(None, (sink.database_name, sink.schema_name, sink.table_name)))
        if self.target.config.get("load_method") == "overwrite":
            return name, "replace", sink
        return name, "merge" if message.get("key_properties") else "append", sink

    def rows(self, sink):
        import sqlalchemy

        if not self.connector.table_exists(sink.full_table_name):
            return 0
        table = sqlalchemy.table(sink.table_name, schema=sink.schema_name)
        with self.connector._connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sqlalchemy.text(f"set statement_timeout = {SECONDS * 1000}"))
            return connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(table)).scalar_one()


def sink_of(target, message, **more):
    if target.config.get("stream_maps"):
        raise Unknown("`stream_maps` transforms records")
    name = message["stream"]
    keys = message.get("key_properties")
    return target.get_sink_class(name)(target, name, message["schema"], keys, **more)


def module_of(program):
    """Returns the module of a Python program, and the name of its entry point in it."""
    entry = next(iter(metadata.entry_points(group="console_scripts", name=program)), None)
    if entry is None:
        raise Unknown("its program is not from a Python package")
    module, _, called = entry.value.partition(":")
    return module, called.partition(".")[0]


def tables_of(module, called, config):
    """Returns the tables of a loader."""
    if module == "target_jsonl":
        return Json(config)
    if module == DUCKDB:
        return Duck(config)
    target = getattr(import_module(module), called, None)
    is_csv = module.startswith("meltanolabs_target_csv.")
    if not (isinstance(target, type) and hasattr(target, "get_sink_class")):
        raise Unknown("spile cannot query it")
    made = target(config=config, validate_config=False)
    if not is_csv and not hasattr(made.default_sink_class, "full_table_name"):
        raise Unknown("spile cannot query it")
    return Csv(made) if is_csv else Sql(made)


def answer(ask):
    try:
        return ask()
    except Unknown as error:
        return {"unknown": str(error)}
    except Exception as error:
        return {"unknown": " ".join(str(error).split())[:400] or type(error).__name__}


class Session:
    """Answers questions in the order in which they are asked."""

    def __init__(self, program, path):
        self.module, self.called = module_of(program)
        # The file is deleted before the loader ends.
        with open(path, encoding="utf-8") as file:
            self.config = json.load(file)
        self.asked = {}
        self.made = None
        if self.module == DUCKDB:
            # Counts before the loader opens the file. Other loaders can be queried while they start.
            self.tables()

    def tables(self):
        if self.made is None:
            self.made = answer(lambda: tables_of(self.module, self.called, self.config))
        if isinstance(self.made, dict):
            raise Unknown(self.made["unknown"])
        return self.made

    def before(self, message):
        name, load, table = self.tables().place(message)
        count = self.tables().rows(table)
        self.asked[message["stream"]] = table
        return {"table": name, "load": load, "rows": count}

    def after(self):
        if self.asked:
            self.tables().finish()
        return {stream: answer(lambda table=table: {"rows": self.tables().rows(table)}) for stream, table in self.asked.items()}


def main():
    # Output of the loader's code must not be mistaken for an answer.
    output, sys.stdout = sys.stdout, sys.stderr

    def say(value):
        print(json.dumps(value), file=output, flush=True)

    session = answer(lambda: Session(*sys.argv[1:3]))
    failed = session if isinstance(session, dict) else None
    say(failed or {})
    for line in sys.stdin:
        message = json.loads(line)
        if failed:
            say(failed)
        elif message is None:
            say(answer(session.after))
        else:
            say(answer(lambda: session.before(message)))


if __name__ == "__main__":
    main()
