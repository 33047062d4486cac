//! The keys of an integration's file, in the order of the documentation, with what each is.

/// The keys and the tables.
pub const KEYS: [(&str, &str); 22] = [
    ("id", "A UUID that survives a rename of the file; without it a rename is a delete and a create."),
    ("type", "The connector: what the integration reads from or writes to."),
    ("plugin", "The plugin's name in `meltano.yml`, where the project's template defines it itself."),
    ("kind", "`loader` for a destination; `extractor` where it is left out."),
    ("name", "What people call it; the file's stem where it is left out."),
    ("description", "What it is for."),
    ("enabled", "`false`: row and plugin stay, job and schedule leave, and unnamed runs pass over it."),
    ("loader", "The name of a loader: where its records go; needed to sync."),
    ("mappers", "The mappers of Meltano that its records go through on the way there, in order: `[\"hide-names\"]`."),
    ("schedule", "When it is synced: five cron fields, or a preset such as `@hourly`."),
    ("timezone", "The time zone of `schedule`, such as `Europe/Berlin`; left out: UTC."),
    ("jitter", "By how much runs may be later, so that not all begin at once: `10m`."),
    ("catch_up", "Whether moments that were missed are made up for: `last`, `none`, or how late, such as `2h`."),
    ("select", "Which streams and fields are read: `stream.field`, `*`, `!` before what is left out."),
    ("tags", "Words to find it by."),
    ("protect", "`true`: apply never deletes it, even when its file is gone."),
    ("load", "How records land in the loader: `schema`, a schema of their own, and `shared_tables`."),
    (
        "schema",
        "What a run does when the source changes: `new_streams`, `new_columns`, `removed_columns`, `type_changes`.",
    ),
    ("config", "The connector's settings."),
    ("metadata", "Meltano's stream metadata, by patterns of streams."),
    ("secrets", "Its secret settings, encrypted; written by `spile secrets`."),
    ("sops", "Who may read the secrets, in sops' own form; written by `spile secrets`."),
];

/// The tables among them.
pub const TABLES: [&str; 6] = ["load", "schema", "config", "metadata", "secrets", "sops"];

/// Those that only an extractor has.
pub const OF_EXTRACTORS: [&str; 10] =
    ["loader", "mappers", "schedule", "timezone", "jitter", "catch_up", "select", "load", "schema", "metadata"];

/// The keys of `[load]`.
pub const OF_LOAD: [(&str, &str); 2] = [
    ("schema", "The schema that the records go to, instead of the loader's own: Meltano's `load_schema`."),
    ("shared_tables", "`true`: its tables may hold rows of other streams and integrations too."),
];

/// The keys of `[schema]` and of its streams.
pub const OF_SCHEMA: [(&str, &str); 4] = [
    (
        "new_streams",
        "What a run does about a stream that is new: `take` it, `ask` and leave it out until then, or `fail`.",
    ),
    (
        "new_columns",
        "What a run does about a column that is new: `take` it, `ask` and leave it out until then, or `fail`.",
    ),
    ("removed_columns", "What a run does when a column is gone: `take` it, `ask` and warn until then, or `fail`."),
    (
        "type_changes",
        "What a run does when a column's type or a stream's key changes: `take` it, `ask` and hold the stream back, or `fail`.",
    ),
];

/// What the tables of `[schema.streams]` are.
pub const OF_SCHEMA_STREAMS: &str = "The same for streams, by name or pattern: `[schema.streams.\"public-*\"]`.";

/// Returns what a key is; nothing of one that there is not.
#[must_use]
pub fn what(key: &str) -> &'static str {
    KEYS.iter().find(|(known, _)| *known == key).map_or("", |(_, what)| what)
}
