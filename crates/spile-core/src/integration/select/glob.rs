//! Wildcards as in Python's `fnmatch`, with which Meltano matches patterns.
//!
//! Written here, because the `glob` crate rejects `a**b` and unclosed brackets.

/// A pattern with wildcards: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`. Case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<Token>);

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A literal character.
    One(char),
    /// `?`: any one character.
    Any,
    /// `*`: any number of characters, including dots.
    Many,
    /// `[...]`: a character in one of these ranges, or, after `!`, in none of them.
    Set { is_negated: bool, ranges: Vec<(char, char)> },
}

impl From<&str> for Glob {
    fn from(text: &str) -> Self {
        let text: Vec<char> = text.chars().collect();
        let (mut tokens, mut at) = (Vec::new(), 0);
        while let Some(&character) = text.get(at) {
            let (token, length) = match character {
                '*' => (Token::Many, 1),
                '?' => (Token::Any, 1),
                '[' => set(&text[at..]).unwrap_or((Token::One('['), 1)),
                _ => (Token::One(character), 1),
            };
            tokens.push(token);
            at += length;
        }
        Self(tokens)
    }
}

/// Reads a set and returns its length; `None` if its bracket is not closed. A `]` that comes first is a member.
fn set(text: &[char]) -> Option<(Token, usize)> {
    let is_negated = text.get(1) == Some(&'!');
    let start = if is_negated { 2 } else { 1 };
    let end = (start + 1..text.len()).find(|&at| text[at] == ']')?;
    let (mut ranges, mut at) = (Vec::new(), start);
    while at < end {
        let is_range = at + 2 < end && text[at + 1] == '-';
        let last = if is_range { at + 2 } else { at };
        ranges.push((text[at], text[last]));
        at = last + 1;
    }
    Some((Token::Set { is_negated, ranges }, end + 1))
}

impl Glob {
    /// Tells whether it matches a whole string.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.takes_all(&text.chars().collect::<Vec<_>>(), |token, character| token.takes(*character))
    }

    /// Tells whether it matches every string that another pattern matches. A set of the other pattern is only covered
    /// by an identical set, by `?` and by `*`.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.takes_all(&other.0, |token, part| match part {
            Token::One(character) => token.takes(*character),
            Token::Any => matches!(token, Token::Any),
            Token::Many => false,
            Token::Set { .. } => token == part || matches!(token, Token::Any),
        })
    }

    fn takes_all<T>(&self, text: &[T], takes: impl Fn(&Token, &T) -> bool) -> bool {
        let tokens = &self.0;
        let (mut token, mut at) = (0, 0);
        // Where to resume if the latest `*` has to take one more.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match (tokens.get(token), text.get(at)) {
                (None, None) => return true,
                (Some(Token::Many), _) => {
                    retry = Some((token + 1, at));
                    token += 1;
                    continue;
                }
                (Some(one), Some(part)) if takes(one, part) => {
                    (token, at) = (token + 1, at + 1);
                    continue;
                }
                (_, _) => {}
            }
            let Some((after, eaten)) = retry.filter(|(_, eaten)| *eaten < text.len()) else { return false };
            retry = Some((after, eaten + 1));
            (token, at) = (after, eaten + 1);
        }
    }

    /// Returns the only string that it matches; `None` if it has wildcards.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        let one = |token: &Token| match token {
            Token::One(character) => Some(*character),
            Token::Any | Token::Many | Token::Set { .. } => None,
        };
        self.0.iter().map(one).collect()
    }
}

impl Token {
    fn takes(&self, character: char) -> bool {
        match self {
            Self::One(one) => *one == character,
            Self::Any | Self::Many => true,
            Self::Set { is_negated, ranges } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&character)) != *is_negated
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(glob: &str, text: &str) -> bool {
        Glob::from(glob).matches(text)
    }

    #[test]
    fn wildcards_match_what_pythons_fnmatch_matches() {
        for (glob, text) in [
            ("*", ""),
            ("a*c", "abc"),
            ("a*c*d", "a.c.c.d"),
            ("a**b", "axb"),
            ("?b", "ab"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[]]", "]"),
            ("[!]]", "a"),
            ("[a-]", "-"),
            ("a[b", "a[b"),
            ("[", "["),
            ("[^a]", "^"),
            ("[!a]", "]"),
            ("*[a-c]d", "a.bd"),
            ("\u{fc}?", "\u{fc}x"),
        ] {
            assert!(matches(glob, text), "`{glob}` and `{text}`");
        }
        for (glob, text) in [
            ("", "a"),
            ("a", ""),
            ("?", ""),
            ("a*c", "abd"),
            ("A", "a"),
            ("[!a-c]x", "bx"),
            ("[z-a]", "m"),
            ("[a-c]", "-"),
            ("[!]]", "]"),
            ("[a-c]", "]"),
            ("*a", "ab"),
            ("*?", ""),
            ("a*b*c", "acb"),
        ] {
            assert!(!matches(glob, text), "`{glob}` and `{text}`");
        }
    }

    #[test]
    fn a_glob_covers_another_if_it_matches_all_that_the_other_matches() {
        let covers = |glob: &str, other: &str| Glob::from(glob).covers(&Glob::from(other));
        for (glob, other) in [
            ("a", "a"),
            ("*", ""),
            ("*", "a*b?[c]"),
            ("a*", "a*b"),
            ("a*", "a"),
            ("?", "[ab]"),
            ("[ab]", "a"),
            ("[ab]x", "[ab]x"),
        ] {
            assert!(covers(glob, other), "`{glob}` and `{other}`");
        }
        for (glob, other) in
            [("a", "b"), ("a", "*"), ("?", "*"), ("a*", "*a"), ("[ab]", "?"), ("[ab]", "[abc]"), ("a*]", "a[bc]")]
        {
            assert!(!covers(glob, other), "`{glob}` and `{other}`");
        }
    }

    #[test]
    fn only_a_pattern_without_wildcards_is_literal() {
        assert_eq!(Glob::from("a.[b").literal(), Some("a.[b".to_owned()));
        assert_eq!(Glob::from("a[b]").literal(), None);
        assert_eq!(Glob::from("a*").literal(), None);
    }
}
