//! The history of applies in the local registry, and the rows that each apply left.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, Transaction, params};
use uuid::Uuid;

use super::rows::json;
use super::{Local, version};
use crate::{Origin, Registry, TargetError, Unmanaged};
use spile_core::digest::{hash, of_json};
use spile_core::name::IntegrationId;
use spile_core::plan::Change;
use spile_core::plan::history::{Applied, Left, Pruned};
use spile_core::record::Row;

const APPLIES: &str = "select a.id, a.plan, a.actor, a.source_rev, a.at, a.file_sha256, \
    (select count(*) from integration_changes c where c.apply_id = a.id and c.op = 'create'), \
    (select count(*) from integration_changes c where c.apply_id = a.id and c.op in ('update', 'adopt', 'release')), \
    (select count(*) from integration_changes c where c.apply_id = a.id and c.op = 'delete'), a.number \
    from integration_applies a where a.environment = ?1 and a.managed_by = ?2";

/// A change as the history stores it.
pub(super) struct Recorded<'a> {
    /// The integration.
    pub id: IntegrationId,
    /// What the apply did.
    pub change: &'a Change<Row>,
    /// The row before the change, as JSON.
    pub held: Option<String>,
}

impl Local {
    /// Records an apply and the file that it writes. Returns the apply's id.
    pub(super) fn record_apply(&self, to: &Transaction<'_>, origin: &Origin) -> rusqlite::Result<String> {
        let file = origin.rendered.as_ref().map(|text| (hash(text.as_bytes()), text));
        if let Some((sha256, text)) = &file {
            to.execute(
                "insert or ignore into integration_files (sha256, text) values (?1, ?2)",
                params![sha256, text],
            )?;
        }
        let sql = "insert into integration_applies \
                   (id, plan, environment, managed_by, actor, source_rev, file_sha256, at) \
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let (id, sha256) = (Uuid::new_v4().to_string(), file.map(|(sha256, _)| sha256));
        let (environment, at) = (self.environment.as_str(), origin.at.to_string());
        let values = params![id, origin.plan, environment, self.project, origin.actor, origin.commit, sha256, at];
        to.execute(sql, values)?;
        Ok(id)
    }

    /// Records a change and the row that results from it.
    pub(super) fn record_change(
        &self,
        to: &Transaction<'_>,
        apply: &str,
        recorded: Recorded<'_>,
        origin: &Origin,
    ) -> rusqlite::Result<()> {
        let sql = "insert into integration_changes (apply_id, plan, environment, integration_id, op, managed_by, \
                   before_hash, after_hash, after, actor, source_rev, at, before) \
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
        let Recorded { id, change, held } = recorded;
        let after = change.after().map(json);
        let values = params![
            apply,
            origin.plan,
            self.environment.as_str(),
            id.to_string(),
            change.word(),
            self.project,
            change.before().map(of_json),
            after.as_ref().map(|after| hash(after.as_bytes())),
            after,
            origin.actor,
            origin.commit,
            origin.at.to_string(),
            held,
        ];
        to.prepare_cached(sql)?.execute(values).map(drop)
    }

    /// Reads the unmanaged rows whose id is a UUID.
    pub(super) fn unmanaged_rows(
        &self,
        connection: &Connection,
    ) -> Result<BTreeMap<IntegrationId, Unmanaged>, TargetError> {
        let stored = self.stored(connection).map_err(|source| self.failed(source))?;
        let nobodys = stored.into_iter().filter(|row| row.managed_by.is_none() && row.id.parse::<Uuid>().is_ok());
        let read = |mut stored: super::rows::Stored| {
            let secrets = std::mem::replace(&mut stored.secrets, super::rows::NO_SECRETS.to_owned());
            let (id, row) = stored.into_row()?;
            // Secrets that are not JSON cannot be adopted.
            Ok((id, Unmanaged::new(row, &serde_json::from_str(&secrets).unwrap_or_default())))
        };
        nobodys.map(read).collect()
    }

    fn applied(&self, connection: &Connection, of: Option<Uuid>, most: i64) -> rusqlite::Result<Vec<(Applied, i64)>> {
        let sql = format!("{APPLIES} and (?3 is null or a.id = ?3) order by a.number desc limit ?4");
        let mut statement = connection.prepare(&sql)?;
        let of = of.map(|id| id.to_string());
        statement.query_map(params![self.environment.as_str(), self.project, of, most], applied)?.collect()
    }

    /// Returns the rows as they were after an apply.
    fn rows_as_of(&self, connection: &Connection, apply: i64) -> rusqlite::Result<BTreeMap<String, Option<String>>> {
        // Version 1 recorded its changes before applies had numbers.
        let sql = "select c.integration_id, c.after from integration_changes c \
                   left join integration_applies a on a.id = c.apply_id \
                   where c.environment = ?1 and c.managed_by = ?2 and coalesce(a.number, 0) <= ?3 order by c.number";
        let mut statement = connection.prepare(sql)?;
        let values = params![self.environment.as_str(), self.project, apply];
        statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// Returns the rows that later applies adopted and still manage, with their content from before, if known.
    fn adopted_after(&self, connection: &Connection, apply: i64) -> rusqlite::Result<BTreeMap<String, Option<String>>> {
        let before = if version(connection)? >= 5 { "c.before" } else { "null" };
        let sql = format!(
            "select c.integration_id, c.op, {before} from integration_changes c \
             join integration_applies a on a.id = c.apply_id \
             where c.environment = ?1 and c.managed_by = ?2 and a.number > ?3 and c.op <> 'update' order by c.number"
        );
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query(params![self.environment.as_str(), self.project, apply])?;
        let mut adopted = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let (id, op): (String, String) = (row.get(0)?, row.get(1)?);
            if op == "adopt" {
                adopted.insert(id, row.get(2)?);
            } else {
                adopted.remove(&id);
            }
        }
        Ok(adopted)
    }

    fn text_as_of(&self, connection: &Connection, apply: i64) -> rusqlite::Result<Option<String>> {
        let mut sql = "select f.text from integration_applies a join integration_files f on f.sha256 = a.file_sha256 \
                       where a.environment = ?1 and a.managed_by = ?2 and a.number <= ?3 order by a.number desc limit 1"
            .to_owned();
        if version(connection)? >= 4 {
            // If no apply that is kept had written the file by then, its content is what the pruned applies left.
            sql = format!(
                "select text from (select 1 as place, * from ({sql}) union all \
                 select 2, f.text from integration_pruned p join integration_files f on f.sha256 = p.file_sha256 \
                 where p.environment = ?1 and p.managed_by = ?2) order by place limit 1"
            );
        }
        let values = params![self.environment.as_str(), self.project, apply];
        connection.query_row(&sql, values, |row| row.get(0)).optional()
    }

    /// Opens the database if it has a history.
    fn with_history(&self) -> Result<Option<Connection>, TargetError> {
        let Some(connection) = self.open()? else { return Ok(None) };
        let found = version(&connection).map_err(|source| self.failed(source))?;
        Ok((found > 1).then_some(connection))
    }
}

#[async_trait]
impl Registry for Local {
    async fn unmanaged(&self) -> Result<BTreeMap<IntegrationId, Unmanaged>, TargetError> {
        self.open()?.map_or_else(|| Ok(BTreeMap::new()), |connection| self.unmanaged_rows(&connection))
    }

    async fn applies(&self, most: usize) -> Result<Vec<Applied>, TargetError> {
        let Some(connection) = self.with_history()? else { return Ok(Vec::new()) };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let found = self.applied(&connection, None, most).map_err(|source| self.failed(source))?;
        Ok(found.into_iter().map(|(applied, _)| applied).collect())
    }

    async fn pruned(&self) -> Result<Option<Pruned>, TargetError> {
        let Some(connection) = self.with_history()? else { return Ok(None) };
        self.pruned_of(&connection).map_err(|source| self.failed(source))
    }

    async fn left_by(&self, apply: Uuid) -> Result<Option<Left>, TargetError> {
        let Some(connection) = self.with_history()? else { return Ok(None) };
        let failed = |source| self.failed(source);
        let Some((apply, number)) = self.applied(&connection, Some(apply), 1).map_err(failed)?.pop() else {
            return Ok(None);
        };
        let kept = self.rows_as_of(&connection, number).map_err(failed)?;
        let kept = kept.into_iter().filter_map(|(id, after)| Some((id, after?)));
        let rows = kept.map(|(id, after)| read(&id, &after)).collect::<Result<_, _>>()?;
        let mut adopted = BTreeMap::new();
        for (id, before) in self.adopted_after(&connection, number).map_err(failed)? {
            let Ok(known) = id.parse().map(IntegrationId) else { continue };
            let before = before.map(|before| read(&id, &before)).transpose()?;
            adopted.insert(known, before.map(|(_, row)| row));
        }
        let text = self.text_as_of(&connection, number).map_err(failed)?;
        Ok(Some(Left { apply, rows, adopted, text }))
    }
}

/// Parses a row of the history.
fn read(id: &str, text: &str) -> Result<(IntegrationId, Row), TargetError> {
    let unreadable = |message: String| TargetError::Row { id: id.to_owned(), message };
    let row = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    let id = id.parse().map_err(|error: uuid::Error| unreadable(error.to_string()))?;
    Ok((IntegrationId(id), row))
}

fn applied(row: &SqlRow<'_>) -> rusqlite::Result<(Applied, i64)> {
    let unreadable = |at: usize| {
        move |error: Box<dyn std::error::Error + Send + Sync>| {
            rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, error)
        }
    };
    let applied = Applied {
        id: row.get::<_, String>(0)?.parse().map_err(|error: uuid::Error| unreadable(0)(error.into()))?,
        plan: row.get(1)?,
        actor: row.get(2)?,
        commit: row.get(3)?,
        at: row.get::<_, String>(4)?.parse().map_err(|error: jiff::Error| unreadable(4)(error.into()))?,
        file: row.get(5)?,
        created: row.get(6)?,
        updated: row.get(7)?,
        deleted: row.get(8)?,
    };
    Ok((applied, row.get(9)?))
}
