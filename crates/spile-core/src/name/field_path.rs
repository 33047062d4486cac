//! Paths of the fields of a record, as plans show them.

use std::borrow::{Borrow, Cow};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::EnvironmentName;

/// The start of the path of a field in one environment.
const ENVIRONMENTS: &str = "environments";

/// The path of a field within a record: `name`, `config.host`, or `environments.prod.config.host`.
///
/// The first period ends the table. The rest is one name in it, whatever it contains: names of settings and stream
/// patterns have periods of their own, with or without a backslash. Paths are sorted as strings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldPath(Cow<'static, str>);

impl FieldPath {
    /// Returns a constant path.
    #[must_use]
    pub const fn of(path: &'static str) -> Self {
        Self(Cow::Borrowed(path))
    }

    /// Returns the path of a name in this table.
    #[must_use]
    pub fn join(&self, name: impl fmt::Display) -> Self {
        Self(Cow::Owned(format!("{self}.{name}")))
    }

    /// Returns the path of the same field in an environment.
    #[must_use]
    pub fn in_environment(&self, environment: &EnvironmentName) -> Self {
        Self(Cow::Owned(format!("{ENVIRONMENTS}.{environment}.{self}")))
    }

    /// Returns the environment of the field, and its path there; `None` if it applies to all environments.
    #[must_use]
    pub fn environment(&self) -> Option<(EnvironmentName, Self)> {
        let (name, path) = self.rest().filter(|_| self.first() == ENVIRONMENTS)?.split_once('.')?;
        Some((name.parse().ok()?, Self(Cow::Owned(path.to_owned()))))
    }

    /// Returns the path without its environment.
    #[must_use]
    pub fn in_any_environment(&self) -> Cow<'_, Self> {
        self.environment().map_or(Cow::Borrowed(self), |(_, path)| Cow::Owned(path))
    }

    /// Returns the path as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the table, or the whole path if the field is not in a table.
    #[must_use]
    pub fn first(&self) -> &str {
        self.split().0
    }

    /// Returns the name in the table; `None` if the field is not in a table.
    #[must_use]
    pub fn rest(&self) -> Option<&str> {
        self.split().1
    }

    /// Returns the table and the name in it.
    #[must_use]
    pub fn split(&self) -> (&str, Option<&str>) {
        self.0.split_once('.').map_or((&self.0, None), |(first, rest)| (first, Some(rest)))
    }

    /// Tells whether the field is part of another one. A field is not part of itself.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('.'))
    }
}

impl From<String> for FieldPath {
    fn from(path: String) -> Self {
        Self(Cow::Owned(path))
    }
}

impl Borrow<str> for FieldPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> FieldPath {
        FieldPath::from(text.to_owned())
    }

    #[test]
    fn the_first_period_ends_the_table() {
        assert_eq!(FieldPath::of("select").split(), ("select", None));
        assert_eq!(path("config.auth.key").split(), ("config", Some("auth.key")));
        assert_eq!(path(r"metadata.public\.orders.ü").split(), ("metadata", Some(r"public\.orders.ü")));
        assert_eq!(path("config.").split(), ("config", Some("")));
        assert_eq!(path("").split(), ("", None));
        assert_eq!(FieldPath::of("config").join("a.b").to_string(), "config.a.b");
    }

    #[test]
    fn a_field_of_an_environment_is_split_from_it() {
        let prod: EnvironmentName = "prod".parse().unwrap();
        let config: EnvironmentName = "config".parse().unwrap();
        for (inner, environment) in [("config.host", &prod), ("metadata", &prod), ("config.a.b", &config)] {
            let whole = path(inner).in_environment(environment);
            assert_eq!(whole.to_string(), format!("environments.{environment}.{inner}"));
            assert_eq!(whole.environment(), Some((environment.clone(), path(inner))));
            assert_eq!(*whole.in_any_environment(), path(inner));
        }
        for other in ["config.host", "environments", "environments.prod", "environments.Pröd.name", "environments..a"]
        {
            assert_eq!(path(other).environment(), None);
            assert_eq!(*path(other).in_any_environment(), path(other));
        }
    }

    #[test]
    fn a_path_is_within_another_one_if_a_period_separates_them() {
        assert!(path("sops.recipients").is_within(&path("sops")));
        assert!(path("environments.prod.metadata.a").is_within(&path("environments.prod.metadata")));
        for (one, other) in [("sops", "sops"), ("sopsy.a", "sops"), ("sops", "sops.recipients"), ("a", "")] {
            assert!(!path(one).is_within(&path(other)), "{one}");
        }
    }

    #[test]
    fn programs_read_a_path_as_a_string_and_paths_are_sorted_as_strings() {
        let read: FieldPath = serde_json::from_str("\"config.host\"").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"config.host\"");
        assert!(path("config-x") < path("config.a") && path("config.a") < path("configs"));
    }
}
