//! Secrets that a source has replaced during a run: many sources give a new refresh token whenever one is used.
//!
//! Such a value lives in the registry, encrypted like the secrets of the file, and is used in place of the file's value
//! until somebody changes that one. Nothing here needs a key.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Secrets;
use super::secrets::setting_of;
use crate::name::{SettingName, Slug};
use crate::secret::Secret;
use crate::sops::Document;

/// The rotated secrets of an integration in one environment, by setting.
pub type RotatedSecrets = BTreeMap<String, RotatedSecret>;

/// A secret that a source has replaced during a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotatedSecret {
    /// When the tap wrote it, by the clock of its machine.
    pub at: Timestamp,
    /// The run.
    pub run: Uuid,
    /// The machine of that run.
    pub host: String,
    /// The run whose rotated value that run started with, or found to be outdated; `None` if there was none.
    pub previous: Option<Uuid>,
    /// The value: a sops document as JSON with this one secret.
    pub sealed: String,
    /// The secrets of the file at that time: a sops document as JSON. It tells whether the file's value has changed since.
    pub replaces: String,
}

/// What is shown of a rotated secret: never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The integration.
    pub slug: Slug,
    /// The setting.
    pub name: String,
    /// When its tap wrote it, by the clock of its machine.
    pub at: Timestamp,
    /// The run.
    pub run: Uuid,
    /// The machine of that run.
    pub host: String,
}

impl RotatedSecret {
    /// Returns what is shown of it.
    #[must_use]
    pub fn shown(&self, slug: &Slug, name: &str) -> Rotation {
        Rotation { slug: slug.clone(), name: name.to_owned(), at: self.at, run: self.run, host: self.host.clone() }
    }

    /// Tells whether this value is newer than a stored one. Between runs, what counts is which one started with the
    /// value of the other, because the clocks of two machines differ.
    #[must_use]
    pub fn follows(&self, stored: Option<&Self>) -> bool {
        match stored {
            None => true,
            Some(stored) if stored.run == self.run => self.at > stored.at,
            Some(stored) => self.previous == Some(stored.run),
        }
    }

    /// Tells, without a key, whether a file still has the ciphertext that it had when the value was rotated. If not, the
    /// value may still be the same under another data key.
    #[must_use]
    pub fn has_same_ciphertext(&self, name: &str, file: &Document) -> bool {
        let before = self.replaced().and_then(|document| ciphertext(&document, name));
        before.is_some() && before == ciphertext(file, name)
    }

    /// Returns the secrets of the file at the time of the rotation; `None` if they are in an unknown form.
    #[must_use]
    pub fn replaced(&self) -> Option<Document> {
        Document::from_json(&self.replaces).ok()
    }

    /// Tells whether exactly the age recipients of a file can decrypt the value.
    #[must_use]
    pub fn has_recipients_of(&self, file: &Document) -> bool {
        self.document().is_some_and(|document| recipients(&document) == recipients(file))
    }

    /// Tells whether somebody can decrypt the value who is not an age recipient of a file.
    #[must_use]
    pub fn is_open_to_others(&self, file: &Document) -> bool {
        let of_file = recipients(file);
        self.document().is_none_or(|document| !recipients(&document).is_subset(&of_file))
    }

    /// Returns the document with the value; `None` if it is in an unknown form.
    #[must_use]
    pub fn document(&self) -> Option<Document> {
        Document::from_json(&self.sealed).ok()
    }
}

/// Adds the values that follow the stored ones. Returns whether there were any.
pub fn merge(stored: &mut RotatedSecrets, newer: RotatedSecrets) -> bool {
    let mut any = false;
    for (name, secret) in newer {
        if secret.follows(stored.get(&name)) {
            stored.insert(name, secret);
            any = true;
        }
    }
    any
}

/// Adds values to those that wait to be sent to a registry, which does not know yet the ones that they replace.
pub fn queue(waiting: &mut RotatedSecrets, newer: RotatedSecrets) -> bool {
    let follow = |(name, secret): (String, RotatedSecret)| {
        let previous = waiting.get(&name).map_or(secret.previous, |one| one.previous);
        secret.follows(waiting.get(&name)).then_some((name, RotatedSecret { previous, ..secret }))
    };
    let newer: Vec<_> = newer.into_iter().filter_map(follow).collect();
    let any = !newer.is_empty();
    waiting.extend(newer);
    any
}

/// Returns the sops document of an integration's secrets as JSON.
#[must_use]
pub fn as_json(secrets: &Secrets) -> String {
    let is_whole = secrets.sidecar.is_some() || !secrets.document.metadata.mac_only_encrypted();
    if is_whole { secrets.document.to_json() } else { secrets.document.carrier().to_json() }
}

fn recipients(document: &Document) -> BTreeSet<String> {
    document.metadata.age().unwrap_or_default().into_iter().map(|wrapped| wrapped.recipient).collect()
}

/// Returns the settings that a tap has changed in its settings file, of those that are secret, with their new values.
#[must_use]
pub fn changed(names: &[String], before: &Value, after: &Value) -> Vec<(String, Secret)> {
    let changed = |name: &String| {
        let now = value_at(after, name)?;
        let is_new = value_at(before, name) != Some(now) && !now.is_null() && now.as_str() != Some("");
        let text = || now.as_str().map_or_else(|| now.to_string(), str::to_owned);
        is_new.then(|| (name.clone(), Secret::new(text())))
    };
    names.iter().filter_map(changed).collect()
}

/// Finds a setting in the nested form that Meltano passes to plugins.
fn value_at<'a>(settings: &'a Value, name: &str) -> Option<&'a Value> {
    SettingName::new(name).parts().try_fold(settings, |table, part| table.get(part.replace("\\.", ".")))
}

fn ciphertext(document: &Document, name: &str) -> Option<String> {
    document.ciphertexts().into_iter().find(|(path, _)| setting_of(path) == name).map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(run: u128, previous: Option<u128>, second: i64) -> RotatedSecret {
        RotatedSecret {
            at: Timestamp::from_second(second).unwrap(),
            run: Uuid::from_u128(run),
            host: "here".to_owned(),
            previous: previous.map(Uuid::from_u128),
            sealed: String::new(),
            replaces: String::new(),
        }
    }

    fn of(secret: RotatedSecret) -> RotatedSecrets {
        [("token".to_owned(), secret)].into()
    }

    #[test]
    fn only_changed_secrets_are_found_however_deep_they_are() {
        let before = json!({"a": "1", "oauth": {"token": "1", "id": "x"}, "whole": {"k": 1}, "b.c": "1", "gone": "1"});
        let after = json!({"a": "2", "oauth": {"token": "2", "id": "y"}, "whole": {"k": 2}, "b.c": "2", "new": "1"});
        let names = ["a", "oauth.token", "whole", "b\\.c", "gone", "absent"].map(str::to_owned);
        let found = changed(&names, &before, &after);
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(found, [("a", "2"), ("oauth.token", "2"), ("whole", "{\"k\":2}"), ("b\\.c", "2")]);
        for odd in [json!([]), json!("text"), json!({"a": null, "oauth": "", "whole": ""})] {
            assert_eq!(changed(&names, &before, &odd), [], "{odd}");
        }
    }

    #[test]
    fn a_value_of_a_run_that_started_before_the_stored_one_is_not_taken() {
        let mut stored = RotatedSecrets::new();
        assert!(merge(&mut stored, of(secret(1, None, 100))));
        // The clock of the second machine is behind.
        assert!(merge(&mut stored, of(secret(2, Some(1), 50))));
        assert!(merge(&mut stored, of(secret(2, Some(1), 51))), "a second change in the same run");
        assert!(!merge(&mut stored, of(secret(2, Some(1), 51))), "the same again");
        assert!(!merge(&mut stored, of(secret(3, Some(1), 200))), "the leftovers of a killed run");
        assert_eq!(stored["token"], secret(2, Some(1), 51));
    }

    #[test]
    fn of_values_that_wait_the_last_one_replaces_what_the_registry_has() {
        let mut waiting = RotatedSecrets::new();
        assert!(queue(&mut waiting, of(secret(2, Some(1), 50))));
        assert!(queue(&mut waiting, of(secret(3, Some(2), 60))));
        assert!(!queue(&mut waiting, of(secret(2, Some(1), 70))));
        let mut stored = of(secret(1, None, 10));
        assert!(merge(&mut stored, waiting));
        assert_eq!(stored["token"], secret(3, Some(1), 60));
    }
}
