//! Metadata: the `sops` block of a document, including the parts that spile does not know.

use super::enc::{Enc, NotEnc};
use super::encryption_rule::{EncryptionRule, KEYS as RULES, TwoRules};
use super::node::{Members, Node, find};

/// The oldest sops that can read what spile writes, because it was the first with `mac_only_encrypted`.
pub const VERSION: &str = "3.9.0";

/// The pattern of the encryption rule of every file of spile's.
pub const ENCRYPTED: &str = "^secrets$";

/// The lists of keys in the metadata, with their display names.
const LISTS: [(&str, &str); 7] = [
    ("age", "age"),
    ("pgp", "PGP"),
    ("kms", "AWS KMS"),
    ("gcp_kms", "GCP KMS"),
    ("azure_kv", "Azure Key Vault"),
    ("hc_vault", "HashiCorp Vault"),
    ("hckms", "Huawei Cloud KMS"),
];

/// The `sops` block of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata(Members);

/// The data key, wrapped for one age recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// `age1...`, `ssh-ed25519 ...` and so on.
    pub recipient: String,
    /// An armored age file.
    pub enc: String,
}

/// Why metadata cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMetadata {
    /// The value of `sops` is not a table.
    #[error("it is not a table")]
    NotATable,
    /// A required key is missing.
    #[error("it has no `{0}`")]
    Missing(&'static str),
    /// The version is not valid.
    #[error("its `version` is not a version")]
    Version,
    /// The time is not valid.
    #[error("its `lastmodified` is not an RFC 3339 time")]
    Time,
    /// The MAC is not a ciphertext.
    #[error("its `mac` is not a ciphertext: {0}")]
    Mac(NotEnc),
    /// Several rules.
    #[error(transparent)]
    Rule(#[from] TwoRules),
    /// It has no recipients.
    #[error("it has no recipients")]
    NoRecipients,
    /// An age recipient is not valid.
    #[error("a recipient in its `age` has no `recipient` or no `enc`")]
    Wrapped,
}

impl Metadata {
    /// Creates metadata from a block as read.
    #[must_use]
    pub fn new(members: Members) -> Self {
        Self(members)
    }

    /// Creates the block of a new document in spile's profile, without a MAC.
    #[must_use]
    pub fn profile(age: &[Wrapped]) -> Self {
        let text = |text: &str| Node::Text(text.to_owned());
        let mut metadata = Self(vec![
            ("lastmodified".to_owned(), text("")),
            ("mac".to_owned(), text("")),
            ("encrypted_regex".to_owned(), text(ENCRYPTED)),
            ("mac_only_encrypted".to_owned(), Node::Bool(true)),
            ("version".to_owned(), text(VERSION)),
        ]);
        metadata.set_age(age);
        metadata
    }

    /// Returns the block converted to spile's profile, keeping its other members. The MAC must be created again.
    #[must_use]
    pub fn in_profile(&self) -> Self {
        let Self(profile) = Self::profile(&[]);
        let is_ours = |key: &String| RULES.contains(&key.as_str()) || find(&profile, key).is_some();
        let others = self.0.iter().filter(|(key, _)| !is_ours(key)).cloned();
        Self(profile.iter().cloned().chain(others).collect())
    }

    /// Returns the members in their order.
    #[must_use]
    pub fn members(&self) -> &Members {
        &self.0
    }

    fn text(&self, key: &'static str) -> Option<&str> {
        find(&self.0, key).and_then(Node::as_text).filter(|text| !text.is_empty())
    }

    /// Replaces or adds a member.
    pub(super) fn set(&mut self, key: &str, node: Node) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, known)) => *known = node,
            None => self.0.push((key.to_owned(), node)),
        }
    }

    /// Returns every mistake that can be found without a key. Documents that the official program wrote have none.
    #[must_use]
    pub fn mistakes(&self) -> Vec<BadMetadata> {
        let mut mistakes = Vec::new();
        match self.text("version") {
            None => mistakes.push(BadMetadata::Missing("version")),
            Some(version) if !is_version(version) => mistakes.push(BadMetadata::Version),
            Some(_) => {}
        }
        match self.text("lastmodified") {
            None => mistakes.push(BadMetadata::Missing("lastmodified")),
            Some(time) if time.parse::<jiff::Timestamp>().is_err() => mistakes.push(BadMetadata::Time),
            Some(_) => {}
        }
        mistakes.extend(self.mac().err());
        mistakes.extend(self.encryption_rule().err().map(BadMetadata::from));
        match self.age() {
            Ok(age) if age.is_empty() && !self.needs_program() => mistakes.push(BadMetadata::NoRecipients),
            Ok(_) => {}
            Err(mistake) => mistakes.push(mistake),
        }
        mistakes
    }

    /// Returns `lastmodified` in the form that the MAC is bound to: as Go formats it, in whole seconds, with UTC as
    /// `Z`.
    ///
    /// # Errors
    /// When it is missing or not a time.
    pub fn last_modified(&self) -> Result<String, BadMetadata> {
        let text = self.text("lastmodified").ok_or(BadMetadata::Missing("lastmodified"))?;
        text.parse::<jiff::Timestamp>().map_err(|_| BadMetadata::Time)?;
        let is_offset = |rest: &&str| rest.starts_with(['+', '-', 'Z', 'z']);
        let (head, rest) = text.split_at_checked(19).ok_or(BadMetadata::Time)?;
        let offset = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
        let offset = Some(offset).filter(is_offset).ok_or(BadMetadata::Time)?;
        let offset = if matches!(offset, "+00:00" | "-00:00" | "z") { "Z" } else { offset };
        Ok(format!("{}{offset}", head.replace(['t', ' '], "T")))
    }

    /// Returns the encrypted MAC.
    ///
    /// # Errors
    /// When it is missing or not a ciphertext.
    pub fn mac(&self) -> Result<Enc, BadMetadata> {
        self.text("mac").ok_or(BadMetadata::Missing("mac"))?.parse().map_err(BadMetadata::Mac)
    }

    /// Returns which values are encrypted.
    ///
    /// # Errors
    /// When it says so twice.
    pub fn encryption_rule(&self) -> Result<EncryptionRule, TwoRules> {
        EncryptionRule::of(&self.0)
    }

    /// Tells whether the MAC covers only encrypted values.
    #[must_use]
    pub fn mac_only_encrypted(&self) -> bool {
        match find(&self.0, "mac_only_encrypted") {
            Some(Node::Bool(flag)) => *flag,
            Some(Node::Text(text)) => text == "true",
            _ => false,
        }
    }

    /// Tells whether the plain part of a file may be edited by hand, because only `[secrets]` is encrypted and
    /// authenticated.
    #[must_use]
    pub fn is_profile(&self) -> bool {
        self.mac_only_encrypted()
            && self.text("encrypted_regex") == Some(ENCRYPTED)
            && matches!(self.encryption_rule(), Ok(EncryptionRule::EncryptedRegex(_)))
    }

    /// Returns the data key as wrapped for each age recipient.
    ///
    /// # Errors
    /// When an entry is incomplete.
    pub fn age(&self) -> Result<Vec<Wrapped>, BadMetadata> {
        let entries = find(&self.0, "age").map(Node::items).unwrap_or_default();
        let text = |entry: &Node, key| entry.get(key).and_then(Node::as_text).map(ToOwned::to_owned);
        let wrapped = |entry: &Node| Some(Wrapped { recipient: text(entry, "recipient")?, enc: text(entry, "enc")? });
        entries.iter().map(|entry| wrapped(entry).ok_or(BadMetadata::Wrapped)).collect()
    }

    /// Replaces the data key as wrapped for each age recipient.
    pub fn set_age(&mut self, age: &[Wrapped]) {
        let entry = |Wrapped { recipient, enc }: &Wrapped| {
            let text = |text: &String| Node::Text(text.clone());
            Node::Map(vec![("recipient".to_owned(), text(recipient)), ("enc".to_owned(), text(enc))])
        };
        self.set("age", Node::List(age.iter().map(entry).collect()));
    }

    /// Returns the kinds of keys that only the official program supports.
    #[must_use]
    pub fn foreign_kinds(&self) -> Vec<&'static str> {
        let held = |key: &str| find(&self.0, key).is_some_and(|list| !list.is_empty());
        let mut kinds: Vec<_> = LISTS.into_iter().skip(1).filter(|(key, _)| held(key)).map(|(_, kind)| kind).collect();
        kinds.extend((self.has_groups()).then_some("key groups"));
        kinds
    }

    /// Tells whether the data key is split across groups. sops ignores groups if there are keys at the top level.
    #[must_use]
    pub fn has_groups(&self) -> bool {
        let held = |key: &str| find(&self.0, key).is_some_and(|list| !list.is_empty());
        held("key_groups") && !LISTS.into_iter().any(|(key, _)| held(key))
    }

    /// Tells whether reading it may need the official program: it has other keys than age's, or its encryption is decided by
    /// comments.
    #[must_use]
    pub fn needs_program(&self) -> bool {
        !self.foreign_kinds().is_empty() || matches!(self.encryption_rule(), Ok(EncryptionRule::Comments))
    }

    /// Returns all recipients for people: age recipients as written, others with their kind, and groups with their
    /// number.
    #[must_use]
    pub fn recipients(&self) -> Vec<String> {
        if self.has_groups() {
            let groups = find(&self.0, "key_groups").map(Node::items).unwrap_or_default();
            let members = |group: &Node| if let Node::Map(members) = group { members.clone() } else { Members::new() };
            let numbered = groups.iter().enumerate().flat_map(|(index, group)| {
                named(&members(group)).into_iter().map(move |name| format!("group {}: {name}", index + 1))
            });
            return numbered.collect();
        }
        named(&self.0)
    }
}

/// Returns the keys of one group, by the property that sops identifies them by.
fn named(members: &Members) -> Vec<String> {
    let mut names = Vec::new();
    for (list, kind) in LISTS {
        for entry in find(members, list).map(Node::items).unwrap_or_default() {
            let text = |key| entry.get(key).and_then(Node::as_text).unwrap_or_default();
            let name = match list {
                "age" => text("recipient").to_owned(),
                "pgp" => format!("{kind} {}", text("fp")),
                "kms" => format!("{kind} {}", text("arn")),
                "gcp_kms" => format!("{kind} {}", text("resource_id")),
                "azure_kv" => format!("{kind} {}/{}/{}", text("vault_url"), text("name"), text("version")),
                "hc_vault" => format!("{kind} {}/{}/{}", text("vault_address"), text("engine_path"), text("key_name")),
                _ => format!("{kind} {}", text("key_id")),
            };
            names.push(name);
        }
    }
    names
}

/// Tells whether a text is a version like `3.9.0`, optionally with a `v` before it or a semantic-version suffix.
fn is_version(text: &str) -> bool {
    let core = text.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = core.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_in_the_profile_keeps_its_other_members() {
        let text = |key: &str, text: &str| (key.to_owned(), Node::Text(text.to_owned()));
        let pgp = Node::List(vec![Node::Map(vec![text("fp", "ABCD")])]);
        let age = [Wrapped { recipient: "age1x".to_owned(), enc: "wrapped".to_owned() }];
        let mut before = Metadata::new(vec![
            text("unencrypted_suffix", "_plain"),
            text("version", "3.7.1"),
            ("shamir_threshold".to_owned(), Node::Integer(2)),
            text("mac", "of then"),
            ("pgp".to_owned(), pgp),
        ]);
        before.set_age(&age);
        assert!(!before.is_profile());
        let after = before.in_profile();
        let keys: Vec<&str> = after.members().iter().map(|(key, _)| key.as_str()).collect();
        let profile = ["lastmodified", "mac", "encrypted_regex", "mac_only_encrypted", "version", "age"];
        assert_eq!(keys, [&profile[..], &["shamir_threshold", "pgp"]].concat());
        assert!(after.is_profile());
        assert_eq!((after.text("version"), after.text("mac"), after.age()), (Some(VERSION), None, Ok(vec![])));
        assert_eq!(after.recipients(), ["PGP ABCD"]);
    }

    #[test]
    fn recipients_are_named_by_the_kind_and_the_identity_of_their_key() {
        for (list, entry, name) in [
            ("age", &[("recipient", "age1x"), ("enc", "wrapped")][..], "age1x"),
            ("pgp", &[("fp", "ABCD")], "PGP ABCD"),
            ("kms", &[("arn", "arn:aws:kms:x")], "AWS KMS arn:aws:kms:x"),
            ("gcp_kms", &[("resource_id", "projects/p/k")], "GCP KMS projects/p/k"),
            (
                "azure_kv",
                &[("version", "1"), ("name", "k"), ("vault_url", "https://v")],
                "Azure Key Vault https://v/k/1",
            ),
            (
                "hc_vault",
                &[("key_name", "k"), ("engine_path", "sops"), ("vault_address", "https://v")],
                "HashiCorp Vault https://v/sops/k",
            ),
            ("hckms", &[("key_id", "eu:k")], "Huawei Cloud KMS eu:k"),
        ] {
            let entry = entry.iter().map(|(key, text)| ((*key).to_owned(), Node::Text((*text).to_owned())));
            let keys = vec![(list.to_owned(), Node::List(vec![Node::Map(entry.collect())]))];
            assert_eq!(Metadata::new(keys.clone()).recipients(), [name]);
            let groups = Node::List(vec![Node::Map(Members::new()), Node::Map(keys)]);
            let grouped = Metadata::new(vec![("key_groups".to_owned(), groups)]);
            assert_eq!(grouped.recipients(), [format!("group 2: {name}")]);
        }
    }

    #[test]
    fn a_version_is_three_numbers_with_optional_prefix_and_suffix() {
        let is_taken = |version: &str| {
            let version = Node::Text(version.to_owned());
            !Metadata::new(vec![("version".to_owned(), version)]).mistakes().contains(&BadMetadata::Version)
        };
        for good in ["3.9.0", "v3.10.12", "3.9.0-rc.1", "3.9.0+build"] {
            assert!(is_taken(good), "{good}");
        }
        for bad in ["3.9", "3.9.0.1", "3..0", "3.x.0", "three", "3.9.-1"] {
            assert!(!is_taken(bad), "{bad}");
        }
    }
}
