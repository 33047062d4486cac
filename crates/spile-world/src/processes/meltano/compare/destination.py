"""Queries the tables or files of a loader. Runs next to the loader, in the loader's own environment.

Its arguments are the loader's program and the file with its settings. It answers each line of its input with a line of
output. The names of tables and columns come from the loader's own code.
"""

import csv
import glob
import json
import sys
from decimal import Decimal

import rows
import values
from rows import Unknown, answer
from serving import serve

# The most distinct keys in a file that are counted.
KEYS = 2_000_000
# The number of keys in one database query.
PIECE = 100
# The column that marks a row as deleted.
DELETED = "_sdc_deleted_at"


class Database:
    """A database table, queried with SQL."""

    def __init__(self, message, key):
        properties = message["schema"]["properties"]
        self.kinds = {name: values.kind_of(schema) for name, schema in properties.items()}
        self.key = key

    def found(self, conform, columns):
        """Records the column of each property. Properties without a column are lacking."""
        by_name = {name.lower(): name for name in columns}
        names = {name: conform(name) for name in self.kinds}
        self.columns = {name: by_name[to.lower()] for name, to in names.items() if to.lower() in by_name}
        self.lacking = [name for name in self.kinds if name not in self.columns]
        self.deleted = by_name.get(DELETED)
        if lost := [name for name in self.key if name not in self.columns]:
            raise Unknown(f"its table has no column for the key `{lost[0]}`")

    def select(self, keys):
        """Returns the rows with these keys, by property."""
        found = []
        for start in range(0, len(keys), PIECE):
            found += self.piece(keys[start : start + PIECE])
        return found


class Sql(Database):
    """A table of any loader whose sinks are based on the Meltano SDK's `SQLSink`."""

    def __init__(self, tables, message, sink):
        super().__init__(message, message["key_properties"])
        import sqlalchemy

        self.sa, self.connector = sqlalchemy, tables.connector
        if not self.connector.table_exists(sink.full_table_name):
            raise Missing
        with self.connector._connect() as connection:
            self.dialect = connection.dialect.name
            self.table = sqlalchemy.Table(
                sink.table_name, sqlalchemy.MetaData(), schema=sink.schema_name, autoload_with=connection
            )
        self.found(lambda name: sink.conform_name(name, "column"), self.table.columns.keys())

    def column(self, name):
        return self.table.columns[self.columns[name]]

    def query(self, *columns):
        query = self.sa.select(*columns).select_from(self.table)
        return query.where(self.table.columns[self.deleted].is_(None)) if self.deleted else query

    def ask(self, query):
        with self.connector._connect() as connection:
            return connection.execute(query).fetchall()

    def count(self):
        return self.ask(self.query(self.sa.func.count()))[0][0]

    def distinct(self):
        inner = self.query(*(self.column(name) for name in self.key)).distinct().subquery()
        return self.ask(self.sa.select(self.sa.func.count()).select_from(inner))[0][0]

    def span(self, name):
        column = self.column(name)
        if self.kinds[name] not in ("number", "moment", "date"):
            if self.dialect != "postgresql":
                return None
            column = self.sa.cast(column, self.sa.Text()).collate("C")
        least, greatest = self.ask(self.query(self.sa.func.min(column), self.sa.func.max(column)))[0]
        return values.span(self.kinds[name], least, greatest)

    def literal(self, name, text):
        return self.sa.cast(self.sa.literal(str(values.typed(self.kinds[name], text)), self.sa.String()), self.column(name).type)

    def piece(self, keys):
        is_one = lambda key: self.sa.and_(*(self.column(name) == self.literal(name, text) for name, text in zip(self.key, key)))
        names = list(self.columns)
        query = self.query(*(self.column(name) for name in names)).where(self.sa.or_(*map(is_one, keys)))
        return [dict(zip(names, row)) for row in self.ask(query)]


class Duck(Database):
    """A table of spile's own loader for DuckDB."""

    def __init__(self, tables, message, place):
        super().__init__(message, message["key_properties"])
        self.tables = tables
        sql = "SELECT column_name, data_type, schema_name, table_name FROM duckdb_columns() WHERE lower(schema_name) = ? AND lower(table_name) = ?"
        found = self.run(sql, list(place))
        if not found:
            raise Missing
        self.types = {name: kind for name, kind, _, _ in found}
        self.table = ".".join(map(quoted, found[0][2:]))
        self.found(str.lower, self.types)

    def run(self, sql, params=()):
        connection = self.tables.opened()
        if connection is None:
            raise Missing
        with connection:
            return connection.execute(sql, list(params)).fetchall()

    def ask(self, what, where="", params=(), is_distinct=False):
        conditions = [one for one in (where, f"{quoted(self.deleted)} IS NULL" if self.deleted else "") if one]
        tail = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return self.run(f"SELECT {'DISTINCT ' if is_distinct else ''}{what} FROM {self.table}{tail}", params)

    def named(self, names):
        return ", ".join(quoted(self.columns[name]) for name in names)

    def count(self):
        return self.ask("count(*)")[0][0]

    def distinct(self):
        return len(self.ask(self.named(self.key), is_distinct=True))

    def span(self, name):
        column = quoted(self.columns[name])
        if self.kinds[name] not in ("number", "moment", "date"):
            column = f"CAST({column} AS VARCHAR)"
        least, greatest = self.ask(f"min({column}), max({column})")[0]
        return values.span(self.kinds[name], least, greatest)

    def piece(self, keys):
        one = " AND ".join(f"{quoted(self.columns[name])} = CAST(? AS {self.types[self.columns[name]]})" for name in self.key)
        where = "(" + " OR ".join([f"({one})"] * len(keys)) + ")"
        params = [str(values.typed(self.kinds[name], text)) for key in keys for name, text in zip(self.key, key)]
        names = list(self.columns)
        return [dict(zip(names, row)) for row in self.ask(self.named(names), where, params)]


class Files(Database):
    """Files with one record per line. If several records have the same key, the last one counts."""

    lacking = ()

    def records(self):
        raise NotImplementedError

    def key_of(self, record):
        return tuple(values.text_of(self.kinds[name], record.get(name)) for name in self.key)

    def living(self):
        return (record for record in self.records() if record.get(DELETED) in (None, ""))

    def count(self):
        return sum(1 for _ in self.living())

    def distinct(self):
        keys = set()
        for record in self.living():
            keys.add(hash(self.key_of(record)))
            if len(keys) > KEYS:
                raise Unknown(f"its files have more than {KEYS} keys")
        return len(keys)

    def span(self, name):
        found = values.Span(self.kinds[name])
        for record in self.living():
            found.add(record.get(name))
        return found.told()

    def select(self, keys):
        wanted, found = set(map(tuple, keys)), {}
        for record in self.living():
            key = self.key_of(record)
            if key in wanted:
                found[key] = record
        return [{name: record.get(name) for name in self.kinds if name in record} for record in found.values()]


class Json(Files):
    """The files of target-jsonl."""

    def __init__(self, _, message, pattern):
        super().__init__(message, message["key_properties"])
        self.paths = sorted(glob.glob(pattern))
        if not self.paths:
            raise Missing

    def records(self):
        for path in self.paths:
            with open(path, encoding="utf-8") as file:
                for line in filter(str.strip, file):
                    yield json.loads(line, parse_float=Decimal)


class Csv(Files):
    """A stream's file of meltanolabs-target-csv, which writes null as empty text, and Python literals instead of JSON."""

    is_blank = True

    def __init__(self, _, message, sink):
        super().__init__(message, message["key_properties"])
        self.sink = sink
        if not sink.output_file.exists():
            raise Missing
        self.kinds = {name: kind for name, kind in self.kinds.items() if kind != "json"}

    def records(self):
        csv.field_size_limit(sys.maxsize)
        with self.sink.output_file.open(newline="", encoding=self.sink.encoding) as file:
            for record in csv.DictReader(file, escapechar=self.sink.escape_character):
                yield {name: value if value != "" else None for name, value in record.items() if name}


class Missing(Exception):
    """The table does not exist yet."""


KINDS = {rows.Json: Json, rows.Csv: Csv, rows.Duck: Duck, rows.Sql: Sql}


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


class Session:
    """Answers questions about a destination."""

    def __init__(self, program, path):
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        self.tables = rows.tables_of(*rows.module_of(program), config)

    def begin(self, message, replication_key):
        name, load, place = self.tables.place(message)
        try:
            self.table = KINDS[type(self.tables)](self.tables, message, place)
            count = self.table.count()
        except Missing:
            return {"table": name, "load": load, "rows": 0, "spans": {}, "lacking": [], "missing": True}
        asked = self.table.key + [key for key in [replication_key] if key and key not in self.table.key]
        spans = {key: self.table.span(key) for key in asked if key not in self.table.lacking}
        return {
            "table": name,
            "load": load,
            "rows": count,
            "spans": {key: span for key, span in spans.items() if span},
            "lacking": list(self.table.lacking),
            "blank": getattr(self.table, "is_blank", False),
        }

    def distinct(self):
        return {"rows": self.table.distinct()}

    def sample(self, keys):
        table = self.table
        found = []
        for row in table.select(keys):
            key = [values.text_of(table.kinds[name], row.get(name)) for name in table.key]
            found.append([key, values.digests(table.kinds, row)])
        return {"rows": found}


if __name__ == "__main__":
    serve(lambda: Session(*sys.argv[1:3]), answer)
