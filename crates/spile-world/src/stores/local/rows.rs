//! Reads the stored rows and compares them with the desired rows and the last-applied ones.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, mpsc};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rusqlite::{Connection, params};

use super::{Local, version};
use crate::TargetError;
use spile_core::digest::{hash, of_json};
use spile_core::name::IntegrationId;
use spile_core::plan::{Foreign, Last, Revision, Snapshot, State};
use spile_core::record::Row;

/// How many rows are compared at a time.
const BATCH: usize = 256;

/// The content of the secrets column if there are no secrets.
pub(super) const NO_SECRETS: &str = "{}";

pub(super) fn sealed(row: &Row) -> String {
    row.secrets.as_ref().map_or_else(|| NO_SECRETS.to_owned(), json)
}

/// Writes JSON. This cannot fail, because rows and settings are maps with text keys.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl Local {
    /// Reads the rows of this project and of others.
    pub(super) fn rows(&self, connection: &Connection) -> Result<Snapshot<Row>, TargetError> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let read = |stored: Stored| {
            let (id, row) = stored.read(&wanted)?;
            let hash = of_json(&*row);
            Ok((id, row, hash))
        };
        let (sender, batches) = mpsc::channel::<Vec<Stored>>();
        let (own, foreign, left) = std::thread::scope(|scope| {
            // Compares rows while the next ones are read, because only one thread can use the database connection.
            let compared = scope.spawn(move || {
                let each = batches.iter().flat_map(|batch| batch.into_par_iter().map(read).collect::<Vec<_>>());
                // If several rows cannot be read, the first in order is reported, no matter which was parsed first.
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
        let differs = |one: &LastApplied| hashes.get(&one.id).copied() != one.hash.as_ref();
        let drifted = drifted(connection, left.into_iter().filter(differs)).map_err(failed)?;
        let state = own.into_iter().map(|(id, row, _)| (id, row)).collect();
        Ok(Snapshot { foreign, drifted, ..Snapshot::new(state, (), revision) })
    }

    /// Sends this project's rows in batches, and returns the rows of others.
    fn send(&self, connection: &Connection, to: mpsc::Sender<Vec<Stored>>) -> rusqlite::Result<Vec<Foreign>> {
        let (mut foreign, mut batch) = (Vec::new(), Vec::with_capacity(BATCH));
        self.each_stored(connection, |stored| {
            if stored.managed_by.as_deref() != Some(&self.project) {
                foreign.push(Foreign { id: stored.id, name: stored.name, managed_by: stored.managed_by });
                return;
            }
            batch.push(stored);
            if batch.len() == BATCH {
                // The receiver lives until the sender is dropped.
                let _ = to.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
            }
        })?;
        let _ = to.send(batch);
        // The receiver waits until the sender is dropped.
        drop(to);
        Ok(foreign)
    }

    /// Reads the last-applied version of each row: the history has its hash and, since version 2, the row.
    fn left(&self, connection: &Connection) -> rusqlite::Result<Vec<LastApplied>> {
        let last = "select integration_id, after_hash, number from integration_changes where number in \
                    (select max(number) from integration_changes where environment = ?1 and managed_by = ?2 \
                     group by integration_id)";
        let mut statement = connection.prepare(last)?;
        let mut rows = statement.query(params![self.environment.as_str(), self.project])?;
        let mut left = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, hash, number): (String, Option<String>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let Ok(id) = id.parse().map(IntegrationId) else { continue };
            left.push(LastApplied { id, hash, number });
        }
        Ok(left)
    }

    pub(super) fn stored(&self, connection: &Connection) -> rusqlite::Result<Vec<Stored>> {
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
}

/// Reads the last-applied rows where the live rows differ. Rows are large, so the others are not read.
fn drifted(
    connection: &Connection,
    left: impl Iterator<Item = LastApplied>,
) -> rusqlite::Result<BTreeMap<IntegrationId, Last<Row>>> {
    let after = if version(connection)? < 2 { "null" } else { "after" };
    let mut kept = connection.prepare(&format!("select {after} from integration_changes where number = ?1"))?;
    let mut drifted = BTreeMap::new();
    for LastApplied { id, hash, number } in left {
        let after: Option<String> = kept.query_row([number], |row| row.get(0))?;
        let kept = after.and_then(|after| serde_json::from_str(&after).ok());
        let unless_kept = if hash.is_none() { Last::Deleted } else { Last::Unknown };
        drifted.insert(id, kept.map_or(unless_kept, Last::Held));
    }
    Ok(drifted)
}

/// The last-applied version of a row.
struct LastApplied {
    id: IntegrationId,
    /// `None` if the apply deleted the row.
    hash: Option<String>,
    number: i64,
}

/// A row as SQLite stores it.
pub(super) struct Stored {
    pub(super) id: String,
    slug: String,
    connector: String,
    name: String,
    enabled: bool,
    config: String,
    pub(super) secrets: String,
    pub(super) managed_by: Option<String>,
}

impl Stored {
    /// Tells whether the stored row is identical to `row`.
    fn holds(&self, row: &Row) -> bool {
        let Self { slug, connector, name, enabled, config, secrets, .. } = self;
        (slug, connector, name, enabled) == (&row.slug.to_string(), &row.connector, &row.name, &row.enabled)
            && *config == json(&row.config)
            && *secrets == sealed(row)
    }

    /// Returns the row. If it is identical to the desired row, shares that one instead of parsing.
    fn read(self, wanted: &State<Row>) -> Result<(IntegrationId, Arc<Row>), TargetError> {
        let wanted = self.id.parse().ok().map(IntegrationId).and_then(|id| Some((id, wanted.share(&id)?)));
        match wanted {
            Some((id, row)) if self.holds(&row) => Ok((id, row)),
            _ => self.into_row().map(|(id, row)| (id, Arc::new(row))),
        }
    }

    pub(super) fn into_row(self) -> Result<(IntegrationId, Row), TargetError> {
        let unreadable = |message: String| TargetError::Row { id: self.id.clone(), message };
        let id = self.id.parse().map_err(|error: uuid::Error| unreadable(error.to_string()))?;
        let config = serde_json::from_str(&self.config).map_err(|error| unreadable(error.to_string()))?;
        let secrets = match self.secrets.as_str() {
            NO_SECRETS => None,
            sealed => Some(serde_json::from_str(sealed).map_err(|error| unreadable(error.to_string()))?),
        };
        let slug = self.slug.parse().map_err(|error: spile_core::name::NotAName| unreadable(error.to_string()))?;
        let row = Row { slug, connector: self.connector, name: self.name, enabled: self.enabled, config, secrets };
        Ok((IntegrationId(id), row))
    }
}
