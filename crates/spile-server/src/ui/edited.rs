//! The changes that a form makes: each field is compared with the original that it was shown with. Untouched fields are
//! never parsed and written again, so files keep them byte for byte.

use std::collections::BTreeMap;

/// The prefix of hidden fields that carry what a field was shown with.
const SHOWN: &str = "shown.";

/// The prefix of secrets: they are shown empty, and their original is a digest of their ciphertext.
const SECRETS: &str = "secrets.";

/// The changes that a user made in a form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edited {
    /// The changed fields, with their new texts.
    pub texts: BTreeMap<String, String>,
    /// Those that someone else has changed meanwhile, with what the file says now; empty text for a secret.
    pub conflicts: BTreeMap<String, String>,
}

impl Edited {
    /// Compares the posted fields with the originals in the form, and those with what the same fields show now. A form
    /// without originals is compared with the latter.
    pub fn of(posted: &[(String, String)], present: &BTreeMap<String, String>) -> Self {
        // The last value counts: a hidden `false` precedes each checkbox.
        let posted: BTreeMap<&str, &str> = posted.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let mut edited = Self::default();
        for (name, now) in present {
            let Some(text) = posted.get(name.as_str()) else { continue };
            let original = posted.get(format!("{SHOWN}{name}").as_str()).map(|text| normalized(text));
            let (text, now) = (normalized(text), normalized(now));
            let is_secret = name.starts_with(SECRETS);
            let base = original.as_ref().unwrap_or(&now);
            let is_untouched = if is_secret { text.is_empty() } else { text == *base || text == now };
            if is_untouched {
                continue;
            }
            if *base != now {
                edited.conflicts.insert(name.clone(), if is_secret { String::new() } else { now });
            }
            edited.texts.insert(name.clone(), text);
        }
        edited
    }

    /// Returns the changed fields.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Returns the message for each field that was changed on both sides.
    pub fn faults(&self) -> BTreeMap<String, String> {
        let fault = |(name, now): (&String, &String)| {
            let sentence = match now.as_str() {
                _ if name.starts_with(SECRETS) => {
                    "someone else changed this secret: enter it again to replace theirs".to_owned()
                }
                "" => "someone else cleared this: save again to keep yours".to_owned(),
                now => format!("someone else changed this to `{now}`: save again to keep yours"),
            };
            (name.clone(), sentence)
        };
        self.conflicts.iter().map(fault).collect()
    }
}

/// Tells whether a form sent originals, as the forms of our pages do.
pub fn has_originals(posted: &[(String, String)]) -> bool {
    posted.iter().any(|(name, _)| name.starts_with(SHOWN))
}

/// Returns a text as a browser sends it back: browsers post every line break as CR LF, and no NUL.
pub fn normalized(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(posted: &[(&str, &str)]) -> Edited {
        let present = [("name", "Shop"), ("config.note", "a\nb"), ("config.on", "false"), ("secrets.token", "f00")];
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        Edited::of(&posted.iter().map(owned).collect::<Vec<_>>(), &present.iter().map(owned).collect())
    }

    #[test]
    fn only_a_difference_from_the_original_is_an_edit() {
        let untouched = [
            ("name", "Store"),
            ("shown.name", "Store"),
            ("config.note", "a\r\nb"),
            ("shown.config.note", "a\r\nb"),
            ("config.on", "false"),
            ("secrets.token", ""),
            ("shown.secrets.token", "0ld"),
            ("nonsense", "x"),
        ];
        assert_eq!(edited(&untouched), Edited::default());
        let touched = edited(&[("config.on", "false"), ("config.on", "true"), ("config.note", "a\r\nc")]);
        assert_eq!(touched.pairs().collect::<Vec<_>>(), [("config.note", "a\nc"), ("config.on", "true")]);
        assert!(touched.conflicts.is_empty());
    }

    #[test]
    fn a_field_that_both_sides_changed_is_a_conflict_unless_they_agree() {
        let agree = edited(&[("name", "Shop"), ("shown.name", "Old")]);
        assert_eq!(agree, Edited::default());
        let apart = edited(&[
            ("name", "Mine"),
            ("shown.name", "Old"),
            ("secrets.token", "hunter2"),
            ("shown.secrets.token", "0ld"),
        ]);
        assert_eq!(apart.conflicts.keys().collect::<Vec<_>>(), ["name", "secrets.token"]);
        assert!(apart.faults()["name"].contains("`Shop`") && !format!("{:?}", apart.faults()).contains("f00"));
    }
}
