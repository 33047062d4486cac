//! The connector's settings that secrets belong to.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Error;
use super::file::SecretsFile;
use crate as ops;
use crate::check::ConnectorFiles;
use spile_core::connector::{Connector, Role, Setting};
use spile_core::problem::{Problems, did_you_mean, listed};
use spile_core::secrecy::NOT_SHOWN;
use spile_core::secret::Secret;
use spile_core::sops::node;
use spile_world::Project;

impl SecretsFile {
    /// Returns the connector named in the file or, for an overlay, in its base.
    ///
    /// # Errors
    /// When the project's connectors cannot be read.
    pub fn connector(&self, project: &Project) -> Result<Option<Arc<Connector>>, ops::Error> {
        let mut problems = Problems::default();
        let base = match self.name.environment {
            Some(_) => Some(Self::find(project, self.name.slug.as_str(), None)?),
            None => None,
        };
        let members = base.as_ref().map_or(&self.members, |base| &base.members);
        let text = |key| node::find(members, key).and_then(node::Node::as_text);
        let role = if text("kind") == Some("loader") { Role::Loader } else { Role::Extractor };
        let Some(name) = text("type") else { return Ok(None) };
        let wanted = BTreeSet::from([(role, name.to_owned())]);
        let catalog = ConnectorFiles::listed(project, &mut problems).of(&wanted, &mut problems);
        Ok(catalog.find(role, name))
    }

    /// Checks that a secret is a setting of the connector, and that the setting accepts its value.
    ///
    /// # Errors
    /// Returns the nearest setting, or what the setting accepts.
    pub fn fits(connector: &Connector, name: &str, value: &Secret) -> Result<(), Error> {
        let setting = Self::setting(connector, name)?;
        let (wanted, example) = setting.kind.wanted();
        if setting.kind.takes_secret(value.expose()) {
            Ok(())
        } else {
            Err(Error::Value { name: name.to_owned(), wanted, example })
        }
    }

    /// Returns the setting with a name.
    ///
    /// # Errors
    /// Returns the nearest setting.
    pub fn setting<'a>(connector: &'a Connector, name: &str) -> Result<&'a Setting, Error> {
        connector.setting(name).ok_or_else(|| {
            let names = || connector.settings.iter().map(|setting| setting.name.as_str());
            // A user who types `password=VALUE` has typed a secret, and so may one who types something that cannot be a
            // name.
            let (name, value) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
            let near = did_you_mean(name, names());
            let is_name = near.is_some() || name.bytes().all(|byte| byte.is_ascii_lowercase() || b"_.".contains(&byte));
            let name = if is_name { name.to_owned() } else { NOT_SHOWN.to_owned() };
            let help = match (value, near) {
                (Some(_), _) => "write only the name: others can read values on a command line; rotate the \
                                 secret, and pass the new value with `--stdin`"
                    .to_owned(),
                (None, Some(near)) => near,
                (None, None) => format!("its settings are {}", listed(names())),
            };
            Error::Unknown { connector: connector.head.label.clone(), name, help }
        })
    }
}
