//! One `[[notify]]` table, whose keys depend on its `kind`.

use std::collections::BTreeSet;
use std::time::Duration;

use lettre::message::Mailbox;

use super::{AlertKind, Channel, Email, MOST_PER_HOUR, NotifyMistake, REPEAT, Sender};
use crate::problem::{Problems, did_you_mean, listed};
use crate::settings::allowed::Allowed;
use crate::settings::host::MailServer;
use crate::settings::variable_name::VariableName;
use crate::settings::variables::TextOrVariable;
use crate::source::Placed;
use crate::table::{Table, TomlMistake};

/// The kinds of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChannelKind {
    Slack,
    Webhook,
    Email,
    Desktop,
}

const KINDS: [(&str, ChannelKind); 4] = [
    ("slack", ChannelKind::Slack),
    ("webhook", ChannelKind::Webhook),
    ("email", ChannelKind::Email),
    ("desktop", ChannelKind::Desktop),
];

pub(super) fn read(table: Table<'_>, problems: &mut Problems) -> Option<Channel> {
    let name = required(&table, "name", "\"data-alerts\"", problems).then(|| table.parsed("name", problems));
    let kind = required(&table, "kind", "\"slack\"", problems).then(|| table.choice("kind", &KINDS, problems));
    let sender = match kind.flatten()?.value {
        ChannelKind::Slack => slack(&table, problems),
        ChannelKind::Webhook => webhook(&table, problems),
        ChannelKind::Email => email(&table, problems),
        ChannelKind::Desktop => Some(Sender::Desktop),
    };
    let (on, repeat) = (on(&table, problems), repeat(&table, problems));
    let only = table.texts("only", problems).map(|only| only.value).unwrap_or_default();
    let most_per_hour =
        table.whole("most_per_hour", 1..=u32::MAX, "a whole number of at least 1", problems).unwrap_or(MOST_PER_HOUR);
    let template = table.text("template", problems);
    table.finish(problems);
    Some(Channel { name: name.flatten()?, sender: sender?, on, only, repeat, most_per_hour, template })
}

/// Tells whether a key exists, and reports it if it is missing.
fn required(table: &Table<'_>, key: &'static str, example: &'static str, problems: &mut Problems) -> bool {
    let is_there = table.key_place(key).is_some();
    if !is_there {
        let span = table.place().span.into();
        problems.push(table.source, TomlMistake::MissingKey { key: key.to_owned(), example, span });
    }
    is_there
}

fn slack(table: &Table<'_>, problems: &mut Problems) -> Option<Sender> {
    let url = table.required_text("url", "\"${SPILE_SLACK_URL}\"", problems)?;
    let name = variable(&url, SecretWords::new("the address of the webhook", "url", "SPILE_SLACK_URL"), problems);
    let value = name.map_or(TextOrVariable::Literal(url.value), |name| TextOrVariable::Variable(name.value));
    Some(Sender::Slack { url: Placed { value, place: url.place } })
}

fn webhook(table: &Table<'_>, problems: &mut Problems) -> Option<Sender> {
    let url = table.required_text("url", "\"${SPILE_HOOK_URL}\"", problems);
    let secret = table.secret_text("secret", problems);
    let words = SecretWords::new("the signing secret of webhooks", "secret", "SPILE_HOOK_SECRET");
    let secret = secret.and_then(|secret| variable(&secret, words, problems));
    let url = given(url?, "url", "SPILE_HOOK_URL", literal_url, problems);
    Some(Sender::Webhook { url, secret })
}

/// Reads a string or a reference to a variable, and checks a string.
fn given(
    written: Placed<String>,
    key: &'static str,
    variable: &'static str,
    look: fn(&Placed<String>, &mut Problems),
    problems: &mut Problems,
) -> Placed<TextOrVariable> {
    match written.value.parse() {
        Ok(TextOrVariable::Literal(_)) => look(&written, problems),
        Ok(TextOrVariable::Variable(name)) => {
            let name = Placed { value: name, place: written.place };
            check_name(&name, problems);
            return name.map(TextOrVariable::Variable);
        }
        Err(_) => {
            problems.hide(&written.place);
            let span = written.place.span.clone().into();
            problems.push(&written.place.source, NotifyMistake::Mixed { key, variable, span });
        }
    }
    written.map(TextOrVariable::Literal)
}

/// Checks an address in plain text. Rejects addresses with a user or a query, and those of services whose addresses are
/// secrets.
fn literal_url(url: &Placed<String>, problems: &mut Problems) {
    let parsed = url::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    let Some(parsed) = parsed else {
        problems.hide(&url.place);
        return problems.push(&url.place.source, NotifyMistake::Url { span: url.place.span.clone().into() });
    };
    let host = parsed.host_str().unwrap_or_default();
    let is_key = KEY_HOSTS.iter().any(|known| host == *known || host.ends_with(&format!(".{known}")));
    let has_user = !parsed.username().is_empty() || parsed.password().is_some();
    if is_key || has_user || parsed.query().is_some() {
        literal(url, SecretWords::new("the address of the webhook", "url", "SPILE_HOOK_URL"), problems);
    }
}

/// Services to which everyone who knows the address can post.
const KEY_HOSTS: [&str; 8] = [
    "hooks.slack.com",
    "discord.com",
    "discordapp.com",
    "webhook.office.com",
    "logic.azure.com",
    "hooks.zapier.com",
    "chat.googleapis.com",
    "api.telegram.org",
];

fn email(table: &Table<'_>, problems: &mut Problems) -> Option<Sender> {
    let server = table.required_text("server", "\"smtps://user@smtp.example.com:465\"", problems);
    let password = table.secret_text("password", problems);
    let from = table.required_text("from", "\"spile@example.com\"", problems);
    let to = required(table, "to", "[\"data@example.com\"]", problems).then(|| table.texts("to", problems)).flatten();
    let words = SecretWords::new("the password of the mail server", "password", "SPILE_SMTP_PASSWORD");
    let password = password.and_then(|password| variable(&password, words, problems));
    let server = server.map(|server| given(server, "server", "SPILE_SMTP_SERVER", check_server, problems));
    for address in from.iter().chain(to.iter().flat_map(|to| &to.value)) {
        check_address(address, problems);
    }
    if let Some(to) = to.as_ref().filter(|to| to.value.is_empty()) {
        problems.push(&to.place.source, NotifyMistake::Nobody { span: to.place.span.clone().into() });
    }
    Some(Sender::Email(Box::new(Email { server: server?, password, from: from?, to: to?.value })))
}

fn check_server(server: &Placed<String>, problems: &mut Problems) {
    match server.parse::<MailServer>() {
        Ok(server_url) if server_url.url().password().is_some() => {
            literal(
                server,
                SecretWords::new("the password of the mail server", "password", "SPILE_SMTP_PASSWORD"),
                problems,
            );
        }
        Ok(_) => {}
        Err(_) => {
            problems.hide(&server.place);
            problems.push(&server.place.source, NotifyMistake::Server { span: server.place.span.clone().into() });
        }
    }
}

fn check_address(address: &Placed<String>, problems: &mut Problems) {
    if let Err(error) = address.parse::<Mailbox>() {
        let reason = error.to_string().to_lowercase();
        let span = address.place.span.clone().into();
        let finding = NotifyMistake::Address { address: address.value.clone(), reason, span };
        problems.push(&address.place.source, finding);
    }
}

/// A description of a secret, its key and a suggested name for its variable.
#[derive(Clone, Copy)]
struct SecretWords {
    what: &'static str,
    key: &'static str,
    variable: &'static str,
}

impl SecretWords {
    const fn new(what: &'static str, key: &'static str, variable: &'static str) -> Self {
        Self { what, key, variable }
    }
}

/// Reads the variable that contains a secret. Any other text is taken for the secret itself.
fn variable(written: &Placed<String>, words: SecretWords, problems: &mut Problems) -> Option<Placed<VariableName>> {
    if let Ok(TextOrVariable::Variable(name)) = written.parse() {
        let name = Placed { value: name, place: written.place.clone() };
        check_name(&name, problems);
        return Some(name);
    }
    literal(written, words, problems);
    None
}

/// Reports a variable that can never be allowed.
fn check_name(name: &Placed<VariableName>, problems: &mut Problems) {
    if Allowed::never_admits(name) {
        let span = name.place.span.clone().into();
        let finding = NotifyMistake::NotAllowed { help: Allowed::help(name), name: name.value.clone(), span };
        problems.push(&name.place.source, finding);
    }
}

fn literal(written: &Placed<String>, words: SecretWords, problems: &mut Problems) {
    problems.hide(&written.place);
    let span = written.place.span.clone().into();
    problems.push(
        &written.place.source,
        NotifyMistake::LiteralSecret { what: words.what, key: words.key, variable: words.variable, span },
    );
}

fn on(table: &Table<'_>, problems: &mut Problems) -> BTreeSet<AlertKind> {
    let Some(words) = table.texts("on", problems) else { return AlertKind::WORDS.map(|(_, kind)| kind).into() };
    let mut on = BTreeSet::new();
    for word in words.value {
        if let Some((_, kind)) = AlertKind::WORDS.into_iter().find(|(known, _)| *known == word.value) {
            on.insert(kind);
            continue;
        }
        let names = || AlertKind::WORDS.iter().map(|(word, _)| *word);
        let help = did_you_mean(&word, names()).unwrap_or_else(|| format!("choose from {}", listed(names())));
        let message = format!("`{}` is not a kind of notification", word.value);
        let finding = TomlMistake::Invalid {
            key: "on".to_owned(),
            message,
            span: word.place.span.clone().into(),
            help: Some(help),
        };
        problems.push(&word.place.source, finding);
    }
    on
}

/// Reads `24h`, `7d` or `never`.
fn repeat(table: &Table<'_>, problems: &mut Problems) -> Option<Duration> {
    let Some(text) = table.text("repeat", problems) else { return Some(REPEAT) };
    if text.value == "never" {
        return None;
    }
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let span = text.parse::<jiff::Span>().and_then(|span| span.to_duration(days));
    // Less than a minute would repeat the alert at every check.
    let taken = span.ok().and_then(|span| Duration::try_from(span).ok()).filter(|span| span.as_secs() >= 60);
    if taken.is_none() {
        let message = format!("`{}` is not a duration of at least a minute", text.value);
        let help = Some("use a duration like `30m`, `24h`, or `7d`, or `never`".to_owned());
        let span = text.place.span.clone().into();
        problems.push(&text.place.source, TomlMistake::Invalid { key: "repeat".to_owned(), message, span, help });
    }
    taken.or(Some(REPEAT))
}
