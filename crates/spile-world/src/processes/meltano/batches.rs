//! Batches: files in which the records of a run pass from the extractor to the loader, in a folder of the run.

use std::io;

use serde_json::json;

use super::run_folder::Private;

/// The folder, inside the folder of a run or of one of its parts.
const FOLDER: &str = "batches";

/// The file that names the folder for `launch.py`.
const FILE: &str = "batches.json";

/// How the records of a run pass from the extractor to the loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One by one, as messages.
    Messages,
    /// In files of many records, which messages name.
    Batches,
}

/// Creates an empty folder for the files of batches, and names it for `launch.py`.
pub(super) fn prepare(private: &Private, transport: Transport) -> io::Result<()> {
    clear(private)?;
    match transport {
        Transport::Messages => Ok(()),
        Transport::Batches => {
            private.make_folder(FOLDER)?;
            private.write(FILE, &json!({ "folder": private.path(FOLDER) }).to_string())
        }
    }
}

/// Removes the files. If a run is killed before that, they are removed with its folder.
pub(super) fn clear(private: &Private) -> io::Result<()> {
    private.remove(FILE)?;
    private.remove_folder(FOLDER)
}
