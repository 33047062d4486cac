//! Discovery: asking a tap for all that its source offers.

use tokio::sync::watch;

use super::call::{Call, Collected};
use super::{Finished, Meltano, Outcome, Request, RunError};
use spile_core::run::Cause;

/// The most bytes of a catalog: five times what a large Salesforce says.
const LARGEST: usize = 256 * 1024 * 1024;

/// What a tap said of its source.
#[derive(Debug)]
pub struct Discovery {
    /// How that ended.
    pub outcome: Outcome,
    /// What it wrote: a catalog, where it went well.
    pub catalog: Vec<u8>,
    /// The same as it came, where a secret was struck out of it: for a run alone, and never shown or kept.
    pub unstruck: Option<Vec<u8>>,
}

impl Meltano {
    /// Asks an extractor what its source offers, whatever is selected of that.
    ///
    /// `meltano invoke TAP --discover` hands the tap's own words on. `--dump=catalog` and `select --list` apply the
    /// selection to a catalog that may be an earlier one, and change the files that a sync reads.
    ///
    /// # Errors
    /// When Meltano cannot be started or the log cannot be written; a tap that fails is an outcome.
    pub async fn discover(
        &self,
        request: &Request,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<Discovery, RunError> {
        let arguments = ["invoke", "--no-install", &request.extractor, "--discover"].map(str::to_owned);
        let mut output = Collected::up_to(LARGEST);
        let call = Call { output: Some(&mut output), ..Call::from(&arguments) };
        let ended = self.invoke(request, call, interrupt, &mut |_| ()).await;
        match (output.into_bytes(), ended) {
            (Some((catalog, unstruck)), Ok((Finished { outcome, .. }, _))) => {
                Ok(Discovery { outcome, catalog, unstruck })
            }
            (Some(_), Err(error)) => Err(error),
            (None, _) => Ok(Discovery { outcome: too_large(), catalog: Vec::new(), unstruck: None }),
        }
    }
}

fn too_large() -> Outcome {
    let message = format!("its output is larger than {} MiB", LARGEST >> 20);
    Outcome::Failed { message, cause: Cause::Output }
}
