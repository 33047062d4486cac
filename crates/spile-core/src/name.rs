//! Names, parsed once at the edge. Inside, every name is valid.

mod field_path;
mod setting_name;

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use field_path::FieldPath;
pub use setting_name::SettingName;

/// Why a string is not a name: it does not match `[a-z0-9][a-z0-9-]*`.
///
/// Meltano accepts far more, including `../x`. Only this form is safe in its state ids, paths and environment
/// variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a valid name: use lowercase letters, digits, and dashes, starting with a letter or digit")]
pub struct NotAName(pub String);

fn parse(text: &str) -> Result<Box<str>, NotAName> {
    let well_formed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.starts_with('-') || !text.chars().all(well_formed) {
        return Err(NotAName(text.to_owned()));
    }
    Ok(text.into())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Box<str>);

        impl $type {
            /// Returns the name as a string.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NotAName;
            fn from_str(text: &str) -> Result<Self, NotAName> {
                parse(text).map(Self)
            }
        }

        impl TryFrom<String> for $type {
            type Error = NotAName;
            fn try_from(text: String) -> Result<Self, NotAName> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.into()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// The name of an integration in its project: the stem of its file.
    Slug
}

impl Slug {
    /// Creates a name from words: `Shop (EU)` becomes `shop-eu`. Returns `None` if no valid characters remain.
    #[must_use]
    pub fn from_words(words: &str) -> Option<Self> {
        let lower = words.to_lowercase();
        let kept = lower.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()));
        let kept: Vec<&str> = kept.filter(|word| !word.is_empty()).collect();
        kept.join("-").parse().ok()
    }
}

name! {
    /// The name of an environment, as in Meltano's `environments`.
    EnvironmentName
}

name! {
    /// The name of a notification channel.
    ChannelName
}

/// The id of an integration, which stays the same when its file is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IntegrationId(pub Uuid);

/// Returns the id by which Meltano identifies a project. It depends only on the project's name.
#[must_use]
pub fn project_id(project: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("spile:{project}").as_bytes())
}

impl IntegrationId {
    /// Returns the id of an integration whose file has none: `UUIDv5(UUIDv5(URL, "spile:" + project), slug)`.
    #[must_use]
    pub fn derived(project: &str, slug: &Slug) -> Self {
        Self(Uuid::new_v5(&project_id(project), slug.as_str().as_bytes()))
    }
}

/// Why a string is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a UUID: use one from `uuidgen`, or remove the line")]
pub struct NotAnId(String);

impl FromStr for IntegrationId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        text.parse().map(Self).map_err(|_| NotAnId(text.to_owned()))
    }
}

impl fmt::Display for IntegrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_words_and_dashes() {
        for good in ["a", "0", "shop-orders", "a--b", "x-"] {
            assert_eq!(good.parse::<Slug>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "A", "a_b", "a.b", "../x", "é", "a b", "a:b"] {
            assert_eq!(bad.parse::<Slug>(), Err(NotAName(bad.into())));
        }
    }

    #[test]
    fn names_are_created_from_words() {
        let made = |words: &str| Slug::from_words(words).map(|slug| slug.to_string());
        assert_eq!(made("  Shop (EU), no. 2 "), Some("shop-eu-no-2".to_owned()));
        assert_eq!(made("tap_rest--API"), Some("tap-rest-api".to_owned()));
        assert_eq!(made("Ünter"), Some("nter".to_owned()));
        assert_eq!(made("—"), None);
    }

    #[test]
    fn a_derived_id_depends_only_on_the_project_and_the_slug() {
        let slug: Slug = "shop".parse().unwrap();
        let id = IntegrationId::derived("acme", &slug);
        assert_eq!(id.to_string(), "1934ad6d-3368-51a3-8245-337ce1a07e57");
        assert_ne!(id, IntegrationId::derived("other", &slug));
    }
}
