//! Feeds a loader without a tap, and tests it by feeding it one record and checking how it ends.
//!
//! `meltano config test` cannot do this: in Meltano 4.4.1 it exits with code 1 and a `ProcessLookupError` whether the
//! loader succeeded or not.

use tokio::sync::watch;

use super::call::Call;
use super::{Finished, Meltano, Request, RunError};

/// A stream `spile_test` with one record, as a tap writes it. It has a field in addition to its key, because
/// target-duckdb 0.8.0 fails without one.
const MESSAGES: &str = concat!(
    r#"{"type": "SCHEMA", "stream": "spile_test", "key_properties": ["id"], "#,
    r#""schema": {"type": "object", "properties": {"id": {"type": "integer"}, "#,
    r#""text": {"type": ["null", "string"]}}}}"#,
    "\n",
    r#"{"type": "RECORD", "stream": "spile_test", "record": {"id": 1, "text": "written by spile test"}}"#,
    "\n",
    r#"{"type": "STATE", "value": {"bookmarks": {"spile_test": {"id": 1}}}}"#,
    "\n",
);

impl Meltano {
    /// Tests a loader with a stream `spile_test` of one record, which stays in the destination.
    ///
    /// The request is the loader's own: its `extractor` names the plugin to test, whatever its role.
    ///
    /// # Errors
    /// When Meltano cannot be started or the log cannot be written. A loader that fails is an outcome, not an error.
    pub async fn test_loader(
        &self,
        request: &Request,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<Finished, RunError> {
        self.load(request, MESSAGES, interrupt).await
    }

    /// Feeds messages to a loader, without a tap.
    ///
    /// The request is the loader's own, as in [`Meltano::test_loader`].
    ///
    /// # Errors
    /// When Meltano cannot be started or the log cannot be written. A loader that fails is an outcome, not an error.
    pub async fn load(
        &self,
        request: &Request,
        messages: &str,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<Finished, RunError> {
        let arguments = ["invoke", "--no-install", &request.extractor].map(str::to_owned);
        let call = Call { input: messages, ..Call::from(&arguments) };
        Ok(self.invoke(request, call, interrupt, &mut |_| ()).await?.0)
    }
}
