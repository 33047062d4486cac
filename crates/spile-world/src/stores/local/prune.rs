//! Limits the history of applies: the newest are kept in full, and from older ones only what the newest depend on.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Local, version};
use spile_core::plan::history::Pruned;

/// How many applies are kept in full, for each project and environment. Each of them can be listed and rolled back to.
pub(super) const KEPT: u32 = 100;

impl Local {
    /// Deletes the applies before the newest [`KEPT`], and frees their pages.
    pub(super) fn prune(&self, of: &Transaction<'_>) -> rusqlite::Result<()> {
        let (environment, project) = (self.environment.as_str(), &self.project);
        let oldest = "select number from integration_applies where environment = ?1 and managed_by = ?2 \
                      order by number desc limit 1 offset ?3";
        let values = params![environment, project, KEPT - 1];
        let Some(before) = of.query_row(oldest, values, |row| row.get::<_, i64>(0)).optional()? else { return Ok(()) };
        let noted = "insert into integration_pruned (environment, managed_by, before, applies, until, file_sha256) \
                     select ?1, ?2, ?3, count(*), max(at), (select file_sha256 from integration_applies \
                     where environment = ?1 and managed_by = ?2 and number < ?3 and file_sha256 is not null \
                     order by number desc limit 1) \
                     from integration_applies where environment = ?1 and managed_by = ?2 and number < ?3 \
                     having count(*) > 0 \
                     on conflict do update set before = excluded.before, applies = applies + excluded.applies, \
                     until = excluded.until, file_sha256 = coalesce(excluded.file_sha256, file_sha256)";
        if of.execute(noted, params![environment, project, before])? == 0 {
            return Ok(());
        }
        self.prune_changes(of, before)?;
        let applies = "delete from integration_applies where environment = ?1 and managed_by = ?2 and number < ?3";
        of.execute(applies, params![environment, project, before])?;
        let files = "delete from integration_files where sha256 not in \
                     (select file_sha256 from integration_applies where file_sha256 is not null \
                     union select file_sha256 from integration_pruned where file_sha256 is not null)";
        of.execute(files, [])?;
        of.pragma(None, "incremental_vacuum", PAGES, |_| Ok(()))
    }

    /// Deletes the changes of pruned applies, except for the newest of each integration. That one goes too if it deleted
    /// the row and the row has not been created again.
    fn prune_changes(&self, of: &Transaction<'_>, before: i64) -> rusqlite::Result<()> {
        let (environment, project) = (self.environment.as_str(), &self.project);
        let sql = "select c.integration_id, max(c.number) from integration_applies a \
                   join integration_changes c on c.apply_id = a.id \
                   where a.environment = ?1 and a.managed_by = ?2 and a.number < ?3 group by c.integration_id";
        let mut statement = of.prepare(sql)?;
        let newest =
            statement.query_map(params![environment, project, before], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let newest: Vec<(String, i64)> = newest.collect::<rusqlite::Result<_>>()?;
        let earlier = "delete from integration_changes where environment = ?1 and managed_by = ?2 \
                       and integration_id = ?3 and number < ?4";
        let gone = "delete from integration_changes where number = ?1 and after is null and op = 'delete' \
                    and not exists (select 1 from integrations where environment = ?2 and id = ?3)";
        for (id, number) in newest {
            of.prepare_cached(earlier)?.execute(params![environment, project, id, number])?;
            of.prepare_cached(gone)?.execute(params![number, environment, id])?;
        }
        Ok(())
    }

    /// Reads the summary of the pruned part of the history.
    pub(super) fn pruned_of(&self, connection: &Connection) -> rusqlite::Result<Option<Pruned>> {
        if version(connection)? < 4 {
            return Ok(None);
        }
        let sql = "select applies, until from integration_pruned where environment = ?1 and managed_by = ?2";
        let read = |row: &rusqlite::Row<'_>| {
            let until: String = row.get(1)?;
            let failed = |error: jiff::Error| {
                rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, error.into())
            };
            Ok(Pruned { applies: row.get(0)?, until: until.parse().map_err(failed)? })
        };
        connection.query_row(sql, params![self.environment.as_str(), self.project], read).optional()
    }
}

/// The most pages to free: all of them.
const PAGES: i64 = 0x7fff_ffff;

#[cfg(test)]
mod tests;
