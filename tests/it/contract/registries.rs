//! What every registry also guarantees: it records what was applied, and adopts unmanaged rows.

use std::sync::Arc;

use spile_core::name::IntegrationId;
use spile_core::plan::{Change, State, Step};
use spile_core::record::Row;
use spile_world::{Memory, Origin, Registry, TargetError};

use super::harness::{LocalRows, id, row};
use crate::folder::{Folder, origin};

/// A registry, and a way to insert an unmanaged row.
pub struct Kept<'a> {
    pub registry: Arc<dyn Registry>,
    pub add_unmanaged: &'a dyn Fn(IntegrationId, &Row),
}

fn state(numbers: &[u8]) -> State<Row> {
    numbers.iter().map(|number| (id(*number), row(*number))).collect()
}

async fn apply(registry: &dyn Registry, numbers: &[u8], text: Option<&str>) {
    let read = registry.read().await.unwrap();
    let origin = Origin { rendered: text.map(str::to_owned), ..origin("p") };
    registry.write(&Step::between(&read, &state(numbers), ()), &origin).await.unwrap();
}

pub async fn every_last_applied_state_is_stored(Kept { registry, .. }: Kept<'_>) {
    let registry = registry.as_ref();
    assert!(registry.applies(10).await.unwrap().is_empty());
    apply(registry, &[10, 20, 33], Some("one")).await;
    apply(registry, &[11, 33], None).await;
    apply(registry, &[11, 33], Some("three")).await;
    apply(registry, &[11, 33], None).await;
    let applies = registry.applies(10).await.unwrap();
    let counted: Vec<_> = applies.iter().map(|one| (one.created, one.updated, one.deleted)).collect();
    assert_eq!(counted, [(0, 0, 0), (0, 1, 1), (3, 0, 0)], "newest first; nothing at all is no apply");
    assert_eq!(registry.applies(1).await.unwrap(), applies[..1]);
    assert_eq!((applies[0].actor.as_str(), applies[0].plan.as_str()), ("a test", "p"));
    assert_eq!(applies.iter().map(|one| one.file.is_some()).collect::<Vec<_>>(), [true, false, true]);
    for (apply, numbers, text) in [
        (&applies[0], [11, 33].as_slice(), "three"),
        (&applies[1], &[11, 33], "one"),
        (&applies[2], &[10, 20, 33], "one"),
    ] {
        let left = registry.left_by(apply.id).await.unwrap().unwrap();
        assert_eq!((&left.apply, &left.rows, left.text.as_deref()), (apply, &state(numbers), Some(text)));
    }
    assert!(registry.left_by(uuid::Uuid::nil()).await.unwrap().is_none());
}

pub async fn unmanaged_rows_are_adopted_as_they_were_shown_or_not_at_all(kept: Kept<'_>) {
    let registry = kept.registry.as_ref();
    apply(registry, &[10], None).await;
    (kept.add_unmanaged)(id(20), &row(20));
    (kept.add_unmanaged)(id(30), &row(30));
    let shown = registry.unmanaged().await.unwrap();
    assert_eq!(shown.keys().copied().collect::<Vec<_>>(), [id(20), id(30)]);
    let mut read = registry.read().await.unwrap();
    assert_eq!(read.state, state(&[10]));
    read.adopted = shown.iter().filter(|(of, _)| **of == id(20)).map(|(of, found)| (*of, found.row.clone())).collect();
    let step = Step::between(&read, &state(&[10, 21]), ());
    assert!(matches!(&step.changes[&id(20)], Change::Adopt { after, .. } if *after == row(21)));
    registry.write(&step, &origin("p")).await.unwrap();
    let after = registry.read().await.unwrap();
    assert_eq!(after.state, state(&[10, 21]));
    assert_eq!(registry.unmanaged().await.unwrap().keys().copied().collect::<Vec<_>>(), [id(30)], "the other stays");
    assert_eq!(registry.applies(1).await.unwrap()[0].updated, 1);
    assert!(after.drifted.is_empty());
    let again = registry.write(&step, &origin("p")).await;
    assert!(matches!(again, Err(TargetError::Stale { .. })), "{again:?}");
}

pub async fn rows_adopted_since_are_released_unchanged(kept: Kept<'_>) {
    let registry = kept.registry.as_ref();
    apply(registry, &[10], None).await;
    (kept.add_unmanaged)(id(20), &row(20));
    let before = registry.unmanaged().await.unwrap()[&id(20)].clone();
    let first = registry.applies(1).await.unwrap()[0].id;
    let mut read = registry.read().await.unwrap();
    read.adopted = [(id(20), before.row.clone())].into_iter().collect();
    registry.write(&Step::between(&read, &state(&[10, 21]), ()), &origin("p")).await.unwrap();
    apply(registry, &[10, 22], None).await;
    let left = registry.left_by(first).await.unwrap().unwrap();
    assert_eq!(left.rows, state(&[10]));
    assert_eq!(left.adopted.clone().into_iter().collect::<Vec<_>>(), [(id(20), Some(row(20)))]);
    let mut current = registry.read().await.unwrap();
    current.released = left.adopted.into_iter().filter_map(|(of, row)| Some((of, row?))).collect();
    let step = Step::between(&current, &left.rows, ());
    assert!(matches!(&step.changes[&id(20)], Change::Release { after, .. } if *after == row(20)), "{step:?}");
    registry.write(&step, &origin("p")).await.unwrap();
    let after = registry.read().await.unwrap();
    assert_eq!((after.state, after.drifted.len()), (state(&[10]), 0));
    let unmanaged = registry.unmanaged().await.unwrap();
    assert_eq!(unmanaged.keys().copied().collect::<Vec<_>>(), [id(20)]);
    assert_eq!(unmanaged[&id(20)].row, before.row, "the earlier row is back");
    let last = registry.applies(1).await.unwrap()[0].clone();
    assert_eq!((last.updated, last.deleted), (1, 0));
    let left = registry.left_by(first).await.unwrap().unwrap();
    assert!(left.adopted.is_empty(), "it is no longer stored");
}

fn in_memory() -> (Arc<Memory<Row>>, Arc<Memory<Row>>) {
    let memory = Arc::new(Memory::default());
    (memory.clone(), memory)
}

/// Inserts an unmanaged row into a local registry.
fn insert(rows: &LocalRows, id: IntegrationId, row: &Row) {
    let secrets = row.secrets.as_ref().map_or_else(|| "{}".to_owned(), |sealed| serde_json::to_string(sealed).unwrap());
    let connection = rusqlite::Connection::open(rows.path()).unwrap();
    let sql = "insert into integrations (environment, id, slug, type, name, enabled, config, secrets, created_at, \
               updated_at) values ('dev', ?1, ?2, ?3, ?4, ?5, ?6, ?7, '', '')";
    let values = rusqlite::params![
        id.to_string(),
        row.slug.as_str(),
        row.connector,
        row.name,
        row.enabled,
        serde_json::to_string(&row.config).unwrap(),
        secrets
    ];
    connection.execute(sql, values).unwrap();
}

#[tokio::test]
async fn memory_remembers() {
    let (registry, _) = in_memory();
    every_last_applied_state_is_stored(Kept { registry, add_unmanaged: &|_, _| () }).await;
}

#[tokio::test]
async fn memory_adopts() {
    let (registry, memory) = in_memory();
    let add = |id, row: &Row| memory.add_unmanaged(id, row.clone());
    unmanaged_rows_are_adopted_as_they_were_shown_or_not_at_all(Kept { registry, add_unmanaged: &add }).await;
}

#[tokio::test]
async fn memory_lets_go() {
    let (registry, memory) = in_memory();
    let add = |id, row: &Row| memory.add_unmanaged(id, row.clone());
    rows_adopted_since_are_released_unchanged(Kept { registry, add_unmanaged: &add }).await;
}

#[tokio::test]
async fn sqlite_lets_go() {
    let rows = LocalRows(Folder::new());
    let registry = rows.of("acme", "dev");
    let add = |id, row: &Row| insert(&rows, id, row);
    rows_adopted_since_are_released_unchanged(Kept { registry, add_unmanaged: &add }).await;
}

#[tokio::test]
async fn sqlite_remembers() {
    let rows = LocalRows(Folder::new());
    let registry = rows.of("acme", "dev");
    every_last_applied_state_is_stored(Kept { registry, add_unmanaged: &|_, _| () }).await;
}

#[tokio::test]
async fn sqlite_adopts() {
    let rows = LocalRows(Folder::new());
    let registry = rows.of("acme", "dev");
    let add = |id, row: &Row| insert(&rows, id, row);
    unmanaged_rows_are_adopted_as_they_were_shown_or_not_at_all(Kept { registry, add_unmanaged: &add }).await;
}
