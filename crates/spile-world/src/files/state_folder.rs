//! The folder that contains `.spile` and `.meltano`: the project's, unless the user names another one.
//!
//! A container often has a read-only project. Then everything that a run writes goes to a volume, and what `spile bake`
//! installed in the project is used from there.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The variable that names the folder.
pub const VARIABLE: &str = "SPILE_STATE_DIR";

static CHOSEN: OnceLock<PathBuf> = OnceLock::new();

/// Chooses the folder for this process. Only the first call counts.
pub fn choose(folder: PathBuf) {
    let _ = CHOSEN.set(folder);
}

/// Returns the folder of a project that contains `.spile` and `.meltano`.
#[must_use]
pub fn of(root: &Path) -> PathBuf {
    CHOSEN.get().cloned().unwrap_or_else(|| root.to_owned())
}
