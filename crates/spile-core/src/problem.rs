//! The user's mistakes. They are collected, so that a run reports all of them at once, each with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, Severity};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::phrase;
use crate::phrase::{Part, Phrase, code, codes};
use crate::secrecy::{self, Redaction};
use crate::source::{Place, Source};

/// A mistake by the user: what was found, where, and how to fix it.
///
/// The finding is a variant of its area's own `Mistake` enum. Its code has the form `spile::area::word`.
pub struct Problem {
    /// The file it is in.
    pub source: Source,
    finding: Box<dyn Diagnostic + Send + Sync>,
    /// The secrets in that file, which are removed from messages that quote them.
    secrets: Arc<Redaction>,
}

impl Problem {
    /// Combines a finding with the file that it is in.
    pub fn new(source: &Source, finding: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self { source: source.clone(), finding: Box::new(finding), secrets: Arc::default() }
    }

    /// Returns the finding: message, code, labels and help.
    #[must_use]
    pub fn finding(&self) -> &dyn Diagnostic {
        &*self.finding
    }

    /// Returns the finding as a specific `Mistake` enum, if it is one.
    #[must_use]
    pub fn found<M: Error + 'static>(&self) -> Option<&M> {
        let finding: &(dyn Error + 'static) = &*self.finding;
        finding.downcast_ref()
    }

    /// Returns the code, `spile::area::word`.
    #[must_use]
    pub fn code(&self) -> String {
        self.finding.code().map(|code| code.to_string()).unwrap_or_default()
    }

    /// Returns the message: one sentence in lowercase.
    #[must_use]
    pub fn message(&self) -> Phrase {
        Phrase::parse(&self.struck(&self.finding.to_string()))
    }

    /// Returns the next step.
    #[must_use]
    pub fn help(&self) -> Option<Phrase> {
        self.finding.help().map(|help| Phrase::parse(&self.struck(&help.to_string())))
    }

    /// Returns the suggestion, if the next step is [`did_you_mean`].
    #[must_use]
    pub fn meant(&self) -> Option<String> {
        match self.help()?.parts() {
            [Part::Words(words), Part::Code(name), ..] if words == MEANT => Some(name.clone()),
            _ => None,
        }
    }

    /// Returns a sentence without the file's secrets, and without other secrets of a known form.
    #[must_use]
    pub fn struck(&self, sentence: &str) -> String {
        secrecy::struck(&self.secrets.strike(sentence)).into_owned()
    }

    /// Returns the path of the file for display, without secrets: someone may have used one as a file name.
    #[must_use]
    pub fn path(&self) -> String {
        secrecy::struck(&self.source.path().display().to_string()).into_owned()
    }

    /// Returns `path:line`, as editors and CI logs understand it.
    #[must_use]
    pub fn to_reference(&self) -> String {
        // A line break in a file name could forge a line of output.
        format!("{}:{}", self.path().replace('\n', "\\n"), self.place().line_and_column().0)
    }

    /// Returns the place of the first label, or the start of the file.
    #[must_use]
    pub fn place(&self) -> Place {
        let first = self.finding.labels().and_then(|mut labels| labels.next());
        first.map_or_else(
            || self.source.start(),
            |label| self.source.place(label.offset()..label.offset() + label.len()),
        )
    }

    /// Tells whether the problem is an error. Others are advice, and stop nothing.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.finding.severity().unwrap_or(Severity::Error) == Severity::Error
    }

    fn order(&self) -> (PathBuf, usize, String, String) {
        (self.source.path().to_owned(), self.place().span.start, self.code(), self.message().to_string())
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.to_reference(), self.message(), self.code())
    }
}

/// The problems of a run, as they are found.
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<Problem>,
    hidden: Vec<Place>,
}

impl Problems {
    /// Adds a finding at a place of `source`.
    pub fn push(&mut self, source: &Source, finding: impl Diagnostic + Send + Sync + 'static) {
        self.found.push(Problem::new(source, finding));
    }

    /// Adds the problems of another collection.
    pub fn extend(&mut self, other: Self) {
        self.found.extend(other.found);
        self.hidden.extend(other.hidden);
    }

    /// Processes items on all cores. The results and the problems keep the order of the items.
    pub fn of_each<T: Send, U: Send>(
        &mut self,
        items: Vec<T>,
        make: impl Fn(T, &mut Self) -> Option<U> + Sync + Send,
    ) -> Vec<U> {
        let by_itself = |item| {
            let mut problems = Self::default();
            (make(item, &mut problems), problems)
        };
        let each: Vec<(Option<U>, Self)> = items.into_par_iter().map(by_itself).collect();
        let told = |(one, found): (Option<U>, Self)| {
            self.extend(found);
            one
        };
        each.into_iter().filter_map(told).collect()
    }

    /// Keeps a place out of all excerpts, because it contains a secret.
    pub fn hide(&mut self, place: &Place) {
        self.hidden.push(place.clone());
    }

    /// Tells whether a whole place is kept out of excerpts already.
    #[must_use]
    pub fn is_hidden(&self, place: &Place) -> bool {
        let holds = |known: &Place| known.span.start <= place.span.start && place.span.end <= known.span.end;
        self.hidden.iter().any(|known| known.source.is(&place.source) && holds(known))
    }

    /// Returns the names of the files with errors. Skips files for which `name` returns `None`.
    #[must_use]
    pub fn unread<N>(&self, name: impl Fn(&Path) -> Option<N>) -> Vec<N> {
        self.found.iter().filter(|one| one.is_error()).filter_map(|one| name(one.source.path())).collect()
    }

    /// Tells whether any problem is an error.
    #[must_use]
    pub fn any_error(&self) -> bool {
        self.found.iter().any(Problem::is_error)
    }

    /// Returns the problems sorted by file and place. Removes duplicates, which a base file causes with its overlays.
    #[must_use]
    pub fn into_report(mut self) -> Report {
        self.hide_known_forms();
        self.sorted()
    }

    /// Keeps secrets of a known form out of excerpts, wherever they are in the files of the problems.
    fn hide_known_forms(&mut self) {
        let mut sources: Vec<Source> = Vec::new();
        let mut by_path: Vec<&Source> = self.found.iter().map(|problem| &problem.source).collect();
        by_path.sort_by_key(|source| source.path());
        for source in by_path {
            // A path may have been read several times, but never often.
            let of_path = sources.iter().rev().take_while(|known| known.path() == source.path());
            if !of_path.into_iter().any(|known| known.is(source)) {
                sources.push(source.clone());
            }
        }
        for source in sources {
            self.hidden.extend(secrecy::in_text(source.text()).into_iter().map(|span| source.place(span)));
        }
    }

    fn sorted(mut self) -> Report {
        let mut secrets: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
        for place in &self.hidden {
            secrets.entry(place.source.path().to_owned()).or_default().extend(quoted(place));
        }
        // All problems of a file share one search: there may be thousands of secrets and as many problems.
        let redaction = |texts| Arc::new(Redaction::of(texts));
        let secrets: BTreeMap<PathBuf, _> = secrets.into_iter().map(|(path, texts)| (path, redaction(texts))).collect();
        for problem in &mut self.found {
            problem.secrets = secrets.get(problem.source.path()).cloned().unwrap_or_default();
        }
        self.found.sort_by_cached_key(Problem::order);
        self.found.dedup_by(|a, b| a.order() == b.order());
        Report { problems: self.found, hidden: self.hidden }
    }
}

/// Returns the text at a hidden place in all forms that a message may quote: with and without delimiters.
fn quoted(place: &Place) -> impl Iterator<Item = String> {
    let text = place.source.text().get(place.span.clone()).unwrap_or_default().trim();
    let inner = text.trim_matches(['"', '\'', '`']).trim();
    // Messages quote the value rather than its notation.
    let said = secrecy::unescaped(inner);
    // Messages quote a value of several lines, for example a key, with its line breaks, and may cut it at one.
    let broken = said.clone().unwrap_or_else(|| inner.replace("\\r", "").replace("\\n", "\n"));
    let lines = broken.lines().map(str::trim).filter(|line| *line != inner).map(str::to_owned);
    let whole = [text, inner].map(str::to_owned).into_iter();
    let all: Vec<String> = whole.chain(said).chain(lines).collect();
    all.into_iter()
}

/// The problems of a run, sorted by file and place, without duplicates.
#[derive(Debug, Default)]
pub struct Report {
    problems: Vec<Problem>,
    hidden: Vec<Place>,
}

impl Report {
    /// Returns the problems.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns the problems in some files only.
    #[must_use]
    pub fn of(mut self, is_meant: impl Fn(&Path) -> bool) -> Self {
        self.problems.retain(|problem| is_meant(problem.source.path()));
        self
    }

    /// Merges two reports.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let both = |mut these: Vec<_>, others| {
            these.extend(others);
            these
        };
        let hidden = self.hidden.into_iter().chain(other.hidden).collect();
        // Both reports have hidden secrets of a known form already.
        Problems { found: both(self.problems, other.problems), hidden }.sorted()
    }

    /// Returns a source's text for excerpts: secrets in plain text are overwritten byte for byte, so that spans stay
    /// valid.
    #[must_use]
    pub fn excerpt_text(&self, source: &Source) -> String {
        let mut bytes = source.text().as_bytes().to_vec();
        for place in self.hidden.iter().filter(|place| place.source.path() == source.path()) {
            let span = place.span.start.min(bytes.len())..place.span.end.min(bytes.len());
            bytes[span].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The start of a suggestion.
const MEANT: &str = "did you mean ";

/// Returns ``did you mean `x`?`` for the candidate nearest to `word`, if one is near enough.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = |candidate: &str| strsim::normalized_damerau_levenshtein(word, candidate);
    candidates
        .into_iter()
        .map(|candidate| (near(candidate), candidate))
        .filter(|(score, _)| *score >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| phrase![MEANT, code(candidate), "?"].to_string())
}

/// Returns a count in words: `1 file`, `3 files`.
#[must_use]
pub fn counted<N: Copy + PartialEq + From<u8> + fmt::Display>(count: N, noun: &str) -> String {
    let ending = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// Returns the first words of a list for a sentence: `a, b and 3 more`.
#[must_use]
pub fn first_of(words: &[String], most: usize) -> String {
    let (shown, more) = words.split_at(words.len().min(most));
    let shown = shown.join(", ");
    if more.is_empty() { shown } else { format!("{shown} and {} more", more.len()) }
}

/// Returns names as a list for a sentence: `` `a`, `b`, `c` ``.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    codes(names).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_singular() {
        let of = |count: u64| counted(count, "file");
        assert_eq!([of(0), of(1), of(2)], ["0 files", "1 file", "2 files"]);
        assert_eq!(counted(1.0, "record"), "1 record");
    }

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["start_date", "api_type", "client_id"];
        assert_eq!(did_you_mean("start_dat", known).unwrap(), "did you mean `start_date`?");
        assert_eq!(did_you_mean("colour", known), None);
    }
}
