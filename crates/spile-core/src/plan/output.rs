//! What to do to the files that are rendered beside `meltano.yml`.

use std::path::PathBuf;

use serde::Serialize;

/// What to do to one output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutputStep {
    /// The file, relative to the project.
    pub path: PathBuf,
    /// Its text as read, which is what it has to be when it is written; empty where it is not there.
    pub before: String,
    /// Its text to be.
    pub after: String,
}

/// What to do to all outputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outputs {
    /// Those that change.
    pub steps: Vec<OutputStep>,
    /// Those that would change and stay, for the plan is partial and its part cannot be told from the rest in them.
    pub left: Vec<PathBuf>,
}

impl Outputs {
    /// Tells whether none would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.left.is_empty()
    }
}
