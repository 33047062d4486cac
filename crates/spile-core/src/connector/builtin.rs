//! The built-in definitions. Stored as text, and parsed on demand.

use super::Role;

/// The role, name and text of every built-in definition.
pub(super) const DEFINITIONS: [(Role, &str, &str); 30] = [
    (Role::Extractor, "airtable", include_str!("builtin/extractors/airtable.toml")),
    (Role::Extractor, "bigquery", include_str!("builtin/extractors/bigquery.toml")),
    (Role::Extractor, "csv", include_str!("builtin/extractors/csv.toml")),
    (Role::Extractor, "dynamodb", include_str!("builtin/extractors/dynamodb.toml")),
    (Role::Extractor, "github", include_str!("builtin/extractors/github.toml")),
    (Role::Extractor, "mongodb", include_str!("builtin/extractors/mongodb.toml")),
    (Role::Extractor, "mssql", include_str!("builtin/extractors/mssql.toml")),
    (Role::Extractor, "mysql", include_str!("builtin/extractors/mysql.toml")),
    (Role::Extractor, "oracle", include_str!("builtin/extractors/oracle.toml")),
    (Role::Extractor, "postgres", include_str!("builtin/extractors/postgres.toml")),
    (Role::Extractor, "rest-api", include_str!("builtin/extractors/rest-api.toml")),
    (Role::Extractor, "s3-csv", include_str!("builtin/extractors/s3-csv.toml")),
    (Role::Extractor, "salesforce", include_str!("builtin/extractors/salesforce.toml")),
    (Role::Extractor, "sftp", include_str!("builtin/extractors/sftp.toml")),
    (Role::Extractor, "singer-jsonl", include_str!("builtin/extractors/singer-jsonl.toml")),
    (Role::Extractor, "snowflake", include_str!("builtin/extractors/snowflake.toml")),
    (Role::Extractor, "spreadsheets", include_str!("builtin/extractors/spreadsheets.toml")),
    (Role::Extractor, "stripe", include_str!("builtin/extractors/stripe.toml")),
    (Role::Loader, "bigquery", include_str!("builtin/loaders/bigquery.toml")),
    (Role::Loader, "clickhouse", include_str!("builtin/loaders/clickhouse.toml")),
    (Role::Loader, "csv", include_str!("builtin/loaders/csv.toml")),
    (Role::Loader, "duckdb", include_str!("builtin/loaders/duckdb.toml")),
    (Role::Loader, "jsonl", include_str!("builtin/loaders/jsonl.toml")),
    (Role::Loader, "mssql", include_str!("builtin/loaders/mssql.toml")),
    (Role::Loader, "parquet", include_str!("builtin/loaders/parquet.toml")),
    (Role::Loader, "postgres", include_str!("builtin/loaders/postgres.toml")),
    (Role::Loader, "redshift", include_str!("builtin/loaders/redshift.toml")),
    (Role::Loader, "s3", include_str!("builtin/loaders/s3.toml")),
    (Role::Loader, "snowflake", include_str!("builtin/loaders/snowflake.toml")),
    (Role::Loader, "sqlite", include_str!("builtin/loaders/sqlite.toml")),
];
