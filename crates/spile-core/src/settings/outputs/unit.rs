//! Texts that get into a unit of systemd as they are: they have no sign that means something there.

use std::str::FromStr;

use serde_json::Value;

/// The name of a user.
pub(super) struct UserName(String);

/// The absolute path of a file.
pub(super) struct UnitPath(String);

/// A text that a unit cannot contain.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotInAUnit {
    /// It is not a user's name.
    #[error("`{0}` is not the name of a user: use letters, digits, `.`, `_` and `-`")]
    User(String),
    /// It is not an absolute path, or it has other characters.
    #[error("`{0}` is not a path that systemd can use: write an absolute path of letters, digits and `/._+@-`")]
    Path(String),
}

fn is_plain(text: &str, signs: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
}

impl FromStr for UserName {
    type Err = NotInAUnit;

    fn from_str(text: &str) -> Result<Self, NotInAUnit> {
        let is_name = is_plain(text, "._-") && !text.starts_with(['-', '.']);
        is_name.then(|| Self(text.to_owned())).ok_or_else(|| NotInAUnit::User(text.to_owned()))
    }
}

impl FromStr for UnitPath {
    type Err = NotInAUnit;

    fn from_str(text: &str) -> Result<Self, NotInAUnit> {
        let is_path = is_plain(text, "/._+@-") && text.starts_with('/') && !text.ends_with('/');
        is_path.then(|| Self(text.to_owned())).ok_or_else(|| NotInAUnit::Path(text.to_owned()))
    }
}

impl From<UserName> for Value {
    fn from(UserName(name): UserName) -> Self {
        Self::String(name)
    }
}

impl From<UnitPath> for Value {
    fn from(UnitPath(path): UnitPath) -> Self {
        Self::String(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_unit_has_a_meaning_of_its_own() {
        for name in ["spile", "data_team-1", "a.b"] {
            assert!(name.parse::<UserName>().is_ok(), "{name}");
        }
        for name in ["", "-x", ".x", "a b", "a\nUser=root", "%u", "é"] {
            assert!(name.parse::<UserName>().is_err(), "{name}");
        }
        assert!("/etc/spile.env".parse::<UnitPath>().is_ok());
        for path in ["", "spile.env", "/", "/etc/", "/a b", "/%h/x", "/a\nb", "-/etc/x"] {
            assert!(path.parse::<UnitPath>().is_err(), "{path}");
        }
    }
}
