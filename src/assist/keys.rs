//! The keys of an integration's file, with what each is.

/// A key at the top of an integration's file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub name: &'static str,
    pub what: &'static str,
    /// What is written behind it.
    pub value: &'static str,
}

const fn key(name: &'static str, value: &'static str, what: &'static str) -> Key {
    Key { name, what, value }
}

/// In the order of the documentation.
pub(super) const KEYS: [Key; 17] = [
    key("id", "\"\"", "A UUID that survives a rename of the file; without it a rename is a delete and a create."),
    key("type", "\"\"", "The connector."),
    key("plugin", "\"\"", "The plugin's name in `meltano.yml`, where the project's template defines it."),
    key("kind", "\"loader\"", "`\"loader\"` for a destination; left out: an extractor."),
    key("name", "\"\"", "What people call it."),
    key("description", "\"\"", "What it is for."),
    key("enabled", "false", "`false`: row and plugin stay, job and schedule leave, and unnamed runs pass over it."),
    key("loader", "\"\"", "The name of a loader: where its records go."),
    key("schedule", "\"\"", "When it is synced: five cron fields, or a preset such as `@hourly`."),
    key("timezone", "\"\"", "The time zone of `schedule`, such as `Europe/Berlin`; left out: UTC."),
    key("jitter", "\"10m\"", "By how much runs may be later, so that not all begin at once."),
    key(
        "catch_up",
        "\"last\"",
        "Whether moments that were missed are made up for: `last`, `none`, or how late such as `2h`.",
    ),
    key("select", "[\"\"]", "Which streams and fields are read: `stream.field`, `*`, `!` before what is left out."),
    key("tags", "[\"\"]", "Words to find it by."),
    key("protect", "true", "`true`: apply never deletes it, even when its file is gone."),
    key("[config]", "", "The connector's settings."),
    key("[metadata]", "", "Meltano's metadata by stream."),
];
