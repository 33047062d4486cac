//! The local registry: an SQLite file in the project, with the tables of the hosted one.

mod alerts;
mod history;
mod runs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use async_trait::async_trait;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use super::project::make_private;
use super::runs::Outbox;
use super::{Origin, Target, TargetError};
use crate::digest::{hash, of_json};
use crate::name::{EnvironmentName, IntegrationId};
use crate::plan::{Change, Foreign, Last, Revision, Snapshot, State, Step};
use crate::record::Row;

/// The version of `local.sql`, kept in SQLite's `user_version`.
const VERSION: i64 = 3;

/// The size of the database's pages, in bytes.
const PAGE: u32 = 16_384;

/// How many rows are compared at a time.
const BATCH: usize = 256;

/// How long a writer waits for another one.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// One environment's part of the local registry.
#[derive(Debug, Clone)]
pub struct Local {
    path: PathBuf,
    /// Runs that the file did not take.
    outbox: Outbox,
    project: String,
    environment: EnvironmentName,
    /// Rows as the files want them: of those that the file holds word for word nothing has to be taken apart.
    wanted: Arc<Mutex<State<Row>>>,
}

impl Local {
    /// Names the database's file; nothing is read or made.
    pub fn new(path: impl Into<PathBuf>, project: &str, environment: &EnvironmentName) -> Self {
        let path = path.into();
        let outbox = Outbox::at(path.with_file_name("outbox"));
        let (project, environment) = (project.to_owned(), environment.clone());
        Self { path, outbox, project, environment, wanted: Arc::default() }
    }

    fn failed(&self, source: rusqlite::Error) -> TargetError {
        TargetError::Local { path: self.path.clone(), source }
    }

    /// Opens the database for reading; `None` where there is none, for reading makes nothing.
    fn open(&self) -> Result<Option<Connection>, TargetError> {
        // A folder that may not be looked into is not one that is empty.
        let is_there = self.path.try_exists().map_err(|source| {
            let folder = self.path.parent().unwrap_or(Path::new(".")).to_owned();
            TargetError::Io { doing: "look into", path: folder, source }
        });
        if !is_there? {
            return Ok(None);
        }
        // Not read-only: a writer that was killed leaves a journal that the next one to open has to roll back.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(|source| self.failed(source))?;
        match self.prepare(&connection)? {
            0 => Ok(None),
            _ => Ok(Some(connection)),
        }
    }

    /// Sets the connection up and returns the database's version.
    fn prepare(&self, connection: &Connection) -> Result<i64, TargetError> {
        let version = || connection.busy_timeout(PATIENCE).and_then(|()| version(connection));
        let found = version().map_err(|source| self.failed(source))?;
        if found > VERSION {
            return Err(TargetError::Newer { path: self.path.clone(), found, known: VERSION });
        }
        Ok(found)
    }

    /// Opens the database for writing, and makes it where there is none.
    fn create(&self) -> Result<Connection, TargetError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        make_private(folder).map_err(|source| TargetError::Io { doing: "make", path: folder.to_owned(), source })?;
        let mut connection = Connection::open(&self.path).map_err(|source| self.failed(source))?;
        if self.prepare(&connection)? < VERSION {
            migrate(&mut connection).map_err(|source| self.failed(source))?;
        }
        Ok(connection)
    }

    /// Reads what this project and others keep.
    fn rows(&self, connection: &Connection) -> Result<Snapshot<Row>, TargetError> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let read = |stored: Stored| {
            let (id, row) = stored.read(&wanted)?;
            let hash = of_json(&*row);
            Ok((id, row, hash))
        };
        let (sender, batches) = mpsc::channel::<Vec<Stored>>();
        let (own, foreign, left) = std::thread::scope(|scope| {
            // Rows are compared while the next ones are read: the database can be asked by one thread only.
            let compared = scope.spawn(move || {
                let each = batches.iter().flat_map(|batch| batch.into_par_iter().map(read).collect::<Vec<_>>());
                // Of several that cannot be read the first is told, whichever was looked at first.
                each.collect::<Result<Vec<_>, TargetError>>()
            });
            let foreign = self.send(connection, sender);
            let left = foreign.as_ref().ok().map(|_| self.left(connection));
            let own = compared.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked));
            (own, foreign, left)
        });
        let failed = |source| self.failed(source);
        let foreign = foreign.map_err(failed)?;
        let own: Vec<(IntegrationId, Arc<Row>, String)> = own?;
        let left = left.transpose().map_err(failed)?.unwrap_or_default();
        let revision = own.iter().fold(String::new(), |text, (id, _, hash)| text + &format!("{id}:{hash}\n"));
        let revision = Revision(hash(revision.as_bytes()));
        let hashes: BTreeMap<IntegrationId, &String> = own.iter().map(|(id, _, hash)| (*id, hash)).collect();
        let differs = |one: &Left| hashes.get(&one.id).copied() != one.hash.as_ref();
        let drifted = drifted(connection, left.into_iter().filter(differs)).map_err(failed)?;
        let state = own.into_iter().map(|(id, row, _)| (id, row)).collect();
        Ok(Snapshot { foreign, drifted, ..Snapshot::new(state, (), revision) })
    }

    /// Sends this project's rows on in batches; returns those of others.
    fn send(&self, connection: &Connection, to: mpsc::Sender<Vec<Stored>>) -> rusqlite::Result<Vec<Foreign>> {
        let (mut foreign, mut batch) = (Vec::new(), Vec::with_capacity(BATCH));
        self.each_stored(connection, |stored| {
            if stored.managed_by.as_deref() != Some(&self.project) {
                foreign.push(Foreign { id: stored.id, name: stored.name, managed_by: stored.managed_by });
                return;
            }
            batch.push(stored);
            if batch.len() == BATCH {
                // Who compares lives as long as there is something to compare.
                let _ = to.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
            }
        })?;
        let _ = to.send(batch);
        // Who compares waits for more until then.
        drop(to);
        Ok(foreign)
    }

    /// Reads what the last apply left of each row: the history has its hash, and since version 2 the row.
    fn left(&self, connection: &Connection) -> rusqlite::Result<Vec<Left>> {
        let last = "select integration_id, after_hash, number from integration_changes where number in \
                    (select max(number) from integration_changes where environment = ?1 and managed_by = ?2 \
                     group by integration_id)";
        let mut statement = connection.prepare(last)?;
        let mut rows = statement.query(params![self.environment.as_str(), self.project])?;
        let mut left = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, hash, number): (String, Option<String>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let Ok(id) = id.parse().map(IntegrationId) else { continue };
            left.push(Left { id, hash, number });
        }
        Ok(left)
    }

    fn stored(&self, connection: &Connection) -> rusqlite::Result<Vec<Stored>> {
        let mut all = Vec::new();
        self.each_stored(connection, |stored| all.push(stored))?;
        Ok(all)
    }

    fn each_stored(&self, connection: &Connection, mut take: impl FnMut(Stored)) -> rusqlite::Result<()> {
        let sql = "select id, slug, type, name, enabled, config, secrets, managed_by from integrations \
                   where environment = ?1 order by id";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([self.environment.as_str()])?;
        while let Some(row) = rows.next()? {
            take(Stored {
                id: row.get(0)?,
                slug: row.get(1)?,
                connector: row.get(2)?,
                name: row.get(3)?,
                enabled: row.get(4)?,
                config: row.get(5)?,
                secrets: row.get(6)?,
                managed_by: row.get(7)?,
            });
        }
        Ok(())
    }

    /// Refuses a step that would create a row where somebody else's is, or adopt one that is not nobody's any more.
    fn free(&self, transaction: &Transaction<'_>, step: &Step<Row>) -> Result<(), TargetError> {
        let sql = "select managed_by from integrations where environment = ?1 and id = ?2";
        for (id, change) in &step.changes {
            let (after, adopts) = match change {
                Change::Create { after } => (after, false),
                Change::Adopt { after, .. } => (after, true),
                Change::Update { .. } | Change::Delete { .. } => continue,
            };
            let values = params![self.environment.as_str(), id.to_string()];
            let found = transaction.query_row(sql, values, |row| row.get::<_, Option<String>>(0)).optional();
            match found.map_err(|source| self.failed(source))? {
                None if adopts => return Err(TargetError::Stale { target: "the local registry" }),
                None => {}
                Some(None) if adopts => {}
                Some(owner) => return Err(TargetError::owned(after.slug.clone(), *id, owner.as_deref())),
            }
        }
        self.as_adopted(transaction, step)
    }

    /// Refuses to adopt rows that are not as the plan has them.
    fn as_adopted(&self, transaction: &Transaction<'_>, step: &Step<Row>) -> Result<(), TargetError> {
        let adopted = || step.changes.iter().filter(|(_, change)| matches!(change, Change::Adopt { .. }));
        if adopted().next().is_none() {
            return Ok(());
        }
        let unmanaged = self.unmanaged_rows(transaction)?;
        let has_changed =
            |(id, change): (&IntegrationId, &Change<Row>)| unmanaged.get(id).map(|found| &found.row) != change.before();
        if adopted().any(has_changed) {
            return Err(TargetError::Stale { target: "the local registry" });
        }
        Ok(())
    }

    fn carry_out(&self, transaction: &Transaction<'_>, step: &Step<Row>, origin: &Origin) -> rusqlite::Result<()> {
        let apply = self.record_apply(transaction, origin)?;
        for (id, change) in &step.changes {
            match change {
                Change::Create { after } => self.insert(transaction, *id, after, origin)?,
                Change::Update { after, .. } | Change::Adopt { after, .. } => {
                    self.update(transaction, *id, after, origin)?;
                }
                Change::Delete { .. } => self.delete(transaction, *id)?,
            }
            self.record_change(transaction, &apply, (*id, change), origin)?;
        }
        Ok(())
    }

    fn insert(&self, to: &Transaction<'_>, id: IntegrationId, row: &Row, origin: &Origin) -> rusqlite::Result<()> {
        let sql = "insert into integrations \
                   (environment, id, slug, type, name, enabled, config, secrets, managed_by, created_at, updated_at) \
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)";
        let (environment, at) = (self.environment.as_str(), origin.at.to_string());
        let (id, slug, config, secrets) = (id.to_string(), row.slug.as_str(), json(&row.config), sealed(row));
        let (connector, name, project) = (&row.connector, &row.name, &self.project);
        let values = params![environment, id, slug, connector, name, row.enabled, config, secrets, project, at];
        to.prepare_cached(sql)?.execute(values).map(drop)
    }

    fn update(&self, to: &Transaction<'_>, id: IntegrationId, row: &Row, origin: &Origin) -> rusqlite::Result<()> {
        let sql = "update integrations set slug = ?3, type = ?4, name = ?5, enabled = ?6, config = ?7, \
                   secrets = ?8, updated_at = ?9, managed_by = ?10 \
                   where environment = ?1 and id = ?2";
        let (environment, at) = (self.environment.as_str(), origin.at.to_string());
        let (id, slug, config, secrets) = (id.to_string(), row.slug.as_str(), json(&row.config), sealed(row));
        let values =
            params![environment, id, slug, row.connector, row.name, row.enabled, config, secrets, at, self.project];
        to.prepare_cached(sql)?.execute(values).map(drop)
    }

    fn delete(&self, from: &Transaction<'_>, id: IntegrationId) -> rusqlite::Result<()> {
        let sql = "delete from integrations where environment = ?1 and id = ?2";
        from.prepare_cached(sql)?.execute(params![self.environment.as_str(), id.to_string()]).map(drop)
    }
}

/// Reads the rows that are not as the last apply left them: rows are large, and asked for where they differ only.
fn drifted(
    connection: &Connection,
    left: impl Iterator<Item = Left>,
) -> rusqlite::Result<BTreeMap<IntegrationId, Last<Row>>> {
    let after = if version(connection)? < 2 { "null" } else { "after" };
    let mut kept = connection.prepare(&format!("select {after} from integration_changes where number = ?1"))?;
    let mut drifted = BTreeMap::new();
    for Left { id, hash, number } in left {
        let after: Option<String> = kept.query_row([number], |row| row.get(0))?;
        let kept = after.and_then(|after| serde_json::from_str(&after).ok());
        let unless_kept = if hash.is_none() { Last::Deleted } else { Last::Unknown };
        drifted.insert(id, kept.map_or(unless_kept, Last::Held));
    }
    Ok(drifted)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("pragma user_version", [], |row| row.get(0))
}

/// Makes the tables, unless another program has made them in the meantime.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    // Holds for a file without tables only. With secrets a row is 2 KB: of SQLite's usual pages each would take two.
    connection.pragma_update(None, "page_size", PAGE)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    match found {
        0 => {
            transaction.execute_batch(include_str!("local.sql"))?;
            transaction.execute_batch(include_str!("local/history.sql"))?;
        }
        1 => {
            transaction.execute_batch(include_str!("local/from_1.sql"))?;
            transaction.execute_batch(include_str!("local/history.sql"))?;
            transaction.execute_batch(include_str!("local/from_1_after.sql"))?;
            transaction.execute_batch(include_str!("local/from_2.sql"))?;
        }
        2 => transaction.execute_batch(include_str!("local/from_2.sql"))?,
        _ => {}
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// What the column holds where there are no secrets.
const NO_SECRETS: &str = "{}";

fn sealed(row: &Row) -> String {
    row.secrets.as_ref().map_or_else(|| NO_SECRETS.to_owned(), json)
}

/// Rows and settings are maps with text keys: they can always be written as JSON.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[async_trait]
impl Target for Local {
    type Record = Row;

    async fn read(&self) -> Result<Snapshot<Row>, TargetError> {
        let local = self.clone();
        // On a thread of its own: a database of thousands takes as long as all files do.
        let read = move || match local.open()? {
            // Rows and what the last apply left of them, as they are at one moment: an apply may be at work.
            Some(mut connection) => {
                let transaction = connection.transaction().map_err(|source| local.failed(source))?;
                local.rows(&transaction)
            }
            None => Ok(Snapshot::new(State::default(), (), Revision(hash(b"")))),
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(read) => read,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    fn learn(&self, (): &(), holds: &State<Row>) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = holds.clone();
    }

    async fn write(&self, step: &Step<Row>, origin: &Origin) -> Result<(), TargetError> {
        if step.is_empty() && origin.rendered.is_none() {
            return Ok(());
        }
        let mut connection = self.create()?;
        let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(|source| self.failed(source))?;
        if self.rows(&transaction)?.revision != step.revision {
            return Err(TargetError::Stale { target: "the local registry" });
        }
        self.free(&transaction, step)?;
        self.carry_out(&transaction, step, origin).map_err(|source| self.failed(source))?;
        transaction.commit().map_err(|source| self.failed(source))
    }
}

/// What the last apply left of a row.
struct Left {
    id: IntegrationId,
    /// `None` where it deleted it.
    hash: Option<String>,
    number: i64,
}

/// A row as SQLite holds it.
struct Stored {
    id: String,
    slug: String,
    connector: String,
    name: String,
    enabled: bool,
    config: String,
    secrets: String,
    managed_by: Option<String>,
}

impl Stored {
    /// Tells whether this is a row word for word.
    fn holds(&self, row: &Row) -> bool {
        let Self { slug, connector, name, enabled, config, secrets, .. } = self;
        (slug, connector, name, enabled) == (&row.slug.to_string(), &row.connector, &row.name, &row.enabled)
            && *config == json(&row.config)
            && *secrets == sealed(row)
    }

    /// Returns the row; the one that is wanted, where this is it.
    fn read(self, wanted: &State<Row>) -> Result<(IntegrationId, Arc<Row>), TargetError> {
        let wanted = self.id.parse().ok().map(IntegrationId).and_then(|id| Some((id, wanted.share(&id)?)));
        match wanted {
            Some((id, row)) if self.holds(&row) => Ok((id, row)),
            _ => self.into_row().map(|(id, row)| (id, Arc::new(row))),
        }
    }

    fn into_row(self) -> Result<(IntegrationId, Row), TargetError> {
        let unreadable = |message: String| TargetError::Row { id: self.id.clone(), message };
        let id = self.id.parse().map_err(|error: uuid::Error| unreadable(error.to_string()))?;
        let config = serde_json::from_str(&self.config).map_err(|error| unreadable(error.to_string()))?;
        let secrets = match self.secrets.as_str() {
            NO_SECRETS => None,
            sealed => Some(serde_json::from_str(sealed).map_err(|error| unreadable(error.to_string()))?),
        };
        let slug = self.slug.parse().map_err(|error: crate::name::NotAName| unreadable(error.to_string()))?;
        let row = Row { slug, connector: self.connector, name: self.name, enabled: self.enabled, config, secrets };
        Ok((IntegrationId(id), row))
    }
}
