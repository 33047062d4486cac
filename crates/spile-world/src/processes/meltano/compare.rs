//! Compares a source with its destination: prepares both plugins as for a run, but queries them instead of running
//! them.

use serde::Serialize;
use tokio::sync::watch;

use super::answer::{Answer, Limit};
use super::fill::ROWS;
use super::{Meltano, Outcome, Request, RunError};

/// The folder of the comparison's scripts, inside a run's folder. It is separate so that Python does not import files
/// of the project.
const FOLDER: &str = "compare";

/// The comparison's scripts.
const FILES: [(&str, &str); 6] = [
    ("driver.py", include_str!("compare/driver.py")),
    ("source.py", include_str!("compare/source.py")),
    ("destination.py", include_str!("compare/destination.py")),
    ("serving.py", include_str!("compare/serving.py")),
    ("values.py", include_str!("compare/values.py")),
    ("rows.py", ROWS),
];

/// The most bytes of the answer: figures of tens of thousands of streams.
const LARGEST: Limit = Limit { bytes: 64 * 1024 * 1024, subject: "the result is", advice: "" };

/// What to ask both sides.
#[derive(Debug, Clone, Serialize)]
pub struct Question {
    /// The streams to compare. Empty for all that are read.
    pub streams: Vec<String>,
    /// How many rows of each stream are compared by value.
    pub sample: u32,
}

/// The result of a comparison.
#[derive(Debug)]
pub struct Comparison {
    /// How it ended.
    pub outcome: Outcome,
    /// The answer as JSON, if it succeeded.
    pub answer: Vec<u8>,
}

impl Meltano {
    /// Asks an extractor's source and its loader's destination for their data, with each plugin's own code and in its
    /// own environment. Neither plugin runs, nothing is written, and no bookmarks are read.
    ///
    /// # Errors
    /// When Meltano cannot be started or a file cannot be written. A side that cannot be queried is an outcome or part
    /// of the answer, not an error.
    pub async fn compare(
        &self,
        request: &Request,
        question: &Question,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<Comparison, RunError> {
        let asked = serde_json::to_string(question).unwrap_or_default();
        let request = self.with_scripts(request, FOLDER, FILES.into_iter().chain([("asked.json", asked.as_str())]))?;
        let mut arguments = ["run", "--no-install", "--no-state-update"].map(str::to_owned).to_vec();
        arguments.push(request.extractor.clone());
        arguments.extend(request.loader.clone());
        let Answer { outcome, bytes: answer, .. } = self.answer(&request, &arguments, LARGEST, interrupt).await?;
        Ok(Comparison { outcome, answer })
    }

    /// Writes scripts into a folder of a run's folder, and returns the request that finds them there.
    pub(super) fn with_scripts<'a>(
        &self,
        request: &Request,
        folder: &str,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Request, RunError> {
        let hold = self.held(request)?;
        let private = hold.private();
        private.make_folder(folder).map_err(RunError::io("create", &private.path(folder)))?;
        for (name, text) in files {
            let name = format!("{folder}/{name}");
            private.write(&name, text).map_err(RunError::io("write", &private.path(&name)))?;
        }
        Ok(Request { hold: Some(hold), ..request.clone() })
    }
}
