//! The frame of a template: lists and tables that must be literal text before anything can be inserted into them.
//!
//! If the built-in template, or one from an import, generates a list with one of spile's macros, the call is replaced
//! by calls for the content of the list.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::Step;
use super::skeleton::{Tag, TagKind};
use crate::import::inventory::ROLES;
use crate::name::EnvironmentName;
use crate::yaml::edit::{column, dash, line_end};
use crate::yaml::{Node, Pair};

/// A template's text with positions.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    pub text: &'a str,
    pub tags: &'a [Tag],
    pub root: &'a Node,
}

/// A list that is only written if it has content, as in the built-in template and imports.
#[derive(Debug, Clone)]
pub struct Wrapped {
    span: std::ops::Range<usize>,
    condition: &'static str,
}

#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and tests compile it")]
static ENVIRONMENTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"spile\.environments\(overlays, (?<width>\d+)(?:, \[(?<without>[^\]]*)\])?\)").unwrap()
});

/// Tells the call for environments that the template itself contains an environment.
pub fn naming(text: &str, environment: &str) -> String {
    let name = serde_json::Value::from(environment).to_string();
    let call = |found: &Captures<'_>| {
        let (width, without) = (&found["width"], found.name("without").map_or("", |without| without.as_str().trim()));
        let separator = if without.is_empty() { "" } else { ", " };
        format!("spile.environments(overlays, {width}, [{without}{separator}{name}])")
    };
    ENVIRONMENTS.replace_all(text, call).into_owned()
}

impl<'a> Frame<'a> {
    /// Finds a list that is only written if spile has content for it.
    pub fn wrapped(&self, key: &str) -> Option<Wrapped> {
        let condition = match key {
            "environments" => "run or environments|length > 1",
            "jobs" => "jobs",
            _ => "schedules",
        };
        let call =
            if key == "environments" { "environments(overlays, 0)".to_owned() } else { format!("{key}({key}, 0)") };
        let head = format!("{{%- if {condition} %}}\n{key}:\n{{{{- spile.{call} }}}}\n");
        let start = self.text.find(&head)?;
        let rest = &self.text[start + head.len()..];
        let tail = ["{%- endif %}".to_owned(), format!("{{%- else %}}\n{key}: []\n{{%- endif %}}")];
        let tail = tail.iter().find(|tail| rest.starts_with(tail.as_str()))?;
        Some(Wrapped { span: start..start + head.len() + tail.len(), condition })
    }

    /// Writes such a list unconditionally, because it will get its own content.
    pub fn unwrapped(&self, key: &str) -> Step {
        let Some(Wrapped { span, condition }) = self.wrapped(key) else { return Step::Framed(self.text.to_owned()) };
        let list = match key {
            "environments" => format!(
                "environments:\n{{%- if {condition} %}}\n{{{{- spile.environments(overlays, 0) }}}}\n{{%- endif %}}"
            ),
            key => format!("{key}:\n{{{{- spile.{key}({key}, 0) }}}}"),
        };
        self.with(span, &list)
    }

    /// Adds a top-level list.
    pub fn with_top_list(&self, key: &str) -> Step {
        Step::Framed(format!("{}\n{key}:\n", self.text.trim_end()))
    }

    /// Adds `plugins`.
    pub fn with_plugins(&self) -> Step {
        let lists =
            ROLES.map(|role| format!("{{{{- spile.plugin_list(made, \"{}\", 2) }}}}", role.plural())).join("\n");
        match self.call("spile.all_plugins(made)") {
            Some(call) => self.with(call, &format!("plugins:\n{lists}")),
            None => self.with_top_list("plugins"),
        }
    }

    /// Adds a list to `plugins`.
    pub fn with_plugin_list(&self, plugins: &Pair, list: &str) -> Step {
        let call = self.call_with(&format!("spile.plugin_list(made, \"{list}\", "));
        if let Some((call, width)) = call {
            let text = format!("{:width$}{list}:\n{{{{- spile.plugins(made.{list}, {width}) }}}}", "");
            return self.with(call, &text);
        }
        let width = self.width_of_keys(plugins, 2);
        self.put(self.end_of_list(plugins), &format!("\n{:width$}{list}:", ""))
    }

    /// Removes the marker of an empty list of plugins, because it will no longer be empty.
    pub fn without_none(&self, list: &Pair) -> String {
        let end = line_end(self.text, list.key.span.end);
        let none = self.tags.iter().find(|tag| {
            let is_here = tag.span.start >= list.key.span.end && tag.span.end <= end;
            is_here && self.text[tag.span.clone()].contains("spile.none(")
        });
        match none {
            // The same number of blanks, so that all positions stay valid.
            Some(tag) => {
                let blanks = " ".repeat(tag.span.len());
                format!("{}{blanks}{}", &self.text[..tag.span.start], &self.text[tag.span.end..])
            }
            None => self.text.to_owned(),
        }
    }

    /// Adds an environment to the template.
    pub fn with_environment(&self, list: &Pair, environment: &str) -> Step {
        let width = self.width_of_items(list);
        let item = format!("\n{:width$}- name: {environment}{}", "", overlay_call(environment, width + 2));
        let mut text = self.text.to_owned();
        text.insert_str(self.end_of_list(list), &item);
        Step::Framed(naming(&text, environment))
    }

    /// Adds `config` to an environment.
    pub fn with_config(&self, item: &Node, environment: &str) -> Step {
        let width = item.pairs().first().map_or(2, |pair| column(self.text, pair.key.span.start));
        let inner = width + 2;
        let calls =
            format!("{{{{- spile.overlay_plugins(overlays, {}, {inner}) }}}}", serde_json::Value::from(environment));
        let name = serde_json::Value::from(environment);
        if let Some((call, _)) = self.call_with(&format!("spile.overlay_config(overlays, {name}, ")) {
            return self.with(call, &format!("{:width$}config:\n{calls}", ""));
        }
        let end = item.pair("name").map_or(item.span.end, |name| line_end(self.text, name.value.span.end));
        self.put(end, &format!("\n{:width$}config:", ""))
    }

    /// Adds `plugins` to the `config` of an environment.
    pub fn with_overlays(&self, config: &Pair, environment: &str) -> Step {
        let width = self.width_of_keys(config, column(self.text, config.key.span.start) + 2);
        let name = serde_json::Value::from(environment);
        let inner = width + 2;
        let lists = ROLES
            .map(|role| format!("\n{{{{- spile.overlay_list(overlays, [{name}, \"{}\"], {inner}) }}}}", role.plural()))
            .concat();
        match self.call_with(&format!("spile.overlay_plugins(overlays, {name}, ")) {
            Some((call, _)) => self.with(call, &format!("{:width$}plugins:{lists}", "")),
            None => self.put(line_end(self.text, config.key.span.end), &format!("\n{:width$}plugins:", "")),
        }
    }

    /// Adds a list to the `plugins` of an environment.
    pub fn with_overlay_list(&self, plugins: &Pair, environment: &str, list: &str) -> Step {
        let at = format!("[{}, \"{list}\"]", serde_json::Value::from(environment));
        if let Some((call, width)) = self.call_with(&format!("spile.overlay_list(overlays, {at}, ")) {
            let text = format!("{:width$}{list}:\n{{{{- spile.overlay_items(overlays, {at}, {width}) }}}}", "");
            return self.with(call, &text);
        }
        let width = self.width_of_keys(plugins, column(self.text, plugins.key.span.start) + 2);
        self.put(self.end_of_list(plugins), &format!("\n{:width$}{list}:", ""))
    }

    /// Returns the column of a list's dashes.
    pub fn width_of_items(&self, list: &Pair) -> usize {
        match list.value.items().last() {
            Some(item) => dash(self.text, item.span.start),
            None => self.width_of_calls(list).unwrap_or_else(|| column(self.text, list.key.span.start)),
        }
    }

    /// Returns the column of a table's keys.
    pub fn width_of_keys(&self, table: &Pair, otherwise: usize) -> usize {
        match table.value.pairs().first() {
            Some(pair) => column(self.text, pair.key.span.start),
            None => self.width_of_calls(table).unwrap_or(otherwise),
        }
    }

    /// Returns the column in the calls for a list or a table.
    fn width_of_calls(&self, of: &Pair) -> Option<usize> {
        let end = self.end_of_list(of);
        let mut within = self.tags.iter().filter(|tag| tag.span.start > of.key.span.end && tag.span.end <= end);
        within.find_map(|tag| last_number(&self.text[tag.span.clone()]))
    }

    /// Returns the end of a list: after its last line, the calls that belong to it, and the end of a condition that
    /// starts in it.
    pub fn end_of_list(&self, list: &Pair) -> usize {
        let start = line_end(self.text, list.key.span.end);
        let calls = calls_of(list.key.text().unwrap_or_default());
        let is_call = |tag: &Tag| calls.iter().any(|call| self.text[tag.span.clone()].contains(call));
        // An empty value has no position of its own.
        let said = if list.value.is_empty() { 0 } else { list.value.span.end };
        let mut end = line_end(self.text, said.max(list.key.span.end));
        loop {
            let from = end + 1;
            let open = self.depth(start..end);
            let Some(tag) = self.tags.iter().find(|tag| tag.span.start >= from) else { return end };
            let is_next = self.text[from.min(tag.span.start)..tag.span.start].trim().is_empty();
            let is_alone = self.text[tag.span.end..line_end(self.text, tag.span.end)].trim().is_empty();
            let belongs = match tag.kind {
                TagKind::Value => is_call(tag),
                TagKind::Begin => self.begins_a_call(tag, &is_call),
                TagKind::End => open > 0,
                TagKind::Raw | TagKind::Other => false,
            };
            if !(is_next && is_alone && belongs) {
                return end;
            }
            end = line_end(self.text, tag.span.end);
        }
    }

    /// Tells whether a condition contains nothing but one call.
    fn begins_a_call(&self, begin: &Tag, is_call: &dyn Fn(&Tag) -> bool) -> bool {
        let mut next = self.tags.iter().skip_while(|tag| tag.span.start <= begin.span.start);
        let (Some(call), Some(end)) = (next.next(), next.next()) else { return false };
        let gaps = [begin.span.end..call.span.start, call.span.end..end.span.start];
        let is_bare = gaps.into_iter().all(|gap| self.text[gap].trim().is_empty());
        is_bare && is_call(call) && end.kind == TagKind::End
    }

    fn depth(&self, span: std::ops::Range<usize>) -> usize {
        let mut within = self.tags.iter().filter(|tag| span.contains(&tag.span.start));
        within.by_ref().fold(0, |depth: usize, tag| match tag.kind {
            TagKind::Begin => depth + 1,
            TagKind::End => depth.saturating_sub(1),
            TagKind::Value | TagKind::Raw | TagKind::Other => depth,
        })
    }

    /// Returns the pair whose list contains an item.
    pub fn list_of(&self, item: &Node) -> Option<&'a Pair> {
        fn find<'a>(node: &'a Node, item: &Node) -> Option<&'a Pair> {
            node.pairs()
                .iter()
                .find_map(|pair| {
                    let is_it = pair.value.items().iter().any(|other| other.span == item.span);
                    if is_it { Some(pair) } else { find(&pair.value, item) }
                })
                .or_else(|| node.items().iter().find_map(|inner| find(inner, item)))
        }
        find(self.root, item)
    }

    /// Finds a call.
    fn call(&self, call: &str) -> Option<std::ops::Range<usize>> {
        self.tags.iter().map(|tag| tag.span.clone()).find(|span| self.text[span.clone()].contains(call))
    }

    /// Finds a call by its beginning, and returns the column in it.
    fn call_with(&self, begin: &str) -> Option<(std::ops::Range<usize>, usize)> {
        let call = self.call(begin)?;
        let width = last_number(&self.text[call.clone()])?;
        Some((call, width))
    }

    fn with(&self, span: std::ops::Range<usize>, text: &str) -> Step {
        Step::Framed(format!("{}{text}{}", &self.text[..span.start], &self.text[span.end..]))
    }

    fn put(&self, at: usize, text: &str) -> Step {
        self.with(at..at, text)
    }
}

/// Returns the call for integrations in an environment of the template; empty if spile does not support its name.
pub fn overlay_call(environment: &str, width: usize) -> String {
    match environment.parse::<EnvironmentName>() {
        Ok(name) => format!("\n{{{{- spile.overlay_config(overlays, \"{name}\", {width}) }}}}"),
        Err(_) => String::new(),
    }
}

/// Returns the calls that write the content of a key.
fn calls_of(key: &str) -> &'static [&'static str] {
    match key {
        "environments" => &[
            "spile.environments(",
            "spile.overlay_config(",
            "spile.overlay_plugins(",
            "spile.overlay_list(",
            "spile.overlay_items(",
        ],
        "jobs" => &["spile.jobs("],
        "schedules" => &["spile.schedules("],
        "config" => &["spile.overlay_plugins("],
        "plugins" => &["spile.plugin_list(", "spile.overlay_list(", "spile.plugins(", "spile.overlay_items("],
        _ => &["spile.plugins(", "spile.overlay_items("],
    }
}

/// Returns the last number in a call, which is a column.
fn last_number(call: &str) -> Option<usize> {
    let inner = call.rsplit_once(')')?.0;
    let numbers = inner.rsplit(|c: char| !c.is_ascii_digit());
    numbers.filter(|number| !number.is_empty()).find_map(|number| number.parse().ok())
}
