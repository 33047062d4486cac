//! The keys of an integration's file, in the order of the documentation, with what each is.

/// The keys and the tables.
pub const KEYS: [(&str, &str); 20] = [
    ("id", "A UUID that survives a rename of the file; without it a rename is a delete and a create."),
    ("type", "The connector: what the integration reads from or writes to."),
    ("plugin", "The plugin's name in `meltano.yml`, where the project's template defines it itself."),
    ("kind", "`loader` for a destination; `extractor` where it is left out."),
    ("name", "What people call it; the file's stem where it is left out."),
    ("description", "What it is for."),
    ("enabled", "`false`: row and plugin stay, job and schedule leave, and unnamed runs pass over it."),
    ("loader", "The name of a loader: where its records go; needed to sync."),
    ("schedule", "When it is synced: five cron fields, or a preset such as `@hourly`."),
    ("timezone", "The time zone of `schedule`, such as `Europe/Berlin`; left out: UTC."),
    ("jitter", "By how much runs may be later, so that not all begin at once: `10m`."),
    ("catch_up", "Whether moments that were missed are made up for: `last`, `none`, or how late, such as `2h`."),
    ("select", "Which streams and fields are read: `stream.field`, `*`, `!` before what is left out."),
    ("tags", "Words to find it by."),
    ("protect", "`true`: apply never deletes it, even when its file is gone."),
    ("load", "How records land in the loader: `schema`, a schema of their own, and `shared_tables`."),
    ("config", "The connector's settings."),
    ("metadata", "Meltano's stream metadata, by patterns of streams."),
    ("secrets", "Its secret settings, encrypted; written by `spile secrets`."),
    ("sops", "Who may read the secrets, in sops' own form; written by `spile secrets`."),
];

/// The tables among them.
pub const TABLES: [&str; 5] = ["load", "config", "metadata", "secrets", "sops"];

/// Those that only an extractor has.
pub const OF_EXTRACTORS: [&str; 8] =
    ["loader", "schedule", "timezone", "jitter", "catch_up", "select", "load", "metadata"];

/// The keys of `[load]`.
pub const OF_LOAD: [(&str, &str); 2] = [
    ("schema", "The schema that the records go to, instead of the loader's own: Meltano's `load_schema`."),
    ("shared_tables", "`true`: its tables may hold rows of other streams and integrations too."),
];

/// Returns what a key is; nothing of one that there is not.
#[must_use]
pub fn what(key: &str) -> &'static str {
    KEYS.iter().find(|(known, _)| *known == key).map_or("", |(_, what)| what)
}
