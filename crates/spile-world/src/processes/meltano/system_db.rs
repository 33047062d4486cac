//! Meltano's own record of runs. After a kill, a run stays `RUNNING` there for five minutes and blocks the next run of
//! the same pipeline, although spile knows at once that it is dead.

use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::mask::{Mask, STRUCK};
use crate::files::own_folder::OwnFolder;
use spile_core::state::SingerState;

/// The file in Meltano's folder.
pub(super) const FILE: &str = "meltano.db";

/// How long to wait for another writer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The member of a record that contains bookmarks. They are not secret and must not change.
const BOOKMARKS: &str = "singer_state";

/// What replaces the output of a run whose secrets are no longer known.
const FORGOTTEN: &str = "The output of this run was removed: the run was killed before its secrets were masked.";

/// Marks a run as ended, as Meltano itself would after five minutes (`fail_stale` in its `job.py`).
///
/// Does nothing if Meltano uses another database (`MELTANO_DATABASE_URI`) or never started the run.
pub(super) fn end(folder: &OwnFolder, run: Uuid) -> io::Result<()> {
    in_runs(folder, |connection| end_in(connection, run))
}

fn end_in(connection: &Connection, run: Uuid) -> rusqlite::Result<()> {
    let now = sqlalchemy_now();
    let sql = "update runs set state = 'FAIL', ended_at = ?2, \
               payload = json_set(coalesce(payload, '{}'), '$.error', 'The process was killed.') \
               where run_id = ?1 and state = 'RUNNING'";
    // As SQLAlchemy writes ids.
    connection.execute(sql, params![run.simple().to_string(), now]).map(drop)
}

/// Removes the output of a killed run, because its secrets are no longer known and cannot be masked.
pub(super) fn forget_error(folder: &OwnFolder, run: Uuid) -> io::Result<()> {
    in_runs(folder, |connection| forget_error_in(connection, run))
}

fn forget_error_in(connection: &Connection, run: Uuid) -> rusqlite::Result<()> {
    let sql = "update runs set payload = json_set(payload, '$.error', ?2) \
               where run_id = ?1 and json_valid(payload) and json_type(payload, '$.error') is not null \
               and json_extract(payload, '$.error') <> 'The process was killed.'";
    let changed = connection.execute(sql, params![run.simple().to_string(), FORGOTTEN])?;
    overwrite(connection, changed)
}

/// Returns the state of a state id, in the format that all other backends use.
pub(super) fn state(folder: &OwnFolder, id: &str) -> io::Result<Option<String>> {
    let mut found = None;
    in_runs(folder, |connection| {
        found = state_in(connection, id)?;
        Ok(())
    })?;
    Ok(found)
}

fn state_in(connection: &Connection, id: &str) -> rusqlite::Result<Option<String>> {
    // Meltano stores each half as JSON. An empty half contains no bookmarks.
    let sql = "select coalesce(completed_state, '{}'), coalesce(partial_state, '{}') from state where state_id = ?1";
    let halves = connection.query_row(sql, [id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let halves = halves.optional()?.map(|(completed, partial)| [completed, partial]);
    let says_something = |half: &String| !matches!(half.trim(), "{}" | "null");
    let halves = halves.filter(|halves| halves.iter().any(says_something));
    Ok(halves.map(|[completed, partial]| format!("{{\"completed\": {completed}, \"partial\": {partial}}}")))
}

/// What became of a state that was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalWrite {
    /// It is there.
    Written,
    /// Something else has written in the meantime.
    Changed,
    /// There is no database yet.
    NoDatabase,
}

/// Writes what is kept under a state id as Meltano itself does (`db.py` of its `state_store`), where it still is what was
/// read.
pub(super) fn keep_state(
    folder: &OwnFolder,
    id: &str,
    read: Option<&str>,
    state: Option<&SingerState>,
) -> io::Result<LocalWrite> {
    let mut written = LocalWrite::NoDatabase;
    in_runs(folder, |connection| {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        if state_in(&transaction, id)?.as_deref() != read {
            written = LocalWrite::Changed;
            return Ok(());
        }
        transaction.execute("delete from state where state_id = ?1", [id])?;
        if let Some(state) = state {
            let sql =
                "insert into state (state_id, partial_state, completed_state, updated_at) values (?1, '{}', ?2, ?3)";
            transaction.execute(sql, params![id, format!("{{\"singer_state\": {state}}}"), sqlalchemy_now()])?;
        }
        transaction.commit()?;
        written = LocalWrite::Written;
        Ok(())
    })?;
    Ok(written)
}

/// Returns the time as `SQLAlchemy` writes it.
fn sqlalchemy_now() -> String {
    Timestamp::now().strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
}

/// Strikes secrets out of what a run said there, and out of what the database keeps of it besides. Bookmarks stay.
pub(super) fn strike(folder: &OwnFolder, run: Uuid, mask: &Mask) -> io::Result<()> {
    in_runs(folder, |connection| strike_in(connection, run, mask))
}

fn strike_in(connection: &Connection, run: Uuid, mask: &Mask) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("select id, payload from runs where run_id = ?1 and payload is not null")?;
    let rows = statement.query_map([run.simple().to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(i64, String)> = rows.collect::<rusqlite::Result<_>>()?;
    let mut changed = 0;
    for (id, payload) in rows {
        if let Some(struck) = struck(&payload, mask) {
            changed += connection.execute("update runs set payload = ?2 where id = ?1", params![id, struck])?;
        }
    }
    overwrite(connection, changed)
}

/// Runs an operation on Meltano's database if it exists and has a table of runs. Does not create it.
fn in_runs(folder: &OwnFolder, work: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> io::Result<()> {
    if folder.found(FILE)?.is_none() {
        return Ok(());
    }
    for working in ["meltano.db-journal", "meltano.db-wal", "meltano.db-shm"] {
        folder.place(working)?;
    }
    // SQLite refuses links anywhere in the path, but the path to the project may contain some.
    let path = folder.path().canonicalize()?.join(FILE);
    open(&path)
        .and_then(|connection| connection.map_or(Ok(()), |connection| work(&connection)))
        .map_err(io::Error::other)
}

/// Opens a database that has a table of runs.
fn open(path: &Path) -> rusqlite::Result<Option<Connection>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // Overwritten content is also erased from the file.
    connection.pragma_update(None, "secure_delete", true)?;
    let has_table = "select exists (select 1 from sqlite_schema where type = 'table' and name = 'runs')";
    let has_table = connection.query_row(has_table, [], |row| row.get::<_, bool>(0))?;
    Ok(has_table.then_some(connection))
}

/// Erases the previous content of changed rows from free pages and from the database's log.
fn overwrite(connection: &Connection, changed: usize) -> rusqlite::Result<()> {
    if changed > 0 {
        unless_busy(connection.execute_batch("vacuum"))?;
    }
    // If other processes have it open, the last of them does this.
    unless_busy(connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())))
}

fn unless_busy(done: rusqlite::Result<()>) -> rusqlite::Result<()> {
    match done {
        Err(error)
            if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) =>
        {
            Ok(())
        }
        done => done,
    }
}

/// Returns a record without secrets; `None` if it contains none.
fn struck(payload: &str, mask: &Mask) -> Option<String> {
    let Ok(Value::Object(members)) = serde_json::from_str(payload) else {
        return mask.finds(payload.as_bytes()).then(|| "{}".to_owned());
    };
    let mut is_changed = false;
    let clean = members.into_iter().map(|(name, value)| {
        let text = value.to_string();
        if name == BOOKMARKS || !mask.finds(text.as_bytes()) {
            return (name, value);
        }
        is_changed = true;
        let struck = mask.apply(text.as_bytes()).into_owned();
        (name, serde_json::from_slice(&struck).unwrap_or_else(|_| Value::from(STRUCK)))
    });
    let clean: Map<String, Value> = clean.collect();
    is_changed.then(|| Value::Object(clean).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::own_folder::Own;

    #[test]
    fn only_the_killed_run_is_marked_as_ended() {
        let folder = tempfile::tempdir().unwrap();
        let own = Own::of_meltano(folder.path()).make().unwrap();
        let path = own.path().join(FILE);
        end(&own, Uuid::nil()).unwrap();
        assert!(!path.exists(), "no database is created");
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

    #[test]
    fn bookmarks_are_returned_in_the_format_of_other_backends() {
        let folder = tempfile::tempdir().unwrap();
        let own = Own::of_meltano(folder.path()).make().unwrap();
        assert_eq!(state(&own, "dev:a-to-b").unwrap(), None);
        let database = Connection::open(own.path().join(FILE)).unwrap();
        database
            .execute_batch("create table runs (run_id); create table state (state_id, partial_state, completed_state)")
            .unwrap();
        let sql = "insert into state values ('dev:a-to-b', null, '{\"singer_state\": {\"last\": 1.0}}'), ('dev:b', '{}', '{}')";
        database.execute_batch(sql).unwrap();
        let found = state(&own, "dev:a-to-b").unwrap();
        assert_eq!(found.as_deref(), Some(r#"{"completed": {"singer_state": {"last": 1.0}}, "partial": {}}"#));
        assert_eq!(state(&own, "dev:b").unwrap(), None);
        assert_eq!(state(&own, "dev:c").unwrap(), None);
    }

    #[test]
    fn a_state_is_written_as_meltano_writes_it_where_it_is_still_what_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let own = Own::of_meltano(folder.path()).make().unwrap();
        let state = |text: &str| SingerState::parse(text).unwrap();
        let first = state(r#"{"bookmarks": {"a": {"id": 1.0}}}"#);
        assert_eq!(keep_state(&own, "dev:a", None, Some(&first)).unwrap(), LocalWrite::NoDatabase);
        let database = Connection::open(own.path().join(FILE)).unwrap();
        database
            .execute_batch(
                "create table runs (run_id); \
                 create table state (state_id primary key, partial_state, completed_state, updated_at); \
                 insert into state values ('dev:b', '{}', '{\"singer_state\": {\"b\": 1.00}}', 'then')",
            )
            .unwrap();
        assert_eq!(keep_state(&own, "dev:a", None, Some(&first)).unwrap(), LocalWrite::Written);
        let read = super::state(&own, "dev:a").unwrap();
        assert_eq!(read.as_deref(), Some(first.to_stored().as_str()));
        assert_eq!(keep_state(&own, "dev:a", None, None).unwrap(), LocalWrite::Changed);
        assert_eq!(super::state(&own, "dev:a").unwrap(), read);
        assert_eq!(keep_state(&own, "dev:a", read.as_deref(), None).unwrap(), LocalWrite::Written);
        assert_eq!(super::state(&own, "dev:a").unwrap(), None);
        let other = database.query_row("select completed_state || updated_at from state", [], |row| row.get(0));
        assert_eq!(other, Ok("{\"singer_state\": {\"b\": 1.00}}then".to_owned()));
    }

    const SECRET: &str = "hunter2-and-\"more\"";

    /// A database like Meltano's, with one run whose output contains a secret several times.
    fn told(root: &Path) -> (OwnFolder, Uuid) {
        let (folder, run) = (Own::of_meltano(root).make().unwrap(), Uuid::from_u128(7));
        let database = Connection::open(folder.path().join(FILE)).unwrap();
        database.query_row("pragma journal_mode = wal", [], |_| Ok(())).unwrap();
        database.execute_batch("create table runs (id integer primary key, run_id, state, ended_at, payload)").unwrap();
        for length in [10, 5000, 1] {
            let error = format!("{:?} {}", format!("token: {SECRET}"), "x".repeat(length));
            let payload = serde_json::json!({"error": error, "singer_state": {"last": "2026-01-01"}}).to_string();
            database.execute("delete from runs", []).unwrap();
            let values = params![run.simple().to_string(), payload];
            database.execute("insert into runs values (1, ?1, 'FAIL', null, ?2)", values).unwrap();
        }
        (folder, run)
    }

    fn bytes(folder: &Path) -> Vec<u8> {
        let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
        files.collect::<Vec<_>>().concat()
    }

    #[test]
    fn masking_erases_every_byte_of_a_secret_and_keeps_bookmarks() {
        let root = tempfile::tempdir().unwrap();
        let (folder, run) = told(root.path());
        let mask = Mask::of([&spile_core::secret::Secret::new(SECRET)].into_iter()).unwrap();
        assert!(mask.finds(&bytes(folder.path())));
        strike(&folder, run, &mask).unwrap();
        assert!(!mask.finds(&bytes(folder.path())), "in a page, or in the log of the database");
        let database = Connection::open(folder.path().join(FILE)).unwrap();
        let payload: String = database.query_row("select payload from runs", [], |row| row.get(0)).unwrap();
        let payload: Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(payload["singer_state"], serde_json::json!({"last": "2026-01-01"}));
        assert!(payload["error"].as_str().unwrap().contains("token: (secret)"), "{payload}");
    }

    #[test]
    fn the_output_of_a_killed_run_is_removed_completely() {
        let root = tempfile::tempdir().unwrap();
        let (folder, run) = told(root.path());
        forget_error(&folder, run).unwrap();
        let left = String::from_utf8_lossy(&bytes(folder.path())).into_owned();
        assert!(!left.contains("hunter2") && left.contains(FORGOTTEN) && left.contains("singer_state"));
    }
}
