//! Meltano's own record of runs. A run that was killed is `RUNNING` there for five minutes more, and keeps the next one
//! of the same pipeline away; spile knows at once that it is dead.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, params};
use uuid::Uuid;

use crate::world::own::OwnFolder;

/// The file, in Meltano's folder.
pub(super) const FILE: &str = "meltano.db";

/// How long a writer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends a run there as Meltano itself would after five minutes (`fail_stale` of its `job.py`).
///
/// Where Meltano keeps its record elsewhere (`MELTANO_DATABASE_URI`), or never began the run, there is nothing to end.
pub(super) fn end(folder: &OwnFolder, run: Uuid) -> io::Result<()> {
    if folder.found(FILE)?.is_none() {
        return Ok(());
    }
    for working in ["meltano.db-journal", "meltano.db-wal", "meltano.db-shm"] {
        folder.place(working)?;
    }
    // SQLite follows no link on the whole way, and the way to the project may have some.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let path = folder.path().canonicalize()?.join(FILE);
    Connection::open_with_flags(path, flags).and_then(|database| end_in(&database, run)).map_err(io::Error::other)
}

fn end_in(connection: &Connection, run: Uuid) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    let has_table = "select exists (select 1 from sqlite_schema where type = 'table' and name = 'runs')";
    if !connection.query_row(has_table, [], |row| row.get::<_, bool>(0))? {
        return Ok(());
    }
    // As SQLAlchemy writes times and ids.
    let now = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S%.6f").to_string();
    let sql = "update runs set state = 'FAIL', ended_at = ?2, \
               payload = json_set(coalesce(payload, '{}'), '$.error', 'The process was killed.') \
               where run_id = ?1 and state = 'RUNNING'";
    connection.execute(sql, params![run.simple().to_string(), now]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_run_is_ended_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let own = crate::world::own::Own::of_meltano(folder.path()).make().unwrap();
        let path = own.path().join(FILE);
        end(&own, Uuid::nil()).unwrap();
        assert!(!path.exists(), "a database is not made");
        let database = Connection::open(&path).unwrap();
        end(&own, Uuid::nil()).unwrap();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        database.execute_batch("create table runs (run_id, state, ended_at, payload)").unwrap();
        for (run, state) in [(one, "RUNNING"), (other, "RUNNING"), (one, "SUCCESS")] {
            let values = params![run.simple().to_string(), state];
            database.execute("insert into runs values (?1, ?2, null, '{\"a\": 1}')", values).unwrap();
        }
        end(&own, one).unwrap();
        let mut states = database.prepare("select state from runs order by rowid").unwrap();
        let states: Vec<String> = states.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(states, ["FAIL", "RUNNING", "SUCCESS"]);
        let payload: String = database.query_row("select payload from runs", [], |row| row.get(0)).unwrap();
        assert_eq!(payload, r#"{"a":1,"error":"The process was killed."}"#);
    }
}
