//! Texts that get into a workflow of GitHub: they have no sign that begins an expression or means something to YAML.

use std::str::FromStr;

use serde_json::Value;

use crate::problem::Problems;
use crate::source::Placed;
use crate::table::{Table, TomlMistake};

/// The longest name that GitHub keeps a secret under.
const LONGEST: usize = 255;

/// A name, or a version.
pub(super) struct PlainName(String);

/// The names of secrets, which become variables of the same names.
pub(super) struct SecretNames(Vec<String>);

/// A text that a workflow cannot contain.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotInAWorkflow {
    /// It has other characters.
    #[error("`{0}` has signs that a workflow cannot contain: use letters, digits, `.`, `_`, `+` and `-`")]
    Name(String),
    /// GitHub keeps no secret under this name.
    #[error(
        "`{0}` is not the name of a secret: use letters, digits and `_`, begin with a letter or `_`, but not with `GITHUB_`"
    )]
    Secret(String),
}

impl FromStr for PlainName {
    type Err = NotInAWorkflow;

    fn from_str(text: &str) -> Result<Self, NotInAWorkflow> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        let is_name = !text.is_empty() && text.chars().all(is_plain) && !text.starts_with('-');
        is_name.then(|| Self(text.to_owned())).ok_or_else(|| NotInAWorkflow::Name(text.to_owned()))
    }
}

impl SecretNames {
    /// Reads the names, and reports each that GitHub would refuse.
    pub(super) fn read(names: Placed<Vec<Placed<String>>>, table: &Table<'_>, problems: &mut Problems) -> Self {
        let (good, bad): (Vec<_>, Vec<_>) = names.value.into_iter().partition(|name| is_secret(&name.value));
        for Placed { value, place } in bad {
            let (key, span) = ("secrets".to_owned(), place.span.clone().into());
            let message = NotInAWorkflow::Secret(value).to_string();
            problems.push(table.source, TomlMistake::Invalid { key, message, span, help: None });
        }
        Self(good.into_iter().map(|name| name.value).collect())
    }
}

fn is_secret(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && name.len() <= LONGEST && name.chars().all(is_plain) && !name.to_ascii_uppercase().starts_with("GITHUB_")
}

impl From<PlainName> for Value {
    fn from(PlainName(name): PlainName) -> Self {
        Self::String(name)
    }
}

impl From<SecretNames> for Value {
    fn from(SecretNames(names): SecretNames) -> Self {
        Self::from(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_workflow_has_a_meaning_of_its_own() {
        for name in ["production", "0.1.0", "1.0.0-rc.1+2", "prod_eu"] {
            assert!(name.parse::<PlainName>().is_ok(), "{name}");
        }
        for name in ["", "-x", "a b", "${{ x }}", "a\nb", "a: b", "é"] {
            assert!(name.parse::<PlainName>().is_err(), "{name}");
        }
        assert!(["SOPS_AGE_KEY", "_x", "a1"].iter().all(|name| is_secret(name)));
        let long = "A".repeat(256);
        assert!(!["", "1A", "A-B", "GITHUB_TOKEN", "github_x", "A }}", &long].iter().any(|name| is_secret(name)));
    }
}
