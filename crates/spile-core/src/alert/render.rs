//! The text of a message: from a template in the project, or the built-in one for the kind of channel.

use miette::{Diagnostic, SourceSpan};
use minijinja::AutoEscape;
use minijinja::syntax::SyntaxConfig;

use super::Message;
use crate::render::engine::{Author, Failure, Formatter, Template};
use crate::settings::Sender;
use crate::source::Source;

/// The most instructions that a template may take, so that one that loops ends.
const FUEL: u64 = 200_000;

/// What can be wrong with a template of messages.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum MessageTemplateMistake {
    /// A template of messages does not parse, or fails.
    #[error("the message template fails: {message}")]
    #[diagnostic(
        code(spile::notify::template),
        help("fix it, or remove it to use the built-in one; `docs/notifications.md` lists its variables")
    )]
    Failed {
        /// The engine's own sentence.
        message: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A webhook needs JSON, and its template does not render any.
    #[error("the template does not render valid JSON: {message}")]
    #[diagnostic(
        code(spile::notify::template_json),
        help("write JSON with unquoted values like `{{{{ title }}}}`: the quotes are added automatically")
    )]
    NoJson {
        /// The reader's own sentence.
        message: String,
        /// The template's start.
        #[label("this template")]
        span: SourceSpan,
    },
}

/// How values are written into a template's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageFormat {
    /// Slack's: a value can neither name a person nor a channel.
    Slack,
    /// JSON.
    Json,
    /// As they are.
    Plain,
}

impl MessageFormat {
    /// Returns the form that a channel takes.
    #[must_use]
    pub fn of(sender: &Sender) -> Self {
        match sender {
            Sender::Slack { .. } => Self::Slack,
            Sender::Webhook { .. } => Self::Json,
            Sender::Email(_) | Sender::Desktop => Self::Plain,
        }
    }
}

/// Returns the template that is part of the program.
#[must_use]
pub fn built_in(sender: &Sender) -> Source {
    let (name, text) = match sender {
        Sender::Slack { .. } => ("slack", include_str!("../../../../templates/notify/slack.j2")),
        Sender::Webhook { .. } => ("webhook", include_str!("../../../../templates/notify/webhook.j2")),
        Sender::Email(_) => ("email", include_str!("../../../../templates/notify/email.j2")),
        Sender::Desktop => ("desktop", include_str!("../../../../templates/notify/desktop.j2")),
    };
    Source::new(format!("templates/notify/{name}.j2"), text)
}

/// Renders a message.
///
/// # Errors
/// When the template fails, or a webhook's renders no JSON.
pub fn render(message: &Message, form: MessageFormat, template: &Source) -> Result<String, MessageTemplateMistake> {
    // A line that is only a block leaves no empty line.
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    let template = Template {
        name: &template.path().display().to_string(),
        text: template.text(),
        author: Author::Project,
        syntax: syntax.map_err(|error| failed(Failure::of(&error, "")))?,
        escape: if form == MessageFormat::Json { |_| AutoEscape::Json } else { |_| AutoEscape::None },
        formatter: if form == MessageFormat::Slack { for_slack as Formatter } else { minijinja::escape_formatter },
        import: None,
        fuel: FUEL,
    };
    let text = template.render(minijinja::value::Serde(message).into()).map_err(failed)?.trim().to_owned();
    if form == MessageFormat::Json {
        let json = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        json.map_err(|error| MessageTemplateMistake::NoJson { message: error.to_string(), span: (0..0).into() })?;
    }
    Ok(text)
}

/// Writes a value as Slack asks for it, so that an error that somebody else words cannot call everyone.
fn for_slack(
    out: &mut minijinja::Output<'_>,
    state: &mut minijinja::State<'_, '_>,
    value: &minijinja::Value,
) -> Result<(), minijinja::Error> {
    match value.as_str().filter(|_| !value.is_safe()) {
        Some(text) => out
            .write_str(&text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
            .map_err(minijinja::Error::from),
        None => minijinja::escape_formatter(out, state, value),
    }
}

fn failed(failure: Failure) -> MessageTemplateMistake {
    MessageTemplateMistake::Failed { message: failure.message, span: failure.span.into() }
}

#[cfg(test)]
mod tests;
