//! The migration's text: tables, functions and grants. It may be run again, and over a table that is there.

/// The whole text, for the schema `public`.
pub const MIGRATION: &str = concat!(
    include_str!("migration/head.sql"),
    include_str!("migration/integrations.sql"),
    include_str!("migration/runs.sql"),
    include_str!("migration/history.sql"),
    include_str!("migration/reading.sql"),
    include_str!("migration/applying.sql"),
    include_str!("migration/rights.sql"),
);
