//! The built-in definitions. Stored as text, and parsed on demand.

use super::Role;

/// The role, name and text of every built-in definition.
pub(super) const DEFINITIONS: [(Role, &str, &str); 11] = [
    (Role::Extractor, "github", include_str!("builtin/extractors/github.toml")),
    (Role::Extractor, "mysql", include_str!("builtin/extractors/mysql.toml")),
    (Role::Extractor, "postgres", include_str!("builtin/extractors/postgres.toml")),
    (Role::Extractor, "rest-api", include_str!("builtin/extractors/rest-api.toml")),
    (Role::Extractor, "salesforce", include_str!("builtin/extractors/salesforce.toml")),
    (Role::Extractor, "singer-jsonl", include_str!("builtin/extractors/singer-jsonl.toml")),
    (Role::Extractor, "stripe", include_str!("builtin/extractors/stripe.toml")),
    (Role::Loader, "csv", include_str!("builtin/loaders/csv.toml")),
    (Role::Loader, "duckdb", include_str!("builtin/loaders/duckdb.toml")),
    (Role::Loader, "jsonl", include_str!("builtin/loaders/jsonl.toml")),
    (Role::Loader, "postgres", include_str!("builtin/loaders/postgres.toml")),
];
