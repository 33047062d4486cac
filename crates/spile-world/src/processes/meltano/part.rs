//! A part of a run: one of several processes that read the streams of one run side by side.
//!
//! A part has a folder of its own inside the folder of its run, with the files that Meltano names after plugins. It keeps
//! bookmarks under the integration's own state id, those of its own streams only, so that a run that is killed leaves nothing
//! that would have to be merged. All parts hold the lock of their run, so the run is alive while any of them is.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::run_folder::Private;
use super::run_log::SharedLog;
use super::{Hold, Meltano, Request, RunError};

/// The file that tells `launch.py` which part it is.
const FILE: &str = "part.json";

/// The file in the folder of the run that a part locks while it changes bookmarks.
const LOCK: &str = "bookmarks.lock";

/// What the folders of parts are called, before their number.
const FOLDER: &str = "part-";

/// A part of a run.
#[derive(Debug, Clone)]
pub struct RunPart {
    /// Its number, from 1.
    pub number: usize,
    /// The number of parts.
    pub of: usize,
    /// The state id of the integration, which all parts share.
    pub state_id: String,
    /// The log of the run.
    pub log: SharedLog,
}

impl RunPart {
    /// Returns what distinguishes its process from others in Meltano's record of runs.
    pub(super) fn suffix(&self) -> String {
        format!("spile-{FOLDER}{}", self.number)
    }

    /// Returns the label of its lines in the log.
    pub(super) fn label(&self) -> String {
        format!("{}/{}", self.number, self.of)
    }

    /// Writes the instructions for `launch.py`.
    pub(super) fn write(&self, private: &Private) -> Result<(), RunError> {
        let run = private.folder().parent().unwrap_or(Path::new("."));
        let told = json!({ "state_id": self.state_id, "lock": run.join(LOCK) }).to_string();
        private.write(FILE, &told).map_err(RunError::io("write", &private.path(FILE)))
    }
}

impl Meltano {
    /// Returns the request of one part of a run that holds its integration.
    ///
    /// # Errors
    /// When its folder cannot be created.
    pub fn part(&self, request: &Request, hold: &Hold, part: RunPart) -> Result<Request, RunError> {
        let name = format!("{FOLDER}{}", part.number);
        let path = hold.private().path(&name);
        let private = hold.private().inner(&name).map_err(RunError::io("create", &path))?;
        let run_id = run_id(request.run_id, part.number);
        Ok(Request { run_id, hold: Some(Arc::new(Hold::of(private))), part: Some(part), ..request.clone() })
    }
}

/// Returns the id of a part in Meltano's record of runs.
fn run_id(run: Uuid, number: usize) -> Uuid {
    Uuid::from_u128(run.as_u128() ^ number as u128)
}

/// Returns the ids in Meltano's record of runs that a run with this folder may have left there.
pub(super) fn run_ids(run: Uuid, folder: &Path) -> Vec<Uuid> {
    let items = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |name: &str| name.strip_prefix(FOLDER)?.parse().ok();
    let parts = items.filter_map(|item| number(item.file_name().to_str()?)).map(|number| run_id(run, number));
    std::iter::once(run).chain(parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_parts_are_found_by_their_folders() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["part-2", "part-x", "other"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let run = Uuid::from_u128(8);
        assert_eq!(run_ids(run, folder.path()), [run, Uuid::from_u128(10)]);
        assert_eq!(run_ids(run, &folder.path().join("nothing")), [run]);
    }
}
