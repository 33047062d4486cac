//! Mail, over a server of the user's own. A password goes over TLS or to this very machine, nowhere else.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::patience::{Failed, Later};
use super::{NotSent, Parcel, Patience};
use crate::secret::Secret;
use crate::settings::Email;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

pub(super) async fn send(
    email: &Email,
    (server, password): (&Secret, Option<&Secret>),
    parcel: &Parcel,
    patience: &Patience,
) -> Result<String, NotSent> {
    let letter = letter(email, parcel)?;
    let url = address(server)?;
    let inside = url.password().map(|password| Secret::new(percent_decode_str(password).decode_utf8_lossy()));
    let password = password.or(inside.as_ref());
    let transport = transport((&url, password), patience.each)?;
    let attempt = || {
        let (transport, letter) = (transport.clone(), letter.clone());
        async move { transport.send(letter).await.map_err(|error| failed(&error, password)) }
    };
    let answer = patience.tries(attempt).await?;
    Ok(format!("status {}", answer.code()))
}

/// Writes the letter: the first line of the text is its subject.
fn letter(email: &Email, parcel: &Parcel) -> Result<Message, NotSent> {
    let (subject, body) = parcel.text.split_once('\n').unwrap_or((&parcel.text, ""));
    let mailbox = |text: &str| text.parse::<Mailbox>().map_err(unwritten);
    let from = mailbox(&email.from)?;
    let id = format!("<{}@{}>", parcel.id, from.email.domain());
    let builder = Message::builder().from(from).subject(subject.trim()).message_id(Some(id)).date(parcel.at.into());
    let builder = email.to.iter().try_fold(builder, |builder: MessageBuilder, to| Ok(builder.to(mailbox(to)?)))?;
    // What answers by itself, such as a notice of absence, does not answer this.
    let builder = builder.header(ContentType::TEXT_PLAIN).header(AutoSubmitted);
    builder.body(body.trim_start_matches('\n').to_owned()).map_err(unwritten)
}

/// `Auto-Submitted: auto-generated`, RFC 3834.
#[derive(Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn unwritten(error: impl std::fmt::Display) -> NotSent {
    NotSent::Letter { message: error.to_string() }
}

fn address(server: &Secret) -> Result<Url, NotSent> {
    let url = Url::parse(server.expose()).ok().filter(|url| matches!(url.scheme(), "smtp" | "smtps"));
    url.filter(Url::has_host).ok_or(NotSent::Value { key: "server", what: "mail server" })
}

fn transport((url, password): (&Url, Option<&Secret>), each: Duration) -> Result<Transport, NotSent> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let parameters = || TlsParameters::new(host.clone()).map_err(|error| NotSent::Mail { message: error.to_string() });
    let is_here = matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
    let (tls, port) = match url.scheme() {
        "smtps" => (Tls::Wrapper(parameters()?), 465),
        _ if is_here => (Tls::None, 25),
        _ => (Tls::Required(parameters()?), 587),
    };
    let builder = Transport::builder_dangerous(host.clone()).tls(tls).port(url.port().unwrap_or(port));
    let builder = builder.timeout(Some(each));
    let Some(password) = password else { return Ok(builder.build()) };
    // `user%40example.com` is how an address stands before an `@`.
    let user = percent_decode_str(url.username()).decode_utf8_lossy().into_owned();
    Ok(builder.credentials(Credentials::new(user, password.expose().to_owned())).build())
}

/// A server that quotes what it was sent quotes no password here.
fn failed(error: &lettre::transport::smtp::Error, password: Option<&Secret>) -> Failed {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let next_message = next.to_string();
        if !message.contains(&next_message) {
            message = format!("{message}: {next_message}");
        }
        cause = next.source();
    }
    if let Some(password) = password.filter(|password| !password.is_empty()) {
        message = message.replace(password.expose(), "(secret)");
    }
    let later = if error.is_permanent() || error.is_client() || error.is_tls() { Later::Never } else { Later::Soon };
    Failed { error: NotSent::Mail { message }, later }
}
