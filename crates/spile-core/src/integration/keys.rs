//! The keys of an integration's file, in the order of the documentation, with descriptions.

/// The keys and the tables.
pub const KEYS: [(&str, &str); 26] = [
    ("id", "A UUID that survives a rename of the file; without it a rename is a delete and a create."),
    ("type", "The connector: what the integration reads from or writes to."),
    ("plugin", "The plugin's name in `meltano.yml`, if the project's template defines the plugin itself."),
    ("kind", "`loader` for a destination; the default is `extractor`."),
    ("name", "Its display name; the default is the file's stem."),
    ("description", "What it is for."),
    ("enabled", "`false` pauses it: its row and plugin stay, its job and schedule go, and unnamed runs skip it."),
    ("loader", "The loader that its records go to; required to sync."),
    ("mappers", "The Meltano mappers that its records pass through, in order: `[\"hide-names\"]`."),
    ("schedule", "When it syncs: five cron fields, or a preset like `@hourly`."),
    ("timezone", "The time zone of `schedule`, for example `Europe/Berlin`; the default is UTC."),
    ("jitter", "How much later runs may start, so that they do not all start at once: `10m`."),
    ("catch_up", "Whether to make up for missed runs: `last`, `none`, or how late, for example `2h`."),
    ("select", "Which streams and fields to read: `stream.field`, with `*` as a wildcard and `!` to exclude."),
    ("streams", "How many processes read the streams of a sync side by side, each some of them: 1 to 16."),
    ("batch", "`true`: records pass to the loader in files of many. Both plugins have to support batches."),
    ("tags", "Tags to find it by."),
    ("protect", "`true`: apply never deletes it, even if its file is removed."),
    (
        "forward_only",
        "Streams that the pending change does not read again: older rows keep the old value. Used up by the next apply.",
    ),
    ("load", "How records land in the loader: `schema` for a separate schema, and `shared_tables`."),
    (
        "schema",
        "What a run does when the source changes: `new_streams`, `new_columns`, `removed_columns`, `type_changes`.",
    ),
    (
        "backfill",
        "Streams that the pending change reads again from a date: `orders = 2026-01-31`. Used up by the next apply.",
    ),
    ("config", "The connector's settings."),
    ("metadata", "Meltano's stream metadata, by stream pattern."),
    ("secrets", "Its secret settings, encrypted; written by `spile secrets`."),
    ("sops", "The sops metadata of the secrets, with their recipients; written by `spile secrets`."),
];

/// The keys that are tables.
pub const TABLES: [&str; 7] = ["load", "schema", "backfill", "config", "metadata", "secrets", "sops"];

/// The keys that only extractors have.
pub const OF_EXTRACTORS: [&str; 14] = [
    "loader",
    "mappers",
    "schedule",
    "timezone",
    "jitter",
    "catch_up",
    "select",
    "streams",
    "batch",
    "forward_only",
    "load",
    "schema",
    "backfill",
    "metadata",
];

/// The keys of `[load]`.
pub const OF_LOAD: [(&str, &str); 2] = [
    ("schema", "The schema that the records go to, instead of the loader's own: Meltano's `load_schema`."),
    ("shared_tables", "`true`: its tables may also hold rows of other streams and integrations."),
];

/// The keys of `[schema]` and of its streams.
pub const OF_SCHEMA: [(&str, &str); 4] = [
    (
        "new_streams",
        "What a run does about a new stream: `take` it, `ask` and exclude it until it is accepted, or `fail`.",
    ),
    (
        "new_columns",
        "What a run does about a new column: `take` it, `ask` and exclude it until it is accepted, or `fail`.",
    ),
    (
        "removed_columns",
        "What a run does when a column is gone: `take` it, `ask` and warn until it is accepted, or `fail`.",
    ),
    (
        "type_changes",
        "What a run does when a column's type or a stream's key changes: `take` it, `ask` and hold the stream back until it is accepted, or `fail`.",
    ),
];

/// The description of the tables of `[schema.streams]`.
pub const OF_SCHEMA_STREAMS: &str = "The same for single streams, by name or pattern: `[schema.streams.\"public-*\"]`.";

/// Returns the description of a key; empty if there is no such key.
#[must_use]
pub fn what(key: &str) -> &'static str {
    KEYS.iter().find(|(known, _)| *known == key).map_or("", |(_, what)| what)
}
