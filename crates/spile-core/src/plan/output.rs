//! Changes to the files that are rendered in addition to `meltano.yml`.

use std::path::PathBuf;

use serde::Serialize;

/// A change to one output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutputStep {
    /// The file, relative to the project.
    pub path: PathBuf,
    /// Its live text, which must be unchanged when the file is written; empty if it does not exist.
    pub before: String,
    /// Its desired text.
    pub after: String,
}

/// The changes to all outputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outputs {
    /// The outputs that change.
    pub steps: Vec<OutputStep>,
    /// Outputs that would change but stay, because the plan is partial and its part of the file cannot be separated
    /// from the rest.
    pub left: Vec<PathBuf>,
}

impl Outputs {
    /// Tells whether no output would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.left.is_empty()
    }
}
