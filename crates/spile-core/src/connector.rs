//! Connectors: what one tap or target is called, where it is installed from and which settings it has.

pub mod builtin;
pub mod bundled;
pub mod catalog;
pub mod head;
pub mod kind;
pub mod lossy_packages;
pub mod naming;
pub mod passthrough_keys;
pub mod pip;
pub mod quota;
pub mod read;
pub mod search;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::Slug;

pub use catalog::Catalog;
pub use head::Head;
pub use kind::Kind;
pub use naming::Naming;
pub use quota::Quota;

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
    /// The roles by the word that files use.
    pub const WORDS: [(&'static str, Self); 2] = [("extractor", Self::Extractor), ("loader", Self::Loader)];

    /// Returns the key of `plugins` in `meltano.yml`.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Extractor => "extractors",
            Self::Loader => "loaders",
        }
    }

    /// Returns the word as a sentence names one of them.
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
    /// What it is called and found by.
    pub head: Head,
    /// What Meltano installs and starts.
    pub plugin: Plugin,
    /// Its settings, in the order a form shows them.
    pub settings: Vec<Setting>,
    /// Alternatives of which at least one has to be set in full.
    pub groups: Vec<Group>,
    /// Whether more than one of the groups is one too many.
    pub one_group: bool,
    /// Replication metadata by stream that its integrations start from, as Meltano's `metadata`.
    pub metadata: serde_json::Map<String, Value>,
    /// What an integration selects that says nothing of it, as Meltano's `select`; nothing means everything.
    pub select: Vec<String>,
    /// What it does not keep of the records that it moves.
    pub losses: Vec<Loss>,
    /// Which tables it writes streams to, if that is known of a loader.
    pub naming: Option<Naming>,
    /// How many calls its source allows, and how many rows one returns, if that is known.
    pub quota: Option<Quota>,
    /// Whether its settings name its streams: two integrations of it have none in common unless a discovery says so.
    pub own_streams: bool,
    /// What it was made of, where it was.
    pub lock: Option<Lock>,
}

/// Something that a connector does not keep of records, found by `cargo test --test it certify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// The types of fields that it is about, as discoveries write them, for example `string (date-time)`; none, where that is
    /// not known of a field.
    pub types: Vec<String>,
    /// What becomes of them, to be read behind the connector's name.
    pub what: String,
}

/// What a connector was made from: it distinguishes a newer definition from the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lock {
    /// Where the definition came from: `hub:tap-x--variant`, `pip:tap-x` or a file.
    pub from: String,
    /// The SHA-256 of the definition, in hexadecimal.
    pub sha256: String,
}

impl Connector {
    /// Returns what the plugin of an integration is called in Meltano: `<plugin>--<slug>`.
    #[must_use]
    pub fn plugin_name(&self, slug: &Slug) -> String {
        format!("{}--{slug}", self.plugin.name)
    }

    /// Tells whether Meltano can tell the tap what to read. Where not, the tap reads what it will, whatever is selected.
    #[must_use]
    pub fn can_select(&self) -> bool {
        self.plugin.capabilities.iter().any(|one| one == "catalog" || one == "properties")
    }

    /// Tells whether one of the groups of settings is set in full, where there are any.
    pub fn has_a_group(&self, is_set: impl Fn(&str) -> bool) -> bool {
        let in_full = |group: &Group| group.settings.iter().all(|name| is_set(name));
        self.groups.is_empty() || self.groups.iter().any(in_full)
    }

    /// Returns the setting of that name.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }
}

/// A plugin as Meltano knows it; complete, so that no hub is asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plugin {
    /// The name of the base plugin.
    pub name: String,
    /// Whose implementation it is.
    pub variant: String,
    /// The prefix of its schema names in Meltano.
    pub namespace: String,
    /// What pip installs, with its version pinned; empty if the executable already exists.
    pub pip_url: String,
    /// The command it installs.
    pub executable: String,
    /// What of the Singer specification it can do.
    pub capabilities: Vec<String>,
    /// What else Meltano reads of it: [`passthrough_keys::OF_PLUGINS`].
    pub passed: serde_json::Map<String, Value>,
}

/// One setting of a connector.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags, as the definition states them")]
pub struct Setting {
    /// Its name; dots for nested ones.
    pub name: String,
    /// What values it takes.
    pub kind: Kind,
    /// What a form calls it.
    pub label: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// The value the plugin takes when none is given.
    pub default: Option<Value>,
    /// Always needed.
    pub required: bool,
    /// Never in plain text.
    pub secret: bool,
    /// The definition says `secret = false`: neither its name nor its values are taken for a secret.
    pub is_open: bool,
    /// Changing it makes data be read again.
    pub resync: bool,
    /// Not shown in a form at first.
    pub advanced: bool,
    /// What else Meltano reads of it: [`passthrough_keys::OF_SETTINGS`].
    pub passed: serde_json::Map<String, Value>,
}

/// Settings that belong together: one way of several to set a connector up.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What the choice is called.
    pub label: String,
    /// The settings it needs.
    pub settings: Vec<String>,
}

#[cfg(test)]
pub(crate) mod tests;
