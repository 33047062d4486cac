//! Testing a loader: it is fed one record, and judged by how it ends.
//!
//! `meltano config test` cannot do it: in Meltano 4.4.1 it ends with exit code 1 and a `ProcessLookupError` whether the
//! loader went well or not.

use tokio::sync::watch;

use super::call::Call;
use super::{Finished, Meltano, Request, RunError};

/// A stream `spile_test` of one record, as a tap writes it. It has a field beside its key, as most have: of one that has
/// none target-duckdb 0.8.0 fails.
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
    /// Tests a loader: hands it a stream `spile_test` of one record, which stays in the destination.
    ///
    /// The request is the loader's own: its `extractor` names the plugin that is tested, whatever that is.
    ///
    /// # Errors
    /// When Meltano cannot be started or the log cannot be written; a loader that fails is an outcome.
    pub async fn test_loader(
        &self,
        request: &Request,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<Finished, RunError> {
        let arguments = ["invoke", "--no-install", &request.extractor].map(str::to_owned);
        let call = Call { input: MESSAGES, ..Call::from(&arguments) };
        Ok(self.invoke(request, call, interrupt, &mut |_| ()).await?.0)
    }
}
