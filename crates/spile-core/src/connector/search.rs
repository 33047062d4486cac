//! Searches connectors by words, best match first.

use std::collections::BTreeMap;

use nucleo_matcher::pattern::{Atom, AtomKind, CaseMatching, Normalization};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::Head;

/// The lowest score of a fuzzy match, as a share of the score of an exact one.
const PIECES: f64 = 0.75;

/// The lowest similarity of a misspelled word.
const NEAR: f64 = 0.75;

/// Returns the items whose heads match every word, best first. Equally good ones keep their order.
#[must_use]
pub fn search<'a, T>(heads: impl Iterator<Item = (&'a Head, T)>, words: &[String]) -> Vec<T> {
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut words: Vec<SearchWord> =
        words.iter().flat_map(|word| word.split_whitespace()).map(|word| SearchWord::new(word, &mut matcher)).collect();
    let mut found: Vec<(f64, T)> = heads
        .filter_map(|(head, item)| {
            let scores: Option<Vec<f64>> = words.iter_mut().map(|word| word.score(head, &mut matcher)).collect();
            Some((scores?.into_iter().sum(), item))
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().map(|(_, item)| item).collect()
}

/// A word of a query.
struct SearchWord<'a> {
    text: String,
    pieces: Atom,
    whole: Atom,
    /// The score of an exact match, by which others are normalized.
    best: f64,
    /// Cached scores of texts that many connectors share: keywords and categories.
    known: BTreeMap<&'a str, Option<f64>>,
}

impl<'a> SearchWord<'a> {
    fn new(word: &str, matcher: &mut Matcher) -> Self {
        let text = word.to_lowercase();
        let atom = |kind| Atom::new(&text, CaseMatching::Ignore, Normalization::Smart, kind, false);
        let (pieces, whole) = (atom(AtomKind::Fuzzy), atom(AtomKind::Substring));
        let best = score(&pieces, &text, matcher).unwrap_or(1.0);
        Self { text, pieces, whole, best, known: BTreeMap::new() }
    }

    /// Returns the score of a head. A name counts more than a label, a label more than a keyword, and a keyword more
    /// than a description. Descriptions are long enough to contain almost any letters, so they have to contain the
    /// whole word.
    fn score(&mut self, head: &'a Head, matcher: &mut Matcher) -> Option<f64> {
        let mut best = self.of(&head.name, matcher).map(|score| score * 4.0);
        let mut take = |weight: f64, score: Option<f64>| {
            best = [best, score.map(|score| score * weight)].into_iter().flatten().reduce(f64::max);
        };
        take(3.0, self.of(&head.label, matcher));
        for keyword in &head.keywords {
            take(2.0, self.of_shared(keyword, matcher));
        }
        take(2.0, head.category.as_ref().and_then(|category| self.of_shared(category, matcher)));
        let found = score(&self.whole, &head.description, matcher);
        take(1.0, found.map(|found| (found / self.best).min(1.0)));
        best
    }

    /// Returns the score of a text that other connectors share, from the cache if possible.
    fn of_shared(&mut self, text: &'a str, matcher: &mut Matcher) -> Option<f64> {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let found = self.of(text, matcher);
        self.known.insert(text, found);
        found
    }

    /// Returns the score of a short text: 1 if it contains the word, 2 if it equals the word, less for a fuzzy match.
    fn of(&self, text: &str, matcher: &mut Matcher) -> Option<f64> {
        if text.eq_ignore_ascii_case(&self.text) {
            return Some(2.0);
        }
        let found = score(&self.pieces, text, matcher).map(|found| found / self.best).filter(|found| *found >= PIECES);
        found.or_else(|| self.nearly(text))
    }

    /// Returns the score of a text that this word may be a misspelling of.
    fn nearly(&self, text: &str) -> Option<f64> {
        let (own, other) = (self.text.chars().count(), text.chars().count());
        // The difference in length limits the similarity, so most texts are ruled out without being compared.
        #[expect(clippy::cast_precision_loss, reason = "lengths of words")]
        let nearest = own.min(other) as f64 / own.max(other).max(1) as f64;
        if nearest < NEAR {
            return None;
        }
        let near = strsim::normalized_damerau_levenshtein(&self.text, &text.to_lowercase());
        (near >= NEAR).then_some(near / 2.0)
    }
}

fn score(atom: &Atom, text: &str, matcher: &mut Matcher) -> Option<f64> {
    let mut buffer = Vec::new();
    atom.score(Utf32Str::new(text, &mut buffer), matcher).map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Role;

    fn head(name: &str, label: &str, keywords: &[&str], description: &str) -> Head {
        Head {
            name: name.into(),
            role: Role::Extractor,
            label: label.into(),
            description: description.into(),
            category: Some("Databases".into()),
            keywords: keywords.iter().map(ToString::to_string).collect(),
            docs: None,
            logo: None,
        }
    }

    fn found(words: &[&str]) -> Vec<String> {
        let heads = [
            head("mysql", "MySQL", &["sql"], "Tables of a MySQL server; not PostgreSQL"),
            head("postgres", "PostgreSQL", &["sql", "database"], "Tables"),
            head("rest-api", "REST APIs", &["http"], "Any API that speaks JSON"),
            head("salesforce", "Salesforce", &["crm"], "Objects of Salesforce"),
        ];
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        search(heads.iter().map(|head| (head, head.name.clone())), &words)
    }

    #[test]
    fn the_name_says_more_than_the_description() {
        assert_eq!(found(&["postgres"]), ["postgres", "mysql"]);
        assert_eq!(found(&["POSTGRESQL"]), ["postgres", "mysql"]);
    }

    #[test]
    fn words_are_found_in_pieces_and_when_misspelled() {
        assert_eq!(found(&["salesfroce"]), ["salesforce"]);
        assert_eq!(found(&["pstgres"]), ["postgres"]);
        assert_eq!(found(&["restapi"]), ["rest-api"]);
        assert_eq!(found(&["crm"]), ["salesforce"]);
    }

    #[test]
    fn every_word_has_to_match() {
        assert_eq!(found(&["json", "http"]), ["rest-api"]);
        assert_eq!(found(&["json http"]), ["rest-api"]);
        assert_eq!(found(&["json", "crm"]), Vec::<String>::new());
        assert_eq!(found(&["databases"]).len(), 4);
    }

    #[test]
    fn a_match_in_the_name_comes_before_one_in_the_description() {
        let heads = [
            head("stripe", "A", &[], ""),
            head("b", "Stripe", &[], ""),
            head("c", "C", &["stripe"], ""),
            head("d", "Stripe API", &[], ""),
            head("e", "E", &["stripe api"], ""),
            head("strype", "F", &[], ""),
            head("g", "Strype", &[], ""),
            head("h", "H", &[], "Reads Stripe"),
            head("i", "I", &[], "Reads pinstripes"),
        ];
        let wanted: Vec<&str> = heads.iter().map(|head| head.name.as_str()).collect();
        let backwards = heads.iter().rev().map(|head| (head, head.name.as_str()));
        assert_eq!(search(backwards, &["stripe".to_owned()]), wanted);
    }
}
