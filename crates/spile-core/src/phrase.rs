//! Sentences as data: what is words in them, and what is code.
//!
//! A sentence names things: commands, files, settings. Each face shows a name in its own way: text in backticks, Markdown as
//! a span of code, HTML in `<code>`. So a [`Phrase`] knows its names, and this is the only place that reads backticks.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A sentence, or a part of one: words and code.
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
    /// Words, as a person reads them.
    Words(String),
    /// A name, a command or a value, as somebody types it.
    Code(String),
}

/// Joins words and code into a [`Phrase`](crate::phrase::Phrase), in the order in which they are read.
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

/// Returns the names as a sentence lists them, each as code: `` `a`, `b`, `c` ``.
pub fn codes<'a>(names: impl IntoIterator<Item = &'a str>) -> Phrase {
    Phrase::joined(names.into_iter().map(code), ", ")
}

impl Phrase {
    /// Reads a sentence that was written as text.
    ///
    /// Code is between two backticks. If the code has backticks itself, then it is between two longer runs of backticks with
    /// a blank inside each, as Markdown has it. A backtick without a second one is a word. Every text is shown again as it
    /// was read.
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

    /// Returns phrases as one, with `between` between each two.
    pub fn joined(phrases: impl IntoIterator<Item = Self>, between: &str) -> Self {
        let join = |all: Self, next: Self| all.and(between).and(next);
        phrases.into_iter().reduce(join).unwrap_or_default()
    }

    /// Returns the phrase with more at its end; a text is words, whatever is in it.
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

    /// Returns its parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Tells whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what is code in it, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Code(name) => Some(name.as_str()),
            Part::Words(_) => None,
        })
    }

    /// Returns it as a face shows it.
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

/// As text: code is in backticks.
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

/// By what is read.
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

/// In documents a phrase is its text.
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

/// Returns how many backticks enclose code. Two would be code that is empty.
fn fence(code: &str) -> usize {
    match longest_run(code) {
        0 => 1,
        run => (run + 1).max(3),
    }
}

/// Returns the number of backticks in the longest run of them.
#[must_use]
pub fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Returns the code that a text begins with, and what follows it, where the code has backticks itself.
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
    fn a_text_is_words_and_code() {
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
    fn texts_are_words_and_parts_of_one_kind_are_joined() {
        assert_eq!(phrase!["a ", "`b` ", String::new()].parts(), [Part::Words("a `b` ".to_owned())]);
        assert_eq!(codes(["a", "b"]).to_string(), "`a`, `b`");
        assert_eq!(codes(["a", "b"]).names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(codes([]), Phrase::default());
    }

    #[test]
    fn phrases_are_sorted_as_they_are_read() {
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
        fn what_is_shown_as_text_is_read_as_the_same(
            first in "[a ]{0,3}",
            parts in proptest::collection::vec(("[`b ]{1,6}", "[c ]{1,3}"), 0..4),
        ) {
            let phrase = parts.into_iter().fold(Phrase::from(first), |all, (name, words)| all.and(code(name)).and(words));
            prop_assert_eq!(Phrase::parse(&phrase.to_string()), phrase.clone());
            prop_assert_eq!(serde_json::from_value::<Phrase>(serde_json::json!(phrase)).unwrap(), phrase);
        }
    }
}
