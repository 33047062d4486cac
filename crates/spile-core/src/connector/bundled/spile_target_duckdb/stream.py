"""One stream of a tap: what its schema says, and its records until they are loaded."""

from datetime import datetime, timezone

from . import Refused, columns
from .table import Table, check_names

MOMENT = {"type": ["null", "string"], "format": "date-time"}
METADATA = {
    "_sdc_extracted_at": MOMENT,
    "_sdc_batched_at": MOMENT,
    "_sdc_deleted_at": MOMENT,
    "_sdc_table_version": {"type": ["null", "integer"]},
}


def place(stream, config):
    """Returns the schema and the table of a stream: `schema-table`, `catalog-schema-table` or a name alone."""
    parts = stream.split("-")
    named = parts[-2] if len(parts) == 2 else parts[1] if len(parts) > 2 else None
    table = "_".join(parts[2:]) if len(parts) > 2 else parts[-1]
    mapped = (config.get("schema_mapping") or {}).get(named) or {}
    schema = mapped.get("target_schema") or (config.get("default_target_schema") or "").strip()
    if not schema:
        raise Refused(f"no setting says which schema the stream `{stream}` goes to: set `default_target_schema`")
    return schema, table.replace(".", "_").lower()


def flat_properties(properties, depth, before=""):
    """Returns properties by the names of their columns; objects down to a depth become columns of their own."""
    found = {}
    for name, schema in properties.items():
        # `true` says that anything goes.
        schema = schema if isinstance(schema, dict) else {}
        nested = schema.get("properties") if "object" in columns.kinds(schema) else None
        if nested and depth:
            found.update(flat_properties(nested, depth - 1, f"{before}{name}__"))
        else:
            found[before + name] = schema
    return found


def flat_record(record, properties, depth, before=""):
    found = {}
    for name, value in record.items():
        if isinstance(value, dict) and depth and before + name not in properties:
            found.update(flat_record(value, properties, depth - 1, f"{before}{name}__"))
        else:
            found[before + name] = value
    return found


class Stream:
    """The records of a stream that wait, and the table that they go to."""

    def __init__(self, message, config, database):
        self.message, self.name = message, message["stream"]
        self.config = config
        self.depth = int(config.get("data_flattening_max_level") or 0)
        self.properties = flat_properties(message["schema"].get("properties") or {}, self.depth)
        self.has_metadata = bool(config.get("add_metadata_columns") or config.get("hard_delete"))
        if self.has_metadata:
            self.properties = {**self.properties, **METADATA}
        self.names = [name.lower() for name in self.properties]
        self.key = message.get("key_properties") or []
        self.check()
        self.table = Table(database, *place(self.name, config))
        # Whether only the rows of this run are to stay. They are kept apart until all have come, and then replace the table.
        self.is_apart = message.get("spile_reset") is not None
        self.old = self.table if self.is_apart else None
        if self.is_apart:
            self.table = self.old.beside("spile_reset_")
        self.rows = []
        self.unknown = set()

    def check(self):
        if not self.properties:
            raise Refused(f"the schema of the stream `{self.name}` has no properties")
        check_names(self.name, self.properties)
        if missing := [name for name in self.key if name not in self.properties]:
            raise Refused(f"the key `{missing[0]}` of the stream `{self.name}` is not in its schema")
        if not self.key and self.config.get("primary_key_required", True):
            raise Refused(f"the stream `{self.name}` has no key: set `primary_key_required = false` to add its rows in each run")

    def prepare(self, known):
        """Makes the tables. `known` is the stream as an earlier schema of this run declared it, if there was one."""
        wanted = {name.lower(): columns.declared(schema) for name, schema in self.properties.items()}
        key = [name.lower() for name in self.key]
        if self.is_apart and known is None:
            # Another run may have left one.
            self.table.drop()
            self.old.prepare(wanted, key)
            self.table.make(self.old.types(), self.old.key())
        self.table.prepare(wanted, key)

    def take(self, message):
        """Keeps a record until it is loaded; returns names that the schema does not have, each once."""
        record = flat_record(message["record"], self.properties, self.depth) if self.depth else message["record"]
        if self.has_metadata:
            record = {**record, **self.metadata(message)}
        for name in self.key:
            if record.get(name) is None:
                raise Refused(f"a record of the stream `{self.name}` has no `{name}`, which is its key")
        self.rows.append([columns.value_of(schema, record.get(name)) for name, schema in self.properties.items()])
        unknown = record.keys() - self.properties.keys() - self.unknown
        self.unknown |= unknown
        return sorted(unknown)

    @staticmethod
    def metadata(message):
        return {
            "_sdc_extracted_at": message.get("time_extracted"),
            "_sdc_batched_at": datetime.now(timezone.utc).isoformat(timespec="microseconds"),
            "_sdc_deleted_at": message["record"].get("_sdc_deleted_at"),
            "_sdc_table_version": message.get("version"),
        }

    def load(self):
        """Loads what waits; returns how many records that were."""
        count = len(self.rows)
        if count:
            self.table.merge(self.rows, self.names, [name.lower() for name in self.key])
            self.rows = []
        if self.config.get("hard_delete"):
            self.table.delete_marked()
        return count

    def activate(self, version):
        if self.is_apart:
            self.table.replace(self.old)
            self.table, self.is_apart = self.old, False
        elif self.has_metadata:
            self.table.leave_behind(version, bool(self.config.get("hard_delete")))
