//! A part of a rendered text: its lines with the comments above it, written for a template.

use serde_json::Value;

use crate::import::inventory::KEYS;
use crate::import::template::escaped;
use crate::plan::hand_edit::{Part, PartKind};
use crate::render::MARKER;
use crate::yaml::edit::{column, dash, line_end, line_start, shifted};
use crate::yaml::write::{self, ValuePosition};
use crate::yaml::{Content, Document, Node, Pair, Style, ValueReader};

/// A part of a text.
pub struct Taken<'a> {
    pub document: &'a Document<'a>,
    pub part: &'a Part,
}

impl Taken<'_> {
    /// Returns a list item at a column, with the comments above it.
    pub fn item(&self, width: usize) -> Option<String> {
        let (list, item) = self.found_item()?;
        let head = self.comments_above(line_start(self.document.text, item.span.start), width);
        Some(escaped(&(head + &self.lines(list, item, width))))
    }

    /// Tells whether the part is an environment that does not configure plugins yet, so that integrations can.
    pub fn is_bare_environment(&self) -> bool {
        let Some((list, item)) = self.found_item().filter(|_| self.part.kind == PartKind::Environment) else {
            return false;
        };
        let is_block = [list, item].iter().all(|node| node.style() == Some(Style::Block)) && !refers(item);
        is_block && item.get("config").is_none()
    }

    /// Returns only the lines of a list item, at a column.
    pub fn bare_item(&self, width: usize) -> Option<String> {
        let (list, item) = self.found_item()?;
        Some(escaped(&self.lines(list, item, width)))
    }

    /// Returns a key with its value at a column, with the comments above it.
    pub fn pair(&self, width: usize) -> Option<String> {
        let pair = super::pair_of(self.part, &self.document.root)?;
        let head = self.comments_above(line_start(self.document.text, pair.key.span.start), width);
        Some(escaped(&(head + &self.pair_lines(pair, width))))
    }

    /// Returns the keys of an item that differ from the template's, except for those of integrations, with their new
    /// lines; `None` for a key that was removed.
    pub fn changes(&self, template: &Document<'_>, own: &Node, width: usize) -> Vec<(String, Option<String>)> {
        let Some((_, item)) = self.found_item() else { return Vec::new() };
        let is_own = |key: &str| key != "annotations" && !KEYS.contains(&key);
        let keys = own.pairs().iter().chain(item.pairs()).filter_map(|pair| pair.key.text());
        let mut keys: Vec<&str> = keys.filter(|key| is_own(key)).collect();
        // Sorted by position in the template, so that they can be changed from the end.
        keys.sort_by_key(|key| own.pair(key).map_or(0, |pair| pair.key.span.start));
        keys.dedup();
        let lines = |key: &str| item.pair(key).map(|pair| escaped(&self.pair_lines(pair, width)));
        let is_same = |key: &str| {
            let own = own.get(key).map(|node| ValueReader::of(template).value(node, &mut Vec::new()));
            own.is_some() && own == item.get(key).map(|node| self.value(node))
        };
        keys.into_iter().filter(|key| !is_same(key)).map(|key| (key.to_owned(), lines(key))).collect()
    }

    fn value(&self, node: &Node) -> Value {
        ValueReader::of(self.document).value(node, &mut Vec::new())
    }

    fn found_item(&self) -> Option<(&Node, &Node)> {
        let root = &self.document.root;
        let Part { environment, kind, name } = self.part;
        let list = match (environment, kind) {
            (None, PartKind::Plugin(list)) => root.at(&["plugins", list]),
            (Some(environment), PartKind::Plugin(list)) => {
                super::named(root.get("environments"), environment)?.at(&["config", "plugins", list])
            }
            (_, PartKind::Environment) => root.get("environments"),
            (_, PartKind::Job) => root.get("jobs"),
            (_, PartKind::Schedule) => root.get("schedules"),
            (_, PartKind::Setting) => None,
        }?;
        Some((list, super::named(Some(list), name)?))
    }

    /// Returns the comments on separate lines above a line.
    fn comments_above(&self, mut start: usize, width: usize) -> String {
        let text = self.document.text;
        let mut comments = Vec::new();
        while start > 0 {
            let above = line_start(text, start - 1);
            let line = text[above..start].trim();
            if !line.starts_with('#') || line == MARKER {
                break;
            }
            comments.push(format!("{:width$}{line}\n", ""));
            start = above;
        }
        comments.into_iter().rev().collect()
    }

    fn lines(&self, list: &Node, item: &Node, width: usize) -> String {
        let text = self.document.text;
        if list.style() != Some(Style::Block) || refers(item) {
            return format!("{:width$}- {}", "", self.flow(item));
        }
        let from = dash(text, item.span.start);
        let lines = &text[line_start(text, item.span.start)..line_end(text, item.span.end)];
        format!("{:width$}{}", "", shifted(lines.trim_start_matches(' '), from, width))
    }

    fn pair_lines(&self, pair: &Pair, width: usize) -> String {
        let text = self.document.text;
        let start = pair.key.span.start;
        if !text[line_start(text, start)..start].trim_start_matches([' ', '-']).is_empty() || refers(&pair.value) {
            return format!("{:width$}{}: {}", "", pair.key.text().unwrap_or_default(), self.flow(&pair.value));
        }
        let lines = &text[start..line_end(text, pair.span().end)];
        format!("{:width$}{}", "", shifted(lines, column(text, start), width))
    }

    fn flow(&self, node: &Node) -> String {
        let mut written = String::new();
        write::value(&mut written, &self.value(node), ValuePosition::Flow);
        written
    }
}

/// Tells whether a node contains aliases, merge keys or anchors.
fn refers(node: &Node) -> bool {
    let mut refers = false;
    node.visit(&mut |node| {
        let is_merge = node.pairs().iter().any(|pair| pair.key.is_merge());
        refers |= is_merge || node.anchor.is_some() || matches!(node.content, Content::Alias(_));
    });
    refers
}
