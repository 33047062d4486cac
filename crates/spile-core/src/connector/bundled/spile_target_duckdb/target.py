"""Reads Singer messages from standard input and loads them; prints a state once all before it is in the database."""

import argparse
import json
import logging
import os
import re
import sys
from contextlib import contextmanager

import duckdb

from . import Refused, exact
from .stream import Stream

LOG = logging.getLogger("target-duckdb")
ROWS = 100_000
# Of the text of records that wait.
BYTES = 64 * 1024 * 1024
# New files are written so that DuckDB 1.2 and newer open them.
STORAGE = "v1.2.0"


class Database:
    """A connection to the database file, or to MotherDuck."""

    def __init__(self, config):
        path = config.get("path") or config.get("filepath")
        if not path:
            raise Refused("no setting says which file to write to: set `path`")
        is_remote = path.startswith(("md:", "motherduck:"))
        options = {} if is_remote or os.path.exists(path) else {"storage_compatibility_version": STORAGE}
        if config.get("token"):
            options["motherduck_token"] = config["token"]
        self.connection = duckdb.connect(path, config=options)
        for name, value in (config.get("settings") or {}).items():
            if not re.fullmatch(r"\w+", name):
                raise Refused(f"`{name}` is not the name of a setting of DuckDB")
            self.do(f"SET {name} = '{str(value).replace(chr(39), chr(39) * 2)}'")
        # Zones are written out; what has none is in UTC.
        self.do("SET TimeZone = 'UTC'")
        self.catalog = config.get("database") or config.get("dbname") or self.ask("SELECT current_database()")[0][0]

    def do(self, statement, values=None):
        self.connection.execute(statement, values)

    def ask(self, question, values=None):
        return self.connection.execute(question, values).fetchall()

    @contextmanager
    def transaction(self):
        """All that is done within, or nothing."""
        self.do("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self.do("ROLLBACK")
            raise
        self.do("COMMIT")


class Target:
    """What one run has been sent so far."""

    def __init__(self, config, database):
        self.config, self.database = config, database
        self.rows = int(config.get("batch_size_rows") or ROWS)
        self.streams = {}
        self.state = None
        self.waiting = 0

    def take(self, line):
        try:
            message = exact.loads(line)
            kind = message["type"]
        except (KeyError, TypeError, ValueError) as error:
            # What came before it is whole.
            self.flush()
            raise Refused(f"a line of {len(line)} bytes is no Singer message: the tap may have died in it") from error
        takers = {"RECORD": self.record, "SCHEMA": self.schema, "STATE": self.keep, "ACTIVATE_VERSION": self.activate}
        if kind not in takers:
            raise Refused(f"messages of the type `{kind}` are not understood")
        try:
            takers[kind](message, len(line))
        except KeyError as error:
            raise Refused(f"a message of the type `{kind}` has no {error}") from error

    def keep(self, message, _):
        self.state = message["value"]

    def activate(self, message, _):
        stream, version = self.stream(message), message["version"]
        self.flush()
        with self.database.transaction():
            stream.activate(version)

    def stream(self, message):
        name = message["stream"]
        if name not in self.streams:
            raise Refused(f"the stream `{name}` sends records before its schema")
        return self.streams[name]

    def schema(self, message, _):
        known = self.streams.get(message["stream"])
        if known and known.message == message:
            # Some taps say it before every record.
            return
        # Records that wait belong to the schema before.
        self.flush()
        stream = Stream(message, self.config, self.database)
        for other in self.streams.values():
            if other.name != stream.name and other.table.name == stream.table.name:
                raise Refused(f"the streams `{other.name}` and `{stream.name}` would share the table {stream.table.name}: give their schemas tables of their own by `schema_mapping`")
        with self.database.transaction():
            stream.prepare(known)
        self.streams[stream.name] = stream

    def record(self, message, size):
        stream = self.stream(message)
        for name in stream.take(message):
            LOG.warning("`%s` of the stream `%s` is not in its schema and is not loaded", name, stream.name)
        self.waiting += size
        if len(stream.rows) >= self.rows or self.waiting >= BYTES:
            self.flush()

    def flush(self):
        """Loads all that waits in one transaction; only then is the state true."""
        if self.waiting:
            with self.database.transaction():
                counts = {stream.table.name: stream.load() for stream in self.streams.values()}
            for name, count in counts.items():
                if count:
                    LOG.info("loaded %d records into %s", count, name)
        self.waiting = 0
        # What is kept apart would be missing after a restart from here.
        if self.state is not None and not self.apart():
            print(exact.dumps(self.state), flush=True)
            self.state = None


    def apart(self):
        return [stream for stream in self.streams.values() if stream.is_apart]

    def finish(self):
        """Loads the rest. What is still apart is dropped: the tap has not ended well, so the table stays as it was."""
        self.flush()
        with self.database.transaction():
            for stream in self.apart():
                stream.table.drop()


def main():
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-c", "--config", help="file with the settings, as JSON")
    asked = parser.parse_args()
    try:
        config = {}
        if asked.config:
            with open(asked.config, encoding="utf-8") as file:
                config = json.load(file)
        target = Target(config, Database(config))
        for line in sys.stdin.buffer:
            if line.strip():
                target.take(line)
        target.finish()
        target.database.connection.close()
    except (Refused, duckdb.Error, OSError, ValueError) as error:
        LOG.critical("%s", " ".join(str(error).split()))
        sys.exit(1)
