//! Discovery: asks a tap for everything that its source offers.

use tokio::sync::watch;

use super::answer::{Answer, Limit};
use super::{Meltano, Outcome, Request, RunError};

/// The most bytes of a catalog: five times the size of a large Salesforce's.
const LARGEST: Limit = Limit { bytes: 256 * 1024 * 1024, subject: "its output is", advice: "" };

/// The result of a discovery.
#[derive(Debug)]
pub struct Discovery {
    /// How it ended.
    pub outcome: Outcome,
    /// The tap's output, which is a catalog if it succeeded.
    pub catalog: Vec<u8>,
    /// The original output, if a secret was masked in it. Only for use in a run; it is never shown or stored.
    pub unstruck: Option<Vec<u8>>,
}

impl Meltano {
    /// Asks an extractor for everything that its source offers, regardless of the selection.
    ///
    /// `meltano invoke TAP --discover` passes the tap's output through. `--dump=catalog` and `select --list` apply the
    /// selection to a catalog that may be older, and change the files that a sync reads.
    ///
    /// # Errors
    /// When Meltano cannot be started or the log cannot be written. A tap that fails is an outcome, not an error.
    pub async fn discover(
        &self,
        request: &Request,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<Discovery, RunError> {
        let arguments = ["invoke", "--no-install", &request.extractor, "--discover"].map(str::to_owned);
        let answered = self.answer(request, &arguments, LARGEST, interrupt).await?;
        let Answer { outcome, bytes: catalog, unstruck } = answered;
        Ok(Discovery { outcome, catalog, unstruck })
    }
}
