"""Queries a source. Runs next to the tap, in the tap's own environment.

Its arguments are the tap's program, the file with its settings and the file with its catalog, including the selection. It
answers each line of its input with a line of output. Connecting, and converting rows, is left to the tap's own code.
"""

import json
import os
import sys
from importlib import import_module

import values
from rows import Unknown, module_of
from serving import serve


def selected(stream):
    """Returns the metadata of a stream itself, and the names of its selected fields."""
    own, fields = {}, []
    said = {tuple(one.get("breadcrumb") or ()): one.get("metadata") or {} for one in stream.get("metadata", [])}
    own = said.get((), {})
    for name in (stream.get("schema") or {}).get("properties") or {}:
        of = said.get(("properties", name), {})
        inclusion = of.get("inclusion")
        chosen = of.get("selected", of.get("selected-by-default", True))
        if not name.startswith("_sdc_") and inclusion != "unsupported" and (inclusion == "automatic" or chosen):
            fields.append(name)
    is_read = own.get("inclusion") == "automatic" or own.get("selected", stream.get("selected")) is True
    return own, (fields if is_read else [])


class Stream:
    """A stream of the catalog."""

    def __init__(self, entry):
        own, self.fields = selected(entry)
        self.entry, self.name = entry, entry["tap_stream_id"]
        self.sent = entry.get("stream") or self.name
        properties = (entry.get("schema") or {}).get("properties") or {}
        self.properties = {name: properties[name] for name in self.fields}
        self.kinds = {name: values.kind_of(schema) for name, schema in self.properties.items()}
        # Settings made by hand take precedence over what the tap discovered.
        keys = own.get("table-key-properties") or own.get("view-key-properties") or entry.get("key_properties") or []
        self.key = [name for name in keys if name in self.properties]
        if len(self.key) < len(keys):
            self.key = []
        self.method = own.get("replication-method") or own.get("forced-replication-method") or entry.get("replication_method")
        key = own.get("replication-key") or entry.get("replication_key")
        self.replication_key = key if self.method == "INCREMENTAL" and key in self.properties else None

    def told(self):
        schema = {"type": "object", "properties": self.properties}
        return {
            "stream": self.sent,
            "schema": schema,
            "key_properties": self.key,
            "method": self.method,
            "replication_key": self.replication_key,
        }


class Postgres:
    """Reads what MeltanoLabs' tap-postgres reads."""

    def __init__(self, tap_class, config, catalog):
        self.config = config
        self.tap = tap_class(config=config, catalog=catalog, parse_env_config=False, validate_config=False)

    def begin(self, stream):
        import sqlalchemy as sa

        if self.config.get("max_record_count"):
            raise Unknown("`max_record_count` limits what is read")
        self.stream = self.tap.streams[stream.name]
        self.dialect, self.of = sa, stream
        self.table = self.stream.connector.get_table(
            full_table_name=self.stream.fully_qualified_name, column_names=list(stream.fields)
        )

    def rows(self, *columns, until=None):
        sa = self.dialect
        query = sa.select(*columns).select_from(self.table)
        options = (self.config.get("stream_options") or {}).get(self.of.name) or {}
        for clause in options.get("custom_where_clauses") or []:
            query = query.where(sa.text(clause.strip()))
        if until is not None:
            column, kind = self.table.columns[self.of.replication_key], self.of.kinds[self.of.replication_key]
            query = query.where(sa.or_(column.is_(None), column <= self.literal(column, kind, until)))
        return query

    def literal(self, column, kind, text):
        value = values.typed(kind, text)
        # The server parses it like the column's own values.
        return self.dialect.cast(self.dialect.literal(str(value), self.dialect.String()), column.type)

    def ask(self, query):
        with self.stream.connector._connect() as connection:
            return connection.execute(query).mappings().fetchall()

    def count(self, until=None):
        return self.ask(self.rows(self.dialect.func.count().label("rows"), until=until))[0]["rows"]

    def span(self, name, until):
        sa, column = self.dialect, self.table.columns[name]
        if self.of.kinds[name] not in ("number", "moment", "date"):
            # Text sorts the same way everywhere, and some types have no least value.
            column = sa.cast(column, sa.Text()).collate("C")
        found = self.ask(self.rows(sa.func.min(column).label("least"), sa.func.max(column).label("greatest"), until=until))[0]
        return values.span(self.of.kinds[name], found["least"], found["greatest"])

    def sample(self, size, until):
        sa = self.dialect
        keys = [self.table.columns[name] for name in self.of.key]
        order = sa.func.md5(sa.func.concat_ws("|", *(sa.cast(key, sa.Text()) for key in keys)))
        columns = [self.table.columns[name] for name in self.of.fields]
        return [self.record(dict(row)) for row in self.ask(self.rows(*columns, until=until).order_by(order).limit(size))]

    def record(self, row):
        message = next(self.stream._generate_record_messages(row))
        written = self.tap.format_message(message) if hasattr(self.tap, "format_message") else None
        if written is None:
            from singer_sdk.singerlib.json import serialize_json

            written = serialize_json(message.to_dict())
        return json.loads(written, parse_float=values.Decimal)["record"]


class Mysql:
    """Reads what singer-io's tap-mysql reads."""

    def __init__(self, config):
        # Like the tap itself, because it interprets times in the machine's time zone.
        os.environ["TZ"] = "UTC"
        self.config = config

    def begin(self, stream):
        from singer.catalog import Catalog
        from tap_mysql.connection import MySQLConnection, connect_with_backoff
        from tap_mysql.sync_strategies import common

        self.of, self.common = stream, common
        self.entry = Catalog.from_dict({"streams": [stream.entry]}).streams[0]
        self.connection = connect_with_backoff(MySQLConnection(self.config))
        database = common.get_database_name(self.entry)
        self.table = f"{common.escape(database)}.{common.escape(self.entry.table)}"

    def ask(self, what, until=None, after=""):
        where, params = "", []
        if until is not None:
            key = self.common.escape(self.of.replication_key).replace("%", "%%")
            where, params = f" WHERE ({key} IS NULL OR {key} <= %s)", [self.literal(until)]
        head, after = (text.replace("%", "%%") for text in (f"SELECT {what} FROM {self.table}", after))
        with self.connection.cursor() as cursor:
            cursor.execute(head + where + after, params)
            return list(cursor.fetchall())

    def literal(self, text):
        value = values.typed(self.of.kinds[self.of.replication_key], text)
        return value.replace(tzinfo=None) if isinstance(value, values.datetime) else value

    def count(self, until=None):
        return self.ask("count(*)", until)[0][0]

    def span(self, name, until):
        column = self.common.escape(name)
        if self.of.kinds[name] not in ("number", "moment", "date"):
            column = f"CAST({column} AS BINARY)"
        least, greatest = self.ask(f"min({column}), max({column})", until)[0]
        plain = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in (least, greatest)]
        return values.span(self.of.kinds[name], *plain)

    def sample(self, size, until):
        key = ", ".join(map(self.common.escape, self.of.key))
        order = f" ORDER BY MD5(CONCAT_WS('|', {key})) LIMIT {int(size)}"
        columns = ", ".join(map(self.common.escape, self.of.fields))
        return [self.record(row) for row in self.ask(columns, until, order)]

    def record(self, row):
        import singer

        message = self.common.row_to_singer_record(self.entry, None, row, self.of.fields, None)
        return json.loads(singer.format_message(message), parse_float=values.Decimal)["record"]


class Session:
    """Answers questions about a source."""

    def __init__(self, program, config, catalog):
        module, called = module_of(program)
        with open(config, encoding="utf-8") as file:
            config = json.load(file)
        with open(catalog, encoding="utf-8") as file:
            catalog = json.load(file)
        self.maps = bool(config.get("stream_maps"))
        self.known = [Stream(entry) for entry in catalog.get("streams", [])]
        self.source = source_of((module, called), config, catalog)

    def streams(self):
        return {"streams": {stream.name: stream.told() if stream.fields else None for stream in self.known}}

    def begin(self, name):
        if self.maps:
            raise Unknown("`stream_maps` transforms its records")
        self.stream = next(stream for stream in self.known if stream.name == name)
        self.source.begin(self.stream)
        return {"rows": self.source.count()}

    def figures(self, until):
        stream = self.stream
        names = stream.key + [name for name in [stream.replication_key] if name and name not in stream.key]
        spans = {name: self.source.span(name, until) for name in names}
        return {"rows": None if until is None else self.source.count(until), "spans": spans}

    def sample(self, size, until):
        rows = []
        for record in self.source.sample(size, until):
            key = [values.text_of(self.stream.kinds[name], record.get(name)) for name in self.stream.key]
            rows.append([key, values.digests(self.stream.kinds, record)])
        return {"rows": rows}

    def end(self):
        return {"rows": self.source.count()}


def source_of(entry, config, catalog):
    module, called = entry
    if module.startswith("tap_mysql"):
        return Mysql(config)
    tap = getattr(import_module(module), called, None)
    if module.startswith("tap_postgres") and isinstance(tap, type):
        return Postgres(tap, config, catalog)
    raise Unknown("spile cannot query this tap")


def answer(ask):
    """Returns an answer, or why there is none: the source cannot be queried, or something went wrong."""
    try:
        return ask()
    except Unknown as error:
        return {"unknown": str(error)}
    except Exception as error:
        return {"failed": " ".join(str(error).split())[:400] or type(error).__name__}


if __name__ == "__main__":
    serve(lambda: Session(*sys.argv[1:4]), answer)
