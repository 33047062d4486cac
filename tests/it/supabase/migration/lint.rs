//! The findings of Supabase's own tools about the migrated database.

use std::process::Command;

use crate::supabase::parts::Supabase;
use crate::supabase::postgres::Postgres;
use crate::tools::{self, Said};

/// Runs Supabase's command line on a database; `None`, reported loudly, if it is unavailable.
fn asked(words: &[&str], supabase: &Supabase) -> Option<Said> {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(tools::supabase()?);
    command.args(words).arg(format!("--remote={}", supabase.database_url())).current_dir(home.path());
    command.env("HOME", home.path()).env("SUPABASE_TELEMETRY_DISABLED", "1");
    Some(tools::said(&mut command, ""))
}

#[test]
fn the_advisors_of_supabase_find_nothing() {
    let Some(supabase) = Supabase::migrated() else { return };
    let words = ["db", "advisors", "--level", "info", "--fail-on", "warn", "--yes", "--output-format", "json"];
    let Some(said) = asked(&words, &supabase) else { return };
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("rls_enabled_no_policy"), "it looked at nothing: {}{}", said.stdout, said.stderr);
}

#[test]
fn the_linter_of_supabase_finds_nothing() {
    let Some(supabase) = Postgres::linting().and_then(Supabase::over) else { return };
    supabase.migrate();
    let words = ["db", "lint", "--schema", "public", "--level", "warning", "--fail-on", "warning"];
    // Hosted projects let their owner create it.
    supabase.sql("create extension plpgsql_check");
    supabase.sql("create function public.broken() returns int language plpgsql as 'begin return nowhere; end'");
    let Some(control) = asked(&words, &supabase) else { return };
    assert!(control.code != Some(0) && control.stdout.contains("broken"), "it looks at nothing: {control:?}");
    assert!(!control.stdout.contains("spile_"), "{control:?}");
    supabase.sql("drop function public.broken()");
    let said = asked(&words, &supabase).unwrap();
    assert_eq!(said.code, Some(0), "{said:?}");
}
