//! `spile secrets sign-in`

use std::time::Duration;

use super::SecretsContext;
use super::values::{Done, change};
use crate::cli::open::agrees;
use crate::cli::{Global, Output};
use spile_core::secret::Secret;
use spile_ops::secrets::sign_in::KnownClient;
use spile_ops::secrets::{Error, SecretsFile, SignIn, SignInError};
use spile_ops::{self as ops};
use spile_world::Outside;
use spile_world::net::loopback::{CALLBACK, Loopback};
use spile_world::net::oauth::{OAuthClient, OAuthError, Registered};
use spile_world::processes::browser;

/// Where to sign in
#[derive(Debug, clap::Args)]
pub struct SignInArgs {
    /// Name of the integration
    slug: String,
    /// Print the address instead of opening a browser
    #[arg(long)]
    no_browser: bool,
    /// Sign in with a code on another device, if the provider supports it
    #[arg(long, conflicts_with_all = ["no_browser", "port"])]
    device: bool,
    /// Port of the redirect address on this machine [default: the connector's, or a free one]
    #[arg(long)]
    port: Option<u16>,
    /// How many seconds to wait for somebody to sign in
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

pub(super) async fn exec(args: &SignInArgs, desk: &SecretsContext, global: &Global, output: &mut Output) -> Done {
    let file = desk.find(&args.slug)?;
    let sign_in = SignIn::of(&file, &desk.project)?;
    let outside = global.outside(&desk.project, output)?;
    agree(&sign_in, &outside, output)?;
    let _alone = SignIn::alone(&desk.project)?;
    let known = sign_in.known_client(&file, &desk.project, &desk.keys).await?;
    let registered = registered(&sign_in, known, &file, desk, output).await?;
    let client = sign_in.client(&registered, &outside.authorities).map_err(Error::from)?;
    let patience = Patience { provider: &sign_in.provider, seconds: args.timeout };
    let token = if args.device {
        on_device(&client, patience, output).await?
    } else {
        in_browser(&client, &sign_in, args, patience, output).await?
    };
    // The file may have changed while somebody signed in, and the token must not be lost.
    let file = desk.find(&args.slug)?;
    let connector = file.connector(&desk.project)?;
    change(&file, connector.as_deref(), &[sign_in.edit(token)], desk, output).await
}

/// Asks whether secrets may be sent to the host, unless a built-in definition names it.
fn agree(sign_in: &SignIn, outside: &Outside, output: &mut Output) -> Result<(), ops::Error> {
    for agreement in &sign_in.agreements {
        if !outside.agreements.cover(agreement) && !agrees(agreement, &outside.agreements, output) {
            return Err(SignInError::NotAgreed { agreement: Box::new(agreement.clone()) }.into());
        }
    }
    Ok(())
}

/// Asks for what the files do not know of the client, and encrypts it at once: a second try needs it again.
async fn registered(
    sign_in: &SignIn,
    known: KnownClient,
    file: &SecretsFile,
    desk: &SecretsContext,
    output: &mut Output,
) -> Result<Registered, ops::Error> {
    let mut changes = known.repeated;
    let mut ask = |name: &String| -> Result<Secret, ops::Error> {
        let value = output.ask_secret(&format!("{name} of {}", file.name.slug)).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| Error::NoTerminal {
            what: format!("`{name}`"),
            help: "set it first with `spile secrets set ... --stdin`: it is in your app at the provider",
        })?;
        changes.push((name.clone(), Some(value.clone())));
        Ok(value)
    };
    let id = known.id.map_or_else(|| ask(&sign_in.oauth.client_id), Ok)?;
    let secret = match (known.secret, &sign_in.oauth.client_secret) {
        (Some(secret), _) => Some(secret),
        (None, Some(name)) => Some(ask(name)?),
        (None, None) => None,
    };
    if !changes.is_empty() {
        file.change(desk.access(), &changes).await?;
    }
    Ok(Registered { id, secret })
}

/// How long to wait for somebody to sign in.
#[derive(Clone, Copy)]
struct Patience<'a> {
    provider: &'a str,
    seconds: u64,
}

impl Patience<'_> {
    fn duration(self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn over(self) -> OAuthError {
        OAuthError::Timeout { provider: self.provider.to_owned(), seconds: self.seconds }
    }
}

async fn in_browser(
    client: &OAuthClient,
    sign_in: &SignIn,
    args: &SignInArgs,
    patience: Patience<'_>,
    output: &mut Output,
) -> Result<Secret, Error> {
    let wanted = args.port.or(sign_in.oauth.redirect_port);
    let taken = |source| OAuthError::Port { port: wanted.unwrap_or_default(), source };
    let loopback = Loopback::bind(wanted).await.map_err(taken)?;
    let port = loopback.port().map_err(taken)?;
    let pending = client.begin(&sign_in.oauth.redirect_host.redirect(port, CALLBACK))?;
    let (provider, redirect) = (&sign_in.provider, pending.redirect());
    output.note(&format!("Your app at {provider} must allow the redirect address {redirect}\n"));
    if args.no_browser || !browser::open(&pending.url) {
        output.note(&format!("Open this address to sign in to {provider}:\n\n{}\n\n", pending.url));
    } else {
        output.note(&format!("Sign in to {provider} in your browser. If it did not open:\n\n{}\n\n", pending.url));
    }
    let query = tokio::time::timeout(patience.duration(), loopback.query()).await.map_err(|_| patience.over())?;
    Ok(client.end(pending, &query.map_err(taken)?).await?)
}

async fn on_device(client: &OAuthClient, patience: Patience<'_>, output: &mut Output) -> Result<Secret, Error> {
    let code = client.begin_on_device().await?;
    let provider = patience.provider;
    output.note(&format!("To sign in to {provider}, open {} and type the code {}\n", code.address(), code.code()));
    let ended = client.end_on_device(&code, patience.duration());
    let ended = tokio::time::timeout(patience.duration(), ended).await;
    Ok(ended.map_err(|_| patience.over())??)
}
