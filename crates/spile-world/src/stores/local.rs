//! The local registry: an SQLite file in the project with the same tables as the hosted registry.

mod alerts;
mod history;
mod prune;
mod rows;
mod runs;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use rows::{json, sealed};

use crate::files::io_error::IoError;
use crate::files::own_folder::{NotOwn, Own, OwnFolder};
use crate::stores::runs::Outbox;
use crate::{Origin, Target, TargetError};
use spile_core::digest::hash;
use spile_core::name::{EnvironmentName, IntegrationId};
use spile_core::plan::{Change, Revision, Snapshot, State, Step};
use spile_core::record::{Record, Row};

/// The version of `local.sql`, stored in SQLite's `user_version`.
const VERSION: i64 = 5;

/// The size of a database page, in bytes.
const PAGE: u32 = 16_384;

/// How long a writer waits for another writer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// One environment's part of the local registry.
#[derive(Debug, Clone)]
pub struct Local {
    path: PathBuf,
    /// The folder that contains the file.
    own: Own,
    /// Runs that could not be written to the file.
    outbox: Outbox,
    project: String,
    environment: EnvironmentName,
    /// The desired rows. A stored row that is identical to one of them does not need to be parsed.
    wanted: Arc<Mutex<State<Row>>>,
}

impl Local {
    /// Names the database file. Nothing is read or created.
    pub fn new(path: impl Into<PathBuf>, project: &str, environment: &EnvironmentName) -> Self {
        let path = path.into();
        let folder = path.parent().unwrap_or(Path::new("."));
        let (own, outbox) = (Own::at(folder), Outbox::of(folder));
        let (project, environment) = (project.to_owned(), environment.clone());
        Self { path, own, outbox, project, environment, wanted: Arc::default() }
    }

    fn failed(&self, source: rusqlite::Error) -> TargetError {
        TargetError::Local { path: self.path.clone(), source }
    }

    /// Opens the database for reading. Returns `None` if it does not exist, because reading creates nothing, or if its
    /// folder does not belong to this user.
    fn open(&self) -> Result<Option<Connection>, TargetError> {
        // A folder that may not be looked into is not one that is empty.
        let closed = IoError::of("open", self.own.path());
        let own = match self.own.open() {
            Ok(Some(own)) => own,
            Err(in_the_way @ NotOwn::NotAFolder { .. }) => return Err(closed(in_the_way.into()).into()),
            Ok(None) | Err(_) => return Ok(None),
        };
        if own.found(self.file()).map_err(&closed)?.is_none() {
            return Ok(None);
        }
        // Not read-only, because the next connection has to roll back the journal that a killed writer left behind.
        let connection = self.connect(&own, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        match self.prepare(&connection)? {
            0 => Ok(None),
            _ => Ok(Some(connection)),
        }
    }

    fn file(&self) -> &Path {
        self.path.file_name().map_or(Path::new("registry.db"), Path::new)
    }

    /// Opens the database and its working files. None of them may be a link or belong to another user.
    fn connect(&self, own: &OwnFolder, flags: OpenFlags) -> Result<Connection, TargetError> {
        let io = |doing| IoError::of(doing, &self.path);
        for end in ["", "-journal", "-wal", "-shm"] {
            let mut file = self.file().as_os_str().to_owned();
            file.push(end);
            own.place(&file).map_err(io("open"))?;
        }
        // SQLite refuses links anywhere in the path, but the path to the project may contain some.
        let folder = own.path().canonicalize().map_err(io("find"))?;
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        Connection::open_with_flags(folder.join(self.file()), flags).map_err(|source| self.failed(source))
    }

    /// Creates the database file with access for its owner only, and removes access for others from an existing file.
    /// SQLite gives its working files the mode of the database.
    fn make_file(&self, own: &OwnFolder) -> io::Result<()> {
        let path = own.place(self.file())?;
        match path.symlink_metadata() {
            // By path: opening and closing the file here would release the locks that SQLite holds on it in this
            // process.
            Ok(found) if found.permissions().mode() & 0o077 != 0 => {
                std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => match own.create_new(self.file()) {
                // Another process created it first.
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                Ok(_) | Err(_) => Ok(()),
            },
            found => found.map(drop),
        }
    }

    /// Sets up the connection and returns the database's version.
    fn prepare(&self, connection: &Connection) -> Result<i64, TargetError> {
        let version = || connection.busy_timeout(PATIENCE).and_then(|()| version(connection));
        let found = version().map_err(|source| self.failed(source))?;
        if found > VERSION {
            return Err(TargetError::Newer { path: self.path.clone(), found, known: VERSION });
        }
        Ok(found)
    }

    /// Opens the database for writing, and creates it if it does not exist.
    fn create(&self) -> Result<Connection, TargetError> {
        let path = self.own.path().to_owned();
        let own = self.own.make().map_err(IoError::of("create", path))?;
        self.make_file(&own).map_err(IoError::of("create", &self.path))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut connection = self.connect(&own, flags)?;
        if self.prepare(&connection)? < VERSION {
            migrate(&mut connection).map_err(|source| self.failed(source))?;
        }
        Ok(connection)
    }

    /// Refuses a step that would create a row whose id is taken, or adopt a row that is no longer unmanaged.
    fn free(&self, transaction: &Transaction<'_>, step: &Step<Row>) -> Result<(), TargetError> {
        let sql = "select managed_by from integrations where environment = ?1 and id = ?2";
        for (id, change) in &step.changes {
            let (after, adopts) = match change {
                Change::Create { after } => (after, false),
                Change::Adopt { after, .. } => (after, true),
                Change::Update { .. } | Change::Release { .. } | Change::Delete { .. } => continue,
            };
            let values = params![self.environment.as_str(), id.to_string()];
            let found = transaction.query_row(sql, values, |row| row.get::<_, Option<String>>(0)).optional();
            match found.map_err(|source| self.failed(source))? {
                None if adopts => return Err(TargetError::Stale { target: Row::TARGET }),
                None => {}
                Some(None) if adopts => {}
                Some(owner) => return Err(TargetError::owned(after.slug.clone(), *id, owner.as_deref())),
            }
        }
        self.as_adopted(transaction, step)
    }

    /// Refuses to adopt rows that differ from the plan.
    fn as_adopted(&self, transaction: &Transaction<'_>, step: &Step<Row>) -> Result<(), TargetError> {
        let adopted = || step.changes.iter().filter(|(_, change)| matches!(change, Change::Adopt { .. }));
        if adopted().next().is_none() {
            return Ok(());
        }
        let unmanaged = self.unmanaged_rows(transaction)?;
        let has_changed =
            |(id, change): (&IntegrationId, &Change<Row>)| unmanaged.get(id).map(|found| &found.row) != change.before();
        if adopted().any(has_changed) {
            return Err(TargetError::Stale { target: Row::TARGET });
        }
        Ok(())
    }

    fn carry_out(&self, transaction: &Transaction<'_>, step: &Step<Row>, origin: &Origin) -> rusqlite::Result<()> {
        let apply = self.record_apply(transaction, origin)?;
        for (id, change) in &step.changes {
            let held = self.held_before(transaction, *id, change)?;
            match change {
                Change::Create { after } => self.insert(transaction, *id, after, origin)?,
                Change::Update { after, .. } | Change::Adopt { after, .. } => {
                    self.update(transaction, *id, after, origin)?;
                }
                Change::Release { after, .. } => self.release(transaction, *id, after, origin)?,
                Change::Delete { .. } => self.delete(transaction, *id)?,
            }
            self.record_change(transaction, &apply, history::Recorded { id: *id, change, held }, origin)?;
        }
        self.prune(transaction)
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

    /// Returns the previous content of a row that is about to be adopted, as JSON for the history. Plaintext secrets
    /// are not kept; the ciphertext that replaces them is stored instead.
    fn held_before(
        &self,
        of: &Transaction<'_>,
        id: IntegrationId,
        change: &Change<Row>,
    ) -> rusqlite::Result<Option<String>> {
        let Change::Adopt { before, after } = change else { return Ok(None) };
        let sql = "select secrets from integrations where environment = ?1 and id = ?2";
        let values = params![self.environment.as_str(), id.to_string()];
        let secrets: String = of.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
        let is_plain = before.secrets.is_none() && secrets != rows::NO_SECRETS;
        let secrets = if is_plain { after.secrets.clone() } else { before.secrets.clone() };
        Ok(Some(json(&Row { secrets, ..before.clone() })))
    }

    /// Releases a row and restores the content it had before it was adopted.
    fn release(&self, to: &Transaction<'_>, id: IntegrationId, row: &Row, origin: &Origin) -> rusqlite::Result<()> {
        self.update(to, id, row, origin)?;
        let sql = "update integrations set managed_by = null where environment = ?1 and id = ?2";
        to.prepare_cached(sql)?.execute(params![self.environment.as_str(), id.to_string()]).map(drop)
    }

    fn delete(&self, from: &Transaction<'_>, id: IntegrationId) -> rusqlite::Result<()> {
        let sql = "delete from integrations where environment = ?1 and id = ?2";
        from.prepare_cached(sql)?.execute(params![self.environment.as_str(), id.to_string()]).map(drop)
    }
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("pragma user_version", [], |row| row.get(0))
}

/// Creates the tables, unless another process has created them in the meantime.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    // Only affects a file without tables. A row with secrets is 2 KB and would take two pages of SQLite's default size.
    connection.pragma_update(None, "page_size", PAGE)?;
    // Returns the pages of pruned rows to the disk.
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
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
        _ => {}
    }
    // The history of version 4 was created together with its table above.
    let steps = [(2, include_str!("local/from_2.sql")), (3, include_str!("local/from_3.sql"))];
    let later = steps.into_iter().filter(|(step, _)| found >= 2 && *step >= found).map(|(_, sql)| sql);
    for sql in later.chain((1..VERSION).contains(&found).then_some(include_str!("local/from_4.sql"))) {
        transaction.execute_batch(sql)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    if (1..VERSION).contains(&found) {
        // A file that was created without incremental vacuum has to be rebuilt once. If there is no room for that, or
        // the file is being read, its free pages are reused instead of returned.
        let _ = connection.execute_batch("vacuum");
    }
    Ok(())
}

#[async_trait]
impl Target for Local {
    type Record = Row;

    async fn read(&self) -> Result<Snapshot<Row>, TargetError> {
        let local = self.clone();
        // In a blocking thread, because a database with thousands of rows takes as long to read as all files.
        let read = move || match local.open()? {
            // Reads the rows and their last-applied versions in one transaction, because an apply may be running.
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
            return Err(TargetError::Stale { target: Row::TARGET });
        }
        self.free(&transaction, step)?;
        self.carry_out(&transaction, step, origin).map_err(|source| self.failed(source))?;
        transaction.commit().map_err(|source| self.failed(source))
    }
}
