//! Fills the folder of a run: the project that Meltano sees, the launcher, and what the launcher is asked to do.

use super::run_folder::Private;
use super::{Catalog, Meltano, Request, RunError, Surroundings, Transport, batches};
use crate::processes::relay;
use spile_core::settings::Verify;

/// The file that names the streams of a reset, for `launch.py`.
const RESET: &str = "reset.json";

/// The file that names the streams of a run, for `launch.py`.
const STREAMS: &str = "streams.json";

/// The file that names the program that relays records, for `launch.py`.
const RELAY: &str = "relay.json";

/// Starts Meltano with a counter of records between tap and target.
pub(super) const LAUNCH: &str = include_str!("launch.py");

/// Counts the rows in a loader's tables.
pub(super) const ROWS: &str = include_str!("rows.py");

/// The file name of the catalog that a run is given.
const CATALOG: &str = "catalog.json";

/// Makes Meltano log JSON.
const LOGGING: &str = include_str!("logging.yml");

impl Meltano {
    /// Fills the folder that Meltano sees as its project.
    pub(super) fn fill(&self, private: &Private, request: &Request) -> Result<(), RunError> {
        let files = [("meltano.yml", request.project_file.as_str()), ("launch.py", LAUNCH), ("logging.yml", LOGGING)];
        let counts = (request.verify == Verify::Count).then_some(("rows.py", ROWS));
        for (name, text) in files.into_iter().chain(counts) {
            private.write(name, text).map_err(RunError::io("write", &private.path(name)))?;
        }
        if let Catalog::Given(catalog) = &request.catalog {
            private.write_bytes(CATALOG, catalog).map_err(RunError::io("write", &private.path(CATALOG)))?;
        }
        if !request.filter.is_default() {
            let asked = serde_json::json!(request.filter).to_string();
            private.write(STREAMS, &asked).map_err(RunError::io("write", &private.path(STREAMS)))?;
        }
        if let Some(reset) = &request.reset {
            private
                .write(RESET, &serde_json::json!(reset).to_string())
                .map_err(RunError::io("write", &private.path(RESET)))?;
        }
        if let Some(part) = &request.part {
            part.write(private)?;
        }
        batches::prepare(private, request.transport).map_err(RunError::io("write", private.folder()))?;
        self.offer_relay(private, request)?;
        Self::tell_bookmarks(private, request)?;
        if request.surroundings == Surroundings::Project {
            self.link(private)?;
        }
        Ok(())
    }

    /// Names the program that relays records. A mapper's output has to pass through Meltano, so then everything does. The
    /// records of a reset are changed on their way, which a relay does not do. The few messages that name batches gain nothing
    /// by a relay, and what counts the records in the files is in `launch.py`.
    fn offer_relay(&self, private: &Private, request: &Request) -> Result<(), RunError> {
        match &request.host.program {
            Some(program)
                if self.has_relay
                    && request.mappers.is_empty()
                    && request.reset.is_none()
                    && request.transport == Transport::Messages =>
            {
                let asked = serde_json::json!({ "program": program, "word": relay::WORD }).to_string();
                private.write(RELAY, &asked).map_err(RunError::io("write", &private.path(RELAY)))
            }
            // An earlier invocation of the same run may have had one.
            Some(_) | None => private.remove(RELAY).map_err(RunError::io("remove", &private.path(RELAY))),
        }
    }

    /// Links the content of the project's folder into a run's folder, except for hidden files and the run's own files.
    fn link(&self, private: &Private) -> Result<(), RunError> {
        for item in std::fs::read_dir(&self.root).map_err(RunError::io("read", &self.root))?.flatten() {
            let name = item.file_name();
            let link = private.folder().join(&name);
            if name.as_encoded_bytes().starts_with(b".") || link.symlink_metadata().is_ok() {
                continue;
            }
            std::os::unix::fs::symlink(item.path(), &link).map_err(RunError::io("link", &link))?;
        }
        Ok(())
    }
}
