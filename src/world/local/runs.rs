//! The history of runs in the local registry.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::Local;
use crate::name::IntegrationId;
use crate::run::{Run, RunKind, RunStatus};
use crate::world::runs::Standing;
use crate::world::{Runs, TargetError};

const COLUMNS: &str = "id, integration_id, slug, environment, kind, status, state_id, loader_id, started_at, finished_at, records, error, log";

#[async_trait]
impl Runs for Local {
    async fn record(&self, run: &Run) -> Result<(), TargetError> {
        let mut connection = self.create()?;
        let write = || -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            upsert(&transaction, run)?;
            if let Some(status) = run.status.integration_status() {
                let sql = "update integrations set status = ?3 where environment = ?1 and id = ?2";
                transaction.execute(sql, params![run.environment.as_str(), run.integration.to_string(), status])?;
            }
            transaction.commit()
        };
        let mut write = write;
        write().map_err(|source| self.failed(source))
    }

    async fn newest(&self, of: Option<IntegrationId>, most: usize) -> Result<Vec<Run>, TargetError> {
        let Some(connection) = self.open()? else { return Ok(Vec::new()) };
        let sql = format!(
            "select {COLUMNS} from integration_runs where environment = ?1 and (?2 is null or integration_id = ?2) \
             order by started_at desc, id desc limit ?3"
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let read = || -> rusqlite::Result<Vec<Run>> {
            let mut statement = connection.prepare(&sql)?;
            let of = of.map(|id| id.to_string());
            statement.query_map(params![self.environment.as_str(), of, most], run)?.collect()
        };
        read().map_err(|source| self.failed(source))
    }

    async fn newest_of_each(&self) -> Result<BTreeMap<IntegrationId, Run>, TargetError> {
        let Some(connection) = self.open()? else { return Ok(BTreeMap::new()) };
        let sql = format!(
            "select {COLUMNS} from (select *, row_number() over \
             (partition by integration_id order by started_at desc, id desc) as place \
             from integration_runs where environment = ?1) where place = 1"
        );
        let read = || -> rusqlite::Result<BTreeMap<_, _>> {
            let mut statement = connection.prepare(&sql)?;
            let runs = statement.query_map([self.environment.as_str()], run)?;
            runs.map(|run| run.map(|run| (run.integration, run))).collect()
        };
        read().map_err(|source| self.failed(source))
    }

    async fn get(&self, id: Uuid) -> Result<Option<Run>, TargetError> {
        let Some(connection) = self.open()? else { return Ok(None) };
        let sql = format!("select {COLUMNS} from integration_runs where environment = ?1 and id = ?2");
        let found = connection.query_row(&sql, params![self.environment.as_str(), id.to_string()], run).optional();
        found.map_err(|source| self.failed(source))
    }

    async fn standings(&self) -> Result<BTreeMap<IntegrationId, Standing>, TargetError> {
        let Some(connection) = self.open()? else { return Ok(BTreeMap::new()) };
        let sql = "select id, status, created_at, updated_at from integrations \
                   where environment = ?1 and managed_by = ?2";
        let read = || -> rusqlite::Result<BTreeMap<_, _>> {
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map(params![self.environment.as_str(), self.project], |row| {
                let standing =
                    Standing { status: row.get(1)?, created_at: parsed(row, 2)?, updated_at: parsed(row, 3)? };
                Ok((IntegrationId(parsed(row, 0)?), standing))
            })?;
            rows.collect()
        };
        read().map_err(|source| self.failed(source))
    }
}

fn upsert(connection: &Connection, run: &Run) -> rusqlite::Result<()> {
    let sql = format!(
        "insert or replace into integration_runs ({COLUMNS}) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
    );
    let values = params![
        run.id.to_string(),
        run.integration.to_string(),
        run.slug.as_str(),
        run.environment.as_str(),
        run.kind.word(),
        run.status.word(),
        run.state_id,
        run.loader.map(|loader| loader.to_string()),
        sortable(run.started_at),
        run.finished_at.map(sortable),
        run.records.and_then(|records| i64::try_from(records).ok()),
        run.error,
        run.log.to_string_lossy(),
    ];
    connection.execute(&sql, values).map(drop)
}

/// Nine digits always, so that the order of texts is the order of times.
fn sortable(at: Timestamp) -> String {
    format!("{at:.9}")
}

fn run(row: &rusqlite::Row<'_>) -> rusqlite::Result<Run> {
    let loader: Option<String> = row.get(7)?;
    let finished_at: Option<String> = row.get(9)?;
    let kind: String = row.get(4)?;
    let status: String = row.get(5)?;
    let status = RunStatus::WORDS.into_iter().find(|(word, _)| *word == status);
    Ok(Run {
        id: parsed(row, 0)?,
        integration: IntegrationId(parsed(row, 1)?),
        slug: parsed(row, 2)?,
        environment: parsed(row, 3)?,
        kind: if kind == RunKind::Test.word() { RunKind::Test } else { RunKind::Sync },
        status: status.map_or(RunStatus::Failed, |(_, status)| status),
        state_id: row.get(6)?,
        loader: loader.and_then(|loader| loader.parse().ok()).map(IntegrationId),
        started_at: parsed(row, 8)?,
        finished_at: finished_at.and_then(|at| at.parse().ok()),
        records: row.get::<_, Option<i64>>(10)?.and_then(|records| u64::try_from(records).ok()),
        error: row.get(11)?,
        log: row.get::<_, String>(12)?.into(),
    })
}

fn parsed<T: std::str::FromStr>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
