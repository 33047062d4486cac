//! The local registry: an SQLite file in the project, with the tables of the hosted one.

mod runs;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use super::project::make_private;
use super::{Origin, Target, TargetError};
use crate::name::{EnvironmentName, IntegrationId};
use crate::plan::{Action, Change, Foreign, Revision, Snapshot, State, Step, hash};
use crate::record::Row;

/// The version of `local.sql`, kept in SQLite's `user_version`.
const VERSION: i64 = 1;

/// How long a writer waits for another one.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// One environment's part of the local registry.
#[derive(Debug, Clone)]
pub struct Local {
    path: PathBuf,
    project: String,
    environment: EnvironmentName,
}

impl Local {
    /// Names the database's file; nothing is read or made.
    pub fn new(path: impl Into<PathBuf>, project: &str, environment: &EnvironmentName) -> Self {
        Self { path: path.into(), project: project.to_owned(), environment: environment.clone() }
    }

    fn failed(&self, source: rusqlite::Error) -> TargetError {
        TargetError::Local { path: self.path.clone(), source }
    }

    /// Opens the database for reading; `None` where there is none, for reading makes nothing.
    fn open(&self) -> Result<Option<Connection>, TargetError> {
        if !self.path.exists() {
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
        let version = || {
            connection.busy_timeout(PATIENCE)?;
            connection.query_row("pragma user_version", [], |row| row.get::<_, i64>(0))
        };
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

    fn rows(&self, connection: &Connection) -> Result<Snapshot<Row>, TargetError> {
        let mut state = State::default();
        let mut foreign = Vec::new();
        let mut hashed = String::new();
        for stored in self.stored(connection).map_err(|source| self.failed(source))? {
            if stored.managed_by.as_deref() == Some(&self.project) {
                hashed.push_str(&stored.hash());
                let (id, row) = stored.into_row()?;
                state.insert(id, row);
            } else {
                foreign.push(Foreign { id: stored.id, name: stored.name, managed_by: stored.managed_by });
            }
        }
        let drifted = self.drifted(connection, &state).map_err(|source| self.failed(source))?;
        Ok(Snapshot { state, foreign, drifted, document: (), revision: Revision(hash(hashed.as_bytes())) })
    }

    /// Compares rows with what the last apply left: the audit has its hash.
    fn drifted(&self, connection: &Connection, state: &State<Row>) -> rusqlite::Result<BTreeSet<IntegrationId>> {
        let sql = "select integration_id, after_hash from integration_changes where number in \
                   (select max(number) from integration_changes where environment = ?1 and managed_by = ?2 \
                    group by integration_id)";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query(params![self.environment.as_str(), self.project])?;
        let mut drifted = BTreeSet::new();
        while let Some(row) = rows.next()? {
            let (id, left): (String, Option<String>) = (row.get(0)?, row.get(1)?);
            let Ok(id) = id.parse().map(IntegrationId) else { continue };
            if state.get(&id).map(|row| hash(json(row).as_bytes())) != left {
                drifted.insert(id);
            }
        }
        Ok(drifted)
    }

    fn stored(&self, connection: &Connection) -> rusqlite::Result<Vec<Stored>> {
        let sql = "select id, slug, type, name, enabled, config, secrets, managed_by from integrations \
                   where environment = ?1 order by id";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([self.environment.as_str()], |row| {
            Ok(Stored {
                id: row.get(0)?,
                slug: row.get(1)?,
                connector: row.get(2)?,
                name: row.get(3)?,
                enabled: row.get(4)?,
                config: row.get(5)?,
                secrets: row.get(6)?,
                managed_by: row.get(7)?,
            })
        })?;
        rows.collect()
    }

    /// Refuses a step that would create a row where somebody else's is.
    fn free(&self, transaction: &Transaction<'_>, step: &Step<Row>) -> Result<(), TargetError> {
        let sql = "select managed_by from integrations where environment = ?1 and id = ?2";
        for (id, change) in &step.changes {
            let Change::Create { after } = change else { continue };
            let values = params![self.environment.as_str(), id.to_string()];
            let found = transaction.query_row(sql, values, |row| row.get::<_, Option<String>>(0)).optional();
            if let Some(owner) = found.map_err(|source| self.failed(source))? {
                let owner = owner.map_or("a row of nobody's".to_owned(), |owner| format!("the project `{owner}`"));
                return Err(TargetError::Owned { slug: after.slug.clone(), id: *id, owner });
            }
        }
        Ok(())
    }

    fn carry_out(&self, transaction: &Transaction<'_>, step: &Step<Row>, origin: &Origin) -> rusqlite::Result<()> {
        for (id, change) in &step.changes {
            match change {
                Change::Create { after } => self.insert(transaction, *id, after, origin)?,
                Change::Update { after, .. } => self.update(transaction, *id, after, origin)?,
                Change::Delete { .. } => self.delete(transaction, *id)?,
            }
            self.audit(transaction, *id, change, origin)?;
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
                   secrets = ?8, updated_at = ?9 \
                   where environment = ?1 and id = ?2";
        let (environment, at) = (self.environment.as_str(), origin.at.to_string());
        let (id, slug, config, secrets) = (id.to_string(), row.slug.as_str(), json(&row.config), sealed(row));
        let values = params![environment, id, slug, row.connector, row.name, row.enabled, config, secrets, at];
        to.prepare_cached(sql)?.execute(values).map(drop)
    }

    fn delete(&self, from: &Transaction<'_>, id: IntegrationId) -> rusqlite::Result<()> {
        let sql = "delete from integrations where environment = ?1 and id = ?2";
        from.prepare_cached(sql)?.execute(params![self.environment.as_str(), id.to_string()]).map(drop)
    }

    fn audit(
        &self,
        to: &Transaction<'_>,
        id: IntegrationId,
        change: &Change<Row>,
        origin: &Origin,
    ) -> rusqlite::Result<()> {
        let sql = "insert into integration_changes \
                   (plan, environment, integration_id, op, managed_by, before_hash, after_hash, actor, source_rev, at) \
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let op = match change.action() {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
        };
        let hashed = |row: Option<&Row>| row.map(|row| hash(json(row).as_bytes()));
        let values = params![
            origin.plan,
            self.environment.as_str(),
            id.to_string(),
            op,
            self.project,
            hashed(change.before()),
            hashed(change.after()),
            origin.actor,
            origin.commit,
            origin.at.to_string(),
        ];
        to.prepare_cached(sql)?.execute(values).map(drop)
    }
}

/// Makes the tables, unless another program has made them in the meantime.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("pragma user_version", [], |row| row.get(0))?;
    if found < VERSION {
        transaction.execute_batch(include_str!("local.sql"))?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
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
        match self.open()? {
            Some(connection) => self.rows(&connection),
            None => Ok(Snapshot {
                drifted: BTreeSet::new(),
                state: State::default(),
                foreign: Vec::new(),
                document: (),
                revision: Revision(hash(b"")),
            }),
        }
    }

    async fn write(&self, step: &Step<Row>, origin: &Origin) -> Result<(), TargetError> {
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
    fn hash(&self) -> String {
        let Self { id, slug, connector, name, enabled, config, secrets, .. } = self;
        hash(json(&(id, slug, connector, name, enabled, config, secrets)).as_bytes())
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
