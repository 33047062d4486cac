//! Certifies a tap: reads it several times as a run would, kills it in between, and compares what arrives.

use serde_json::json;
use tokio::sync::watch;

use super::call::{Call, Collected};
use super::{Finished, Meltano, Outcome, Request, RunError};
use spile_core::run::Cause;

/// The folder of the scripts, inside a run's folder. It is separate so that Python does not import files of the project.
const FOLDER: &str = "certify";

/// The scripts.
const FILES: [(&str, &str); 2] =
    [("driver.py", include_str!("certify/driver.py")), ("reading.py", include_str!("certify/reading.py"))];

/// The most bytes of the answer: counts and a few keys of tens of thousands of streams.
const LARGEST: usize = 64 * 1024 * 1024;

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
        let mut output = Collected::up_to(LARGEST);
        let call = Call { output: Some(&mut output), ..Call::from(&arguments) };
        let ended = self.invoke(&request, call, interrupt, &mut |_| ()).await;
        match (output.into_bytes(), ended) {
            (Some((answer, _)), Ok((Finished { outcome, .. }, _))) => Ok(Reads { outcome, answer }),
            (Some(_), Err(error)) => Err(error),
            (None, _) => Ok(Reads { outcome: too_large(), answer: Vec::new() }),
        }
    }
}

fn too_large() -> Outcome {
    let message = format!("the result is larger than {} MiB", LARGEST >> 20);
    Outcome::Failed { message, cause: Cause::Output }
}
