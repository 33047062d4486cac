//! Reads the first records of each selected stream of a source, without bookmarks and without a loader.

use serde_json::{Value, json};
use tokio::sync::watch;

use super::answer::{Answer, AnswerOptions, Limit};
use super::call::OnFirst;
use super::{Meltano, Outcome, Request, RunError};

/// The file that tells `launch.py` how many records of each stream to read, or that the first of any stream is enough.
const ASKED: &str = "preview.json";

/// The most bytes of all records together.
const LARGEST: Limit = Limit { bytes: 64 * 1024 * 1024, subject: "the records are", advice: ": ask for fewer" };

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
        let asked = json!({ "records": most, "is_test": false });
        self.read_first(request, &asked, None, interrupt).await
    }

    /// Tests an extractor's connection by reading one record of any stream. Calls `on_first` when the tap begins to write.
    ///
    /// # Errors
    /// As [`Meltano::first_records`].
    pub async fn first_record(
        &self,
        request: &Request,
        on_first: OnFirst,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<FirstRecords, RunError> {
        let asked = json!({ "records": 1, "is_test": true });
        self.read_first(request, &asked, Some(on_first), interrupt).await
    }

    async fn read_first(
        &self,
        request: &Request,
        asked: &Value,
        on_first: Option<OnFirst>,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<FirstRecords, RunError> {
        let hold = self.held(request)?;
        let private = hold.private();
        private.write(ASKED, &asked.to_string()).map_err(RunError::io("write", &private.path(ASKED)))?;
        let request = Request { hold: Some(hold), ..request.clone() };
        let arguments = ["config", "test", &request.extractor].map(str::to_owned);
        let options = AnswerOptions { limit: LARGEST, on_first };
        let Answer { outcome, bytes: messages, .. } =
            self.answer_telling(&request, &arguments, options, interrupt).await?;
        Ok(FirstRecords { outcome, messages })
    }
}
