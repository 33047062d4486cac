//! The history of runs in a hosted registry. A run that cannot be sent is kept and sent with the next one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{PAGE, Supabase, SupabaseError};
use crate::files::io_error::IoError;
use crate::stores::runs::Standing;
use crate::{Runs, TargetError};
use spile_core::name::{EnvironmentName, IntegrationId, Slug};
use spile_core::run::{Cause, Details, Run, RunKind, RunStatus, Tries};

/// A run as the table has it.
#[derive(Debug, Deserialize)]
pub(super) struct StoredRun {
    id: Uuid,
    integration_id: Uuid,
    slug: Slug,
    environment: EnvironmentName,
    kind: RunKind,
    status: RunStatus,
    state_id: Option<String>,
    loader_id: Option<Uuid>,
    started_at: Timestamp,
    finished_at: Option<Timestamp>,
    records: Option<u64>,
    error: Option<String>,
    log: PathBuf,
    streams: BTreeMap<String, u64>,
    cause: Option<String>,
    attempts: u32,
    full_refresh: bool,
    bookmark_before: Option<Value>,
    bookmark_after: Option<Value>,
    scheduled_for: Option<Timestamp>,
    host: Option<String>,
    details: Details,
}

/// The attempts of an integration's schedule, as `spile_tries` returns them.
#[derive(Debug, Deserialize)]
struct StoredTries {
    integration_id: Uuid,
    #[serde(flatten)]
    tries: Tries,
}

impl From<StoredRun> for Run {
    fn from(run: StoredRun) -> Self {
        Self {
            id: run.id,
            integration: IntegrationId(run.integration_id),
            slug: run.slug,
            environment: run.environment,
            kind: run.kind,
            status: run.status,
            state_id: run.state_id,
            loader: run.loader_id.map(IntegrationId),
            started_at: run.started_at,
            finished_at: run.finished_at,
            records: run.records,
            error: run.error,
            log: run.log,
            streams: run.streams,
            // A cause that only a newer spile knows becomes `None`.
            cause: run
                .cause
                .and_then(|word| Cause::WORDS.into_iter().find(|(known, _)| *known == word))
                .map(|(_, cause)| cause),
            attempts: run.attempts,
            full_refresh: run.full_refresh,
            bookmark_before: run.bookmark_before,
            bookmark_after: run.bookmark_after,
            scheduled_for: run.scheduled_for,
            host: run.host,
            details: run.details,
        }
    }
}

impl Supabase {
    fn written_run(&self, run: &Run) -> Value {
        json!({
            "id": run.id,
            "managed_by": self.project,
            "environment": run.environment,
            "integration_id": run.integration.to_string(),
            "slug": run.slug,
            "kind": run.kind.word(),
            "status": run.status.word(),
            "state_id": run.state_id,
            "loader_id": run.loader.map(|loader| loader.to_string()),
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "records": run.records,
            "error": run.error,
            "log": run.log,
            "streams": run.streams,
            "cause": run.cause,
            "attempts": run.attempts,
            "full_refresh": run.full_refresh,
            "bookmark_before": run.bookmark_before,
            "bookmark_after": run.bookmark_after,
            "scheduled_for": run.scheduled_for,
            "host": run.host,
            "details": run.details,
        })
    }

    /// Sends a run, and updates the status of its integration.
    async fn send(&self, run: &Run) -> Result<(), SupabaseError> {
        self.client.upsert("integration_runs", &self.written_run(run)).await?;
        let Some(status) = run.integration_status() else { return Ok(()) };
        let query = [
            ("id", format!("eq.{}", run.integration)),
            ("managed_by", format!("eq.{}", self.project)),
            ("environment", format!("eq.{}", self.environment)),
            ("status", "neq.paused".to_owned()),
        ];
        self.client.patch("integrations", &query, &json!({ "status": status })).await
    }

    /// Sends the kept runs, oldest first. A run that cannot be sent stays and does not block the others.
    async fn send_kept(&self) {
        let Some(_turn) = self.outbox.turn() else { return };
        for waiting in self.outbox.waiting(&self.environment) {
            match self.send(&waiting.run).await {
                Ok(()) => self.outbox.taken(&waiting),
                Err(error) if error.is_of_the_moment() => return,
                // Rejected by a constraint or for lack of a permission. A person has to fix that first.
                Err(_) => {}
            }
        }
    }

    async fn runs(&self, mut query: Vec<(&'static str, String)>) -> Result<Vec<Run>, SupabaseError> {
        query.push(("managed_by", format!("eq.{}", self.project)));
        query.push(("environment", format!("eq.{}", self.environment)));
        query.push(("order", "started_at.desc,id.desc".to_owned()));
        let found: Vec<StoredRun> = self.client.get("integration_runs", &query).await?;
        Ok(found.into_iter().map(Run::from).collect())
    }
}

#[async_trait]
impl Runs for Supabase {
    async fn record(&self, run: &Run) -> Result<(), TargetError> {
        self.send_kept().await;
        let Err(error) = self.send(run).await else { return Ok(()) };
        // A run continues while the registry is down, because the data it moves is worth more than its record there.
        // And its result must not get lost because the registry rejects it.
        if error.is_of_the_moment() || run.status != RunStatus::Running {
            let io = IoError::of("store a run in", ".spile/outbox");
            self.outbox.keep(run).map_err(io)?;
        }
        if error.is_of_the_moment() { Ok(()) } else { Err(error.into()) }
    }

    async fn newest(&self, of: Option<IntegrationId>, most: usize) -> Result<Vec<Run>, TargetError> {
        let mut query = vec![("limit", most.to_string())];
        query.extend(of.map(|id| ("integration_id", format!("eq.{id}"))));
        Ok(self.runs(query).await?)
    }

    async fn newest_live(&self, of: IntegrationId, most: usize) -> Result<Vec<Run>, TargetError> {
        let query = vec![
            ("limit", most.to_string()),
            ("integration_id", format!("eq.{of}")),
            ("details->range", "is.null".to_owned()),
        ];
        Ok(self.runs(query).await?)
    }

    async fn backfills(&self, of: IntegrationId) -> Result<Vec<Run>, TargetError> {
        // Before the next piece is chosen, those count that could not be sent earlier.
        self.send_kept().await;
        let mut all = Vec::new();
        loop {
            let page = vec![
                ("limit", PAGE.to_string()),
                ("offset", all.len().to_string()),
                ("integration_id", format!("eq.{of}")),
                ("details->range", "not.is.null".to_owned()),
            ];
            let page = self.runs(page).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    async fn newest_of_each(&self) -> Result<BTreeMap<IntegrationId, Run>, TargetError> {
        let asked = json!({"managed_by": self.project, "environment": self.environment});
        let found: Vec<StoredRun> = self.client.call("spile_last_runs", &json!({ "payload": asked })).await?;
        Ok(found.into_iter().map(Run::from).map(|run| (run.integration, run)).collect())
    }

    async fn tries(&self, now: Timestamp) -> Result<BTreeMap<IntegrationId, Tries>, TargetError> {
        // Includes attempts that could not be sent earlier.
        self.send_kept().await;
        let asked = json!({"managed_by": self.project, "environment": self.environment, "now": now});
        let found: Vec<StoredTries> = self.client.call("spile_tries", &json!({ "payload": asked })).await?;
        Ok(found.into_iter().map(|found| (IntegrationId(found.integration_id), found.tries)).collect())
    }

    async fn get(&self, run: Uuid) -> Result<Option<Run>, TargetError> {
        // The requested run may be one that could not be sent earlier.
        self.send_kept().await;
        Ok(self.runs(vec![("id", format!("eq.{run}"))]).await?.pop())
    }

    async fn set_status(&self, ids: &[IntegrationId], status: &str) -> Result<(), TargetError> {
        // URLs have a length limit, so ids are sent in groups.
        for some in ids.chunks(100) {
            let listed: Vec<String> = some.iter().map(ToString::to_string).collect();
            let query = [
                ("id", format!("in.({})", listed.join(","))),
                ("managed_by", format!("eq.{}", self.project)),
                ("environment", format!("eq.{}", self.environment)),
            ];
            self.client.patch("integrations", &query, &json!({ "status": status })).await?;
        }
        Ok(())
    }

    async fn standings(&self) -> Result<BTreeMap<IntegrationId, Standing>, TargetError> {
        let mut standings = BTreeMap::new();
        for row in self.pages::<Value>("id,status,created_at,updated_at,managed_by,environment").await? {
            let is_own = row["managed_by"] == self.project.as_str() && row["environment"] == self.environment.as_str();
            let time = |column: &str| row[column].as_str().and_then(|text| text.parse::<Timestamp>().ok());
            let id = row["id"].as_str().and_then(|id| id.parse().ok()).filter(|_| is_own);
            if let (Some(id), Some(created_at), Some(updated_at)) = (id, time("created_at"), time("updated_at")) {
                let status = row["status"].as_str().unwrap_or_default().to_owned();
                standings.insert(IntegrationId(id), Standing { status, created_at, updated_at });
            }
        }
        Ok(standings)
    }
}
