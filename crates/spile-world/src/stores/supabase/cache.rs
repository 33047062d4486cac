//! A cache of rows: a row whose hash has not changed is not fetched again.

use std::collections::BTreeMap;
use std::path::Path;

use super::rows::Stored;
use crate::files::own_folder::Own;
use spile_core::digest::hash;

/// The rows of one project in one environment, as last read. This is only a cache: if it cannot be read or written,
/// everything is fetched.
pub(super) struct Cache {
    own: Own,
    file: String,
}

impl Cache {
    pub(super) fn of(own_folder: &Path, host: &str, project: &str, environment: &str) -> Self {
        let name = hash(format!("{host}\n{project}\n{environment}").as_bytes());
        Self { own: Own::at(own_folder), file: format!("cache/registry-{}.json", &name[..16]) }
    }

    pub(super) fn load(&self) -> BTreeMap<String, Stored> {
        let own = self.own.open().ok().flatten();
        let read = own.and_then(|own| own.read(&self.file).ok().flatten());
        read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    pub(super) fn save(&self, rows: &BTreeMap<String, Stored>) {
        let bytes = serde_json::to_vec(rows).unwrap_or_default();
        // If the cache cannot be written, the next read fetches the rows again.
        let _ = self.own.make().and_then(|own| own.replace(&self.file, &bytes));
    }
}
