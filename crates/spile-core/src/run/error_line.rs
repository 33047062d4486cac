//! Finds the line of an integration's file that caused an error of its tap.
//!
//! Pure, and only a guess: some taps mention their settings by name, others do not.

use std::ops::Range;

use toml::de::DeTable;

use super::Cause;
use crate::connector::Connector;
use crate::source::Source;

/// The error whose line is sought.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'a> {
    /// The kind of failure.
    pub cause: Cause,
    /// The error message.
    pub reason: &'a str,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLine {
    /// Its number, counted from 1.
    pub number: usize,
    /// The setting that it sets, if it is under `[config]` or `[secrets]`.
    pub setting: Option<String>,
}

/// Returns the line of the setting that the message names, or else of the part of the file that the cause is about;
/// `None` if there is no such line.
#[must_use]
pub fn line(text: &str, connector: &Connector, sought: &Sought<'_>) -> Option<FoundLine> {
    let file = crate::table::tree(text).ok()?;
    let table = |name: &str| file.get(name).and_then(|found| found.get_ref().as_table());
    let settings: Vec<(&str, Range<usize>)> = ["config", "secrets"]
        .iter()
        .filter_map(|name| table(name))
        .flat_map(|table| table.iter().map(|(key, _)| (key.get_ref().as_ref(), key.span())))
        .collect();
    let at = named(&settings, sought.reason).or_else(|| match sought.cause {
        Cause::Credentials | Cause::Permission | Cause::Secrets => {
            let is_secret = |name: &str| connector.settings.iter().any(|one| one.name == name && one.secret);
            settings.iter().find(|(name, _)| is_secret(name)).map(|(_, span)| span.clone())
        }
        Cause::Network => {
            let is_address = |name: &str| ADDRESSES.iter().any(|word| name.contains(word)) && connector.hands_on(name);
            settings.iter().find(|(name, _)| is_address(name)).map(|(_, span)| span.clone())
        }
        Cause::NothingSelected | Cause::MissingStream | Cause::Unselected => {
            key(&file, "select").or_else(|| key(&file, "metadata"))
        }
        Cause::Quota => key(&file, "schedule").or_else(|| key(&file, "config")),
        Cause::MissingSetting | Cause::Empty => key(&file, "config"),
        _ => None,
    });
    let at = at.or_else(|| key(&file, "type"))?;
    let setting = settings.iter().find(|(_, span)| *span == at).map(|(name, _)| (*name).to_owned());
    Some(FoundLine { number: Source::new("", text).place(at).line_and_column().0, setting })
}

/// Tells whether a tap failed because a setting was missing, judging by the exception of taps that do not check their
/// settings.
#[must_use]
pub fn misses_a_setting(reason: &str, connector: &Connector) -> bool {
    let key = reason.strip_prefix("KeyError: '").and_then(|rest| rest.strip_suffix('\''));
    key.is_some_and(|key| connector.setting(key).is_some())
}

/// Parts of the names of settings that contain an address.
const ADDRESSES: [&str; 5] = ["host", "url", "address", "endpoint", "domain"];

/// Finds the setting that the message names. The longest name wins, because `username` contains `user`. A name of several
/// words may have blanks (`refresh token`), and OAuth's errors put a word before it (`invalid_client_id`).
fn named(settings: &[(&str, Range<usize>)], reason: &str) -> Option<Range<usize>> {
    let words: Vec<&str> = reason
        .split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.' | '-'))
        .map(|word| word.trim_matches(['.', '-']))
        .collect();
    let is_word = |name: &str| {
        let parts: Vec<&str> = name.split('_').collect();
        let is_spelled_out = parts.len() > 1
            && words.windows(parts.len()).any(|words| words.iter().zip(&parts).all(|(a, b)| a.eq_ignore_ascii_case(b)));
        let is_it = |word: &&str| *word == name || word.strip_prefix("invalid_") == Some(name);
        name.len() > 3 && (is_spelled_out || words.iter().any(is_it))
    };
    let named = settings.iter().filter(|(name, _)| is_word(name));
    named.max_by_key(|(name, _)| name.len()).map(|(_, span)| span.clone())
}

fn key(table: &DeTable<'_>, name: &str) -> Option<Range<usize>> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(key, _)| key.span())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{Catalog, Role};
    use crate::problem::Problems;

    const FILE: &str = "type = 'postgres'\nselect = ['a.*']\n\n[config]\nhost = 'h'\nuser = 'u'\ndatabase = 'shop'\n\n\
                        [secrets]\npassword = 'ENC'\n";

    fn found(cause: Cause, reason: &str) -> Option<usize> {
        let catalog = Catalog::new(&[], &mut Problems::default());
        let connector = catalog.find(Role::Extractor, "postgres").unwrap();
        line(FILE, &connector, &Sought { cause, reason }).map(|line| line.number)
    }

    #[test]
    fn a_named_setting_is_found_or_else_what_the_cause_is_about() {
        assert_eq!(found(Cause::Crash, "the database \"nope\" does not exist"), Some(7));
        assert_eq!(found(Cause::Credentials, "access denied"), Some(10));
        assert_eq!(found(Cause::Network, "connection refused"), Some(5));
        assert_eq!(found(Cause::NothingSelected, "no record"), Some(2));
        assert_eq!(found(Cause::MissingSetting, "it is required"), Some(4));
        assert_eq!(found(Cause::Crash, "KeyError"), Some(1));
        let catalog = Catalog::new(&[], &mut Problems::default());
        let connector = catalog.find(Role::Extractor, "postgres").unwrap();
        assert!(misses_a_setting("KeyError: 'database'", &connector));
        assert!(!misses_a_setting("KeyError: 'id'", &connector));
    }

    #[test]
    fn a_setting_is_named_by_a_whole_word_of_some_length() {
        let settings = [
            ("url", 0..1),
            ("user", 1..2),
            ("user_name", 2..3),
            ("api.key", 3..4),
            ("refresh_token", 4..5),
            ("client_id", 5..6),
        ];
        for (reason, at) in [
            ("the user is not known", Some(1..2)),
            ("set user_name, or user.", Some(2..3)),
            ("`api.key`: of no use", Some(3..4)),
            ("the users are not known", None),
            ("no url is given", None),
            (r#"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#, Some(4..5)),
            (r#"{"error":"invalid_client_id","error_description":"client identifier invalid"}"#, Some(5..6)),
            ("the refreshed token", None),
        ] {
            assert_eq!(named(&settings, reason), at, "{reason}");
        }
    }
}
