//! How a person signs in to a source: the addresses, scopes and settings of OAuth 2.0.

mod address;
mod mistake;

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde::Serialize;

use super::kind::word_of;
use super::{Connector, Setting};
use crate::problem::Problems;
use crate::settings::Host;
use crate::source::Placed;
use crate::table::Table;
use crate::value::Settings;

pub use address::{AddressTemplate, NoAddress};
pub use mistake::OAuthMistake;

/// The ports that anybody may listen on.
const PORTS: std::ops::RangeInclusive<u16> = 1024..=u16::MAX;

/// How to sign in to a source with OAuth 2.0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OAuth {
    /// Where a person signs in with a browser.
    pub authorize_url: AddressTemplate,
    /// Where a program gets tokens. The client's secret is sent there.
    pub token_url: AddressTemplate,
    /// Where a program gets a code to type on another device: RFC 8628. The client's secret is sent there too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_url: Option<AddressTemplate>,
    /// What the token may do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// What separates the scopes in a request.
    #[serde(skip_serializing_if = "is_space")]
    pub scope_separator: String,
    /// More parameters of the address where a person signs in.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub parameters: IndexMap<String, String>,
    /// Words that stand for a setting's value in an address, by setting and value.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub values: IndexMap<String, IndexMap<String, String>>,
    /// Whether to prove that the program that started a sign-in also ends it: RFC 7636.
    #[serde(skip_serializing_if = "is_true")]
    pub pkce: bool,
    /// How the client proves who it is.
    #[serde(skip_serializing_if = "ClientAuth::is_body")]
    pub client_auth: ClientAuth,
    /// The setting with the client's id.
    pub client_id: String,
    /// The setting with the client's secret; public clients have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// The setting that takes the token.
    #[serde(flatten)]
    pub token: TokenSetting,
    /// The name of this machine that the provider accepts in a redirect address.
    #[serde(skip_serializing_if = "RedirectHost::is_number")]
    pub redirect_host: RedirectHost,
    /// The port of the redirect address on this machine, if the provider accepts only one that is registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_port: Option<u16>,
}

/// The setting that takes a token, by the kind of token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenSetting {
    /// A refresh token, with which the plugin gets access tokens.
    RefreshToken(String),
    /// An access token, for providers whose access tokens do not expire.
    AccessToken(String),
}

impl TokenSetting {
    /// Returns the name of the setting.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::RefreshToken(name) | Self::AccessToken(name) => name,
        }
    }
}

/// How a client proves who it is: RFC 6749, section 2.3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// By parameters in the body of a request.
    Body,
    /// By HTTP basic authentication.
    Basic,
}

impl ClientAuth {
    /// All ways, by the word that files use.
    pub const WORDS: [(&'static str, Self); 2] = [("body", Self::Body), ("basic", Self::Basic)];

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_body(&self) -> bool {
        *self == Self::Body
    }
}

/// A name of this machine in a redirect address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum RedirectHost {
    /// The address that RFC 8252 recommends.
    #[serde(rename = "127.0.0.1")]
    Number,
    /// The name that some providers require.
    #[serde(rename = "localhost")]
    Name,
}

impl RedirectHost {
    /// All names, by the word that files use.
    pub const WORDS: [(&'static str, Self); 2] = [("127.0.0.1", Self::Number), ("localhost", Self::Name)];

    /// Returns the redirect address on this machine with a port and a path.
    #[must_use]
    pub fn redirect(self, port: u16, path: &str) -> String {
        match self {
            Self::Number => format!("http://127.0.0.1:{port}{path}"),
            Self::Name => format!("http://localhost:{port}{path}"),
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_number(&self) -> bool {
        *self == Self::Number
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_true(flag: &bool) -> bool {
    *flag
}

fn is_space(text: &str) -> bool {
    text == " "
}

/// The addresses of a provider, for the settings of one integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Where a person signs in.
    pub authorize: url::Url,
    /// Where a program gets tokens.
    pub token: url::Url,
    /// Where a program gets a code for another device.
    pub device: Option<url::Url>,
}

impl Endpoints {
    /// Returns the hosts that the client's secret is sent to.
    #[must_use]
    pub fn secret_hosts(&self) -> BTreeSet<Host> {
        [Some(&self.token), self.device.as_ref()].into_iter().flatten().map(Host::of).collect()
    }
}

impl OAuth {
    /// Reads the table `[oauth]` of a definition.
    pub(super) fn read(table: Table<'_>, settings: &[Setting], problems: &mut Problems) -> Option<Self> {
        // The names of settings look like secrets.
        table.plain_secrets(&["client_id", "client_secret", "refresh_token", "access_token"], problems);
        let reader = Reader { table: &table, settings };
        let authorize_url = reader.required_address("authorize_url", problems);
        let token_url = reader.required_address("token_url", problems);
        let device_url = reader.address("device_url", problems);
        let values = reader.values(problems);
        let client_id = table
            .required_text("client_id", "\"client_id\"", problems)
            .map(|name| reader.setting("client_id", name, problems));
        let client_secret =
            table.text("client_secret", problems).map(|name| reader.setting("client_secret", name, problems));
        let token = reader.token(problems);
        let scopes = table.texts("scopes", problems).map(|scopes| scopes.value).unwrap_or_default();
        let separator = table.text("scope_separator", problems).map(|text| text.value);
        let pkce = table.flag("pkce", problems).is_none_or(|flag| flag.value);
        let client_auth = table.choice("client_auth", &ClientAuth::WORDS, problems);
        let redirect_host = table.choice("redirect_host", &RedirectHost::WORDS, problems);
        let redirect_port = table.whole("redirect_port", PORTS, "a port from 1024 to 65535", problems);
        let parameters = reader.parameters(problems);
        table.finish(problems);
        Some(Self {
            authorize_url: authorize_url?,
            token_url: token_url?,
            device_url,
            scopes: scopes.into_iter().map(|scope| scope.value).collect(),
            scope_separator: separator.unwrap_or_else(|| " ".to_owned()),
            parameters,
            values,
            pkce,
            client_auth: client_auth.map_or(ClientAuth::Body, |choice| choice.value),
            client_id: client_id?,
            client_secret,
            token: token?,
            redirect_host: redirect_host.map_or(RedirectHost::Number, |choice| choice.value),
            redirect_port,
        })
    }

    /// Returns the addresses for the settings of an integration.
    ///
    /// # Errors
    /// When a setting that an address needs is not set, or has a value that an address cannot contain.
    pub fn endpoints(&self, connector: &Connector, settings: &Settings) -> Result<Endpoints, NoAddress> {
        let word = |name: &str| self.word(connector, settings, name);
        let device = self.device_url.as_ref().map(|address| address.fill(word)).transpose()?;
        Ok(Endpoints { authorize: self.authorize_url.fill(word)?, token: self.token_url.fill(word)?, device })
    }

    /// Returns the addresses that the client's secret is sent to.
    pub fn secret_addresses(&self) -> impl Iterator<Item = &AddressTemplate> {
        [Some(&self.token_url), self.device_url.as_ref()].into_iter().flatten()
    }

    /// Returns what stands for a setting in an address.
    fn word(&self, connector: &Connector, settings: &Settings, name: &str) -> Option<String> {
        let default = || connector.setting(name).and_then(|setting| setting.default.as_ref());
        let value = word_of(settings.get(name).or_else(default)?);
        let known = self.values.get(name).and_then(|values| values.get(&value)).cloned();
        Some(known.unwrap_or(value))
    }

    /// Returns the settings that it refers to.
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        let addresses = std::iter::once(&self.authorize_url).chain(self.secret_addresses());
        let placeholders = addresses.flat_map(AddressTemplate::placeholders);
        let named = [Some(&self.client_id), self.client_secret.as_ref()].into_iter().flatten().map(String::as_str);
        placeholders.chain(named).chain([self.token.name()])
    }

    /// Returns the scopes as the request names them.
    #[must_use]
    pub fn scope(&self) -> Option<String> {
        Some(self.scopes.join(&self.scope_separator)).filter(|scope| !scope.is_empty())
    }
}

/// Reads the keys of the table that refer to settings.
struct Reader<'a> {
    table: &'a Table<'a>,
    settings: &'a [Setting],
}

impl Reader<'_> {
    fn required_address(&self, key: &'static str, problems: &mut Problems) -> Option<AddressTemplate> {
        let example = "\"https://{shop}.example.com/oauth/token\"";
        self.table.required_text(key, example, problems).and_then(|text| self.checked(key, &text, problems))
    }

    fn address(&self, key: &'static str, problems: &mut Problems) -> Option<AddressTemplate> {
        self.table.text(key, problems).and_then(|text| self.checked(key, &text, problems))
    }

    fn checked(&self, key: &'static str, text: &Placed<String>, problems: &mut Problems) -> Option<AddressTemplate> {
        let span = text.place.span.clone().into();
        let Ok(address) = text.value.parse::<AddressTemplate>() else {
            problems.push(&text.place.source, OAuthMistake::Address { key, span });
            return None;
        };
        for name in address.placeholders() {
            self.known(key, &Placed { value: name.to_owned(), place: text.place.clone() }, problems);
        }
        Some(address)
    }

    /// Reports a name that is not a setting.
    fn known(&self, key: &'static str, name: &Placed<String>, problems: &mut Problems) {
        if self.settings.iter().all(|setting| setting.name != name.value) {
            let span = name.place.span.clone().into();
            let finding = OAuthMistake::UnknownSetting { key, name: name.value.clone(), span };
            problems.push(&name.place.source, finding);
        }
    }

    fn setting(&self, key: &'static str, name: Placed<String>, problems: &mut Problems) -> String {
        self.known(key, &name, problems);
        name.value
    }

    fn token(&self, problems: &mut Problems) -> Option<TokenSetting> {
        let mut name = |key| {
            let name = self.table.text(key, problems)?;
            Some(self.setting(key, name, problems))
        };
        match (name("refresh_token"), name("access_token")) {
            (Some(name), None) => Some(TokenSetting::RefreshToken(name)),
            (None, Some(name)) => Some(TokenSetting::AccessToken(name)),
            (Some(_), Some(_)) | (None, None) => {
                let place = self.table.place();
                problems.push(&place.source, OAuthMistake::Token { span: place.span.into() });
                None
            }
        }
    }

    fn parameters(&self, problems: &mut Problems) -> IndexMap<String, String> {
        let Some(table) = self.table.table("parameters", problems) else { return IndexMap::new() };
        table.named_texts(problems).into_iter().map(|(name, text)| (name, text.value)).collect()
    }

    fn values(&self, problems: &mut Problems) -> IndexMap<String, IndexMap<String, String>> {
        let Some(table) = self.table.table("values", problems) else { return IndexMap::new() };
        let mut all = IndexMap::new();
        for (name, values) in table.named_tables(problems) {
            self.known("values", &name, problems);
            let words = values.named_texts(problems).into_iter().map(|(value, word)| (value, word.value));
            all.insert(name.value, words.collect());
        }
        all
    }
}

#[cfg(test)]
mod tests;
