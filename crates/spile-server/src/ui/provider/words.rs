//! What the pages tell about a sign-in: they have fields and buttons where the command line has options.

use crate::refusal::Refusal;
use spile_ops::Error;
use spile_ops::secrets::{self, SignInError};
use spile_world::net::oauth::OAuthError;

/// Returns the refusal for an error, with a next step that can be taken on the pages.
pub fn told(error: impl Into<Error>) -> Refusal {
    let error = error.into();
    let help = match &error {
        Error::Secrets(secrets::Error::SignIn(error)) => before(error),
        Error::Secrets(secrets::Error::OAuth(error)) => after(error),
        _ => None,
    };
    let refusal = Refusal::from(error);
    match help {
        Some(help) => refusal.help(help),
        None => refusal,
    }
}

/// Returns the next step before a sign-in, if it is another one than at a terminal.
fn before(error: &SignInError) -> Option<String> {
    Some(match error {
        SignInError::NoConnector { .. } => return None,
        SignInError::NotOffered { provider, .. } => format!("copy the token from {provider} into its field, and save"),
        SignInError::Unset { name, .. } => format!("fill in the field of `{name}`, save, and sign in again"),
        SignInError::Unfit { name, .. } => format!(
            "change the field of `{name}`: one word of letters, digits, `-`, `_` and dots, or an `https` address where the \
             whole host is a setting"
        ),
        SignInError::Variable { name, .. } => {
            format!("put the value itself into the field of `{name}`, save, and sign in again")
        }
        SignInError::NotAgreed { agreement } => {
            let host = &agreement.host;
            format!(
                "check that `{host}` belongs to the provider. Then somebody at a terminal of this server agrees once with \
                 `spile secrets sign-in SLUG`, or starts the server with `--trust-registry {host}`. Nothing was sent"
            )
        }
    })
}

/// Returns the next step after a sign-in has failed, if it is another one than at a terminal.
fn after(error: &OAuthError) -> Option<String> {
    Some(match error {
        OAuthError::Redirect { provider, .. } => format!(
            "add exactly this address to the redirect (callback) addresses of your app at {provider}, and press the button \
             again"
        ),
        OAuthError::WrongClient { provider, .. } => format!(
            "compare the client's id and secret with those of your app at {provider}, fill in their fields again, save, and \
             sign in again"
        ),
        OAuthError::State => {
            "close old tabs, and begin again with the button in this browser; nothing was written".to_owned()
        }
        OAuthError::Denied { .. }
        | OAuthError::Expired { .. }
        | OAuthError::Refused { .. }
        | OAuthError::Unreached { .. }
        | OAuthError::Response { .. }
        | OAuthError::NoRefreshToken { .. }
        | OAuthError::NoDevice { .. }
        | OAuthError::Timeout { .. }
        | OAuthError::Port { .. }
        | OAuthError::Client { .. } => return None,
    })
}
