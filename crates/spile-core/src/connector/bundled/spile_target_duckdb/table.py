"""One table of the database: made, widened and merged into, within the transaction of whoever calls."""

import logging

from . import Refused, columns

LOG = logging.getLogger("target-duckdb")
# How many rows go to the database at a time.
PIECE = 10_000


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


class Table:
    """The table of a stream."""

    def __init__(self, database, schema, name):
        self.database = database
        self.place = (database.catalog, schema, name)
        self.name = ".".join(map(quoted, self.place))

    def types(self):
        """Returns the columns that the table has, by name in lower case; none where there is no table."""
        asked = """SELECT lower(column_name), data_type FROM information_schema.columns
            WHERE lower(table_catalog) = lower(?) AND lower(table_schema) = lower(?) AND lower(table_name) = lower(?)"""
        return dict(self.database.ask(asked, list(self.place)))

    def prepare(self, wanted, key):
        """Makes the table, or adds the columns that are new."""
        catalog, schema, _ = self.place
        self.database.do(f"CREATE SCHEMA IF NOT EXISTS {quoted(catalog)}.{quoted(schema)}")
        found = self.types()
        if not found:
            self.make(wanted, key)
            return
        for name in [name for name in wanted if name not in found]:
            LOG.info("%s gets the column %s", self.name, name)
            self.database.do(f"ALTER TABLE {self.name} ADD COLUMN {quoted(name)} {wanted[name]}")

    def beside(self, prefix):
        """Returns the table with this prefix in its name."""
        _, schema, name = self.place
        return Table(self.database, schema, prefix + name)

    def make(self, types, key):
        """Makes the table with columns of these types."""
        parts = [f"{quoted(column)} {kind}" for column, kind in types.items()]
        parts += [f"PRIMARY KEY ({', '.join(map(quoted, key))})"] if key else []
        self.database.do(f"CREATE TABLE {self.name} ({', '.join(parts)})")

    def drop(self):
        self.database.do(f"DROP TABLE IF EXISTS {self.name}")

    def replace(self, other):
        """Takes the place of another table."""
        other.drop()
        self.database.do(f"ALTER TABLE {self.name} RENAME TO {quoted(other.place[2])}")

    def merge(self, rows, names, key):
        """Puts rows in: the last one of each key, in place of the one that the table has."""
        values = {name: [row[at] for row in rows] for at, name in enumerate(names)}
        kinds = {name: self.widened(name, values[name]) for name in names}
        self.stage(values, kinds)
        select = ", ".join(f"{columns.cast(kinds[name], quoted(name))} AS {quoted(name)}" for name in names)
        last = f"QUALIFY row_number() OVER (PARTITION BY {', '.join(map(quoted, key))} ORDER BY spile_at DESC) = 1"
        typed = f"CREATE OR REPLACE TEMP TABLE spile_typed AS SELECT spile_at, {select} FROM spile_staged"
        self.database.do(typed)
        self.database.do(f"CREATE OR REPLACE TEMP TABLE spile_last AS FROM spile_typed {last if key else ''}")
        self.put(names, key)

    def put(self, names, key):
        listed = ", ".join(map(quoted, names))
        same = " AND ".join(f"old.{quoted(name)} = new.{quoted(name)}" for name in key)
        others = [f"{quoted(name)} = new.{quoted(name)}" for name in names if name not in key]
        if key and others:
            self.database.do(f"UPDATE {self.name} AS old SET {', '.join(others)} FROM spile_last AS new WHERE {same}")
        missing = f"WHERE NOT EXISTS (FROM {self.name} AS old WHERE {same})" if key else ""
        self.database.do(
            f"INSERT INTO {self.name} ({listed}) SELECT {listed} FROM spile_last AS new {missing} ORDER BY spile_at"
        )

    def stage(self, values, kinds):
        """Hands all values over as texts, as parameters and not as a file whose form would have to be guessed."""
        parts = ", ".join(f"{quoted(name)} VARCHAR" for name in values)
        self.database.do(f"CREATE OR REPLACE TEMP TABLE spile_staged (spile_at BIGINT, {parts})")
        count = len(next(iter(values.values())))
        select = "SELECT unnest(range(?, ?))" + ", unnest(CAST(? AS VARCHAR[]))" * len(values)
        for start in range(0, count, PIECE):
            end = min(start + PIECE, count)
            piece = [[columns.text(kinds[name], value) for value in column[start:end]] for name, column in values.items()]
            self.database.do(f"INSERT INTO spile_staged {select}", [start, end, *piece])

    def widened(self, name, values):
        """Returns the type of a column, made wider where it would not keep all of some values."""
        kind = self.types()[name]
        if all(columns.keeps(kind, value) for value in values):
            return kind
        new = next(step for step in columns.wider(kind, values) if self.can_become(name, kind, step))
        LOG.warning("%s: the column %s becomes %s, because %s does not keep what is sent", self.name, name, new, kind)
        self.retype(name, new)
        return new

    def can_become(self, name, kind, new):
        if new == "VARCHAR":
            return True
        column, cast = quoted(name), f"TRY_CAST(CAST({quoted(name)} AS VARCHAR) AS {new})"
        changed = f"{cast} IS NULL OR CAST(CAST({cast} AS VARCHAR) AS {kind}) IS DISTINCT FROM {column}"
        return not self.database.ask(f"SELECT 1 FROM {self.name} WHERE {column} IS NOT NULL AND ({changed}) LIMIT 1")

    def retype(self, name, new):
        """Changes a column's type. By way of text, which has the digits of a double that people see."""
        using = f"CAST(CAST({quoted(name)} AS VARCHAR) AS {new})"
        key = self.key()
        if name not in key:
            self.database.do(f"ALTER TABLE {self.name} ALTER {quoted(name)} SET DATA TYPE {new} USING {using}")
            return
        # DuckDB does not change the type of what is under a key: the table is made again.
        types = {**self.types(), name: new}
        made = self.beside("spile_")
        made.make(types, key)
        select = ", ".join(using if column == name else quoted(column) for column in types)
        self.database.do(f"INSERT INTO {made.name} SELECT {select} FROM {self.name}")
        made.replace(self)

    def key(self):
        asked = """SELECT constraint_column_names FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'
            AND lower(database_name) = lower(?) AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?)"""
        found = self.database.ask(asked, list(self.place))
        return [name.lower() for name in found[0][0]] if found else []

    def delete_marked(self):
        self.database.do(f"DELETE FROM {self.name} WHERE _sdc_deleted_at IS NOT NULL")

    def leave_behind(self, version, hard):
        """Deletes the rows of other versions than this, or marks them. Of rows without one nobody knows: they stay."""
        other = "_sdc_table_version <> ?"
        if hard:
            self.database.do(f"DELETE FROM {self.name} WHERE {other}", [version])
            return
        kind = self.types()["_sdc_deleted_at"]
        marked = f"SET _sdc_deleted_at = CAST(now() AS {kind}) WHERE _sdc_deleted_at IS NULL AND {other}"
        self.database.do(f"UPDATE {self.name} {marked}", [version])


def check_names(stream, names):
    """Refuses names that are one and the same in the database."""
    known = {}
    for name in names:
        other = known.setdefault(name.lower(), name)
        if other != name:
            raise Refused(f"`{other}` and `{name}` of the stream `{stream}` would be one column: select one of them")
