"""Reads a loader's destination: the rows of each stream, as Python values."""

import csv
import json
from decimal import Decimal
from pathlib import Path


def parsed(text):
    return json.loads(text, parse_float=Decimal)


class DuckDB:
    """A database file, read with the DuckDB that the loader itself uses."""

    def __init__(self, config):
        import duckdb

        self.connection = duckdb.connect(config["path"], read_only=True)
        self.schema = config["default_target_schema"]

    @staticmethod
    def make(config, statements):
        """Runs statements outside the loader."""
        import duckdb

        with duckdb.connect(config["path"]) as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, stream):
        table = stream.split("-")[-1].replace(".", "_").lower()
        # As text, which is exact, because Python's types differ from the table's.
        columns = self.connection.execute(
            "select column_name, data_type from information_schema.columns where table_schema = ? and table_name = ?",
            [self.schema, table],
        ).fetchall()
        if not columns:
            return None
        self.kinds = types = dict(columns)
        moment = "strftime({} at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
        asked = []
        for name, kind in columns:
            quoted = '"' + name.replace('"', '""') + '"'
            asked.append(moment.format(quoted) if kind == "TIMESTAMP WITH TIME ZONE" else f"cast({quoted} as varchar)")
        name = f'"{self.schema}"."{table}"'
        found = self.connection.execute(f"select {', '.join(asked)} from {name}").fetchall()
        return [{name: typed(types[name], text) for name, text in zip(types, row)} for row in found]


class Postgres:
    """A schema of a server, read with the driver that the loader itself uses."""

    def __init__(self, config):
        import psycopg

        words = {"host": "host", "port": "port", "user": "user", "password": "password", "database": "dbname"}
        self.connection = psycopg.connect(**{word: config[name] for name, word in words.items()}, autocommit=True)
        self.connection.execute("set time zone 'UTC'")
        self.schema = config["default_target_schema"]

    def rows(self, stream):
        from psycopg import sql

        tables = "select table_name from information_schema.tables where table_schema = %s"
        plain = stream.split("-")[-1].lower()
        tables = [name for (name,) in self.connection.execute(tables, [self.schema]) if name.lower() == plain]
        if not tables:
            return None
        columns = "select column_name, data_type from information_schema.columns where table_schema = %s and table_name = %s"
        self.kinds = types = dict(self.connection.execute(columns, [self.schema, tables[0]]).fetchall())
        # Postgres writes arrays in a format of its own.
        forms = {"ARRAY": "to_jsonb({})::text"}
        asked = [sql.SQL(forms.get(kind, "{}::text")).format(sql.Identifier(name)) for name, kind in types.items()]
        query = sql.SQL("select {} from {}").format(sql.SQL(", ").join(asked), sql.Identifier(self.schema, tables[0]))
        found = self.connection.execute(query).fetchall()
        return [{name: typed(types[name].upper(), text) for name, text in zip(types, row)} for row in found]


def typed(kind, text):
    """Converts a text to the type of its column."""
    if text is None:
        return None
    if kind.startswith("DOUBLE"):
        return Decimal(repr(float(text)))
    if kind.endswith("INT") or kind in ("INTEGER", "NUMERIC") or kind.startswith("DECIMAL"):
        return Decimal(text)
    if kind == "BOOLEAN":
        return text == "true"
    if kind in ("JSON", "JSONB", "ARRAY"):
        return parsed(text)
    return text


class JsonLines:
    """A folder with a file of JSON lines for each stream."""

    def __init__(self, config):
        self.folder = Path(config["destination_path"])

    def rows(self, stream):
        file = self.folder / f"{stream}.jsonl"
        if not file.exists():
            return None
        # Not `splitlines`, which also splits at other characters.
        return [parsed(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


class Csv:
    """A folder with a CSV file for each stream."""

    def __init__(self, config):
        self.folder = Path(config["output_path"])

    def rows(self, stream):
        file = self.folder / f"{stream}.csv"
        if not file.exists():
            return None
        with file.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))


DESTINATIONS = {"duckdb": DuckDB, "postgres": Postgres, "jsonl": JsonLines, "csv": Csv}
