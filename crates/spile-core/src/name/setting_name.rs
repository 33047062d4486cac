//! Names of settings: parts joined by periods.

use std::borrow::Borrow;
use std::fmt;

/// The longest name that a connector can define, in bytes.
const LONGEST: usize = 200;

/// The most parts of a name that a connector can define. Names in the hub have up to three.
const MOST_PARTS: usize = 8;

/// The name of a setting, as in Meltano: `auth.client_id` is `client_id` in the table `auth`.
///
/// A period after a backslash belongs to its part, as in Meltano since 4.3 (`split_path` of Meltano 4.4). Any string is
/// a name, because a `meltano.yml` can contain any. [`is_definable`](Self::is_definable) tells which ones a connector
/// can define.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingName<'a>(&'a str);

impl<'a> SettingName<'a> {
    /// Wraps a name.
    #[must_use]
    pub const fn new(name: &'a str) -> Self {
        Self(name)
    }

    /// Returns the name of a value, given its path from the outermost table.
    #[must_use]
    pub fn join<S: Borrow<str>>(path: &[S]) -> String {
        path.join(".")
    }

    /// Returns the name as a string.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Returns the first part: the setting itself, or the setting that contains it.
    #[must_use]
    pub fn first(self) -> &'a str {
        self.split().map_or(self.0, |(first, _)| first)
    }

    /// Splits the name into its outermost table and the name in it; `None` if it is in no table.
    #[must_use]
    pub fn split(self) -> Option<(&'a str, Self)> {
        self.periods().next().map(|at| (&self.0[..at], Self(&self.0[at + 1..])))
    }

    /// Returns all its parts.
    pub fn parts(self) -> impl Iterator<Item = &'a str> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let name = rest?;
            let (part, left) = name.split().map_or((name.0, None), |(part, left)| (part, Some(left)));
            rest = left;
            Some(part)
        })
    }

    /// Returns the names of the tables that contain it, outermost first: `a` and `a.b` for `a.b.c`.
    pub fn parents(self) -> impl Iterator<Item = &'a str> {
        self.periods().map(move |at| &self.0[..at])
    }

    /// Tells whether it is in the table with that name.
    #[must_use]
    pub fn is_within(self, table: &str) -> bool {
        self.parents().any(|parent| parent == table)
    }

    /// Tells whether a connector can define a setting with that name. Most characters are allowed: taps use names like
    /// `dialect+driver`, and Meltano replaces everything that is not a letter or digit with `_` in variables. The
    /// number of parts is limited: each period is another nested table, and doubles the number of ways to write the
    /// name.
    #[must_use]
    pub fn is_definable(self) -> bool {
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '`' | '\\');
        let is_bounded = self.0.len() <= LONGEST && self.parts().count() <= MOST_PARTS;
        is_bounded && self.parts().all(|part| !part.is_empty() && !part.contains(odd))
    }

    /// Returns the positions of the periods that separate its parts.
    fn periods(self) -> impl Iterator<Item = usize> + 'a {
        self.0.match_indices('.').map(|(at, _)| at).filter(move |at| !self.0[..*at].ends_with('\\'))
    }
}

impl fmt::Display for SettingName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_separate_parts_unless_they_follow_a_backslash() {
        for (text, wanted) in [
            ("host", &["host"][..]),
            ("auth.client.id", &["auth", "client", "id"]),
            (r"maps.public\.orders.ü", &["maps", r"public\.orders", "ü"]),
            (r"a\.b", &[r"a\.b"]),
            ("a..b.", &["a", "", "b", ""]),
            ("", &[""]),
        ] {
            let name = SettingName::new(text);
            assert_eq!(name.parts().collect::<Vec<_>>(), wanted, "{text}");
            assert_eq!(SettingName::join(wanted), text);
            assert_eq!((name.first(), name.to_string()), (wanted[0], text.to_owned()));
        }
        let rest = SettingName::new("c.d");
        assert_eq!(SettingName::new(r"a\.b.c.d").split(), Some((r"a\.b", rest)));
        assert_eq!(SettingName::new(r"a\.b").split(), None);
    }

    #[test]
    fn a_name_is_within_each_of_its_tables() {
        let client = SettingName::new("auth.client.id");
        assert_eq!(client.parents().collect::<Vec<_>>(), ["auth", "auth.client"]);
        assert!(client.is_within("auth") && client.is_within("auth.client"));
        assert!(!client.is_within("auth.client.id") && !client.is_within("aut") && !client.is_within(""));
        let whole = SettingName::new(r"a\.b");
        assert!(!whole.is_within("a") && !whole.is_within(r"a\"));
    }

    #[test]
    fn names_that_connectors_define_are_bounded_and_contain_nothing_that_ends_a_word_or_a_string() {
        for good in ["host", "9", "dialect+driver", "a.b.c.d.e.f.g.h", "ü", &"a".repeat(LONGEST)] {
            assert!(SettingName::new(good).is_definable(), "{good}");
        }
        let bad = ["", ".", "a.", ".a", "a..b", "a b", "a.b.c.d.e.f.g.h.i", r"a\.b", "a\"b", "a'b", "a`b", "a\\b"];
        for bad in bad.into_iter().chain(["a\u{7}b", "a\u{a0}b", "a\nb", &"a".repeat(LONGEST + 1)]) {
            assert!(!SettingName::new(bad).is_definable(), "{bad:?}");
        }
    }
}
