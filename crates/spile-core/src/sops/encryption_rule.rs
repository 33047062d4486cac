//! Encryption rules: which values of a document are encrypted.

use regex::Regex;

use super::node::{Members, Node, find};

/// The suffix that marks plain values if a document sets no scope.
const DEFAULT_SUFFIX: &str = "_unencrypted";

/// The keys of the metadata that determine which values are encrypted. A document may have only one of them.
pub const KEYS: [&str; 6] = [
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
];

/// Which values of a document are encrypted. Every key in a value's path is tested.
#[derive(Debug, Clone)]
pub enum EncryptionRule {
    /// All but those below a key that ends so.
    UnencryptedSuffix(String),
    /// Those below a key with this suffix.
    EncryptedSuffix(String),
    /// All except those below a key that matches.
    UnencryptedRegex(KeyPattern),
    /// Those below a key that matches.
    EncryptedRegex(KeyPattern),
    /// Those that a comment marks, which only the official program can tell.
    Comments,
}

/// A document has two rules, and nothing says which of them holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it sets twice which values are encrypted")]
pub struct TwoRules;

/// An unanchored pattern for keys. That of spile's own files is compared as text, which is faster.
#[derive(Debug, Clone)]
pub enum KeyPattern {
    /// `^word$`.
    Exactly(String),
    /// Any other pattern. `None` if it is not valid: Go's sops lets such a pattern match nothing.
    Regex(Option<Regex>),
}

impl KeyPattern {
    /// Parses a pattern.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let word = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$'));
        let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        word.filter(is_word)
            .map_or_else(|| Self::Regex(Regex::new(pattern).ok()), |word| Self::Exactly(word.to_owned()))
    }

    fn matches(&self, key: &str) -> bool {
        match self {
            Self::Exactly(word) => word == key,
            Self::Regex(regex) => regex.as_ref().is_some_and(|regex| regex.is_match(key)),
        }
    }
}

impl EncryptionRule {
    /// Reads the rule of a document's metadata.
    ///
    /// # Errors
    /// When there are several.
    pub fn of(metadata: &Members) -> Result<Self, TwoRules> {
        let said = |key: &&str| find(metadata, key).and_then(Node::as_text).is_some_and(|text| !text.is_empty());
        let mut keys = KEYS.into_iter().filter(said);
        let (key, None) = (keys.next(), keys.next()) else { return Err(TwoRules) };
        let Some(key) = key else { return Ok(Self::UnencryptedSuffix(DEFAULT_SUFFIX.to_owned())) };
        let text = find(metadata, key).and_then(Node::as_text).unwrap_or_default();
        Ok(match key {
            "unencrypted_suffix" => Self::UnencryptedSuffix(text.to_owned()),
            "encrypted_suffix" => Self::EncryptedSuffix(text.to_owned()),
            "unencrypted_regex" => Self::UnencryptedRegex(KeyPattern::new(text)),
            "encrypted_regex" => Self::EncryptedRegex(KeyPattern::new(text)),
            _ => Self::Comments,
        })
    }

    /// Tells whether the value at a path is encrypted.
    #[must_use]
    pub fn encrypts(&self, path: &[&str]) -> bool {
        match self {
            Self::UnencryptedSuffix(suffix) => !path.iter().any(|key| key.ends_with(suffix.as_str())),
            Self::EncryptedSuffix(suffix) => path.iter().any(|key| key.ends_with(suffix.as_str())),
            Self::UnencryptedRegex(pattern) => !path.iter().any(|key| pattern.matches(key)),
            Self::EncryptedRegex(pattern) => path.iter().any(|key| pattern.matches(key)),
            Self::Comments => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(key: &str, value: &str) -> EncryptionRule {
        EncryptionRule::of(&vec![(key.to_owned(), Node::Text(value.to_owned()))]).unwrap()
    }

    #[test]
    fn any_key_of_the_path_decides() {
        let regex = rule("encrypted_regex", "^secrets$");
        assert!(regex.encrypts(&["secrets", "password"]) && regex.encrypts(&["source", "secrets", "x"]));
        assert!(!regex.encrypts(&["secrets_of_mine"]) && !regex.encrypts(&["config", "host"]));
        assert!(rule("encrypted_regex", "pass").encrypts(&["my_password"]));
        assert!(!rule("unencrypted_regex", "^pl").encrypts(&["plain", "x"]));
        assert!(rule("encrypted_suffix", "_secret").encrypts(&["db_secret", "user"]));
        assert!(!EncryptionRule::of(&Members::new()).unwrap().encrypts(&["a_unencrypted", "b"]));
        assert!(!rule("encrypted_regex", "(").encrypts(&["("]));
    }

    #[test]
    fn two_rules_are_refused() {
        let two = ["encrypted_regex", "unencrypted_suffix"].map(|key| (key.to_owned(), Node::Text("x".to_owned())));
        assert_eq!(EncryptionRule::of(&two.to_vec()).unwrap_err(), TwoRules);
    }
}
