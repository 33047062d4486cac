//! Prompts at a terminal. Leaving one unanswered writes nothing.

use std::fmt::{self, Display};

use inquire::validator::{ErrorMessage, Validation};
use inquire::{Confirm, InquireError, MultiSelect, Password, PasswordDisplayMode, Select, Text};

use spile_core::secret::Secret;
use spile_ops::Error;
use spile_world::files::io_error::IoError;

/// A choice in a list: its text and its value.
#[derive(Clone)]
pub(super) struct Choice<T> {
    pub(super) shown: String,
    pub(super) is: T,
}

impl<T> fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// A prompt for a text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TextPrompt<'a> {
    /// The label.
    pub label: &'a str,
    /// The help message.
    pub help: &'a str,
    /// The answer if the user types nothing.
    pub default: &'a str,
}

/// Prompts for a text until it is valid.
pub(super) fn text(
    asked: TextPrompt<'_>,
    check: impl Fn(&str) -> Result<(), String> + Clone + 'static,
) -> Result<String, Error> {
    let judge = move |text: &str| match check(text) {
        Ok(()) => Ok(Validation::Valid),
        Err(sentence) => Ok(Validation::Invalid(ErrorMessage::Custom(sentence))),
    };
    let mut question = Text::new(asked.label).with_validator(judge);
    if !asked.help.is_empty() {
        question = question.with_help_message(asked.help);
    }
    if !asked.default.is_empty() {
        question = question.with_default(asked.default);
    }
    question.prompt().map_err(left)
}

/// Prompts for a secret without an echo.
pub(super) fn secret(label: &str, help: &str) -> Result<Secret, Error> {
    let question = Password::new(label).without_confirmation().with_display_mode(PasswordDisplayMode::Hidden);
    let not_empty = |text: &str| {
        Ok(if text.is_empty() { Validation::Invalid("a value is required".into()) } else { Validation::Valid })
    };
    let question = question.with_validator(not_empty);
    let typed = if help.is_empty() { question.prompt() } else { question.with_help_message(help).prompt() };
    typed.map(Secret::new).map_err(left)
}

/// Prompts for one of several values.
pub(super) fn one<T: Display>(label: &str, among: Vec<T>) -> Result<T, Error> {
    Select::new(label, among).with_page_size(12).prompt().map_err(left)
}

/// Prompts for any number of several values.
pub(super) fn any<T: Display>(label: &str, among: Vec<T>) -> Result<Vec<T>, Error> {
    let question = MultiSelect::new(label, among).with_page_size(12);
    question.with_help_message("space to select, enter to continue").prompt().map_err(left)
}

/// Prompts for any number of several values, some of which are selected at first.
pub(super) fn preset<T: Display>(label: &str, among: Vec<T>, taken: &[usize]) -> Result<Vec<T>, Error> {
    let question = MultiSelect::new(label, among).with_page_size(12).with_default(taken);
    let help = "type to search, space to toggle, right for all, left for none, enter to continue";
    question.with_help_message(help).prompt().map_err(left)
}

/// The answer if the user only presses enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Default {
    /// Yes.
    Yes,
    /// No.
    No,
}

/// Prompts for yes or no.
pub(super) fn yes(question: &str, default: Default) -> Result<bool, Error> {
    Confirm::new(question).with_default(default == Default::Yes).prompt().map_err(left)
}

fn left(error: InquireError) -> Error {
    match error {
        InquireError::IO(source) => IoError::of("ask at", "the terminal")(source).into(),
        InquireError::NotTTY
        | InquireError::InvalidConfiguration(_)
        | InquireError::OperationCanceled
        | InquireError::OperationInterrupted
        | InquireError::Custom(_) => Error::Stopped,
    }
}
