//! Reads the first records of each selected stream of a source, without bookmarks and without a loader.

use tokio::sync::watch;

use super::call::{Call, Collected};
use super::{Finished, Meltano, Outcome, Request, RunError};
use spile_core::run::Cause;

/// The file that tells `launch.py` how many records of each stream to read.
const ASKED: &str = "preview.json";

/// The most bytes of all records together.
const LARGEST: usize = 64 * 1024 * 1024;

/// The first records of a source.
#[derive(Debug)]
pub struct FirstRecords {
    /// How it ended.
    pub outcome: Outcome,
    /// Schemas and records as the tap wrote them, and a summary; without the secrets of the run.
    pub messages: Vec<u8>,
}

impl Meltano {
    /// Reads up to `most` records of each selected stream. Nothing is read or stored of bookmarks.
    ///
    /// `launch.py` does it in place of Meltano's test of a tap, which prepares the tap as a run does.
    ///
    /// # Errors
    /// When Meltano cannot be started or a file cannot be written. A tap that fails is an outcome, not an error.
    pub async fn first_records(
        &self,
        request: &Request,
        most: u32,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<FirstRecords, RunError> {
        let hold = match &request.hold {
            Some(hold) => hold.clone(),
            None => self.hold_unclaimed(request)?,
        };
        let private = hold.private();
        private.write(ASKED, &most.to_string()).map_err(RunError::io("write", &private.path(ASKED)))?;
        let request = Request { hold: Some(hold), ..request.clone() };
        let arguments = ["config", "test", &request.extractor].map(str::to_owned);
        let mut output = Collected::up_to(LARGEST);
        let call = Call { output: Some(&mut output), ..Call::from(&arguments) };
        let ended = self.invoke(&request, call, interrupt, &mut |_| ()).await;
        match (output.into_bytes(), ended) {
            (Some((messages, _)), Ok((Finished { outcome, .. }, _))) => Ok(FirstRecords { outcome, messages }),
            (Some(_), Err(error)) => Err(error),
            (None, _) => Ok(FirstRecords { outcome: too_large(), messages: Vec::new() }),
        }
    }
}

fn too_large() -> Outcome {
    let message = format!("the records are larger than {} MiB: ask for fewer", LARGEST >> 20);
    Outcome::Failed { message, cause: Cause::Output }
}
