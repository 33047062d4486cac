//! What Meltano prints, as an answer: its whole standard output, up to a limit.

use tokio::sync::watch;

use super::call::{Call, Collected, OnFirst};
use super::{Finished, Meltano, Outcome, Request, RunError};
use spile_core::run::Cause;

/// How large an answer may be, and what a longer one is called.
pub(super) struct Limit {
    /// The most bytes.
    pub bytes: usize,
    /// The subject of a sentence about an answer that is larger.
    pub subject: &'static str,
    /// The next step after that sentence, with the colon before it; may be empty.
    pub advice: &'static str,
}

/// What an answer may be, and who learns of its beginning.
pub(super) struct AnswerOptions {
    /// How large it may be.
    pub limit: Limit,
    /// Called when it begins.
    pub on_first: Option<OnFirst>,
}

/// The whole output of an invocation.
pub(super) struct Answer {
    /// How the invocation ended. An answer that is too large is a failure.
    pub outcome: Outcome,
    /// The output, without the secrets of the run.
    pub bytes: Vec<u8>,
    /// The original output, if a secret was masked in it.
    pub unstruck: Option<Vec<u8>>,
}

impl Meltano {
    /// Runs Meltano for what it prints.
    ///
    /// # Errors
    /// When Meltano cannot be started or the log cannot be written. A failed run is an outcome, not an error.
    pub(super) async fn answer(
        &self,
        request: &Request,
        arguments: &[String],
        limit: Limit,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<Answer, RunError> {
        self.answer_telling(request, arguments, AnswerOptions { limit, on_first: None }, interrupt).await
    }

    /// Does the same, and tells when the output begins.
    pub(super) async fn answer_telling(
        &self,
        request: &Request,
        arguments: &[String],
        options: AnswerOptions,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<Answer, RunError> {
        let AnswerOptions { limit, on_first } = options;
        let mut output = Collected::up_to(limit.bytes).telling(on_first);
        let call = Call { output: Some(&mut output), ..Call::from(arguments) };
        let ended = self.invoke(request, call, interrupt, &mut |_| ()).await;
        match (output.into_bytes(), ended) {
            (Some((bytes, unstruck)), Ok((Finished { outcome, .. }, _))) => Ok(Answer { outcome, bytes, unstruck }),
            (Some(_), Err(error)) => Err(error),
            (None, _) => Ok(Answer { outcome: limit.exceeded(), bytes: Vec::new(), unstruck: None }),
        }
    }
}

impl Limit {
    fn exceeded(&self) -> Outcome {
        let message = format!("{} larger than {} MiB{}", self.subject, self.bytes >> 20, self.advice);
        Outcome::Failed { message, cause: Cause::Output }
    }
}
