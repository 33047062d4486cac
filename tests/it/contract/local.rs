//! What the local registry guarantees beyond the contract.

use miette::Diagnostic;
use rusqlite::Connection;
use spile_core::plan::{Foreign, Last};
use spile_core::run::RunStatus;
use spile_world::{Alerts, Registry, Runs, Target, TargetError};

use super::harness::{LocalRows, Subject, id, row};
use crate::folder::{Folder, origin};
use crate::supabase::runs::run;

async fn with_rows(numbers: &[u8]) -> LocalRows {
    let registry = LocalRows(Folder::new());
    let step = registry.step(&registry.target().read().await.unwrap(), numbers);
    registry.target().write(&step, &origin("first")).await.unwrap();
    registry
}

/// Returns an error's message, causes and help.
fn said(error: &TargetError) -> String {
    format!("{error}: {}", error.help().map(|help| help.to_string()).unwrap_or_default())
}

#[tokio::test]
async fn the_audit_only_grows() {
    let registry = with_rows(&[10, 20]).await;
    let step = registry.step(&registry.target().read().await.unwrap(), &[11, 30]);
    registry.target().write(&step, &origin("second")).await.unwrap();
    for sql in ["update integration_changes set actor = 'x'", "delete from integration_changes"] {
        let refused = registry.sql(sql).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
    let connection = Connection::open(registry.path()).unwrap();
    let mut statement = connection.prepare("select plan, op, actor from integration_changes order by number").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let rows: Vec<(String, String, String)> = rows.map(Result::unwrap).collect();
    let told: Vec<(&str, &str)> = rows.iter().map(|(plan, op, _)| (plan.as_str(), op.as_str())).collect();
    let first = [("first", "create"), ("first", "create")];
    assert_eq!(told, [first.as_slice(), &[("second", "update"), ("second", "delete"), ("second", "create")]].concat());
    assert!(rows.iter().all(|(_, _, actor)| actor == "a test"));
}

#[tokio::test]
async fn what_others_change_is_drift_until_the_next_apply() {
    let registry = with_rows(&[10, 20, 30]).await;
    assert!(registry.target().read().await.unwrap().drifted.is_empty());
    registry.sql("update integrations set status = 'active'").unwrap();
    assert!(registry.target().read().await.unwrap().drifted.is_empty(), "the status is not the files'");
    registry.sql("update integrations set name = 'by hand' where slug = 'row-1'").unwrap();
    registry.sql("delete from integrations where slug = 'row-2'").unwrap();
    let read = registry.target().read().await.unwrap();
    assert_eq!(read.drifted, [(id(10), Last::Held(row(10))), (id(20), Last::Held(row(20)))].into());
    registry.target().write(&registry.step(&read, &[10, 20, 30]), &origin("p")).await.unwrap();
    assert!(registry.target().read().await.unwrap().drifted.is_empty());
}

#[tokio::test]
async fn environments_do_not_see_each_other() {
    let registry = with_rows(&[10]).await;
    let prod = registry.of("acme", "prod");
    assert!(prod.read().await.unwrap().state.is_empty());
    prod.write(&registry.step(&prod.read().await.unwrap(), &[11]), &origin("p")).await.unwrap();
    assert_eq!(registry.target().read().await.unwrap().state, registry.state(&[10]));
    prod.write(&registry.step(&prod.read().await.unwrap(), &[]), &origin("p")).await.unwrap();
    assert_eq!(registry.target().read().await.unwrap().state, registry.state(&[10]));
}

#[tokio::test]
async fn projects_see_each_others_rows_and_do_not_touch_them() {
    let registry = with_rows(&[10]).await;
    let other = registry.of("other", "dev");
    let read = other.read().await.unwrap();
    let foreign = Foreign { id: id(10).to_string(), name: "Row 10".to_owned(), managed_by: Some("acme".to_owned()) };
    assert_eq!((read.foreign.as_slice(), read.state.len()), ([foreign].as_slice(), 0));
    let step = registry.step(&other.read().await.unwrap(), &[20]);
    other.write(&step, &origin("p")).await.unwrap();
    assert_eq!(registry.target().read().await.unwrap().state, registry.state(&[10]));
}

#[tokio::test]
async fn an_id_of_another_project_is_reported_with_its_owner() {
    let registry = with_rows(&[10]).await;
    let other = registry.of("other", "dev");
    let step = registry.step(&other.read().await.unwrap(), &[11]);
    let error = other.write(&step, &origin("p")).await.unwrap_err();
    assert!(said(&error).contains("acme"), "the owner is not named: {}", said(&error));
    assert_eq!(registry.target().read().await.unwrap().state, registry.state(&[10]));
}

#[tokio::test]
async fn a_run_does_not_touch_a_row_of_another_project() {
    let registry = with_rows(&[10]).await;
    let status = async || registry.of("acme", "dev").standings().await.unwrap()[&id(10)].status.clone();
    registry.of("other", "dev").record(&run(1, RunStatus::Failed)).await.unwrap();
    assert_eq!(status().await, "pending");
    registry.of("acme", "dev").record(&run(2, RunStatus::Failed)).await.unwrap();
    assert_eq!(status().await, "error");
}

#[tokio::test]
async fn a_registry_of_a_newer_program_is_left_alone() {
    let registry = with_rows(&[10]).await;
    let step = registry.step(&registry.target().read().await.unwrap(), &[]);
    registry.sql("pragma user_version = 99").unwrap();
    for error in
        [registry.target().read().await.unwrap_err(), registry.target().write(&step, &origin("p")).await.unwrap_err()]
    {
        assert!(matches!(error, TargetError::Newer { found: 99, .. }), "{error:?}");
    }
    registry.sql("pragma user_version = 1").unwrap();
    assert_eq!(registry.target().read().await.unwrap().state, registry.state(&[10]));
}

#[tokio::test]
async fn a_damaged_registry_is_a_clear_error_and_stays_unchanged() {
    let registry = LocalRows(Folder::new());
    let step = registry.step(&registry.target().read().await.unwrap(), &[10]);
    registry.0.write(".spile/registry.db", &"this is no database\n".repeat(100));
    let before = registry.0.files();
    for error in
        [registry.target().read().await.unwrap_err(), registry.target().write(&step, &origin("p")).await.unwrap_err()]
    {
        assert!(said(&error).contains("registry.db") && said(&error).contains("move it away"), "{}", said(&error));
    }
    assert_eq!(registry.0.files(), before);
}

#[tokio::test]
async fn a_row_edited_to_nonsense_is_reported_by_name() {
    let registry = with_rows(&[10, 20]).await;
    registry.sql("update integrations set config = '{' where slug = 'row-2'").unwrap();
    let error = registry.target().read().await.unwrap_err();
    assert!(matches!(&error, TargetError::Row { id: named, .. } if *named == id(20).to_string()), "{error:?}");
}

#[tokio::test]
async fn runs_and_their_status_survive_a_write() {
    let registry = with_rows(&[10]).await;
    registry.sql("update integrations set status = 'error'").unwrap();
    let read = registry.target().read().await.unwrap();
    assert!(registry.step(&read, &[10]).is_empty(), "a status is no difference");
    registry.target().write(&registry.step(&read, &[11]), &origin("p")).await.unwrap();
    let connection = Connection::open(registry.path()).unwrap();
    let status: String = connection.query_row("select status from integrations", [], |row| row.get(0)).unwrap();
    assert_eq!(status, "error");
}

#[tokio::test]
async fn a_run_is_stored_with_all_its_details() {
    let registry = with_rows(&[10]).await;
    let target = registry.of("acme", "dev");
    for run in [run(1, RunStatus::Running), run(2, RunStatus::Failed), run(1, RunStatus::Ok)] {
        target.record(&run).await.unwrap();
    }
    assert_eq!(target.newest(None, 9).await.unwrap(), [run(2, RunStatus::Failed), run(1, RunStatus::Ok)]);
    target.set_status(&[id(10)], "paused").await.unwrap();
    target.record(&run(3, RunStatus::Ok)).await.unwrap();
    assert_eq!(target.standings().await.unwrap()[&id(10)].status, "paused", "a run does not wake it");
}

#[tokio::test]
async fn a_run_with_a_warning_is_stored_even_in_a_database_of_an_older_version() {
    let registry = with_rows(&[10]).await;
    let target = registry.of("acme", "dev");
    target.record(&run(1, RunStatus::Ok)).await.unwrap();
    // The schema of version 4.
    registry.sql("create table old as select * from integration_runs; drop table integration_runs").unwrap();
    let made = include_str!("../../../crates/spile-world/src/stores/local.sql");
    let (_, runs) = made.split_once("create table integration_runs").unwrap();
    let (runs, _) = runs.split_once("\n\n").unwrap();
    let runs = format!("create table integration_runs{}", runs.replace("'warning', ", ""));
    assert!(!runs.contains("warning"));
    let fill = "insert into integration_runs select * from old; drop table old; pragma user_version = 4";
    registry.sql(&format!("{runs}; {fill}")).unwrap();
    target.record(&run(2, RunStatus::Warning)).await.unwrap();
    assert_eq!(target.newest(None, 9).await.unwrap(), [run(2, RunStatus::Warning), run(1, RunStatus::Ok)]);
    assert_eq!(target.ends(None).await.unwrap().len(), 2);
    assert_eq!(target.standings().await.unwrap()[&id(10)].status, "active");
    let connection = Connection::open(registry.path()).unwrap();
    let indexes = "select count(*) from sqlite_master where type = 'index' and name like 'integration_runs_newest%'";
    assert_eq!(connection.query_row(indexes, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
}

/// The tables of version 1, with a row and its creation.
const VERSION_1: &str = "
    create table integrations (environment text not null, id text not null, slug text not null, type text not null,
        name text not null, enabled integer not null default 1, config text not null default '{}',
        secrets text not null default '{}', status text not null default 'pending', managed_by text,
        created_at text not null, updated_at text not null, primary key (environment, id)) without rowid;
    create table integration_runs (id text primary key, environment text not null, integration_id text not null,
        slug text not null, kind text not null, status text not null, state_id text, loader_id text,
        started_at text not null, finished_at text, records integer, error text, log text not null);
    insert into integration_runs values ('00000000-0000-0000-0000-000000000001', 'dev',
        '00000000-0000-0000-0000-000000000002', 'row-1', 'sync', 'ok', null, null, '2026-01-01T00:00:00Z',
        '2026-01-01T00:00:01Z', 3, null, '');
    create table integration_changes (number integer primary key autoincrement, plan text not null,
        environment text not null, integration_id text not null,
        op text not null check (op in ('create', 'update', 'delete')), managed_by text not null,
        before_hash text, after_hash text, actor text not null, source_rev text, at text not null);
    create trigger integration_changes_stay before update on integration_changes
        begin select raise(abort, 'integration_changes is append-only'); end;
    create trigger integration_changes_remain before delete on integration_changes
        begin select raise(abort, 'integration_changes is append-only'); end;
    insert into integrations values ('dev', '00000000-0000-0000-0000-000000000002', 'row-1', 'shop', 'By hand', 1,
        '{}', '{}', 'active', 'acme', '', '');
    insert into integration_changes (plan, environment, integration_id, op, managed_by, after_hash, actor, at)
        values ('p', 'dev', '00000000-0000-0000-0000-000000000002', 'create', 'acme', 'x', 'a', '');
    pragma user_version = 1;";

#[tokio::test]
async fn a_database_of_version_1_is_read_unchanged_and_upgraded_by_the_next_write() {
    let registry = LocalRows(Folder::new());
    registry.0.write(".spile/x", "");
    registry.sql(VERSION_1).unwrap();
    let target = registry.of("acme", "dev");
    let bytes = std::fs::read(registry.path()).unwrap();
    let read = target.read().await.unwrap();
    assert_eq!(read.drifted, [(id(10), Last::Unknown)].into());
    assert!(target.applies(10).await.unwrap().is_empty());
    assert_eq!(target.newest(None, 9).await.unwrap()[0].records, Some(3));
    assert_eq!(std::fs::read(registry.path()).unwrap(), bytes, "reading writes nothing");
    target.write(&registry.step(&read, &[10, 20]), &origin("p")).await.unwrap();
    assert_eq!(target.read().await.unwrap().state, registry.state(&[10, 20]));
    assert_eq!(target.applies(10).await.unwrap().len(), 1);
    let changes = Connection::open(registry.path()).unwrap();
    let counted: i64 = changes.query_row("select count(*) from integration_changes", [], |row| row.get(0)).unwrap();
    assert_eq!(counted, 3, "stored data is still there");
}
