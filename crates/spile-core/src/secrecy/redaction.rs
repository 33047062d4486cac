//! Removes secrets from messages that quote a file.

use std::collections::BTreeSet;

use super::NOT_SHOWN;

/// The shortest text that is removed from messages. Shorter ones are parts of many words.
pub(super) const SHORTEST: usize = 5;

/// The most bytes of a message that are shown. Nobody reads more, and searching repetitive text takes quadratic time.
const LONGEST: usize = 4096;

/// The secrets of a file. They are found in messages when they occur on their own, not as a part of a word.
///
/// The file may come from an attacker, so neither memory nor time may grow faster than the texts. An automaton of all
/// secrets would take quadratic time or memory if they are repetitive.
#[derive(Debug, Default)]
pub struct Redaction {
    /// Sorted, so that texts that start with a secret directly follow it.
    secrets: Vec<String>,
    /// For each secret, the longest other one that it starts with.
    begins_with: Vec<Option<usize>>,
}

impl Redaction {
    /// Creates a redaction from all secrets of a file.
    #[must_use]
    pub fn of(secrets: BTreeSet<String>) -> Self {
        let secrets: Vec<String> = secrets.into_iter().filter(|secret| secret.len() >= SHORTEST).collect();
        let (mut begins_with, mut open): (Vec<Option<usize>>, Vec<usize>) = (Vec::new(), Vec::new());
        for (at, secret) in secrets.iter().enumerate() {
            while open.last().is_some_and(|last| !secret.starts_with(&secrets[*last])) {
                open.pop();
            }
            begins_with.push(open.last().copied());
            open.push(at);
        }
        Self { secrets, begins_with }
    }

    /// Returns a message without the secrets, truncated to what people may want to read.
    #[must_use]
    pub fn strike(&self, sentence: &str) -> String {
        let most = sentence.floor_char_boundary(LONGEST);
        if most == sentence.len() {
            return self.struck(sentence, false);
        }
        self.struck(&sentence[..most], true) + "\u{2026}"
    }

    fn struck(&self, sentence: &str, is_cut: bool) -> String {
        let (mut shown, mut from, mut end) = (String::new(), 0, 0);
        let mut before = None;
        for (at, letter) in sentence.char_indices() {
            let begins = !before.is_some_and(char::is_alphanumeric);
            before = Some(letter);
            let Some(length) = begins.then(|| self.longest(&sentence[at..], is_cut)).flatten() else { continue };
            if at >= end {
                shown.push_str(&sentence[from..at]);
                shown.push_str(NOT_SHOWN);
            }
            end = end.max(at + length);
            from = end;
        }
        shown + &sentence[from..]
    }

    /// Returns the length of the longest secret at the start of a text that ends at a word boundary. If the text was
    /// cut, the rest of a secret may be missing.
    fn longest(&self, text: &str, is_cut: bool) -> Option<usize> {
        // All secrets between a secret and a text that starts with it also start with that secret.
        let behind = self.secrets.partition_point(|secret| secret.as_str() <= text);
        if is_cut && self.secrets.get(behind).is_some_and(|secret| secret.starts_with(text)) {
            return Some(text.len());
        }
        let mut next = behind.checked_sub(1);
        while let Some(at) = next {
            let rest = text.strip_prefix(self.secrets[at].as_str());
            if rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)) {
                return Some(self.secrets[at].len());
            }
            next = self.begins_with[at];
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck<const N: usize>(secrets: [&str; N], sentence: &str) -> String {
        Redaction::of(secrets.map(str::to_owned).into()).strike(sentence)
    }

    #[test]
    fn a_secret_is_removed_where_it_occurs_on_its_own() {
        assert_eq!(struck(["hunter2"], "`hunter2` is no host"), format!("`{NOT_SHOWN}` is no host"));
        assert_eq!(struck(["hunter2"], "hunter2"), NOT_SHOWN);
        assert_eq!(struck(["hunter2"], "xhunter2, hunter22, \u{e4}hunter2"), "xhunter2, hunter22, \u{e4}hunter2");
        assert_eq!(struck(["abcd"], "abcd"), "abcd", "too short to be found");
        assert_eq!(struck([], "a sentence"), "a sentence");
    }

    #[test]
    fn the_longest_secret_is_removed_and_overlaps_are_covered() {
        let secrets = ["pass word", "pass word of mine", "pass word of mine too long", "word of yours"];
        assert_eq!(struck(secrets, "a pass word of mine."), format!("a {NOT_SHOWN}."));
        assert_eq!(struck(secrets, "a pass word of yours."), format!("a {NOT_SHOWN}."));
        assert_eq!(struck(secrets, "a pass wordy of yours."), "a pass wordy of yours.");
        assert_eq!(struck(["aa.aa", "aa.aa.aa"], "aa.aa.aa aa.aa"), format!("{NOT_SHOWN} {NOT_SHOWN}"));
    }

    #[test]
    fn a_long_message_is_truncated_without_showing_half_a_secret() {
        let long = "pass word ".repeat(500);
        let sentence = format!("key `{long}` is unknown");
        assert_eq!(struck([long.trim_end()], &sentence), format!("key `{NOT_SHOWN}\u{2026}"));
        assert_eq!(struck([], &sentence), format!("{}\u{2026}", &sentence[..LONGEST]));
    }

    /// Tests a mebibyte of one letter, and a thousand secrets that each start with the previous one.
    #[test]
    fn repetitive_secrets_are_found_quickly() {
        let long = "[".repeat(1 << 20);
        assert_eq!(struck([&long, &long[1..]], "unclosed `[[[[[[`"), "unclosed `[[[[[[`");
        assert_eq!(struck([&long], &long), format!("{NOT_SHOWN}\u{2026}"));
        let nested: BTreeSet<String> = (1..1_000).map(|length| "a ".repeat(length)).collect();
        let all = Redaction::of(nested);
        assert_eq!(all.strike(&"a ".repeat(999)), NOT_SHOWN);
    }
}
