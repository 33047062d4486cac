//! Connectors: what a tap or target is called, where it is installed from, and which settings it has.

mod address;
pub mod builtin;
pub mod bundled;
pub mod catalog;
pub mod head;
pub mod hub_facts;
pub mod kind;
pub mod lossy_packages;
pub mod naming;
pub mod oauth;
pub mod passthrough_keys;
pub mod pip;
pub mod quota;
pub mod range;
pub mod read;
pub mod reset;
pub mod search;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::Slug;

pub use catalog::Catalog;
pub use head::Head;
pub use kind::Kind;
pub use naming::Naming;
pub use oauth::OAuth;
pub use quota::Quota;
pub use range::RangeSettings;
pub use reset::{Reset, ResetMoment};

/// Which side of a pipeline a plugin is: Meltano's `extractors` or `loaders`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A tap, which reads from a source.
    Extractor,
    /// A target, which writes to a destination.
    Loader,
}

impl Role {
    /// All roles, by the word that files use.
    pub const WORDS: [(&'static str, Self); 2] = [("extractor", Self::Extractor), ("loader", Self::Loader)];

    /// Returns its key under `plugins` in `meltano.yml`.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Extractor => "extractors",
            Self::Loader => "loaders",
        }
    }

    /// Returns the word with its indefinite article.
    #[must_use]
    pub fn with_article(self) -> &'static str {
        match self {
            Self::Extractor => "an extractor",
            Self::Loader => "a loader",
        }
    }

    /// Returns the other side of a pipeline.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Extractor => Self::Loader,
            Self::Loader => Self::Extractor,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Extractor => "extractor",
            Self::Loader => "loader",
        })
    }
}

/// The schema and plugin definition of one tap or target.
#[derive(Debug, Clone, PartialEq)]
pub struct Connector {
    /// What it is called, and what a search finds it by.
    pub head: Head,
    /// The plugin that Meltano installs and starts.
    pub plugin: Plugin,
    /// Its settings, in the order a form shows them.
    pub settings: Vec<Setting>,
    /// Alternative groups of settings: at least one of them has to be set in full.
    pub groups: Vec<Group>,
    /// Whether only one of the groups may be set.
    pub one_group: bool,
    /// Default replication metadata by stream for its integrations, as Meltano's `metadata`.
    pub metadata: serde_json::Map<String, Value>,
    /// Default selection for integrations without `select`, as Meltano's `select`; empty means everything.
    pub select: Vec<String>,
    /// What it loses of the records that it moves.
    pub losses: Vec<Loss>,
    /// Which tables a loader writes streams to, if known.
    pub naming: Option<Naming>,
    /// How many calls its source allows, and how many rows a call returns, if known.
    pub quota: Option<Quota>,
    /// Which of its settings limit what it reads in time, if its definition says so.
    pub range: Option<RangeSettings>,
    /// How a loader empties its tables, if it can.
    pub reset: Option<Reset>,
    /// How to sign in to it with OAuth, if its definition says so.
    pub oauth: Option<OAuth>,
    /// Whether its settings name its streams: two integrations of it have none in common unless a discovery says so.
    pub own_streams: bool,
    /// Whether several of its processes may work at the same time: each with some of an extractor's streams, or each writing some
    /// of a loader's tables.
    pub parallel: bool,
    /// The definition that it was generated from, if any.
    pub lock: Option<Lock>,
}

/// Something that a connector loses, found by `cargo test --test it certify` or in the plugin's source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// The affected types of fields, as discoveries write them, for example `string (date-time)`; empty if a field's
    /// type does not show whether it is affected.
    pub types: Vec<String>,
    /// What happens to them, as a predicate whose subject is the connector.
    pub what: String,
}

/// The definition that a connector was generated from. Shows whether there is a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lock {
    /// Where the definition came from: `hub:tap-x--variant`, `pip:tap-x` or a file.
    pub from: String,
    /// The SHA-256 of the definition, in hexadecimal.
    pub sha256: String,
}

impl Connector {
    /// Returns the name of an integration's plugin in Meltano: `<plugin>--<slug>`.
    #[must_use]
    pub fn plugin_name(&self, slug: &Slug) -> String {
        format!("{}--{slug}", self.plugin.name)
    }

    /// Tells whether Meltano can pass a selection to the tap. If not, the tap reads what it likes, whatever is
    /// selected.
    #[must_use]
    pub fn can_select(&self) -> bool {
        self.plugin.capabilities.iter().any(|one| one == "catalog" || one == "properties")
    }

    /// Tells whether its plugin passes records in files of many: <https://sdk.meltano.com/en/latest/batch.html>.
    #[must_use]
    pub fn can_batch(&self) -> bool {
        self.plugin.capabilities.iter().any(|one| one == "batch")
    }

    /// Tells whether at least one group of settings is set in full, or there are no groups.
    pub fn has_a_group(&self, is_set: impl Fn(&str) -> bool) -> bool {
        let in_full = |group: &Group| group.settings.iter().all(|name| is_set(name));
        self.groups.is_empty() || self.groups.iter().any(in_full)
    }

    /// Tells whether the plugin gets the setting with that name.
    #[must_use]
    pub fn hands_on(&self, name: &str) -> bool {
        self.setting(name).is_none_or(|setting| !setting.is_own)
    }

    /// Returns the setting with that name.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }
}

/// A plugin as Meltano defines it. Complete, so that Meltano does not ask its hub.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plugin {
    /// The name of the base plugin.
    pub name: String,
    /// The variant: who maintains this implementation.
    pub variant: String,
    /// The prefix of its schema names in Meltano.
    pub namespace: String,
    /// What pip installs, with its version pinned; empty if the executable already exists.
    pub pip_url: String,
    /// The command it installs.
    pub executable: String,
    /// The capabilities from the Singer specification that it has.
    pub capabilities: Vec<String>,
    /// Other keys that Meltano reads: [`passthrough_keys::OF_PLUGINS`].
    pub passed: serde_json::Map<String, Value>,
}

/// One setting of a connector.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags, as the definition states them")]
pub struct Setting {
    /// Its name, with dots for nested settings.
    pub name: String,
    /// The values that it accepts.
    pub kind: Kind,
    /// Its label in a form.
    pub label: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// The value that the plugin uses if none is set.
    pub default: Option<Value>,
    /// Whether it always has to be set.
    pub required: bool,
    /// Whether it must not be in plain text.
    pub secret: bool,
    /// Whether the definition says `secret = false`: neither its name nor its values are taken for secrets.
    pub is_open: bool,
    /// Whether changing it makes the plugin read data again.
    pub resync: bool,
    /// Whether a form hides it at first.
    pub advanced: bool,
    /// Whether it is spile's own: the plugin does not have it, so `meltano.yml` does not contain it.
    pub is_own: bool,
    /// The domains of the `https` addresses that it accepts; empty if it accepts everything that fits its kind.
    pub hosts: Vec<String>,
    /// Other keys that Meltano reads: [`passthrough_keys::OF_SETTINGS`].
    pub passed: serde_json::Map<String, Value>,
}

impl Setting {
    /// Checks a value against the kind, and an address against the hosts.
    ///
    /// # Errors
    /// Describes what was found instead of the expected value.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.kind.check(value)?;
        match value {
            Value::String(text) if !self.hosts.is_empty() => address::check(text, &self.hosts),
            _ if self.is_port() => port_in(value).map_or(Ok(()), |found| Err(format!("`{found}`"))),
            _ => Ok(()),
        }
    }

    /// Tells whether the setting is the port of a server, by its name: no definition says it.
    fn is_port(&self) -> bool {
        let last = self.name.rsplit(['.', '_']).next();
        last == Some("port") && matches!(self.kind, Kind::Integer | Kind::String)
    }

    /// Returns a description of the values that fit, and an example in TOML.
    #[must_use]
    pub fn wanted(&self) -> (String, String) {
        let of_kind = || {
            let (wanted, example) = match &self.kind {
                Kind::Integer if self.is_port() => (PORT, "5432"),
                _ if self.is_port() => (PORT, "\"5432\""),
                kind => kind.wanted(),
            };
            (wanted.to_owned(), example.to_owned())
        };
        self.hosts.first().map_or_else(of_kind, |host| address::wanted(host))
    }
}

/// The values that fit a setting for a port.
const PORT: &str = "a port from 1 to 65535";

/// Returns a number that no port has.
fn port_in(value: &Value) -> Option<i64> {
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
    (!(1..=65_535).contains(&number)).then_some(number)
}

/// Settings that belong together: one of several ways to configure a connector.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The label of this choice.
    pub label: String,
    /// The settings it needs.
    pub settings: Vec<String>,
}

#[cfg(test)]
pub(crate) mod tests;
