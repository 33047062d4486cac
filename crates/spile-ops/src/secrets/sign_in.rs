//! Signing in to the source of an integration: what a sign-in needs from its files, and what it leaves there.

mod error;

use std::path::Path;

use spile_core::connector::oauth::{AddressTemplate, Endpoints, NoAddress};
use spile_core::connector::{Catalog, Connector, OAuth};
use spile_core::name::{SettingName, Slug};
use spile_core::secret::Secret;
use spile_core::settings::{Agreement, Sent, VariableName};
use spile_core::sops::node::{self, Node};
use spile_core::value::Settings;
use spile_world::files::door::Shut;
use spile_world::files::process_lock::{Lock, RunLock};
use spile_world::net::oauth::{OAuthClient, OAuthError, Registered};
use spile_world::{Authorities, Keys, Project};

use super::file::SecretsFile;
use super::{SecretEdit, Values};
use crate as ops;

pub use error::SignInError;

/// The sign-in to the source of one integration.
#[derive(Debug)]
pub struct SignIn {
    /// The provider, as people know it.
    pub provider: String,
    /// What the connector's definition says.
    pub oauth: OAuth,
    /// What somebody has to agree to first, because a file of the project decides where secrets are sent.
    pub agreements: Vec<Agreement>,
    endpoints: Endpoints,
}

/// The client as far as the files know it.
#[derive(Debug, Default)]
pub struct KnownClient {
    /// Its id.
    pub id: Option<Secret>,
    /// Its secret.
    pub secret: Option<Secret>,
    /// What an overlay has to repeat, because its secrets replace those of its base.
    pub repeated: Vec<SecretEdit>,
}

impl SignIn {
    /// Returns the sign-in for an integration.
    ///
    /// # Errors
    /// When its connector offers none, or a setting that an address needs is not set.
    pub fn of(file: &SecretsFile, project: &Project) -> Result<Self, ops::Error> {
        let slug = file.name.slug.clone();
        let connector = file.connector(project)?;
        let Some(connector) = connector else { return Err(SignInError::NoConnector { slug }.into()) };
        Ok(Self::with(&connector, &file.config(project)?, &slug)?)
    }

    /// Returns the sign-in for a connector and settings in plain text.
    ///
    /// # Errors
    /// As for [`Self::of`].
    pub fn with(connector: &Connector, config: &Settings, slug: &Slug) -> Result<Self, SignInError> {
        let slug = slug.clone();
        let Some(oauth) = connector.oauth.clone() else {
            return Err(SignInError::NotOffered { provider: connector.head.label.clone(), slug });
        };
        let endpoints = oauth.endpoints(connector, config).map_err(|why| match why {
            NoAddress::Unset(name) => SignInError::Unset { name, slug: slug.clone() },
            NoAddress::Unfit(name) => SignInError::Unfit { name, slug: slug.clone() },
        })?;
        let is_trusted = is_trusted(connector, &oauth, &endpoints);
        let agreements = if is_trusted { Vec::new() } else { agreements(connector, &endpoints) };
        Ok(Self { provider: connector.head.label.clone(), oauth, agreements, endpoints })
    }

    /// Returns the client as far as the files know it.
    ///
    /// # Errors
    /// When the secrets cannot be decrypted, or a value is a variable.
    pub async fn known_client(
        &self,
        file: &SecretsFile,
        project: &Project,
        keys: &Keys,
    ) -> Result<KnownClient, ops::Error> {
        let is_overlay = file.name.environment.is_some() && file.document.is_none();
        let base = if is_overlay { Some(SecretsFile::find(project, file.name.slug.as_str(), None)?) } else { None };
        let holder = base.as_ref().unwrap_or(file);
        let secrets = if holder.document.is_some() { holder.values(keys).await? } else { Values::new() };
        let (plain, config) = (holder.plain(), file.config(project)?);
        let value = |name: &String| {
            let written = || config.get(name).and_then(|value| value.as_str()).map(Secret::new);
            secrets.get(name).or_else(|| plain.get(name)).cloned().or_else(written)
        };
        let id = value(&self.oauth.client_id);
        let secret = self.oauth.client_secret.as_ref().and_then(value);
        for (name, value) in [(Some(&self.oauth.client_id), &id), (self.oauth.client_secret.as_ref(), &secret)] {
            if let (Some(name), Some(_)) = (name, value.as_ref().filter(|value| value.expose().starts_with('$'))) {
                return Err(SignInError::Variable { name: name.clone(), slug: file.name.slug.clone() }.into());
            }
        }
        let repeated = if is_overlay { secrets } else { Values::new() };
        let repeated = repeated.into_iter().map(|(name, value)| (name, Some(value))).collect();
        Ok(KnownClient { id, secret, repeated })
    }

    /// Keeps other sign-ins in this project from beginning, because only one can use the redirect address.
    ///
    /// # Errors
    /// When another one has begun.
    pub fn alone(project: &Project) -> Result<RunLock, ops::Error> {
        let own = project.own();
        RunLock::hold(&own, Lock::SignIn).map_err(|why| ops::Error::of_file("lock", Path::new(".spile"), Shut::Io(why)))
    }

    /// Returns a client of the provider.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn client(&self, registered: &Registered, authorities: &Authorities) -> Result<OAuthClient, OAuthError> {
        OAuthClient::new(&self.oauth, self.endpoints.clone(), registered, &self.provider, authorities)
    }

    /// Returns the edit that keeps the token.
    #[must_use]
    pub fn edit(&self, token: Secret) -> SecretEdit {
        (self.oauth.token.name().to_owned(), Some(token))
    }
}

/// Tells whether a built-in definition decides where secrets are sent. A file of the project that says the same is as
/// good.
fn is_trusted(connector: &Connector, oauth: &OAuth, endpoints: &Endpoints) -> bool {
    let Some(built_in) = Catalog::built_in(connector.head.role, &connector.head.name) else { return false };
    if built_in.oauth.as_ref() != Some(oauth) {
        return false;
    }
    let usual = || oauth.endpoints(&built_in, &Settings::new()).ok();
    let same = |usual: Endpoints| usual.secret_hosts() == endpoints.secret_hosts();
    oauth.secret_addresses().all(AddressTemplate::names_the_provider) || usual().is_some_and(same)
}

/// Returns what somebody has to agree to: one agreement for each host that the client's secret is sent to.
fn agreements(connector: &Connector, endpoints: &Endpoints) -> Vec<Agreement> {
    let variable = VariableName::like(&connector.head.name);
    let one = |host| Agreement { host, variable: variable.clone(), what: Sent::Client };
    endpoints.secret_hosts().into_iter().map(one).collect()
}

impl SecretsFile {
    /// Returns the settings in plain text, those of an overlay over those of its base.
    ///
    /// # Errors
    /// When the base cannot be read.
    pub fn config(&self, project: &Project) -> Result<Settings, ops::Error> {
        let mut settings = match self.name.environment {
            Some(_) => Self::find(project, self.name.slug.as_str(), None)?.own_config(),
            None => Settings::new(),
        };
        settings.extend(self.own_config());
        Ok(settings)
    }

    fn own_config(&self) -> Settings {
        let mut settings = Settings::new();
        if let Some(Node::Map(config)) = node::find(&self.members, "config") {
            flatten(config, None, &mut settings);
        }
        settings
    }
}

fn flatten(members: &[(String, Node)], within: Option<&str>, settings: &mut Settings) {
    for (name, node) in members {
        let name = within.map_or_else(|| name.clone(), |within| format!("{within}.{name}"));
        let value = match node {
            Node::Map(members) => {
                flatten(members, Some(SettingName::new(&name).as_str()), settings);
                continue;
            }
            Node::Text(text) => text.as_str().into(),
            Node::Bool(flag) => (*flag).into(),
            Node::Integer(number) => (*number).into(),
            Node::Null | Node::Float(_) | Node::List(_) => continue,
        };
        settings.insert(name, value);
    }
}
