//! The hosted registry: a Supabase project, over its REST API (PostgREST).
//!
//! Reading is by keyset pages, for a server cuts a longer answer without a word. Writing is one call of one function in
//! the database, which is one transaction: everything is checked there once more, and all of it happens or none.

mod cache;
mod client;
mod error;
mod history;
mod rows;
mod runs;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Origin, Target, TargetError};
use crate::name::{EnvironmentName, IntegrationId};
use crate::plan::{Action, Change, Foreign, Last, Revision, Snapshot, State, Step, hash};
use crate::record::Row;
use crate::secret::Secret;
use cache::Cache;
use client::Client;
use rows::{Drifted, Listed, Stored};

pub use error::SupabaseError;

/// The version of `migration.sql` that this program works with.
pub const VERSION: i64 = 2;

/// The version of what `spile_apply` takes.
const PAYLOAD: i64 = 1;

/// The migration: tables, functions, grants; it may be run again and over a table that is there.
pub const MIGRATION: &str = include_str!("supabase/migration.sql");

/// How many rows a page has: hosted projects cut an answer at a thousand.
const PAGE: usize = 1000;

/// How many rows are asked for by their ids at once.
const CHUNK: usize = 500;

/// The most bytes of a change-set: what servers and proxies take, and what a transaction does in its eight seconds.
const LARGEST: usize = 8 * 1024 * 1024;

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
        })
    }

    /// Returns the version of the migration in the database.
    ///
    /// # Errors
    /// When it cannot be asked; [`SupabaseError::NotMigrated`] where there is none.
    pub async fn version(&self) -> Result<i64, SupabaseError> {
        let found = self.client.call("spile_version", &json!({})).await?;
        found.as_i64().ok_or_else(|| SupabaseError::answer("the version is no number"))
    }

    /// Returns what visitors of the dashboard may do with the tables, as sentences: there should be nothing.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn exposure(&self) -> Result<Vec<String>, SupabaseError> {
        let found = self.client.call("spile_exposure", &json!({})).await?;
        let Value::Array(rights) = found else { return Err(SupabaseError::answer("the rights are no list")) };
        let word = |right: &Value, key: &str| right[key].as_str().unwrap_or_default().to_owned();
        let sentence =
            |right: &Value| format!("`{}` may {} `{}`", word(right, "role"), word(right, "may"), word(right, "table"));
        Ok(rights.iter().map(sentence).collect())
    }

    /// Refuses a database of another version than this program's.
    async fn check_version(&self) -> Result<(), SupabaseError> {
        match self.version().await? {
            VERSION => Ok(()),
            found if found < VERSION => Err(SupabaseError::Old { found, wanted: VERSION }),
            found => Err(SupabaseError::New { found, known: VERSION }),
        }
    }

    fn cache(&self) -> Cache {
        Cache::of(&self.own_folder, &self.client.host(), (&self.project, self.environment.as_str()))
    }

    fn is_own(&self, row: &Listed) -> bool {
        row.managed_by.as_deref() == Some(&self.project)
            && row.environment.as_deref() == Some(self.environment.as_str())
    }

    /// Reads every row, as much of each as `columns` says.
    async fn pages(&self, columns: &str) -> Result<Vec<Value>, SupabaseError> {
        let mut rows: Vec<Value> = Vec::new();
        loop {
            let last = rows.last().and_then(|row| row.get("id")).and_then(Value::as_str);
            let mut query =
                vec![("select", columns.to_owned()), ("order", "id.asc".to_owned()), ("limit", PAGE.to_string())];
            query.extend(last.map(|id| ("id", format!("gt.{id}"))));
            let page = self.client.get("integrations", &query).await?;
            let Value::Array(page) = page else { return Err(SupabaseError::answer("a page is no list")) };
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
        let mut known = cache.load();
        if known.is_empty() {
            let rows = self.pages(rows::WHOLE).await?;
            let listed: Vec<Listed> = rows::read(&rows)?;
            let own: BTreeSet<&str> = listed.iter().filter(|row| self.is_own(row)).map(|row| row.id.as_str()).collect();
            for row in rows.iter().filter(|row| row["id"].as_str().is_some_and(|id| own.contains(id))) {
                let stored: Stored = rows::read_one(row)?;
                known.insert(stored.id.clone(), stored);
            }
            cache.save(&known);
            return Ok((listed, known));
        }
        let listed: Vec<Listed> = rows::read(&self.pages(rows::LISTED).await?)?;
        let own: Vec<&Listed> = listed.iter().filter(|row| self.is_own(row)).collect();
        let before = known.len();
        known.retain(|id, stored| own.iter().any(|row| row.id == *id && row.content_hash == stored.content_hash));
        let unknown: Vec<&str> =
            own.iter().filter(|row| !known.contains_key(&row.id)).map(|row| row.id.as_str()).collect();
        for ids in unknown.chunks(CHUNK) {
            let asked = json!({"managed_by": self.project, "environment": self.environment, "ids": ids});
            let rows = self.client.call("spile_rows", &json!({ "payload": asked })).await?;
            let Value::Array(rows) = rows else { return Err(SupabaseError::answer("the rows are no list")) };
            for stored in rows::read::<Stored>(&rows)? {
                known.insert(stored.id.clone(), stored);
            }
        }
        if !unknown.is_empty() || known.len() != before {
            cache.save(&known);
        }
        Ok((listed, known))
    }

    /// Asks which rows are not as the last apply left them.
    async fn drifted(&self) -> Result<BTreeMap<IntegrationId, Last<Row>>, SupabaseError> {
        let found = self.client.call("spile_drift", &json!({ "payload": self.part() })).await?;
        let rows = Vec::<Drifted>::deserialize(found);
        let rows = rows.map_err(|_| SupabaseError::answer("the drift is not of the form that it should have"))?;
        let named = |row: Drifted| {
            let id = row.id.parse().ok()?;
            let last = match row.after {
                Some(after) => rows::row(after).map_or(Last::Unknown, Last::Held),
                None if row.why == "added" => Last::Deleted,
                None => Last::Unknown,
            };
            Some((IntegrationId(id), last))
        };
        Ok(rows.into_iter().filter_map(named).collect())
    }

    /// Names this project's part of the tables, as functions take it.
    fn part(&self) -> Value {
        json!({"managed_by": self.project, "environment": self.environment})
    }

    fn payload(&self, step: &Step<Row>, origin: &Origin, apply: Uuid, hashes: &BTreeMap<String, String>) -> Value {
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
        self.check_version().await?;
        let (listed, mut stored) = self.rows().await?;
        let own = || listed.iter().filter(|row| self.is_own(row));
        let mut state = State::default();
        for row in own() {
            let stored = stored.remove(&row.id).ok_or_else(|| SupabaseError::answer("a row went while it was read"))?;
            let (id, row) = stored.into_row()?;
            state.insert(id, row);
        }
        let is_of_others = |row: &&Listed| row.managed_by.as_deref() != Some(&self.project);
        let foreign = listed.iter().filter(is_of_others).map(|row| Foreign {
            id: row.id.clone(),
            name: row.name.clone(),
            managed_by: row.managed_by.clone(),
        });
        let (foreign, drifted) = (foreign.collect(), self.drifted().await?);
        Ok(Snapshot { foreign, drifted, ..Snapshot::new(state, (), revision(own())) })
    }

    async fn write(&self, step: &Step<Row>, origin: &Origin) -> Result<(), TargetError> {
        if step.is_empty() && origin.rendered.is_none() {
            return Ok(());
        }
        let listed: Vec<Listed> = rows::read(&self.pages(rows::LISTED).await?)?;
        let own = || listed.iter().filter(|row| self.is_own(row));
        if revision(own()) != step.revision {
            return Err(TargetError::Stale { target: "the registry" });
        }
        // Of adopted rows too: they are as they were shown, or the database refuses.
        let hashes = listed.iter().map(|row| (row.id.clone(), row.content_hash.clone())).collect();
        let payload = self.payload(step, origin, Uuid::new_v4(), &hashes);
        let bytes = json!({ "payload": payload }).to_string();
        if bytes.len() > LARGEST {
            return Err(SupabaseError::TooLarge { bytes: bytes.len(), most: LARGEST }.into());
        }
        match self.client.apply(bytes).await {
            Ok(_) => Ok(()),
            Err(SupabaseError::NotAsPlanned { conflicts }) => Err(error::conflict(&conflicts, step)),
            Err(error) => Err(error.into()),
        }
    }
}
