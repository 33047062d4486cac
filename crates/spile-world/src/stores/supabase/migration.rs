//! The SQL of the migration: tables, functions and grants. It can be run repeatedly, also over an existing table. The
//! same statements can check in advance whether that table fits.

use spile_core::settings::{Home, TableName};

/// The first part of the migration, which collects what fits and what does not.
const FIT: &str = include_str!("migration/fit.sql");

/// The parts that every migration has, regardless of the table's name.
const PARTS: [&str; 9] = [
    include_str!("migration/head.sql"),
    FIT,
    include_str!("migration/refuse.sql"),
    include_str!("migration/integrations.sql"),
    include_str!("migration/runs.sql"),
    include_str!("migration/history.sql"),
    include_str!("migration/reading.sql"),
    include_str!("migration/applying.sql"),
    include_str!("migration/rights.sql"),
];

/// A view for dashboards, which read a table with the default name.
const DASHBOARD: &str = include_str!("migration/dashboard.sql");

const END: &str = include_str!("migration/end.sql");

/// Returns the whole migration.
#[must_use]
pub fn migration(home: &Home) -> String {
    let dashboard = if home.table.is_default() { "" } else { DASHBOARD };
    at(home, &(PARTS.concat() + dashboard + END))
}

/// Returns SQL that reports what the migration would find, without changing anything.
#[must_use]
pub fn table_check(home: &Home) -> String {
    at(home, &[include_str!("migration/ask.sql"), FIT, include_str!("migration/answer.sql")].concat())
}

/// Replaces the default schema and names in the SQL with those of a registry.
fn at(home: &Home, sql: &str) -> String {
    let schema = &home.schema;
    let sql = sql.replace("public.", &format!("{schema}.")).replace("schema public ", &format!("schema {schema} "));
    if home.table.is_default() { sql } else { renamed(&sql, &home.table) }
}

fn renamed(sql: &str, table: &TableName) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (mut text, mut rest) = (String::with_capacity(sql.len()), sql);
    while let Some(start) = rest.find(is_word) {
        let end = rest[start..].find(|c| !is_word(c)).map_or(rest.len(), |length| start + length);
        text.push_str(&rest[..start]);
        text.push_str(&table.named(&rest[start..end]));
        rest = &rest[end..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeSet;

    use super::*;

    /// The names that the SQL creates, or mentions in the same form.
    fn made(sql: &str) -> BTreeSet<&str> {
        let words: Vec<&str> = sql.split(|c: char| c.is_whitespace() || c == '(').collect();
        let is_made =
            |pair: &&[&str]| matches!(pair, ["table" | "index" | "function" | "trigger" | "view" | "exists", _]);
        let names = words
            .windows(2)
            .filter(is_made)
            .map(|pair| pair[1].trim_matches(|c: char| !c.is_ascii_alphanumeric()).trim_start_matches("public."));
        // A policy contains the table's name in addition to its own.
        let is_named = |name: &&str| ["integration", "spile_", "thing"].iter().any(|part| name.contains(part));
        names.filter(is_named).filter(|name| *name != "spile_planner_reads").collect()
    }

    #[test]
    fn everything_that_the_migration_creates_is_named_after_the_table() {
        let home = Home { table: "acme_things".parse().unwrap(), ..Home::default() };
        let (usual, own) = (migration(&Home::default()), migration(&home));
        let usually = made(&usual);
        for name in ["integrations", "integration_runs", "integration_runs_newest", "integrations_touch", "spile_apply"]
        {
            assert!(usually.contains(name), "{name} is not found in {usually:?}");
        }
        let mut wanted: BTreeSet<_> = usually.iter().map(|name| home.table.named(name)).collect();
        wanted.insert("acme_things_dashboard".into());
        assert_eq!(made(&own).into_iter().map(Cow::from).collect::<BTreeSet<_>>(), wanted);
        for kept in [" integration_id ", "'spile_project'", "create role spile_planner"] {
            assert!(own.contains(kept), "{kept}");
        }
    }

    #[test]
    fn a_custom_schema_replaces_the_default_everywhere() {
        let own = migration(&Home { schema: "acme".to_owned(), ..Home::default() });
        assert!(
            own.contains("create table if not exists acme.integrations (") && own.contains("usage on schema acme to")
        );
        assert!(!own.contains("public.") && !own.contains("schema public"));
    }
}
