//! Tests the limit of the history and what remains after pruning.

use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::{Origin, Registry};
use spile_core::name::IntegrationId;
use spile_core::plan::{Change, Revision, State, Step};
use spile_core::record::Row;
use spile_core::value::Settings;

fn local(folder: &tempfile::TempDir) -> Local {
    Local::new(folder.path().join(".spile/registry.db"), "acme", &"dev".parse().unwrap())
}

fn id(number: u128) -> IntegrationId {
    IntegrationId(Uuid::from_u128(number))
}

fn row(number: u128, name: &str) -> Row {
    Row {
        slug: format!("row-{number}").parse().unwrap(),
        connector: "shop".to_owned(),
        name: name.to_owned(),
        enabled: true,
        config: Settings::new(),
        secrets: None,
    }
}

fn origin(number: usize, rendered: Option<&str>) -> Origin {
    Origin {
        plan: format!("plan {number}"),
        actor: "a test".to_owned(),
        commit: None,
        at: Timestamp::from_second(i64::try_from(number).unwrap()).unwrap(),
        rendered: rendered.map(str::to_owned),
    }
}

fn step(changes: Vec<(IntegrationId, Change<Row>)>) -> Step<Row> {
    Step { changes: changes.into_iter().collect(), ..Step::between(&empty(), &State::default(), ()) }
}

fn empty() -> spile_core::plan::Snapshot<Row> {
    spile_core::plan::Snapshot::new(State::default(), (), Revision(String::new()))
}

fn apply(local: &Local, connection: &mut Connection, step: &Step<Row>, origin: &Origin) {
    let transaction = connection.transaction().unwrap();
    local.carry_out(&transaction, step, origin).unwrap();
    transaction.commit().unwrap();
}

/// A registry with one apply that creates three rows, one that deletes one, and many that change another.
fn applied(folder: &tempfile::TempDir, times: usize) -> Local {
    let local = local(folder);
    let mut connection = local.create().unwrap();
    connection.pragma_update(None, "synchronous", "off").unwrap();
    let create = |number| (id(number), Change::Create { after: row(number, "first") });
    let first = step(vec![create(1), create(2), create(3)]);
    apply(&local, &mut connection, &first, &origin(0, Some("the first file")));
    let gone = step(vec![(id(3), Change::Delete { before: row(3, "first") })]);
    apply(&local, &mut connection, &gone, &origin(1, None));
    for number in 2..times {
        let (before, after) = (row(1, &format!("name {}", number - 1)), row(1, &format!("name {number}")));
        let change = step(vec![(id(1), Change::Update { before, after })]);
        let text = "x".repeat(8000) + &number.to_string();
        // The last hundred applies do not change the file.
        let text = (number + 150 < times).then_some(text.as_str());
        apply(&local, &mut connection, &change, &origin(number, text));
    }
    local
}

fn names(left: &spile_core::plan::history::Left) -> Vec<String> {
    left.rows.iter().map(|(_, row)| row.name.clone()).collect()
}

#[tokio::test]
async fn thousands_of_applies_take_no_more_space_than_the_kept_ones() {
    let folder = tempfile::tempdir().unwrap();
    let local = applied(&folder, 3000);
    let size = local.path.metadata().unwrap().len();
    assert!(size < 2_000_000, "{size} bytes");
    assert_eq!(local.applies(9999).await.unwrap().len(), KEPT as usize);
    let pruned = local.pruned().await.unwrap().unwrap();
    assert_eq!((pruned.applies, pruned.until.as_second()), (2900, 2899));
    let connection = local.open().unwrap().unwrap();
    let count = |table: &str| -> i64 {
        connection.query_row(&format!("select count(*) from {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("integration_applies"), count("integration_files")), (100, 1));
    // The changes of the applies that are kept, plus the newest earlier change of each existing row.
    assert_eq!(count("integration_changes"), 102);
    let free: i64 = connection.query_row("pragma freelist_count", [], |row| row.get(0)).unwrap();
    assert_eq!(free, 0, "pages are returned to the disk");
}

#[tokio::test]
async fn kept_applies_restore_the_complete_state() {
    let folder = tempfile::tempdir().unwrap();
    let local = applied(&folder, 500);
    let applies = local.applies(9999).await.unwrap();
    for (back, apply) in applies.iter().enumerate() {
        let left = local.left_by(apply.id).await.unwrap().unwrap();
        assert_eq!(names(&left), [format!("name {}", 499 - back), "first".to_owned()]);
        assert!(left.text.unwrap().ends_with("349"), "the file that a pruned apply wrote");
    }
}

#[tokio::test]
async fn a_short_history_is_not_pruned_and_histories_are_append_only() {
    let folder = tempfile::tempdir().unwrap();
    let local = applied(&folder, KEPT as usize);
    assert_eq!((local.applies(9999).await.unwrap().len(), local.pruned().await.unwrap()), (100, None));
    let folder = tempfile::tempdir().unwrap();
    let local = applied(&folder, 300);
    let connection = local.open().unwrap().unwrap();
    for sql in ["delete from integration_applies", "delete from integration_changes where number > 200"] {
        let refused = connection.execute(sql, []).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

#[tokio::test]
async fn applies_of_other_projects_and_environments_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let other = Local { project: "other".to_owned(), ..local(&folder) };
    let mut connection = other.create().unwrap();
    let create = step(vec![(id(9), Change::Create { after: row(9, "theirs") })]);
    apply(&other, &mut connection, &create, &origin(0, Some("their file")));
    drop(connection);
    applied(&folder, 300);
    let theirs = other.applies(9).await.unwrap();
    let left = other.left_by(theirs[0].id).await.unwrap().unwrap();
    assert_eq!((names(&left), left.text.as_deref()), (vec!["theirs".to_owned()], Some("their file")));
}

#[tokio::test]
async fn a_registry_of_version_3_is_read_then_migrated_and_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let local = applied(&folder, 50);
    let connection = Connection::open(&local.path).unwrap();
    connection
        .execute_batch(
            "drop trigger integration_changes_remain; drop trigger integration_applies_remain; \
             drop table integration_pruned; drop index integration_changes_of_apply; \
             create trigger integration_changes_remain before delete on integration_changes begin select raise(abort, 'x'); end; \
             create trigger integration_applies_remain before delete on integration_applies begin select raise(abort, 'x'); end; \
             pragma user_version = 3; pragma auto_vacuum = none; vacuum;",
        )
        .unwrap();
    drop(connection);
    let applies = local.applies(9999).await.unwrap();
    assert!(local.left_by(applies[0].id).await.unwrap().is_some());
    let connection = local.create().unwrap();
    let mode: i64 = connection.query_row("pragma auto_vacuum", [], |row| row.get(0)).unwrap();
    assert_eq!((version(&connection).unwrap(), mode), (super::super::VERSION, 2));
}
