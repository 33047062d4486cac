//! The text of a message: from a template in the project, or the built-in one for the kind of channel.

use miette::{Diagnostic, SourceSpan};
use minijinja::AutoEscape;
use minijinja::syntax::SyntaxConfig;

use super::Message;
use crate::render::engine::{Author, Failure, Formatter, Template};
use crate::settings::Sender;
use crate::source::Source;

/// The most instructions that a template may execute, so that an endless loop ends.
const FUEL: u64 = 200_000;

/// Mistakes in a message template.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum MessageTemplateMistake {
    /// A message template that does not parse, or that fails.
    #[error("the message template fails: {message}")]
    #[diagnostic(
        code(spile::notify::template),
        help("fix it, or remove it to use the built-in one; `docs/notifications.md` lists its variables")
    )]
    Failed {
        /// The template engine's own message.
        message: String,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A webhook template that does not render valid JSON.
    #[error("the template does not render valid JSON: {message}")]
    #[diagnostic(
        code(spile::notify::template_json),
        help("write JSON with unquoted values like `{{{{ title }}}}`: the quotes are added automatically")
    )]
    NoJson {
        /// The JSON parser's own message.
        message: String,
        /// The start of the template.
        #[label("this template")]
        span: SourceSpan,
    },
}

/// How values are written into a template's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageFormat {
    /// Escaped for Slack: a value cannot mention a person or a channel.
    Slack,
    /// Escaped as JSON.
    Json,
    /// Unchanged.
    Plain,
}

impl MessageFormat {
    /// Returns the format that a channel takes.
    #[must_use]
    pub fn of(sender: &Sender) -> Self {
        match sender {
            Sender::Slack { .. } => Self::Slack,
            Sender::Webhook { .. } => Self::Json,
            Sender::Email(_) | Sender::Desktop => Self::Plain,
        }
    }
}

/// Returns the built-in template.
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
/// When the template fails, or a webhook template does not render JSON.
pub fn render(message: &Message, form: MessageFormat, template: &Source) -> Result<String, MessageTemplateMistake> {
    // A line that contains only a block leaves no empty line.
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

/// Escapes a value as Slack requires, so that an error message written by someone else cannot notify everyone.
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
