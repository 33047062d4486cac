//! Has Meltano create its database, in the folder of its own files.
//!
//! Meltano creates it in steps, without a transaction. If it is killed in between, no Meltano can use the database any
//! more, so spile puts an unfinished one aside and has another one created.

use std::{fs, io};

use tokio::sync::watch;

use super::plugins::Step;
use super::{Bookmarks, Meltano, Request, RunError, system_db};
use crate::files::own_folder::OwnFolder;

/// Where spile stores which version of Meltano created the database.
pub(super) const MARKER: &str = ".spile-database";

/// What the marker says while Meltano creates a database where there was none.
const CREATING: &str = "creating";

/// The files of the database, by what their names add to its own.
const FILES: [&str; 4] = ["", "-journal", "-wal", "-shm"];

/// What the name of an unfinished database adds.
const UNFINISHED: &str = ".unfinished";

impl Meltano {
    /// A Meltano of another version upgrades its database when it first starts.
    pub(super) fn has_database(&self) -> bool {
        self.believed().is_some_and(|theirs| self.has_database_in(&theirs))
    }

    /// Tells the same of one of Meltano's folders.
    pub(super) fn has_database_in(&self, theirs: &OwnFolder) -> bool {
        theirs.text(MARKER).is_some_and(|version| version == self.version())
    }

    /// Has Meltano create its database, or upgrade it.
    pub(super) async fn make_database(
        &self,
        request: &Request,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<(), RunError> {
        let request = Request { bookmarks: Some(Bookmarks::in_the_database()), ..request.clone() };
        let step = Step { what: "Meltano's database", python: None, arguments: &["state", "list"], lock: None };
        let folder = self.meltano_folder();
        let theirs = self.theirs.make().map_err(RunError::io("use", &folder))?;
        let is_unfinished = theirs.text(MARKER).is_some_and(|text| text == CREATING);
        if theirs.found(system_db::FILE).map_err(RunError::io("read", &folder))?.is_none() {
            theirs.replace(MARKER, CREATING.as_bytes()).map_err(RunError::io("write", &folder))?;
        }
        match self.prepare(&request, step, interrupt).await {
            // One that Meltano can use may already have bookmarks.
            Err(RunError::Install(_)) if is_unfinished && !*interrupt.borrow() => {
                put_aside(&theirs).map_err(RunError::io("write", &folder))?;
                self.prepare(&request, step, interrupt).await?;
            }
            prepared => prepared?,
        }
        theirs.replace(MARKER, self.version().as_bytes()).map_err(RunError::io("write", &folder.join(MARKER)))
    }
}

fn put_aside(theirs: &OwnFolder) -> io::Result<()> {
    for file in FILES {
        if let Some(path) = theirs.found(format!("{}{file}", system_db::FILE))? {
            fs::rename(path, theirs.place(format!("{}{UNFINISHED}{file}", system_db::FILE))?)?;
        }
    }
    Ok(())
}
