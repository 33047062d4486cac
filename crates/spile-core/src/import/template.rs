//! The project's own template: the text of the file, with spile's parts replaced by calls. Every other byte stays where
//! it is, including comments.

mod environments;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::adopted::Adopted;
use super::copies::Struck;
use super::inventory::{Inventory, ROLES, managed};
use super::plugin_key::PluginKey;
use crate::connector::Role;
use crate::yaml::edit::{column, dash, line_end, line_start};
use crate::yaml::{Content, Document, Edits, Node, Pair, Style};

/// The start of the template.
const HEAD: &str = "{#- The frame of meltano.yml: all that spile does not manage is yours, edit it here. See docs/templates.md. -#}\n\
                    {%- import \"spile\" as spile -%}\n{{ marker|safe }}\n";

/// Returns the template.
#[must_use]
pub fn template(document: &Document<'_>, found: &Inventory<'_>, adopted: &[Adopted], struck: &Struck) -> String {
    let (mut edits, _) = surgery(document, found, adopted);
    for (span, text) in &struck.spans {
        edits.replace(span.clone(), text.as_str());
    }
    let text = edits.apply(document.text, &escaped);
    format!("{HEAD}{}", text.trim_start_matches('\n'))
}

/// Returns the parts of a document that become files and are removed from the template.
#[must_use]
pub fn removed(document: &Document<'_>, found: &Inventory<'_>, adopted: &[Adopted]) -> Vec<std::ops::Range<usize>> {
    surgery(document, found, adopted).0.removed()
}

/// Returns the plugins whose parts contain anchors that the rest of the file refers to, so that they cannot be moved
/// out.
#[must_use]
pub fn severed(document: &Document<'_>, found: &Inventory<'_>, adopted: &[Adopted]) -> BTreeSet<PluginKey> {
    let (edits, owners) = surgery(document, found, adopted);
    let removed = edits.removed();
    let inside = |at: usize| {
        let next = removed.partition_point(|span| span.start <= at);
        next.checked_sub(1).is_some_and(|index| removed[index].end > at)
    };
    let anchors = document.severed(&inside);
    let mut severed = BTreeSet::new();
    document.root.visit(&mut |node| {
        if node.anchor.is_some_and(|anchor| anchors.contains(&anchor)) {
            let own = owners.iter().filter(|(span, _)| span.contains(&node.span.start));
            severed.extend(own.map(|(_, key)| key.clone()));
        }
    });
    severed
}

/// The removed parts of the text, with the plugins that they belong to.
type Owners = Vec<(std::ops::Range<usize>, PluginKey)>;

fn surgery(document: &Document<'_>, found: &Inventory<'_>, adopted: &[Adopted]) -> (Edits, Owners) {
    let mut surgery = Surgery {
        text: document.text,
        root: &document.root,
        adopted: adopted.iter().map(|one| (one.key.clone(), one)).collect(),
        edits: Edits::default(),
        owners: Vec::new(),
        tail: String::new(),
    };
    surgery.plugins(found);
    surgery.environments(found);
    surgery.list("jobs", "jobs");
    surgery.list("schedules", "schedules");
    let end = document.text.trim_end().len();
    surgery.edits.insert(end, std::mem::take(&mut surgery.tail));
    (surgery.edits, surgery.owners)
}

struct Surgery<'a> {
    text: &'a str,
    root: &'a Node,
    adopted: BTreeMap<PluginKey, &'a Adopted>,
    edits: Edits,
    owners: Owners,
    /// The text that is added at the end.
    tail: String,
}

impl Surgery<'_> {
    fn plugins(&mut self, found: &Inventory<'_>) {
        if self.root.pair("plugins").is_some_and(is_alias) {
            return;
        }
        let Some(pair) = self.root.pair("plugins").filter(|pair| !pair.value.is_empty()) else {
            if let Some(pair) = self.root.pair("plugins") {
                self.remove_pair(self.root, pair);
            }
            self.tail.push_str("\n{{- spile.all_plugins(made) }}");
            return;
        };
        let width = column(self.text, pair.value.span.start);
        for role in ROLES {
            let list = role.plural();
            match pair.value.pair(list) {
                Some(pair_of_list) if !pair_of_list.value.items().is_empty() => {
                    self.plugin_list(found, role, pair_of_list);
                }
                Some(pair) if is_alias(pair) => {}
                other => {
                    if let Some(empty) = other {
                        self.remove_pair(&pair.value, empty);
                    }
                    let end = self.line_of_key(pair);
                    self.edits.insert(end, format!("\n{{{{- spile.plugin_list(made, \"{list}\", {width}) }}}}"));
                }
            }
        }
    }

    fn plugin_list(&mut self, found: &Inventory<'_>, role: Role, pair: &Pair) {
        let list = role.plural();
        let own = |item: &Node| {
            let plugin = found.plugins.iter().find(|plugin| std::ptr::eq(plugin.item, item));
            plugin.filter(|plugin| !plugin.is_shadowed).and_then(|plugin| self.adopted.get(&plugin.key).copied())
        };
        let items: Vec<_> = pair.value.items().iter().map(|item| (item, own(item))).collect();
        if items.iter().all(|(_, own)| own.is_some()) {
            self.edits.insert(self.colon(pair), format!("{{{{ spile.none(imported.{list}, made.{list}) }}}}"));
        }
        let mut before = self.line_of_key(pair);
        let mut width = 0;
        for (item, own) in items {
            width = self.dash(item);
            let end = line_end(self.text, item.span.end);
            if let Some(one) = own {
                let name = quoted(&one.key.name);
                self.edits.insert(before, format!("\n{{%- if imported.{list}[{name}] is defined %}}"));
                self.item(one, item);
                self.edits.insert(end, "\n{%- endif %}");
            } else {
                self.unmark(item);
            }
            before = end;
        }
        self.edits.insert(before, format!("\n{{{{- spile.plugins(made.{list}, {width}) }}}}"));
    }

    /// Removes the annotations of an earlier spile from a plugin that stays as it is.
    fn unmark(&mut self, item: &Node) {
        let Some(annotations) = item.pair("annotations") else { return };
        match (annotations.value.pair("spile"), annotations.value.pairs().len()) {
            (Some(_), 1) => self.remove_pair(item, annotations),
            (Some(mark), _) => self.remove_pair(&annotations.value, mark),
            (None, _) => {}
        }
    }

    /// Removes the parts from a plugin's item, and inserts the call for them after its name.
    fn item(&mut self, one: &Adopted, item: &Node) {
        let plugin = format!("imported.{}[{}]", one.key.role.plural(), quoted(&one.key.name));
        let width = self.column(item);
        let annotations = item.pair("annotations").filter(|pair| !pair.value.pairs().is_empty());
        if let Some(pair) = annotations {
            if let Some(mark) = pair.value.pair("spile") {
                self.remove_pair(&pair.value, mark);
            }
            let inner = column(self.text, pair.value.pairs()[0].key.span.start);
            let end = self.line_of_key(pair);
            self.edits.insert(end, format!("\n{{{{- spile.mark({plugin}, {inner}) }}}}"));
        } else if let Some(pair) = item.pair("annotations") {
            self.remove_pair(item, pair);
        }
        let call = if annotations.is_some() { "config" } else { "setup" };
        if let Some(name) = item.pair("name") {
            let end = line_end(self.text, name.value.span.end);
            self.edits.insert(end, format!("\n{{{{- spile.{call}({plugin}, {width}) }}}}"));
            self.declare(one, item, end);
        }
        for pair in managed(item) {
            self.owners.push((pair.span(), one.key.clone()));
            self.remove_pair(item, pair);
        }
    }

    /// Declares the settings whose keys have no value, because integration files cannot express that.
    fn declare(&mut self, one: &Adopted, item: &Node, after_name: usize) {
        let names = || one.declared.iter().map(|name| escaped(&quoted(name)));
        let lines = |dash: usize| {
            let lines: Vec<String> = names().map(|name| format!("\n{:dash$}- name: {name}", "")).collect();
            lines.concat()
        };
        let end = item.get("settings").and_then(|list| list.items().last());
        match item.get("settings").map(|list| (list, &list.content)) {
            _ if one.declared.is_empty() => {}
            None => {
                let width = self.column(item);
                self.edits.insert(after_name, format!("\n{:width$}settings:{}", "", lines(width)));
            }
            Some((_, Content::Sequence(Style::Block, _))) => {
                let (dash, end) = end.map_or((0, 0), |end| (self.dash(end), line_end(self.text, end.span.end)));
                self.edits.insert(end, lines(dash));
            }
            Some((list, _)) => {
                let tables = names().map(|name| format!("{{name: {name}}}")).collect::<Vec<_>>().join(", ");
                match end {
                    Some(end) => self.edits.insert(end.span.end, format!(", {tables}")),
                    None => self.edits.insert(list.span.end - 1, tables),
                }
            }
        }
    }

    /// Adds the calls for jobs or schedules.
    fn list(&mut self, key: &str, call: &str) {
        let list = self.root.pair(key);
        if list.is_some_and(is_alias) {
            return;
        }
        if let Some(last) = list.and_then(|pair| pair.value.items().last()) {
            let width = self.dash(last);
            self.edits.insert(line_end(self.text, last.span.end), format!("\n{{{{- spile.{call}({key}, {width}) }}}}"));
            return;
        }
        // An empty list stays empty.
        let empty = if list.is_some() { format!("\n{{%- else %}}\n{key}: []") } else { String::new() };
        if let Some(pair) = list {
            self.remove_pair(self.root, pair);
        }
        let _ =
            write!(self.tail, "\n{{%- if {key} %}}\n{key}:\n{{{{- spile.{call}({key}, 0) }}}}{empty}\n{{%- endif %}}");
    }

    /// Removes a pair with its lines. If it follows an item's dash, the next pair takes its place.
    fn remove_pair(&mut self, table: &Node, pair: &Pair) {
        let start = line_start(self.text, pair.key.span.start);
        let is_alone = self.text[start..pair.key.span.start].trim().is_empty();
        let end = line_end(self.text, pair.span().end);
        if is_alone {
            // Removes the line break before it, so that it also works for the last line of a file.
            self.edits.remove(start.saturating_sub(1)..end);
            return;
        }
        let next = table.pairs().iter().find(|other| other.key.span.start > pair.key.span.start);
        let end = next.map_or(end, |next| next.key.span.start);
        self.edits.remove(pair.key.span.start..end);
    }

    /// Returns the end of the line with the key, including a comment.
    fn line_of_key(&self, pair: &Pair) -> usize {
        line_end(self.text, pair.key.span.end)
    }

    fn colon(&self, pair: &Pair) -> usize {
        self.text[pair.key.span.end..].find(':').map_or(pair.key.span.end, |at| pair.key.span.end + at + 1)
    }

    /// Returns the column of an item's keys.
    fn column(&self, item: &Node) -> usize {
        item.pairs().first().map_or(0, |pair| column(self.text, pair.key.span.start))
    }

    /// Returns the column of an item's dash.
    fn dash(&self, item: &Node) -> usize {
        dash(self.text, item.span.start)
    }
}

fn name_of(item: &Node) -> String {
    item.get("name").and_then(Node::text).unwrap_or_default().to_owned()
}

/// Tells whether a value is defined elsewhere, so that nothing can be removed from it or inserted into it.
fn is_alias(pair: &Pair) -> bool {
    matches!(pair.value.content, Content::Alias(_))
}

/// Returns a name as a template string.
fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

/// Returns a text for use in a template. Whatever would start a tag is put in a `raw` block.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = ["{{", "{%", "{#"].iter().filter_map(|tag| rest.find(tag)).min() {
        escaped.push_str(&rest[..at]);
        let _ = write!(escaped, "{{% raw %}}{}{{% endraw %}}", &rest[at..at + 2]);
        rest = &rest[at + 2..];
    }
    escaped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_looks_like_a_template_stays_literal() {
        for text in ["a: {{ b }} {% c %} {# d #}", "{{{", "{{%", "{% endraw %}", "a {", "{{{{}}}}"] {
            let engine = minijinja::Environment::new();
            assert_eq!(engine.render_str(&escaped(text), ()).unwrap(), text);
        }
    }
}
