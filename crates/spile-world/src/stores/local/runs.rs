//! The history of runs in the local registry.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::rows::json;
use super::{Local, version};
use crate::files::io_error::IoError;
use crate::stores::runs::Standing;
use crate::{Runs, TargetError};
use spile_core::name::IntegrationId;
use spile_core::run::{Cause, Run, RunKind, RunStatus, Tries};

/// The columns of version 1.
const COLUMNS: &str = "id, integration_id, slug, environment, kind, status, state_id, loader_id, started_at, finished_at, records, error, log";

/// The columns that version 3 added, and the values that replace them in an older database.
const COLUMNS_3: [(&str, &str); 8] = [
    ("streams", "'{}'"),
    ("cause", "null"),
    ("attempts", "1"),
    ("full_refresh", "0"),
    ("bookmark_before", "null"),
    ("bookmark_after", "null"),
    ("scheduled_for", "null"),
    ("host", "null"),
];

/// The column that version 5 added, likewise.
const DETAILS: (&str, &str) = ("details", "'{}'");

#[async_trait]
impl Runs for Local {
    async fn record(&self, run: &Run) -> Result<(), TargetError> {
        self.write_kept();
        let Err(error) = self.write_run(run) else { return Ok(()) };
        if run.status != RunStatus::Running {
            // How it ended is not lost because somebody else writes for too long.
            let io = IoError::of("store a run in", ".spile/outbox");
            self.outbox.keep(run).map_err(io)?;
        }
        Err(error)
    }

    async fn newest(&self, of: Option<IntegrationId>, most: usize) -> Result<Vec<Run>, TargetError> {
        self.newest_where(of, most, |_| "true".to_owned())
    }

    async fn newest_live(&self, of: IntegrationId, most: usize) -> Result<Vec<Run>, TargetError> {
        self.newest_where(Some(of), most, is_live)
    }

    async fn backfills(&self, of: IntegrationId) -> Result<Vec<Run>, TargetError> {
        self.newest_where(Some(of), usize::MAX, |version| format!("not {}", is_live(version)))
    }

    async fn newest_of_each(&self) -> Result<BTreeMap<IntegrationId, Run>, TargetError> {
        let Some(connection) = self.open()? else { return Ok(BTreeMap::new()) };
        let columns = self.columns(&connection)?;
        let is_live = is_live(self.version_of(&connection)?);
        // The index finds the newest of one integration at once. Numbering all runs would read every one of them.
        let sql = format!(
            "select {columns} from (select distinct integration_id as known from integration_runs where environment = ?1) \
             join integration_runs on id = (select id from integration_runs where environment = ?1 \
             and integration_id = known and {is_live} order by started_at desc, id desc limit 1)"
        );
        let read = || -> rusqlite::Result<BTreeMap<_, _>> {
            let mut statement = connection.prepare(&sql)?;
            let runs = statement.query_map([self.environment.as_str()], run)?;
            runs.map(|run| run.map(|run| (run.integration, run))).collect()
        };
        read().map_err(|source| self.failed(source))
    }

    async fn tries(&self, now: Timestamp) -> Result<BTreeMap<IntegrationId, Tries>, TargetError> {
        let Some(connection) = self.open()? else { return Ok(BTreeMap::new()) };
        let sql = "select integration_id, scheduled_for, \
                   sum(status in ('ok', 'warning') or (status = 'failed' and cause is not 'killed')), \
                   sum(status = 'cancelled' or cause is 'killed') from integration_runs join \
                   (select integration_id as newest_of, max(scheduled_for) as newest from integration_runs \
                   where environment = ?1 and scheduled_for <= ?2 group by integration_id) \
                   on integration_id = newest_of and scheduled_for = newest where environment = ?1 \
                   group by integration_id, scheduled_for";
        let read = || -> rusqlite::Result<BTreeMap<_, _>> {
            if version(&connection)? < 3 {
                return Ok(BTreeMap::new());
            }
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map(params![self.environment.as_str(), sortable(now)], |row| {
                let tries = Tries { moment: parsed(row, 1)?, ended: row.get(2)?, lost: row.get(3)? };
                Ok((IntegrationId(parsed(row, 0)?), tries))
            })?;
            rows.collect()
        };
        read().map_err(|source| self.failed(source))
    }

    async fn get(&self, id: Uuid) -> Result<Option<Run>, TargetError> {
        let Some(connection) = self.open()? else { return Ok(None) };
        let columns = self.columns(&connection)?;
        let sql = format!("select {columns} from integration_runs where environment = ?1 and id = ?2");
        let found = connection.query_row(&sql, params![self.environment.as_str(), id.to_string()], run).optional();
        found.map_err(|source| self.failed(source))
    }

    async fn set_status(&self, ids: &[IntegrationId], status: &str) -> Result<(), TargetError> {
        let mut connection = self.create()?;
        let sql = "update integrations set status = ?3 where environment = ?1 and id = ?2 and managed_by = ?4";
        let mut write = || -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            for id in ids {
                let values = params![self.environment.as_str(), id.to_string(), status, self.project];
                transaction.execute(sql, values)?;
            }
            transaction.commit()
        };
        write().map_err(|source| self.failed(source))
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

impl Local {
    fn write_run(&self, run: &Run) -> Result<(), TargetError> {
        let mut connection = self.create()?;
        let mut write = || -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            upsert(&transaction, run)?;
            if let Some(status) = run.integration_status() {
                let sql = "update integrations set status = ?3 \
                           where environment = ?1 and id = ?2 and managed_by = ?4 and status <> 'paused'";
                let (environment, id) = (run.environment.as_str(), run.integration.to_string());
                transaction.execute(sql, params![environment, id, status, self.project])?;
            }
            transaction.commit()
        };
        write().map_err(|source| self.failed(source))
    }

    /// Writes the finished runs that could not be written earlier.
    fn write_kept(&self) {
        let Some(_turn) = self.outbox.turn() else { return };
        for waiting in self.outbox.waiting(&self.environment) {
            if self.write_run(&waiting.run).is_ok() {
                self.outbox.taken(&waiting);
            }
        }
    }

    /// Returns the newest runs for which a condition holds, which depends on the version of the database.
    fn newest_where(
        &self,
        of: Option<IntegrationId>,
        most: usize,
        condition: impl FnOnce(i64) -> String,
    ) -> Result<Vec<Run>, TargetError> {
        let Some(connection) = self.open()? else { return Ok(Vec::new()) };
        let columns = self.columns(&connection)?;
        let condition = condition(self.version_of(&connection)?);
        let sql = format!(
            "select {columns} from integration_runs where environment = ?1 and (?2 is null or integration_id = ?2) \
             and {condition} order by started_at desc, id desc limit ?3"
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let read = || -> rusqlite::Result<Vec<Run>> {
            let mut statement = connection.prepare(&sql)?;
            let of = of.map(|id| id.to_string());
            statement.query_map(params![self.environment.as_str(), of, most], run)?.collect()
        };
        read().map_err(|source| self.failed(source))
    }

    pub(super) fn version_of(&self, connection: &Connection) -> Result<i64, TargetError> {
        version(connection).map_err(|source| self.failed(source))
    }

    /// Returns the columns to select for a run, in the order that [`run`] reads them.
    pub(super) fn columns(&self, connection: &Connection) -> Result<String, TargetError> {
        let version = self.version_of(connection)?;
        let column =
            |since| move |(name, without): (&'static str, &'static str)| if version >= since { name } else { without };
        Ok(format!("{COLUMNS}, {}, {}", COLUMNS_3.map(column(3)).join(", "), column(5)(DETAILS)))
    }
}

/// Returns the condition that a run is no piece of a backfill, in a database of that version: an older one has none.
pub(super) fn is_live(version: i64) -> String {
    if version >= 5 { "(json_extract(details, '$.range') is null)" } else { "true" }.to_owned()
}

fn upsert(connection: &Connection, run: &Run) -> rusqlite::Result<()> {
    let columns = COLUMNS_3.map(|(name, _)| name).join(", ");
    let sql = format!(
        "insert or replace into integration_runs ({COLUMNS}, {columns}, {}) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
        DETAILS.0
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
        json(&run.streams),
        run.cause.map(Cause::word),
        run.attempts,
        run.full_refresh,
        run.bookmark_before.as_ref().map(json),
        run.bookmark_after.as_ref().map(json),
        run.scheduled_for.map(sortable),
        run.host,
        json(&run.details),
    ];
    connection.execute(&sql, values).map(drop)
}

/// Formats a time with nine decimals, so that text order equals time order.
fn sortable(at: Timestamp) -> String {
    format!("{at:.9}")
}

pub(super) fn run(row: &rusqlite::Row<'_>) -> rusqlite::Result<Run> {
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
        streams: from_json(row, 13)?.unwrap_or_default(),
        cause: cause(row, 14)?,
        attempts: row.get(15)?,
        full_refresh: row.get(16)?,
        bookmark_before: from_json(row, 17)?,
        bookmark_after: from_json(row, 18)?,
        scheduled_for: row.get::<_, Option<String>>(19)?.and_then(|at| at.parse().ok()),
        host: row.get(20)?,
        details: from_json(row, 21)?.unwrap_or_default(),
    })
}

/// Reads a cause. A cause that only a newer spile knows becomes `None`.
fn cause(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<Cause>> {
    let word: Option<String> = row.get(column)?;
    Ok(word.and_then(|word| Cause::WORDS.into_iter().find(|(known, _)| *known == word)).map(|(_, cause)| cause))
}

fn from_json<T: serde::de::DeserializeOwned>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    let failed = |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error));
    text.map(|text| serde_json::from_str(&text).map_err(failed)).transpose()
}

fn parsed<T: std::str::FromStr>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
