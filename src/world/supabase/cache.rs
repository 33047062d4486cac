//! Rows that were read before: a row whose hash is still the same is not fetched again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::rows::Stored;
use crate::digest::hash;
use crate::world::project::{make_private, replace};

/// The rows of one project in one environment, as they were read last. It is a convenience: where it cannot be read or
/// written, everything is fetched.
pub(super) struct Cache(PathBuf);

impl Cache {
    pub(super) fn of(own_folder: &Path, host: &str, (project, environment): (&str, &str)) -> Self {
        let name = hash(format!("{host}\n{project}\n{environment}").as_bytes());
        Self(own_folder.join("cache").join(format!("registry-{}.json", &name[..16])))
    }

    pub(super) fn load(&self) -> BTreeMap<String, Stored> {
        let read = std::fs::read(&self.0).ok();
        read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    pub(super) fn save(&self, rows: &BTreeMap<String, Stored>) {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        let bytes = serde_json::to_vec(rows).unwrap_or_default();
        // The next read fetches what is not there.
        let _ = make_private(folder).and_then(|()| replace(&self.0, &bytes));
    }
}
