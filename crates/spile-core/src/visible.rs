//! Invisible characters that change what is displayed: they control a terminal, or change the direction of text.
//!
//! Names, values and messages may come from untrusted files, plugins and registries. Wherever people read them, these
//! characters are escaped: `\u{202e}`. Letters of right-to-left scripts and joined emoji are not changed.

use std::borrow::Cow;
use std::fmt::Write;

/// Tells whether a character changes or marks the direction of text.
#[must_use]
pub fn is_turning(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Tells whether a character has an invisible effect in a text of several lines: it is a control character, changes the
/// direction, or is a line break only to some programs.
#[must_use]
pub fn is_steering(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{2028}' | '\u{2029}' => true,
        c => c.is_control() || is_turning(c),
    }
}

/// Returns a text in which every character is visible.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, is_steering)
}

/// Returns a text with a fixed direction. Control characters stay, because pages do not show them.
#[must_use]
pub fn straight(text: &str) -> Cow<'_, str> {
    escaped(text, is_turning)
}

fn escaped(text: &str, is_special: fn(char) -> bool) -> Cow<'_, str> {
    let Some(first) = text.find(is_special) else { return Cow::Borrowed(text) };
    let mut shown = text[..first].to_owned();
    for c in text[first..].chars() {
        if is_special(c) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Returns JSON of the same value in which every character is visible. Characters with invisible effects can only occur
/// in its strings. The same is true for `##[`, which is also escaped, because GitHub's runner treats it as a command
/// wherever it is printed.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    const COMMAND: &str = "##[";
    if text.contains(COMMAND) {
        return Cow::Owned(json(&text.replace(COMMAND, "##\\u005b")).into_owned());
    }
    if !text.contains(is_steering) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_steering(c) && c != '\r' {
            // All of them are in the Basic Multilingual Plane.
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_escaped_and_ordinary_text_is_not() {
        assert_eq!(plain("a\u{1b}[2J\rb\u{9b}c\u{7f}\0"), "a\\u{1b}[2J\\u{d}b\\u{9b}c\\u{7f}\\u{0}");
        for c in
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".chars()
        {
            let seen = format!("a\\u{{{:x}}}b", u32::from(c));
            let text = format!("a{c}b");
            assert_eq!((&*plain(&text), &*straight(&text)), (seen.as_str(), seen.as_str()));
        }
        for text in [
            "",
            "a\tb\nc",
            "שלום עולם",
            "مرحبا",
            "👩\u{200d}👩\u{200d}👧 🏳\u{fe0f}\u{200d}🌈",
            "می\u{200c}خواهم",
            "é 漢字",
        ] {
            assert!(matches!(plain(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn escaped_json_has_the_same_value() {
        let value =
            serde_json::json!({ "a\u{202e}": ["\u{9b}\u{7f}\u{2028}\u{61c}", "\u{1b}\r\n", "##[group]", "###[[1"] });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = json(&text);
        assert!(!shown.contains(is_steering) && !shown.contains("##["), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
