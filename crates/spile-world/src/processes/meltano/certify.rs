//! Certifies a tap: reads it several times as a run would, kills it in between, and compares what arrives.

use serde_json::json;
use tokio::sync::watch;

use super::answer::{Answer, Limit};
use super::{Meltano, Outcome, Request, RunError};

/// The folder of the scripts, inside a run's folder. It is separate so that Python does not import files of the project.
const FOLDER: &str = "certify";

/// The scripts.
const FILES: [(&str, &str); 2] =
    [("driver.py", include_str!("certify/driver.py")), ("reading.py", include_str!("certify/reading.py"))];

/// The most bytes of the answer: counts and a few keys of tens of thousands of streams.
const LARGEST: Limit = Limit { bytes: 64 * 1024 * 1024, subject: "the result is", advice: "" };

/// What the reads of a tap showed.
#[derive(Debug)]
pub struct Reads {
    /// How they ended.
    pub outcome: Outcome,
    /// The answer as a line of JSON, if they succeeded, among other output; without the secrets of the run.
    pub answer: Vec<u8>,
}

impl Meltano {
    /// Reads everything that a tap delivers, kills it after up to `states` of its states, and starts it again from each of
    /// them. No bookmark is read or stored, and no loader runs.
    ///
    /// The scripts do it in place of Meltano's test of a tap, which prepares the tap as a run does.
    ///
    /// # Errors
    /// When Meltano cannot be started or a file cannot be written. A tap that fails is an outcome, not an error.
    pub async fn certify(
        &self,
        request: &Request,
        states: u32,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<Reads, RunError> {
        let asked = json!({ "states": states }).to_string();
        let request = self.with_scripts(request, FOLDER, FILES.into_iter().chain([("asked.json", asked.as_str())]))?;
        let arguments = ["config", "test", &request.extractor].map(str::to_owned);
        let Answer { outcome, bytes: answer, .. } = self.answer(&request, &arguments, LARGEST, interrupt).await?;
        Ok(Reads { outcome, answer })
    }
}
