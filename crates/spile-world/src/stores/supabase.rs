//! The hosted registry: a Supabase project, accessed through its REST API (PostgREST).
//!
//! Reading asks one function for the hashes of all rows, and then fetches only the rows that are not cached from the
//! last read. Tables are read in keyset pages, because servers silently truncate longer responses. Writing is one call
//! of one database function, which is one transaction: it checks everything again, and either applies all changes or
//! none.

mod address;
mod alerts;
mod cache;
mod client;
mod error;
mod history;
mod last_read;
mod leases;
mod migration;
mod refusal;
mod rows;
mod runs;
mod states;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stores::runs::Outbox;
use crate::{Origin, Target, TargetError};
use cache::Cache;
use client::Client;
use last_read::{Hashes, LastRead};
use rows::{Drifted, Other, Page, RegistryMoment, Stored};
use spile_core::digest::hash;
use spile_core::name::{EnvironmentName, IntegrationId};
use spile_core::plan::{Action, Change, Foreign, Revision, Snapshot, State, Step};
use spile_core::record::{Record, Row};

pub use address::Address;
pub use error::SupabaseError;
pub use leases::{LEASE_SECONDS, Lease};
pub use migration::{migration, table_check};
pub use states::{NotKept, StoredState as KeptState, Writer};

/// The version of the migration that this program works with.
pub const VERSION: i64 = 6;

/// The version of the payload that `spile_apply` takes.
const PAYLOAD: i64 = 1;

/// How many rows a page has. Hosted projects truncate responses at a thousand rows.
const PAGE: usize = 1000;

/// How many rows each of two concurrent requests fetches by id.
const CHUNK: usize = 1000;

/// The most bytes of a change-set. 10,000 integrations with secrets are 13 MB, and take 1.3 s on two cores and 190 MB
/// in the database. The smallest project has half a gigabyte. A server that does not honor the function's own timeout
/// gives up after eight seconds.
const LARGEST: usize = 16 * 1024 * 1024;

/// One project's part of a Supabase table, in one environment.
#[derive(Debug, Clone)]
pub struct Supabase {
    client: Client,
    project: String,
    environment: EnvironmentName,
    own_folder: PathBuf,
    /// Runs that could not be sent.
    outbox: Outbox,
    last_read: LastRead,
}

impl Supabase {
    /// Creates a registry client. Nothing is sent yet. `own_folder` stores the cached rows, and the runs that could not
    /// be sent.
    ///
    /// # Errors
    /// When the system has no trusted certificates.
    pub fn new(
        address: Address,
        project: &str,
        environment: &EnvironmentName,
        own_folder: &Path,
    ) -> Result<Self, SupabaseError> {
        Ok(Self {
            client: Client::new(address)?,
            project: project.to_owned(),
            environment: environment.clone(),
            own_folder: own_folder.to_owned(),
            outbox: Outbox::of(own_folder),
            last_read: LastRead::default(),
        })
    }

    /// Returns the version of the migration in the database.
    ///
    /// # Errors
    /// When the registry cannot be asked; [`SupabaseError::NotMigrated`] if there is no migration.
    pub async fn version(&self) -> Result<i64, SupabaseError> {
        self.client.call("spile_version", &json!({})).await
    }

    /// Returns what dashboard visitors can do with the tables, as sentences. The list should be empty.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub async fn exposure(&self) -> Result<Vec<String>, SupabaseError> {
        let rights: Vec<Value> = self.client.call("spile_exposure", &json!({})).await?;
        let word = |right: &Value, key: &str| right[key].as_str().unwrap_or_default().to_owned();
        let sentence =
            |right: &Value| format!("`{}` can {} `{}`", word(right, "role"), word(right, "may"), word(right, "table"));
        Ok(rights.iter().map(sentence).collect())
    }

    fn cache(&self) -> Cache {
        Cache::of(&self.own_folder, &self.client.host(), &self.project, self.environment.as_str())
    }

    /// Reads the given columns of every row.
    async fn pages<T: Page>(&self, columns: &str) -> Result<Vec<T>, SupabaseError> {
        let mut rows: Vec<T> = Vec::new();
        loop {
            let last = rows.last().map(Page::id);
            let mut query =
                vec![("select", columns.to_owned()), ("order", "id.asc".to_owned()), ("limit", PAGE.to_string())];
            query.extend(last.map(|id| ("id", format!("gt.{id}"))));
            let page: Vec<T> = self.client.get("integrations", &query).await?;
            let is_last = page.len() < PAGE;
            rows.extend(page);
            if is_last {
                return Ok(rows);
            }
        }
    }

    /// Returns the rows with these hashes. Fetches only the rows that are not in `known`.
    async fn rows(
        &self,
        mut known: BTreeMap<String, Stored>,
        hashes: &Hashes,
    ) -> Result<BTreeMap<String, Stored>, SupabaseError> {
        let before = known.len();
        known.retain(|id, stored| hashes.get(id).is_some_and(|hash| *hash == stored.content_hash));
        let unknown: Vec<&str> = hashes.keys().filter(|id| !known.contains_key(*id)).map(String::as_str).collect();
        for ids in unknown.chunks(2 * CHUNK) {
            let (some, others) = ids.split_at(CHUNK.min(ids.len()));
            // Two concurrent requests and no more, because a small project has few connections.
            let (some, others) = tokio::join!(self.whole(some), self.whole(others));
            known.extend(some?.into_iter().chain(others?).map(|stored| (stored.id.clone(), stored)));
        }
        if !unknown.is_empty() || known.len() != before {
            self.cache().save(&known);
        }
        Ok(known)
    }

    /// Reads whole rows by their ids.
    async fn whole(&self, ids: &[&str]) -> Result<Vec<Stored>, SupabaseError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked = self.part();
        asked["ids"] = json!(ids);
        self.client.call("spile_rows", &json!({ "payload": asked })).await
    }

    /// Returns the identification of this project's part of the tables, as the functions take it.
    fn part(&self) -> Value {
        json!({"managed_by": self.project, "environment": self.environment})
    }

    /// Asks for the current hashes. Refuses a database whose migration has another version.
    async fn held(&self) -> Result<RegistryMoment, SupabaseError> {
        match self.client.call::<RegistryMoment>("spile_state", &json!({ "payload": self.part() })).await {
            Ok(held) => check_version(held.version).map(|()| held),
            // Another version may not have the function, or may answer in another form. The version number tells which
            // it is.
            Err(error @ (SupabaseError::NotMigrated { .. } | SupabaseError::Answer { .. })) => {
                check_version(self.version().await?)?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the hashes of a revision. Refuses if the registry has moved on to another one.
    async fn hashes(&self, wanted: &Revision) -> Result<Hashes, TargetError> {
        let held = self.held().await?;
        if revision(&held.hashes) != *wanted {
            return Err(TargetError::Stale { target: Row::TARGET });
        }
        Ok(all_hashes(&held))
    }

    fn payload(&self, step: &Step<Row>, origin: &Origin, apply: Uuid, hashes: &Hashes) -> Value {
        let change = |(id, change): (&IntegrationId, &Change<Row>)| {
            let id = id.to_string();
            let mut written = json!({ "op": change.word(), "id": id });
            if let Some(expected) = hashes.get(&id).filter(|_| change.action() != Action::Create) {
                written["expect"] = json!(expected);
            }
            if let Some(row) = change.after() {
                written["row"] = rows::written(row);
            }
            written
        };
        let deletes = step.changes.values().filter(|change| change.action() == Action::Delete).count();
        json!({
            "v": PAYLOAD,
            "managed_by": self.project,
            "environment": self.environment,
            "apply_id": apply,
            "plan": origin.plan,
            "actor": origin.actor,
            "source_rev": origin.commit,
            "revision": step.revision,
            "max_deletes": deletes,
            "changes": step.changes.iter().map(change).collect::<Vec<_>>(),
            "file": origin.rendered.as_deref().map(history::file),
        })
    }
}

/// Refuses a version that this program does not support.
fn check_version(found: i64) -> Result<(), SupabaseError> {
    match found {
        VERSION => Ok(()),
        found if found < VERSION => Err(SupabaseError::Old { found, wanted: VERSION }),
        found => Err(SupabaseError::New { found, known: VERSION }),
    }
}

/// Returns the hashes of all rows, including unmanaged ones: they may be adopted only if they are still as shown.
fn all_hashes(held: &RegistryMoment) -> Hashes {
    let others = held.others.iter().filter_map(|row| Some((row.id.clone(), row.content_hash.clone()?)));
    held.hashes.clone().into_iter().chain(others).collect()
}

/// The revision of one project's rows in one environment. It must equal what `spile_revision` computes in the database.
fn revision(hashes: &Hashes) -> Revision {
    let lines: String = hashes.iter().flat_map(|(id, hash)| [id, ":", hash, "\n"]).collect();
    Revision(hash(lines.as_bytes()))
}

#[async_trait]
impl Target for Supabase {
    type Record = Row;

    async fn read(&self) -> Result<Snapshot<Row>, TargetError> {
        let cache = self.cache();
        // Loads the cache while the request runs, because both take about as long.
        let known = tokio::task::spawn_blocking(move || cache.load());
        let held = self.held().await?;
        let mut stored = self.rows(known.await.unwrap_or_default(), &held.hashes).await?;
        let mut state = State::default();
        for id in held.hashes.keys() {
            let stored = stored.remove(id).ok_or_else(|| SupabaseError::answer("a row went while it was read"))?;
            let (id, row) = stored.into_row()?;
            state.insert(id, row);
        }
        let revision = revision(&held.hashes);
        self.last_read.keep(revision.clone(), all_hashes(&held));
        let foreign = |other: Other| {
            let (name, managed_by) = (other.name.unwrap_or_default(), other.managed_by);
            Foreign { id: other.id, name, managed_by }
        };
        let foreign = held.others.into_iter().map(foreign).collect();
        let drifted = held.drift.into_iter().filter_map(Drifted::into_last).collect();
        Ok(Snapshot { foreign, drifted, ..Snapshot::new(state, (), revision) })
    }

    async fn write(&self, step: &Step<Row>, origin: &Origin) -> Result<(), TargetError> {
        if step.is_empty() && origin.rendered.is_none() {
            return Ok(());
        }
        let hashes = match self.last_read.of(&step.revision) {
            Some(hashes) => hashes,
            None => self.hashes(&step.revision).await?,
        };
        let payload = self.payload(step, origin, Uuid::new_v4(), &hashes);
        let bytes = json!({ "payload": payload }).to_string();
        if bytes.len() > LARGEST {
            return Err(SupabaseError::TooLarge { bytes: bytes.len(), most: LARGEST }.into());
        }
        match self.client.apply(bytes).await {
            Ok(()) => Ok(()),
            Err(SupabaseError::NotAsPlanned { conflicts }) => Err(error::conflict(&conflicts, step)),
            Err(error) => Err(error.into()),
        }
    }
}
