//! Sentences as data: which parts are words, and which are code.
//!
//! A sentence names things: commands, files, settings. Each interface shows a name in its own way: text in backticks,
//! Markdown as a code span, HTML in `<code>`. So a [`Phrase`] knows its names, and this is the only place that reads
//! backticks.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A sentence or a part of a sentence: words and code.
///
/// ```
/// use spile_core::phrase;
/// use spile_core::phrase::{Phrase, code};
///
/// let phrase = phrase!["will be renamed from ", code("a`b")];
/// assert_eq!(phrase.to_string(), "will be renamed from ``` a`b ```");
/// assert_eq!(Phrase::parse("run `spile plan`"), phrase!["run ", code("spile plan")]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Phrase(Vec<Part>);

/// A part of a phrase.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Words, as people read them.
    Words(String),
    /// A name, a command or a value, as people type it.
    Code(String),
}

/// Joins words and code into a [`Phrase`](crate::phrase::Phrase), in reading order.
#[macro_export]
macro_rules! phrase {
    ($($part:expr),+ $(,)?) => {
        <$crate::phrase::Phrase as ::core::default::Default>::default()$(.and($part))+
    };
}

/// Returns a phrase that is only code.
pub fn code(text: impl Into<String>) -> Phrase {
    Phrase(vec![Part::Code(text.into())])
}

/// Returns the names as a list in a sentence, each as code: `` `a`, `b`, `c` ``.
pub fn codes<'a>(names: impl IntoIterator<Item = &'a str>) -> Phrase {
    Phrase::joined(names.into_iter().map(code), ", ")
}

impl Phrase {
    /// Parses a sentence that was written as text.
    ///
    /// Code stands between two backticks. Code that contains backticks stands between two longer runs of backticks, with a
    /// space inside each, as in Markdown. A backtick without a partner is a word. Every text is shown again as it was
    /// parsed.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut phrase = Self::default();
        let mut rest = text;
        while let Some((words, from)) = rest.find('`').map(|at| rest.split_at(at)) {
            let Some((code, after)) = fenced(from).or_else(|| from[1..].split_once('`')) else { break };
            phrase = phrase.and(words);
            phrase.0.push(Part::Code(code.to_owned()));
            rest = after;
        }
        phrase.and(rest)
    }

    /// Joins phrases into one, with `between` between each two.
    pub fn joined(phrases: impl IntoIterator<Item = Self>, between: &str) -> Self {
        let join = |all: Self, next: Self| all.and(between).and(next);
        phrases.into_iter().reduce(join).unwrap_or_default()
    }

    /// Appends more to the phrase. A string becomes words, even if it contains backticks.
    #[must_use]
    pub fn and(mut self, more: impl Into<Self>) -> Self {
        for part in more.into().0 {
            match (self.0.last_mut(), part) {
                (Some(Part::Words(before)), Part::Words(words)) => before.push_str(&words),
                (_, part) => self.0.push(part),
            }
        }
        self
    }

    /// Returns the parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Tells whether the phrase has no parts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the parts that are code, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Code(name) => Some(name.as_str()),
            Part::Words(_) => None,
        })
    }

    /// Returns the phrase as an interface shows it: `words` and `code` convert the parts.
    #[must_use]
    pub fn shown(&self, words: impl Fn(&str) -> String, code: impl Fn(&str) -> String) -> String {
        let shown = |part: &Part| match part {
            Part::Words(text) => words(text),
            Part::Code(text) => code(text),
        };
        self.0.iter().map(shown).collect()
    }
}

impl From<&str> for Phrase {
    fn from(words: &str) -> Self {
        words.to_owned().into()
    }
}

impl From<String> for Phrase {
    fn from(words: String) -> Self {
        Self(if words.is_empty() { Vec::new() } else { vec![Part::Words(words)] })
    }
}

/// Writes the phrase as text, with code in backticks.
impl fmt::Display for Phrase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Words(text) => out.write_str(text),
            Part::Code(text) => match fence(text) {
                1 => write!(out, "`{text}`"),
                length => write!(out, "{fence} {text} {fence}", fence = "`".repeat(length)),
            },
        })
    }
}

/// Sorts by the text that people read.
impl Ord for Phrase {
    fn cmp(&self, other: &Self) -> Ordering {
        self.to_string().cmp(&other.to_string()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Phrase {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Serializes the phrase as its text.
impl Serialize for Phrase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Phrase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::parse(&text))
    }
}

/// Returns how many backticks enclose the code. It is never two: two would be empty code.
fn fence(code: &str) -> usize {
    match longest_run(code) {
        0 => 1,
        run => (run + 1).max(3),
    }
}

/// Returns the length of the longest run of backticks.
#[must_use]
pub fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Returns the code that a text begins with, and what follows it, if the code itself contains backticks.
fn fenced(text: &str) -> Option<(&str, &str)> {
    let run = text.len() - text.trim_start_matches('`').len();
    let inner = text.get(run..)?.strip_prefix(' ')?;
    let (code, after) = inner.split_once(&format!(" {}", &text[..run]))?;
    let is_ours = run > 2 && fence(code) == run && !after.starts_with('`');
    is_ours.then_some((code, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_parsed_into_words_and_code() {
        let parts = |text: &str| Phrase::parse(text).parts().to_vec();
        let (words, code) = (|text: &str| Part::Words(text.to_owned()), |text: &str| Part::Code(text.to_owned()));
        assert_eq!(parts("run `spile plan`, then stop"), [words("run "), code("spile plan"), words(", then stop")]);
        assert_eq!(parts("`a``b`"), [code("a"), code("b")]);
        assert_eq!(parts("`` is no name"), [code(""), words(" is no name")]);
        assert_eq!(parts("a ` alone"), [words("a ` alone")]);
        assert_eq!(parts("is ``` a`b ``` here"), [words("is "), code("a`b"), words(" here")]);
        assert_eq!(parts(""), []);
    }

    #[test]
    fn strings_are_words_and_adjacent_words_are_joined() {
        assert_eq!(phrase!["a ", "`b` ", String::new()].parts(), [Part::Words("a `b` ".to_owned())]);
        assert_eq!(codes(["a", "b"]).to_string(), "`a`, `b`");
        assert_eq!(codes(["a", "b"]).names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(codes([]), Phrase::default());
    }

    #[test]
    fn phrases_are_sorted_by_the_text_that_people_read() {
        let mut all = [phrase!["b"], code("a"), phrase!["a"]];
        all.sort();
        assert_eq!(all.map(|phrase| phrase.to_string()), ["`a`", "a", "b"]);
    }

    proptest! {
        #[test]
        fn every_text_is_shown_as_it_was_read(text in "[`a ]{0,12}") {
            prop_assert_eq!(Phrase::parse(&text).to_string(), text);
        }

        #[test]
        fn a_phrase_shown_as_text_parses_to_the_same_phrase(
            first in "[a ]{0,3}",
            parts in proptest::collection::vec(("[`b ]{1,6}", "[c ]{1,3}"), 0..4),
        ) {
            let phrase = parts.into_iter().fold(Phrase::from(first), |all, (name, words)| all.and(code(name)).and(words));
            prop_assert_eq!(Phrase::parse(&phrase.to_string()), phrase.clone());
            prop_assert_eq!(serde_json::from_value::<Phrase>(serde_json::json!(phrase)).unwrap(), phrase);
        }
    }
}
