//! Mail through the user's own server. A password is sent only over TLS or to this machine.

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use percent_encoding::percent_decode_str;

use super::patience::{FailedTry, Later};
use super::{Means, NotSent, Notifier, Parcel, forbidden};
use crate::net::authorities::Authorities;
use spile_core::secret::Secret;
use spile_core::settings::{Email, MailServer, NotifyMistake};
use spile_core::source::Placed;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// A mail server, and the password that may be sent to it. [`Login::agreed`] is the only way to create it.
pub(super) struct Login {
    server: MailServer,
    password: Option<Secret>,
}

impl Login {
    /// Resolves the variables, and checks that the user has agreed to send the password to this server.
    pub(super) fn agreed(email: &Email, notifier: &Notifier) -> Result<Self, NotSent> {
        let own = email.agreement().filter(|agreement| !notifier.agreements.cover(agreement));
        if let Some(Placed { value: agreement, place }) = own {
            let span = place.span.clone().into();
            return Err(forbidden(&place, NotifyMistake::NotAgreed { agreement, span }));
        }
        let server = notifier.given(&email.server)?;
        let no_server = |_| NotSent::Value { key: "server", what: "mail server" };
        let server: MailServer = server.expose().parse().map_err(no_server)?;
        let named = email.password.as_ref().map(|password| notifier.value(password)).transpose()?;
        let inside = || server.url().password().map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned());
        let password = named.or_else(|| inside().map(Secret::new));
        Ok(Self { server, password })
    }
}

pub(super) async fn send(email: &Email, login: &Login, parcel: &Parcel, means: &Means<'_>) -> Result<String, NotSent> {
    let letter = letter(email, parcel)?;
    let transport = transport(login, means)?;
    let attempt = || {
        let (transport, letter) = (transport.clone(), letter.clone());
        async move { transport.send(letter).await.map_err(|error| failed(&error, login.password.as_ref())) }
    };
    let answer = means.patience.tries(attempt).await?;
    Ok(format!("status {}", answer.code()))
}

/// Composes the mail. The first line of the text is the subject.
fn letter(email: &Email, parcel: &Parcel) -> Result<Message, NotSent> {
    let (subject, body) = parcel.text.split_once('\n').unwrap_or((&parcel.text, ""));
    let mailbox = |text: &str| text.parse::<Mailbox>().map_err(unwritten);
    let from = mailbox(&email.from)?;
    let id = format!("<{}@{}>", parcel.id, from.email.domain());
    let builder = Message::builder().from(from).subject(subject.trim()).message_id(Some(id)).date(parcel.at.into());
    let builder = email.to.iter().try_fold(builder, |builder, to| mailbox(to).map(|to| builder.to(to)))?;
    // Automatic replies, for example out-of-office notices, do not answer such a message.
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

fn transport(Login { server, password }: &Login, means: &Means<'_>) -> Result<Transport, NotSent> {
    let host = server.url().host_str().unwrap_or_default().to_owned();
    let parameters = || parameters(&host, means.authorities);
    let tls = match server.url().scheme() {
        "smtps" => Tls::Wrapper(parameters()?),
        _ if server.is_here() => Tls::None,
        _ => Tls::Required(parameters()?),
    };
    let builder =
        Transport::builder_dangerous(host.clone()).tls(tls).port(server.port()).timeout(Some(means.patience.each));
    let Some(password) = password else { return Ok(builder.build()) };
    // In a URL, the `@` of a user name is encoded: `user%40example.com`.
    let user = percent_decode_str(server.url().username()).decode_utf8_lossy().into_owned();
    Ok(builder.credentials(Credentials::new(user, password.expose().to_owned())).build())
}

/// Returns the TLS parameters for a server's certificate.
fn parameters(host: &str, authorities: &Authorities) -> Result<TlsParameters, NotSent> {
    let unfit = |error: lettre::transport::smtp::Error| NotSent::Mail { message: error.to_string() };
    let mut builder = TlsParameters::builder(host.to_owned());
    for text in authorities.certificates().map_err(|source| NotSent::Client { source })? {
        builder = builder.add_root_certificate(Certificate::from_pem(&text).map_err(unfit)?);
    }
    builder.build().map_err(unfit)
}

/// Describes an error without the password, which a server may quote.
fn failed(error: &lettre::transport::smtp::Error, password: Option<&Secret>) -> FailedTry {
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
    FailedTry { error: NotSent::Mail { message }, later }
}
