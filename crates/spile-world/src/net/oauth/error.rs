//! Errors of signing in to a source.

use miette::Diagnostic;
use oauth2::basic::BasicErrorResponse;
use oauth2::{DeviceCodeErrorResponse, DeviceCodeErrorResponseType, RequestTokenError};

use super::http::HttpFault;
use crate::net::authorities::NoClient;
use spile_core::secret::Secret;

/// The most characters of a provider's own words.
const MOST_CHARACTERS: usize = 300;

/// What can go wrong while a person signs in to a source.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum OAuthError {
    /// The person declined, or may not sign in.
    #[error("{provider} did not give access: {words}")]
    #[diagnostic(
        code(spile::oauth::denied),
        help("sign in again and choose to allow access, as a user who may use the API; nothing was written")
    )]
    Denied {
        /// The provider.
        provider: String,
        /// Its own words.
        words: String,
    },
    /// The redirect address is not registered.
    #[error("{provider} does not accept the redirect address `{redirect}`")]
    #[diagnostic(
        code(spile::oauth::redirect),
        help(
            "add exactly this address to the redirect (callback) addresses of your app at {provider}, or choose a registered port with `--port`"
        )
    )]
    Redirect {
        /// The provider.
        provider: String,
        /// The address.
        redirect: String,
    },
    /// The code has expired or was already used.
    #[error("the code from {provider} has expired or was used before: {words}")]
    #[diagnostic(code(spile::oauth::expired), help("sign in again; nothing was written"))]
    Expired {
        /// The provider.
        provider: String,
        /// Its own words.
        words: String,
    },
    /// The client's id or secret is wrong.
    #[error("{provider} does not know this client, or its secret is wrong: {words}")]
    #[diagnostic(
        code(spile::oauth::client),
        help(
            "compare the client id and secret with those of your app at {provider}, and set them again with `spile secrets set`"
        )
    )]
    WrongClient {
        /// The provider.
        provider: String,
        /// Its own words.
        words: String,
    },
    /// Any other refusal.
    #[error("{provider} refused the sign-in: {words}")]
    #[diagnostic(
        code(spile::oauth::refused),
        help("check the scopes and the permissions of your app at {provider}; nothing was written")
    )]
    Refused {
        /// The provider.
        provider: String,
        /// Its own words.
        words: String,
    },
    /// The provider cannot be reached.
    #[error("{provider} cannot be reached: {why}")]
    #[diagnostic(code(spile::oauth::unreached), help("check the network and proxies, and sign in again"))]
    Unreached {
        /// The provider.
        provider: String,
        /// The cause.
        why: String,
    },
    /// The answer is not one of OAuth.
    #[error("the answer of {provider} cannot be used: {why}")]
    #[diagnostic(
        code(spile::oauth::response),
        help("check the addresses under `[oauth]` in the definition of the connector, and the settings in them")
    )]
    Response {
        /// The provider.
        provider: String,
        /// What is wrong with it.
        why: String,
    },
    /// The provider sent no refresh token.
    #[error("{provider} sent no refresh token, so nobody could read from it after a few hours")]
    #[diagnostic(
        code(spile::oauth::no_refresh_token),
        help(
            "remove the access of your app in your account at {provider} and sign in again; some providers only send one with the scope `offline_access` or `refresh_token`, or with the parameters `access_type = \"offline\"` and `prompt = \"consent\"` under `[oauth]`"
        )
    )]
    NoRefreshToken {
        /// The provider.
        provider: String,
    },
    /// A redirect that belongs to another sign-in.
    #[error("the browser came back from another sign-in")]
    #[diagnostic(
        code(spile::oauth::state),
        help("close old tabs and sign in again, with the address that this command shows; nothing was written")
    )]
    State,
    /// The provider has no device flow.
    #[error("{provider} has no sign-in for other devices")]
    #[diagnostic(code(spile::oauth::no_device), help("sign in without `--device`"))]
    NoDevice {
        /// The provider.
        provider: String,
    },
    /// Nobody signed in in time.
    #[error("nobody signed in to {provider} within {seconds} s")]
    #[diagnostic(
        code(spile::oauth::timeout),
        help(
            "if the browser shows an error about the redirect address, add exactly that address to your app at {provider}; `--timeout SECONDS` waits longer"
        )
    )]
    Timeout {
        /// The provider.
        provider: String,
        /// How long spile waited.
        seconds: u64,
    },
    /// The port of the redirect address is taken.
    #[error("the port {port} on this machine cannot be used: {source}")]
    #[diagnostic(
        code(spile::oauth::port),
        help(
            "end the program that uses it, or choose another port with `--port` and add its address to your app at the provider"
        )
    )]
    Port {
        /// The port.
        port: u16,
        /// The cause.
        source: std::io::Error,
    },
    /// No secure client can be created.
    #[error("cannot make secure connections")]
    #[diagnostic(code(spile::oauth::certificates), help("install the system's CA certificates"))]
    Client {
        /// The cause.
        source: NoClient,
    },
}

impl OAuthError {
    /// Returns the error for a provider's code: RFC 6749, sections 4.1.2.1 and 5.2, and the codes of providers.
    pub(super) fn refused(provider: &str, redirect: &str, code: &str, words: Option<&str>) -> Self {
        let provider = provider.to_owned();
        let said =
            words.filter(|words| !words.is_empty()).map_or_else(|| code.to_owned(), |said| format!("{code}, {said}"));
        let words: String = said.chars().filter(|letter| !letter.is_control()).take(MOST_CHARACTERS).collect();
        let lower = words.to_ascii_lowercase().replace('-', "_");
        let is_about_redirect =
            ["redirect_uri", "redirect uri", "callback url"].iter().any(|word| lower.contains(word));
        match code {
            _ if is_about_redirect => Self::Redirect { provider, redirect: redirect.to_owned() },
            "access_denied" | "user_denied" | "consent_required" | "login_required" => Self::Denied { provider, words },
            "invalid_grant" | "expired_token" | "bad_verification_code" | "invalid_code" | "code_already_used" => {
                Self::Expired { provider, words }
            }
            "invalid_client" | "invalid_client_id" | "incorrect_client_credentials" | "bad_client_secret" => {
                Self::WrongClient { provider, words }
            }
            _ => Self::Refused { provider, words },
        }
    }

    /// Removes the client's secret from the provider's own words, in case it repeats it.
    pub(super) fn without(mut self, secret: Option<&Secret>) -> Self {
        if let Self::Denied { words, .. }
        | Self::Expired { words, .. }
        | Self::WrongClient { words, .. }
        | Self::Refused { words, .. } = &mut self
            && let Some(secret) = secret.filter(|secret| !secret.is_empty())
        {
            *words = words.replace(secret.expose(), "…");
        }
        self
    }

    pub(super) fn response(provider: &str, why: &str) -> Self {
        Self::Response { provider: provider.to_owned(), why: why.to_owned() }
    }

    /// Returns the error for an answer to a request. It shows nothing of an answer that may contain tokens.
    pub(super) fn of(provider: &str, redirect: &str, error: RequestTokenError<HttpFault, BasicErrorResponse>) -> Self {
        match error {
            RequestTokenError::ServerResponse(said) => {
                let words = said.error_description().map(String::as_str);
                Self::refused(provider, redirect, said.error().as_ref(), words)
            }
            other => Self::unanswered(provider, other),
        }
    }

    pub(super) fn of_device(provider: &str, error: RequestTokenError<HttpFault, DeviceCodeErrorResponse>) -> Self {
        match error {
            RequestTokenError::ServerResponse(said) => match said.error() {
                DeviceCodeErrorResponseType::AccessDenied => {
                    Self::Denied { provider: provider.to_owned(), words: "access_denied".to_owned() }
                }
                DeviceCodeErrorResponseType::ExpiredToken => {
                    Self::Expired { provider: provider.to_owned(), words: "expired_token".to_owned() }
                }
                other => Self::refused(provider, "", other.as_ref(), said.error_description().map(String::as_str)),
            },
            other => Self::unanswered(provider, other),
        }
    }

    fn unanswered<T: oauth2::ErrorResponse + 'static>(provider: &str, error: RequestTokenError<HttpFault, T>) -> Self {
        match error {
            RequestTokenError::Request(fault) => {
                Self::Unreached { provider: provider.to_owned(), why: fault.to_string() }
            }
            RequestTokenError::Parse(error, _) => {
                Self::Response { provider: provider.to_owned(), why: format!("`{}` is missing or wrong", error.path()) }
            }
            RequestTokenError::ServerResponse(_) | RequestTokenError::Other(_) => {
                Self::response(provider, "it is not an answer of OAuth")
            }
        }
    }
}
