//! Splits a file into its tables and their entries, each with the comments above it.

use std::collections::BTreeMap;
use std::ops::Range;

use toml_edit::{Item, Table, TomlError};

/// The tables that only spile and sops write.
const SEALED: [&str; 2] = ["secrets", "sops"];

/// One table of a file, or its top-level keys.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// Its name; empty for the top-level keys.
    pub(super) name: String,
    /// The comments above its header.
    comments: Vec<String>,
    /// The header `[name]`, and what follows on its line.
    head: Option<String>,
    entries: Vec<SectionEntry>,
    /// The lines after the last entry.
    tail: Vec<String>,
    /// The lines of an encrypted table, which are not parsed but written as they are.
    sealed: Vec<String>,
}

/// A key and its value, with the comments above it.
#[derive(Debug)]
struct SectionEntry {
    key: String,
    is_apart: bool,
    comments: Vec<String>,
    lines: Vec<String>,
}

impl Section {
    /// Returns the table at the top that it is, or is within; nothing for the keys at the top.
    pub(super) fn table(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }

    /// Sorts the entries by a list of keys; what is not in it stays in its order, behind.
    pub(super) fn sort(&mut self, keys: &[&str]) {
        let place = |entry: &SectionEntry| {
            let is_it = |key: &&str| {
                *key == entry.key || entry.key.strip_prefix(*key).is_some_and(|rest| rest.starts_with('.'))
            };
            keys.iter().position(is_it).unwrap_or(keys.len())
        };
        self.entries.sort_by_key(place);
    }

    /// Returns its text; empty if it has no content.
    pub(super) fn text(&self) -> String {
        let mut lines: Vec<&str> = self.comments.iter().chain(&self.head).map(String::as_str).collect();
        for (place, entry) in self.entries.iter().enumerate() {
            if entry.is_apart && place > 0 {
                lines.push("");
            }
            lines.extend(entry.comments.iter().chain(&entry.lines).map(String::as_str));
        }
        lines.extend(self.sealed.iter().chain(&self.tail).map(String::as_str));
        if lines.is_empty() { String::new() } else { lines.join("\n") + "\n" }
    }
}

/// Splits a file into sections. Comments at the very top, up to a blank line or a key, stay there.
pub(super) fn sections(text: &str) -> Result<(Vec<String>, Vec<Section>), TomlError> {
    // Some editors start a file with a byte order mark, which would move with the first key into the middle of the
    // file.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = crate::table::layout(text)?;
    let mut values = Vec::new();
    spans(document.as_table(), "", &mut values);
    let lines = Lines::of(text);
    // By the line that they start on, which is the line of their key.
    let starts: BTreeMap<usize, &WrittenValue> =
        values.iter().map(|written| (lines.number(written.value.start), written)).collect();
    let mut found = vec![Section::default()];
    let mut head = Vec::new();
    let mut above: Vec<String> = Vec::new();
    let mut number = 0;
    while number < lines.0.len() {
        let line = lines.text(text, number);
        let Some(section) = found.last_mut() else { break };
        if let Some(written) = starts.get(&number) {
            let last = lines.number(written.value.end);
            let within = lines.0[number]..lines.line_ends(last);
            if SEALED.contains(&section.table()) {
                section.sealed.append(&mut above);
                section.sealed.push(text[within].to_owned());
            } else {
                section.take(&mut above, written, &text[within.clone()], within.start);
            }
            number = last + 1;
            continue;
        }
        if is_head(line) {
            let (tail, comments) = parted(std::mem::take(&mut above));
            section.close(tail);
            let name = line.trim().trim_start_matches('[').split(']').next().unwrap_or_default().trim().to_owned();
            let written = Some(line.trim().to_owned());
            found.push(Section { name, comments, head: written, ..Section::default() });
        } else {
            let is_top = found.len() == 1 && found[0].entries.is_empty() && head.is_empty();
            let ends_head = is_top && line.trim().is_empty();
            // A blank line above everything separates nothing.
            if !ends_head || !above.is_empty() {
                above.push(line.trim_end().to_owned());
            }
            if ends_head {
                head = std::mem::take(&mut above);
            }
        }
        number += 1;
    }
    if let Some(section) = found.last_mut() {
        section.close(above);
    }
    // A comment at the very top is about the file, even if a key follows immediately.
    if head.is_empty()
        && let Some(first) = found.first_mut().and_then(|section| section.entries.first_mut())
    {
        head = std::mem::take(&mut first.comments);
    }
    Ok((head, found))
}

impl Section {
    /// Takes a key and its value as written, with single blanks around the `=`.
    fn take(&mut self, above: &mut Vec<String>, written: &WrittenValue, text: &str, start: usize) {
        let mut comments = std::mem::take(above);
        let is_apart = !self.entries.is_empty() && comments.iter().any(String::is_empty);
        comments.retain(|line| !line.is_empty());
        let (from, to) = (written.value.start - start, written.value.end - start);
        let key = text[..from].trim_end().trim_end_matches('=').trim();
        let lines = format!("{key} = {}{}", &text[from..to], text[to..].trim_end());
        let lines = lines.split('\n').map(str::to_owned).collect();
        self.entries.push(SectionEntry { key: written.name.clone(), is_apart, comments, lines });
    }

    /// Takes the lines after its last entry, without leading and trailing blank lines.
    fn close(&mut self, mut lines: Vec<String>) {
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        let is_empty = self.entries.is_empty() && self.sealed.is_empty();
        if is_empty {
            while lines.first().is_some_and(String::is_empty) {
                lines.remove(0);
            }
        }
        lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
        self.tail = lines;
    }
}

fn is_head(line: &str) -> bool {
    line.trim_start().starts_with('[')
}

/// Splits the lines above a header: those before the last blank line belong to the previous table.
fn parted(mut lines: Vec<String>) -> (Vec<String>, Vec<String>) {
    if lines.last().is_some_and(String::is_empty) {
        return (lines, Vec::new());
    }
    let at = lines.iter().rposition(String::is_empty).map_or(0, |blank| blank + 1);
    let own = lines.split_off(at);
    (lines, own)
}

/// A value and its position.
#[derive(Debug)]
struct WrittenValue {
    name: String,
    value: Range<usize>,
}

/// Finds the values of a table and its nested tables, with their names relative to their table.
fn spans(table: &Table, path: &str, found: &mut Vec<WrittenValue>) {
    for (name, item) in table {
        let name = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match item {
            Item::Table(inner) => spans(inner, if inner.is_dotted() { &name } else { "" }, found),
            Item::ArrayOfTables(tables) => tables.iter().for_each(|inner| spans(inner, "", found)),
            Item::Value(value) => found.extend(value.span().map(|value| WrittenValue { name, value })),
            Item::None => {}
        }
    }
}

/// The positions at which the lines of a text start.
struct Lines(Vec<usize>, usize);

impl Lines {
    fn of(text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        let end = text.strip_suffix('\n').unwrap_or(text).len();
        Self(starts.filter(|start| *start < text.len()).collect(), end)
    }

    /// Returns the line that contains a byte.
    fn number(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    /// Returns the end of a line, without its line break.
    fn line_ends(&self, number: usize) -> usize {
        self.0.get(number + 1).map_or(self.1, |next| next - 1)
    }

    fn text<'a>(&self, text: &'a str, number: usize) -> &'a str {
        text[self.0[number]..self.line_ends(number)].trim_end_matches('\n')
    }
}
