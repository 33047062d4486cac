//! Merges the files of `include_paths` into one text, as Meltano merges their values: tables by key, lists one after
//! the other, and otherwise the later value wins (`deep_merge` of Meltano 4.4).

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ImportMistake, anchors, layout};
use crate::source::Source;
use crate::yaml::edit::{column, dash, line_end, line_start, shifted};
use crate::yaml::{self, Content, Document, Edits, Node, Pair, Style, ValueReader, comments, opened};

/// The file that could not be merged, and why.
pub type IncludeRefusal = (Source, ImportMistake);

/// Returns the text of a file in a plain layout, without `include_paths`, with the other files merged into it.
///
/// # Errors
/// With the first file that cannot be parsed or merged.
pub fn merged(main: &Source, included: &[Source]) -> Result<String, IncludeRefusal> {
    let of = |source: &Source| {
        let source = source.clone();
        move |mistake| (source, mistake)
    };
    let unread = |source| move |mistake: yaml::YamlMistake| of(source)(mistake.into());
    let mut text = without_paths(&layout::plain(main.text()).map_err(unread(main))?).map_err(of(main))?;
    for source in included {
        text = opened(&text, &lists_and_tables).map_err(unread(main))?;
        let theirs = layout::plain(source.text()).map_err(unread(source))?;
        let theirs = anchors::apart(&theirs, &text).map_err(unread(source))?;
        let theirs = opened(&theirs, &lists_and_tables).map_err(unread(source))?;
        let (ours, other) =
            (Document::parse(&text).map_err(unread(main))?, Document::parse(&theirs).map_err(unread(source))?);
        let mut merge = Merge { ours: &ours, theirs: &other, edits: Edits::default() };
        merge.tables(&ours.root, &other.root).map_err(of(source))?;
        let wanted = deep_merge(value(&ours), value(&other));
        let merged = merge.edits.apply(&text, &str::to_owned);
        if Document::parse(&merged).map(|merged| value(&merged)).ok() != Some(wanted) {
            return Err(of(source)(ImportMistake::IncludeDiffers { span: (0..0).into() }));
        }
        text = merged;
    }
    Ok(text)
}

fn value(document: &Document<'_>) -> Value {
    ValueReader::of(document).value(&document.root, &mut Vec::new())
}

fn deep_merge(ours: Value, theirs: Value) -> Value {
    match (ours, theirs) {
        (Value::Object(mut ours), Value::Object(theirs)) => {
            for (key, value) in theirs {
                let merged = match ours.get_mut(&key) {
                    Some(own) => deep_merge(own.take(), value),
                    None => value,
                };
                ours.insert(key, merged);
            }
            Value::Object(ours)
        }
        (Value::Array(ours), Value::Array(theirs)) => Value::Array([ours, theirs].concat()),
        (_, theirs) => theirs,
    }
}

fn without_paths(text: &str) -> Result<String, ImportMistake> {
    let document = Document::parse(text)?;
    let Some(pair) = document.root.pair("include_paths") else { return Ok(text.to_owned()) };
    let mut edits = Edits::default();
    if document.root.style() == Some(Style::Flow) {
        let text = opened(text, &|root: &Node| vec![root])?;
        return without_paths(&text);
    }
    let end = line_end(text, pair.span().end);
    edits.remove(line_start(text, pair.key.span.start)..(end + 1).min(text.len()));
    Ok(edits.apply(text, &str::to_owned))
}

/// Returns the nodes that may get members of another file: those on the top two levels.
fn lists_and_tables(root: &Node) -> Vec<&Node> {
    let mut found = vec![root];
    for pair in root.pairs() {
        found.push(&pair.value);
        found.extend(pair.value.pairs().iter().map(|pair| &pair.value));
    }
    found.sort_by_key(|node| node.span.start);
    found
}

struct Merge<'a> {
    ours: &'a Document<'a>,
    theirs: &'a Document<'a>,
    edits: Edits,
}

impl Merge<'_> {
    fn tables(&mut self, ours: &Node, theirs: &Node) -> Result<(), ImportMistake> {
        let own = |pair: &Pair| ours.pair(pair.key.text().unwrap_or_default());
        for pair in theirs.pairs() {
            if let Some(own) = own(pair) {
                self.merge(own, pair)?;
            }
        }
        let shared: Vec<&Pair> = theirs.pairs().iter().filter(|pair| own(pair).is_some()).collect();
        let top: &Node = &self.ours.root;
        let is_top = std::ptr::eq(ours, top);
        let has_first = is_top && theirs.pairs().iter().any(|pair| own(pair).is_none() && serves(pair, &shared));
        // New keys follow what was added to our last key: their lines end where these start. But an anchor has to stay
        // above its aliases, which may be in our keys now.
        let (mut before, mut first) = (theirs.span.start, String::new());
        for pair in theirs.pairs() {
            if own(pair).is_none() {
                match ours.pairs().first().filter(|_| has_first && has_anchor(pair)) {
                    Some(ours) => {
                        let to = column(self.ours.text, ours.key.span.start);
                        let (lines, from) = self.pair_lines(pair, before);
                        first.extend([&moved(&lines, from, to), "\n"]);
                    }
                    None => self.add_pair(ours, pair, before),
                }
            }
            before = pair.span().end;
        }
        if let Some(ours) = ours.pairs().first().filter(|_| !first.is_empty()) {
            self.edits.insert(line_start(self.ours.text, ours.key.span.start), first);
        }
        Ok(())
    }

    fn merge(&mut self, own: &Pair, pair: &Pair) -> Result<(), ImportMistake> {
        match (&own.value.content, &pair.value.content) {
            (Content::Mapping(Style::Block, _), Content::Mapping(Style::Block, _)) => {
                self.tables(&own.value, &pair.value)
            }
            (Content::Sequence(..), Content::Sequence(_, items)) if items.is_empty() => Ok(()),
            (Content::Mapping(..), Content::Mapping(_, pairs)) if pairs.is_empty() => Ok(()),
            (Content::Sequence(Style::Block, items), Content::Sequence(Style::Block, theirs)) => {
                if let Some((last, first)) = items.last().zip(theirs.first()) {
                    let (from, to) = (dash(self.theirs.text, first.span.start), dash(self.ours.text, last.span.start));
                    self.add(last.span.end, &self.lines(pair), from, to);
                }
                Ok(())
            }
            (Content::Sequence(_, items), Content::Sequence(Style::Block, _)) if items.is_empty() => {
                self.replace(own, pair);
                Ok(())
            }
            (Content::Mapping(_, pairs), Content::Mapping(Style::Block, _)) if pairs.is_empty() => {
                self.replace(own, pair);
                Ok(())
            }
            (Content::Scalar { .. }, Content::Scalar { .. }) => {
                let text = self.theirs.text[pair.value.span.clone()].to_owned();
                if text.contains('\n') || self.ours.text[own.value.span.clone()].contains('\n') {
                    return Err(refused(pair));
                }
                self.edits.replace(own.value.span.clone(), text);
                Ok(())
            }
            _ => Err(refused(pair)),
        }
    }

    /// Replaces an empty list or table with the lines of another.
    fn replace(&mut self, own: &Pair, pair: &Pair) {
        let lines = self.lines(pair);
        let (from, to) = (column(self.theirs.text, pair.key.span.start), column(self.ours.text, own.key.span.start));
        // Leaves no blank after the colon.
        let start = self.ours.text[..own.value.span.start].trim_end_matches(' ').len();
        self.edits.replace(start..own.value.span.end, format!("\n{}", moved(&lines, from, to)));
    }

    /// Adds a pair, with the comments before it, after the last pair of a table.
    fn add_pair(&mut self, ours: &Node, pair: &Pair, lead: usize) {
        let (lines, from) = self.pair_lines(pair, lead);
        match ours.pairs().last() {
            Some(last) => {
                let to = column(self.ours.text, last.key.span.start);
                self.add(last.span().end, &lines, from, to);
            }
            None => self.edits.insert(self.ours.text.len(), format!("{}\n", moved(&lines, from, 0))),
        }
    }

    /// Returns the lines of a pair, with the comments before it, and their column.
    fn pair_lines(&self, pair: &Pair, lead: usize) -> (String, usize) {
        let start = self.lead(lead, pair.key.span.start);
        let lines = self.theirs.text[start..line_end(self.theirs.text, pair.span().end)].to_owned();
        (lines, column(self.theirs.text, pair.key.span.start))
    }

    fn add(&mut self, after: usize, lines: &str, from: usize, to: usize) {
        let end = line_end(self.ours.text, after);
        self.edits.insert(end, format!("\n{}", moved(lines, from, to)));
    }

    /// Returns the lines below a key.
    fn lines(&self, pair: &Pair) -> String {
        let text = self.theirs.text;
        let start = (line_end(text, pair.key.span.end) + 1).min(text.len());
        text[start..line_end(text, pair.value.span.end)].to_owned()
    }

    /// Returns where the comment lines before a key start.
    fn lead(&self, from: usize, to: usize) -> usize {
        let text = self.theirs.text;
        let first = comments(text, line_end(text, from)..to, &self.theirs.root).first().map(|(at, _)| *at);
        line_start(text, first.unwrap_or(to))
    }
}

fn moved(lines: &str, from: usize, to: usize) -> String {
    // Shifts the first line too: a line break before it makes it a later one.
    shifted(&format!("\n{lines}"), from, to)[1..].to_owned()
}

fn has_anchor(pair: &Pair) -> bool {
    !anchors_in(pair).is_empty()
}

fn anchors_in(pair: &Pair) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    pair.value.visit(&mut |node| found.extend(node.anchor));
    found
}

/// Tells whether other pairs refer to an anchor of a pair.
fn serves(pair: &Pair, others: &[&Pair]) -> bool {
    let anchors = anchors_in(pair);
    let mut is_used = false;
    for other in others {
        other.value.visit(&mut |node| {
            is_used |= matches!(node.content, Content::Alias(anchor) if anchors.contains(&anchor));
        });
    }
    is_used
}

fn refused(pair: &Pair) -> ImportMistake {
    ImportMistake::Include { key: pair.key.text().unwrap_or_default().to_owned(), span: pair.key.span.clone().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(main: &str, included: &[&str]) -> Result<String, String> {
        let included: Vec<_> = included.iter().map(|text| Source::new("included.yml", *text)).collect();
        merged(&Source::new("meltano.yml", main), &included).map_err(|(_, mistake)| mistake.to_string())
    }

    #[test]
    fn files_are_merged_as_meltano_does_and_keep_their_comments() {
        let main = "include_paths: [x]\nplugins:\n  extractors:\n  # one\n  - name: a\n\nenv: {A: 1}\n";
        let other = "plugins:\n    extractors:\n        # two\n        - name: b\n          x: |\n            y\n    loaders: [{name: c}]\nenv:\n  B: 2\n  A: 3\n# three\njobs: []\n";
        let wanted = "plugins:\n  extractors:\n  # one\n  - name: a\n  # two\n  - name: b\n    x: |\n      y\n  loaders:\n    - {name: c}\n\nenv:\n  A: 3\n  B: 2\n# three\njobs: []\n";
        assert_eq!(all(main, &[other]).unwrap(), wanted);
    }

    #[test]
    fn anchors_with_the_same_name_in_two_files_stay_separate() {
        let main = "a: &x {v: 1}\nplugins: {extractors: [{name: p}]}\nb: *x\n";
        let other = "plugins: {extractors: [{name: q, c: &x {v: 2}, d: *x}]}\n";
        let merged = all(main, &[other, "c: &x 3\nd: [*x]\n"]).unwrap();
        assert_eq!(
            merged,
            "a: &x\n  v: 1\nplugins:\n  extractors:\n    - {name: p}\n    - {name: q, c: &x-2 {v: 2}, d: *x-2}\nb: *x\nc: &x-3 3\nd:\n  - *x-3\n"
        );
    }

    #[test]
    fn anchors_stay_above_their_aliases() {
        let main = "# ours\nplugins:\n  extractors:\n  - name: a\n";
        let other = "x: &x {v: 1}\nenv: {A: 1}\nplugins:\n  loaders:\n  - {name: b, config: *x}\n";
        let wanted = "# ours\nx: &x\n  v: 1\nplugins:\n  extractors:\n  - name: a\n  loaders:\n  - {name: b, config: *x}\nenv:\n  A: 1\n";
        assert_eq!(all(main, &[other]).unwrap(), wanted);
    }

    #[test]
    fn keys_are_merged_in_any_order() {
        let main = "plugins:\n  extractors:\n  - name: a\n";
        let other =
            "schedules:\n- name: s\nplugins:\n  mappers:\n  - name: m\n  extractors:\n  - name: b\nenv: {A: 1}\n";
        let wanted = "plugins:\n  extractors:\n  - name: a\n  - name: b\n  mappers:\n  - name: m\nschedules:\n- name: s\nenv:\n  A: 1\n";
        assert_eq!(all(main, &[other]).unwrap(), wanted);
    }

    #[test]
    fn a_list_in_place_of_a_text_is_refused() {
        assert!(all("env: {A: [1]}\n", &["env: {A: 1}\n"]).is_err());
    }

    #[test]
    fn empty_values_are_replaced_and_replace_nothing() {
        let full = "plugins:\n  extractors:\n  - name: b\nenv:\n  A: 1\n";
        assert_eq!(all("plugins:\n  extractors: []\nenv: {}\n", &[full]).unwrap(), full);
        assert_eq!(all(full, &["plugins:\n  extractors: []\nenv: {}\n"]).unwrap(), full);
        assert_eq!(all("jobs: []\n", &["jobs: []\n"]).unwrap(), "jobs: []\n");
    }

    #[test]
    fn values_that_cannot_be_merged_line_by_line_are_refused() {
        for (main, other) in [("a: x\n", "a: |\n  y\n"), ("a: |\n  y\n", "a: x\n"), ("a: x\n", "a:\n- x\n")] {
            assert!(all(main, &[other]).is_err(), "{main}{other}");
        }
        assert_eq!(all("a: x\n", &["a: y\n"]).unwrap(), "a: y\n");
    }
}
