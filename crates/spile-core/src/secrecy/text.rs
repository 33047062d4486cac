//! Finds secrets of a known form in whole texts: in files of any format, and in messages about them.

use std::borrow::Cow;
use std::ops::Range;

use toml::de::DeValue;

use super::{NOT_SHOWN, Use, sightings};

/// The shortest secret of a known form, including the name that marks it.
const SHORTEST: usize = 7;

/// Returns the positions of secrets of a known form in a file, unsorted. Searches everywhere, including comments and
/// keys, in each line, and in quoted parts of a line.
#[must_use]
pub fn in_text(text: &str) -> Vec<Range<usize>> {
    let spans = |at: usize, text: &str, used| sightings(text, used).into_iter().map(move |one| moved(one.span, at));
    // Searches the whole text, because a private key has many lines.
    let mut found: Vec<Range<usize>> = spans(0, text, Use::Prose).collect();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if may_hold_pairs(line) {
            found.extend(spans(start, line, Use::Value));
        }
        for piece in quoted(line).into_iter().filter(|piece| piece.len() >= SHORTEST) {
            let inner = &line[piece.clone()];
            found.extend(spans(start + piece.start, inner, Use::Value));
            if unescaped(inner).is_some_and(|inner| !sightings(&inner, Use::Value).is_empty()) {
                found.push(moved(piece, start));
            }
        }
        start += line.len();
    }
    found
}

/// Tells whether a line may be a connection string. Most lines are `key = value`.
fn may_hold_pairs(line: &str) -> bool {
    let signs = line.match_indices('=').map(|(at, _)| at);
    let is_tight = |at: usize| line[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    signs.clone().count() > 1 || signs.into_iter().any(is_tight)
}

fn moved(span: Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}

/// Returns the quoted parts of a line.
fn quoted(line: &str) -> Vec<Range<usize>> {
    let (mut found, mut open, mut is_escaped) = (Vec::new(), None, false);
    for (at, c) in line.char_indices() {
        match open {
            Some((quote, from)) if c == quote && !is_escaped => {
                found.push(from..at);
                open = None;
            }
            Some(('"', _)) => is_escaped = c == '\\' && !is_escaped,
            None if matches!(c, '"' | '\'') => open = Some((c, at + 1)),
            Some(_) | None => {}
        }
    }
    found
}

/// Returns the value of a quoted text if it differs from its notation.
pub fn unescaped(inner: &str) -> Option<String> {
    let written = inner.contains('\\').then(|| format!("\"{inner}\""))?;
    let value = DeValue::parse(&written).ok()?;
    value.get_ref().as_str().map(str::to_owned)
}

/// Returns a message without secrets of a known form.
#[must_use]
pub fn struck(sentence: &str) -> Cow<'_, str> {
    let found = sightings(sentence, Use::Prose);
    if found.is_empty() {
        return Cow::Borrowed(sentence);
    }
    let (mut shown, mut from) = (String::new(), 0);
    for one in found {
        shown.push_str(&sentence[from..one.span.start]);
        shown.push_str(NOT_SHOWN);
        from = one.span.end;
    }
    Cow::Owned(shown + &sentence[from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxAB";

    fn found(text: &str) -> Vec<&str> {
        let mut spans = in_text(text);
        spans.sort_by_key(|span| (span.start, span.end));
        spans.dedup();
        spans.into_iter().map(|span| &text[span]).collect()
    }

    #[test]
    fn a_secret_of_a_known_form_is_found_anywhere() {
        for text in [format!("# {TOKEN}\n"), format!("[a.{TOKEN}]\n"), format!("a: {TOKEN}\n"), TOKEN.to_owned()] {
            assert_eq!(found(&text), [TOKEN], "{text}");
        }
        assert!(found(&format!("a = 1\nb = \"{TOKEN}\"\n")).contains(&TOKEN));
        assert_eq!(found("x\n# host=db password=hunter2\n"), ["hunter2"]);
        assert_eq!(
            found("id = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'"),
            ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"]
        );
        assert_eq!(
            found("a = \"gh\\u0070_0123456789abcdefghijklmnop\\\"\" # \"\n"),
            ["gh\\u0070_0123456789abcdefghijklmnop\\\""]
        );
        let key = "-----BEGIN PRIVATE KEY-----\nHunter2Leak\n";
        assert_eq!(found(&format!("a = '''{key}-----END PRIVATE KEY-----'''\n")), [key]);
        assert_eq!(
            found("name = \"it's\"\nurl = \"https://x.example/?page=1\"\npassword = \"hunter2\"\n"),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn messages_show_no_secrets_but_keep_examples() {
        assert_eq!(struck(&format!("`{TOKEN}` is no file")), format!("`{NOT_SHOWN}` is no file"));
        let example = "write one, such as `postgres://user:password@host/db`";
        assert_eq!(struck(example), example);
    }
}
