//! The hosted registry: a Supabase project, over its REST API (PostgREST).
//!
//! Reading is by keyset pages, for a server cuts a longer answer without a word. Writing is one call of one function in
//! the database, which is one transaction: everything is checked there once more, and all of it happens or none.

mod alerts;
mod cache;
mod client;
mod error;
mod history;
mod last_read;
mod leases;
mod refusal;
mod rows;
mod runs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde_json::{Value, json};
use uuid::Uuid;

use super::runs::Outbox;
use super::{Origin, Target, TargetError};
use crate::digest::hash;
use crate::name::{EnvironmentName, IntegrationId};
use crate::plan::{Action, Change, Foreign, Last, Revision, Snapshot, State, Step};
use crate::record::Row;
use crate::secret::Secret;
use cache::Cache;
use client::Client;
use last_read::{Hashes, LastRead};
use rows::{Drift, Drifted, Listed, Page, Stored};

pub use error::SupabaseError;
pub use leases::{LEASE_SECONDS, Lease};

/// The version of `migration.sql` that this program works with.
pub const VERSION: i64 = 3;

/// The version of what `spile_apply` takes.
const PAYLOAD: i64 = 1;

/// The migration: tables, functions, grants; it may be run again and over a table that is there.
pub const MIGRATION: &str = include_str!("supabase/migration.sql");

/// How many rows a page has: hosted projects cut an answer at a thousand.
const PAGE: usize = 1000;

/// How many rows are asked for by their ids at once.
const CHUNK: usize = 500;

/// The most bytes of a change-set. 10,000 integrations with secrets are 13 MB; they take 1.3 s on two cores, and 190 MB in
/// the database. The smallest project has half a gigabyte, and a server that does not lift a function's own timeout gives
/// up after eight seconds.
const LARGEST: usize = 16 * 1024 * 1024;

/// Where a project is, and what opens it.
#[derive(Debug, Clone)]
pub struct Address {
    /// `https://<project>.supabase.co`
    pub url: String,
    /// Where the REST API is below it.
    pub rest_path: String,
    /// The schema of the tables.
    pub schema: String,
    /// A secret key, or the legacy `service_role` key.
    pub key: Secret,
}

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
    /// Names a registry; nothing is sent yet. `own_folder` is where rows that were read are kept for the next time, and
    /// runs that could not be sent.
    ///
    /// # Errors
    /// When the system has no certificates to trust.
    pub fn new(
        address: Address,
        (project, environment): (&str, &EnvironmentName),
        own_folder: &Path,
    ) -> Result<Self, SupabaseError> {
        Ok(Self {
            client: Client::new(address)?,
            project: project.to_owned(),
            environment: environment.clone(),
            own_folder: own_folder.to_owned(),
            outbox: Outbox::at(own_folder.join("outbox")),
            last_read: LastRead::default(),
        })
    }

    /// Returns the version of the migration in the database.
    ///
    /// # Errors
    /// When it cannot be asked; [`SupabaseError::NotMigrated`] where there is none.
    pub async fn version(&self) -> Result<i64, SupabaseError> {
        self.client.call("spile_version", &json!({})).await
    }

    /// Returns what visitors of the dashboard may do with the tables, as sentences: there should be nothing.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn exposure(&self) -> Result<Vec<String>, SupabaseError> {
        let rights: Vec<Value> = self.client.call("spile_exposure", &json!({})).await?;
        let word = |right: &Value, key: &str| right[key].as_str().unwrap_or_default().to_owned();
        let sentence =
            |right: &Value| format!("`{}` may {} `{}`", word(right, "role"), word(right, "may"), word(right, "table"));
        Ok(rights.iter().map(sentence).collect())
    }

    fn cache(&self) -> Cache {
        Cache::of(&self.own_folder, &self.client.host(), (&self.project, self.environment.as_str()))
    }

    fn is_own(&self, row: &Listed) -> bool {
        row.managed_by.as_deref() == Some(&self.project)
            && row.environment.as_deref() == Some(self.environment.as_str())
    }

    /// Reads every row, as much of each as `columns` says.
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

    /// Reads ids and hashes, and whole rows only where they are not known from the last time.
    async fn rows(&self) -> Result<(Vec<Listed>, BTreeMap<String, Stored>), SupabaseError> {
        let cache = self.cache();
        if !cache.is_there() {
            return self.all_rows().await;
        }
        // It takes about as long as the pages do.
        let loading = tokio::task::spawn_blocking(move || cache.load());
        let listed: Vec<Listed> = self.pages(rows::LISTED).await?;
        let mut known = loading.await.unwrap_or_default();
        let own = listed.iter().filter(|row| self.is_own(row));
        let own: BTreeMap<&str, &str> = own.map(|row| (row.id.as_str(), row.content_hash.as_str())).collect();
        let before = known.len();
        known.retain(|id, stored| own.get(id.as_str()).is_some_and(|hash| *hash == stored.content_hash));
        let unknown: Vec<&str> = own.into_keys().filter(|id| !known.contains_key(*id)).collect();
        for ids in unknown.chunks(CHUNK) {
            let asked = json!({"managed_by": self.project, "environment": self.environment, "ids": ids});
            let rows: Vec<Stored> = self.client.call("spile_rows", &json!({ "payload": asked })).await?;
            known.extend(rows.into_iter().map(|stored| (stored.id.clone(), stored)));
        }
        if !unknown.is_empty() || known.len() != before {
            self.cache().save(&known);
        }
        Ok((listed, known))
    }

    /// Names this project's part of the tables, as functions take it.
    fn part(&self) -> Value {
        json!({"managed_by": self.project, "environment": self.environment})
    }

    /// Reads whole rows, where none is known.
    async fn all_rows(&self) -> Result<(Vec<Listed>, BTreeMap<String, Stored>), SupabaseError> {
        let (mut listed, mut known) = (Vec::new(), BTreeMap::new());
        for row in self.pages::<Value>(rows::WHOLE).await? {
            let marks = Listed::read(&row)?;
            if self.is_own(&marks) {
                known.insert(marks.id.clone(), Stored::read(&row)?);
            }
            listed.push(marks);
        }
        self.cache().save(&known);
        Ok((listed, known))
    }

    /// Asks which rows are not as the last apply left them; refuses a database of another version than this program's.
    async fn drifted(&self) -> Result<BTreeMap<IntegrationId, Last<Row>>, SupabaseError> {
        match self.client.call::<Drift>("spile_drift", &json!({ "payload": self.part() })).await {
            Ok(drift) => {
                check_version(drift.version)?;
                Ok(drift.rows.into_iter().filter_map(Drifted::into_last).collect())
            }
            // Another version may not know the function, or answer in another form: it says at least which it is.
            Err(error @ (SupabaseError::NotMigrated { .. } | SupabaseError::Answer { .. })) => {
                check_version(self.version().await?)?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks for the hashes of a revision; refuses a step from another one.
    async fn hashes(&self, wanted: &Revision) -> Result<Hashes, TargetError> {
        let listed: Vec<Listed> = self.pages(rows::LISTED).await?;
        let own = || listed.iter().filter(|row| self.is_own(row));
        if revision(own()) != *wanted {
            return Err(TargetError::Stale { target: "the registry" });
        }
        Ok(hashes(&listed))
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

/// Refuses another version than this program's.
fn check_version(found: i64) -> Result<(), SupabaseError> {
    match found {
        VERSION => Ok(()),
        found if found < VERSION => Err(SupabaseError::Old { found, wanted: VERSION }),
        found => Err(SupabaseError::New { found, known: VERSION }),
    }
}

/// Returns the hashes of all rows: those of nobody's may be adopted, as they were shown or not at all.
fn hashes(listed: &[Listed]) -> Hashes {
    listed.iter().map(|row| (row.id.clone(), row.content_hash.clone())).collect()
}

/// The mark of the rows of one project in one environment; `spile_revision` in the database says the same.
fn revision<'a>(rows: impl Iterator<Item = &'a Listed>) -> Revision {
    let mut lines: Vec<String> = rows.map(|row| format!("{}:{}\n", row.id, row.content_hash)).collect();
    lines.sort();
    Revision(hash(lines.concat().as_bytes()))
}

#[async_trait]
impl Target for Supabase {
    type Record = Row;

    async fn read(&self) -> Result<Snapshot<Row>, TargetError> {
        // Two at once, and no more: a small project has few connections.
        let (drifted, rows) = tokio::join!(self.drifted(), self.rows());
        let (drifted, (listed, mut stored)) = (drifted?, rows?);
        let own = || listed.iter().filter(|row| self.is_own(row));
        let mut state = State::default();
        for row in own() {
            let stored = stored.remove(&row.id).ok_or_else(|| SupabaseError::answer("a row went while it was read"))?;
            let (id, row) = stored.into_row()?;
            state.insert(id, row);
        }
        let revision = revision(own());
        self.last_read.keep(revision.clone(), hashes(&listed));
        let is_of_others = |row: &&Listed| row.managed_by.as_deref() != Some(&self.project);
        let foreign = listed.iter().filter(is_of_others).map(|row| Foreign {
            id: row.id.clone(),
            name: row.name.clone(),
            managed_by: row.managed_by.clone(),
        });
        Ok(Snapshot { foreign: foreign.collect(), drifted, ..Snapshot::new(state, (), revision) })
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
