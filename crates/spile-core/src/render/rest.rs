//! The contents of a `meltano.yml` besides its entries, by name: plugins, jobs, schedules, environments and settings
//! that belong to no integration.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::plan::hand_edit::{HandEdit, HandEditKind, Part, PartKind};
use crate::value::same;
use crate::yaml::{self, Document, ValueReader};

/// The parts of a text, with their contents.
pub type Rest = BTreeMap<Part, Value>;

/// The keys of a plugin that an entry sets.
const ENTRY: [&str; 3] = ["config", "select", "metadata"];

/// The key that spile adds if the template does not write it.
const PROJECT_ID: &str = "project_id";

/// Returns the edits by hand: differences both from the text that is rendered now and from the text of the last apply.
/// If the latter is unknown, only additions count, because other differences may come from changed files.
#[must_use]
pub fn hand_edits(found: &str, rendered: &str, left: Option<&str>) -> Vec<HandEdit> {
    let (found, rendered) = (of(found), of(rendered));
    let left = left.map(of);
    let parts: BTreeSet<&Part> = found.keys().chain(rendered.keys()).chain(left.iter().flat_map(Rest::keys)).collect();
    let edit = |part: &Part| {
        let (there, wanted) = (found.get(part), rendered.get(part));
        let kind = match &left {
            None if there.is_some() && wanted.is_none() => HandEditKind::Added,
            None => return None,
            Some(left) => {
                let before = left.get(part);
                if is_same(there, wanted) || is_same(there, before) {
                    return None;
                }
                match (before, there) {
                    (None, _) => HandEditKind::Added,
                    (Some(_), Some(_)) => HandEditKind::Changed,
                    (Some(_), None) => HandEditKind::Removed,
                }
            }
        };
        Some(HandEdit { part: part.clone(), kind })
    };
    let edits: Vec<HandEdit> = parts.into_iter().filter_map(edit).collect();
    // Parts that appear or disappear with their environment need no mention.
    let moved: BTreeSet<String> = edits.iter().filter_map(HandEdit::moved_environment).map(str::to_owned).collect();
    let is_within = |edit: &HandEdit| edit.part.environment.as_ref().is_some_and(|name| moved.contains(name));
    edits.into_iter().filter(|edit| !is_within(edit)).collect()
}

impl HandEdit {
    fn moved_environment(&self) -> Option<&str> {
        let is_moved = self.part.kind == PartKind::Environment && self.kind != HandEditKind::Changed;
        is_moved.then_some(self.part.name.as_str())
    }
}

/// Tells whether two parts have the same contents.
#[must_use]
pub fn is_same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => same(one, other),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Returns the contents of a text besides its entries; empty if it cannot be read, which is reported elsewhere.
#[must_use]
pub fn of(text: &str) -> Rest {
    let mut rest = Rest::new();
    let Some(Value::Object(root)) = value_of(text) else { return rest };
    let marks = Marks::of(&root);
    for (key, value) in root {
        match (key.as_str(), value) {
            (PROJECT_ID, _) => {}
            ("plugins", Value::Object(lists)) => lists.into_iter().for_each(|(list, items)| {
                let said = items_of(items).filter_map(|item| marks.rest_of_plugin(&list, item));
                said.for_each(|(name, item)| add(&mut rest, None, PartKind::Plugin(list.clone()), name, item));
            }),
            ("environments", items) => items_of(items).for_each(|item| marks.environment(&mut rest, item)),
            ("jobs", items) => {
                let own = items_of(items).filter(|job| !marks.slugs.contains(&name_of(job)));
                own.for_each(|job| add(&mut rest, None, PartKind::Job, name_of(&job), job));
            }
            ("schedules", items) => {
                let own = items_of(items).filter(|schedule| !marks.is_entrys(schedule));
                own.for_each(|schedule| add(&mut rest, None, PartKind::Schedule, name_of(&schedule), schedule));
            }
            (_, value) => add(&mut rest, None, PartKind::Setting, key, value),
        }
    }
    rest
}

/// Sorts the named items of a text's lists, whose order means nothing to Meltano.
pub fn sort_by_name(root: &mut Value) {
    for key in ["environments", "jobs", "schedules"] {
        root.get_mut(key).into_iter().for_each(sort);
    }
    let lists = |plugins: Option<&mut Value>| {
        plugins.and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut).for_each(sort);
    };
    lists(root.get_mut("plugins"));
    for environment in root.get_mut("environments").and_then(Value::as_array_mut).into_iter().flatten() {
        lists(environment.get_mut("config").and_then(|config| config.get_mut("plugins")));
    }
}

fn sort(list: &mut Value) {
    let Some(items) = list.as_array_mut() else { return };
    let names: BTreeSet<String> = items.iter().map(name_of).collect();
    // If two items share a name, Meltano uses the first, so their order matters.
    if names.len() == items.len() {
        items.sort_by_cached_key(name_of);
    }
}

fn value_of(text: &str) -> Option<Value> {
    if yaml::is_deep(text) {
        return None;
    }
    let document = Document::parse(text).ok()?;
    let values = ValueReader::of(&document);
    let value = values.value(&document.root, &mut Vec::new());
    (!values.is_exhausted()).then_some(value)
}

/// Adds a part. Parts with the same name become one part with both contents.
fn add(rest: &mut Rest, environment: Option<&str>, kind: PartKind, name: String, value: Value) {
    let part = Part { environment: environment.map(str::to_owned), kind, name };
    match rest.entry(part).or_insert_with(|| Value::Array(Vec::new())) {
        Value::Array(said) => said.push(value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {}
    }
}

/// What distinguishes entries from the rest.
#[derive(Default)]
struct Marks {
    /// The names of the integrations, which are also the names of their jobs.
    slugs: BTreeSet<String>,
    /// The plugins of entries, by list and name.
    entries: BTreeMap<(String, String), Mark>,
    /// The definitions that entries inherit from.
    bases: BTreeSet<(String, String)>,
    /// The jobs that have a schedule with the same name.
    scheduled: BTreeSet<String>,
}

#[derive(Clone, Copy)]
struct Mark {
    is_imported: bool,
    says_schema: bool,
}

impl Marks {
    fn of(root: &Map<String, Value>) -> Self {
        let mut marks = Self::default();
        for (list, items) in root.get("plugins").and_then(Value::as_object).into_iter().flatten() {
            for item in items.as_array().into_iter().flatten() {
                let mark = &item["annotations"]["spile"];
                let Some(slug) = mark["slug"].as_str().filter(|_| mark["id"].is_string()) else { continue };
                let flag = |key: &str| mark[key].as_bool().unwrap_or_default();
                let is_imported = flag("imported");
                let said = Mark { is_imported, says_schema: !is_imported || flag("load_schema") };
                marks.slugs.insert(slug.to_owned());
                marks.entries.insert((list.clone(), name_of(item)), said);
                if let Some(base) = item["inherit_from"].as_str().filter(|_| !is_imported) {
                    marks.bases.insert((list.clone(), base.to_owned()));
                }
            }
        }
        let schedules = root.get("schedules").and_then(Value::as_array).into_iter().flatten();
        let own = schedules.filter(|schedule| schedule["name"] == schedule["job"]).map(name_of);
        marks.scheduled = own.collect();
        marks
    }

    /// Returns the name of a plugin and its contents that do not belong to an entry.
    fn rest_of_plugin(&self, list: &str, mut item: Value) -> Option<(String, Value)> {
        let at = (list.to_owned(), name_of(&item));
        match self.entries.get(&at) {
            None if self.bases.contains(&at) && item.get("inherit_from").is_none() => None,
            Some(mark) if !mark.is_imported => None,
            None => Some((at.1, item)),
            Some(mark) => {
                mark.take_from(&mut item);
                if let Some(annotations) = item.get_mut("annotations").and_then(Value::as_object_mut) {
                    annotations.shift_remove("spile");
                    if annotations.is_empty() {
                        remove(&mut item, "annotations");
                    }
                }
                Some((at.1, item))
            }
        }
    }

    fn environment(&self, rest: &mut Rest, item: Value) {
        let environment = name_of(&item);
        let Value::Object(members) = item else { return };
        add(rest, None, PartKind::Environment, environment.clone(), Value::Null);
        let within = Some(environment.as_str());
        for (key, value) in members.into_iter().filter(|(key, _)| key != "name") {
            match (key.as_str(), value) {
                ("config", Value::Object(config)) => self.config(rest, &environment, config),
                (_, value) => add(rest, within, PartKind::Setting, key, value),
            }
        }
    }

    fn config(&self, rest: &mut Rest, environment: &str, config: Map<String, Value>) {
        let within = Some(environment);
        for (key, value) in config {
            match (key.as_str(), value) {
                ("plugins", Value::Object(lists)) => lists.into_iter().for_each(|(list, items)| {
                    let said = items_of(items).filter_map(|item| self.rest_of_overlay(&list, item));
                    said.for_each(|(name, item)| add(rest, within, PartKind::Plugin(list.clone()), name, item));
                }),
                (key, value) => add(rest, within, PartKind::Setting, format!("config.{key}"), value),
            }
        }
    }

    fn rest_of_overlay(&self, list: &str, mut item: Value) -> Option<(String, Value)> {
        let name = name_of(&item);
        if let Some(mark) = self.entries.get(&(list.to_owned(), name.clone())) {
            mark.take_from(&mut item);
        }
        let says_something = item.as_object().is_some_and(|members| members.keys().any(|key| key != "name"));
        says_something.then_some((name, item))
    }

    /// Tells whether a schedule belongs to an integration: it runs the integration's job, and no other schedule has the
    /// job's name.
    fn is_entrys(&self, schedule: &Value) -> bool {
        let Some(job) = schedule["job"].as_str().filter(|job| self.slugs.contains(*job)) else { return false };
        name_of(schedule) == job || !self.scheduled.contains(job)
    }
}

impl Mark {
    fn take_from(self, item: &mut Value) {
        for key in ENTRY {
            remove(item, key);
        }
        if self.says_schema {
            remove(item, "load_schema");
        }
    }
}

fn items_of(list: Value) -> impl Iterator<Item = Value> {
    let Value::Array(items) = list else { return Vec::new().into_iter() };
    items.into_iter()
}

fn name_of(item: &Value) -> String {
    item["name"].as_str().unwrap_or_default().to_owned()
}

fn remove(item: &mut Value, key: &str) {
    if let Some(members) = item.as_object_mut() {
        members.shift_remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENDERED: &str = "\
default_environment: dev
environments:
- name: dev
plugins:
  extractors:
  - {name: tap-x, pip_url: tap-x}
  - {name: tap-x--shop, inherit_from: tap-x, annotations: {spile: {id: a, slug: shop}}, config: {a: 1}}
  - {name: tap-y, pip_url: tap-y, annotations: {spile: {id: b, imported: true, slug: tap-y}}, select: ['*']}
  utilities:
  - {name: dbt, config: {x: 1}}
jobs:
- {name: shop, tasks: [tap-x--shop target-y]}
schedules:
- {name: shop, job: shop, interval: '@daily'}
";

    fn edits(from: &str, to: &str, left: Option<&str>) -> Vec<String> {
        assert!(RENDERED.contains(from), "{from}");
        let found = RENDERED.replacen(from, to, 1);
        hand_edits(&found, RENDERED, left).iter().map(|edit| edit.phrase().to_string()).collect()
    }

    #[test]
    fn each_part_that_belongs_to_no_integration_is_named() {
        for (from, to, said) in [
            ("jobs:\n", "jobs:\n- {name: all, tasks: [tap-x--shop]}\n", "job `all`, added by hand"),
            ("schedules:\n", "schedules:\n- {name: n, job: shop}\n", "schedule `n`, added by hand"),
            ("  utilities:\n", "  utilities:\n  - {name: sql}\n", "utility `sql`, added by hand"),
            ("  - {name: dbt, config: {x: 1}}\n", "", "utility `dbt`, removed by hand"),
            ("{x: 1}", "{x: 2}", "utility `dbt`, changed by hand"),
            ("pip_url: tap-y", "pip_url: y", "extractor `tap-y`, changed by hand"),
            ("- name: dev\n", "- name: dev\n- {name: off, env: {A: b}}\n", "environment `off`, added by hand"),
            (
                "- name: dev\n",
                "- {name: dev, config: {plugins: {utilities: [{name: dbt, config: {x: 2}}]}}}\n",
                "utility `dbt` in environment `dev`, added by hand",
            ),
            ("- name: dev\n", "- {name: dev, env: {A: b}}\n", "setting `env` in environment `dev`, added by hand"),
            ("default_", "cli: {log_level: info}\ndefault_", "setting `cli`, added by hand"),
        ] {
            assert_eq!(edits(from, to, Some(RENDERED)), [said], "{to}");
        }
    }

    #[test]
    fn the_contents_of_integrations_are_not_part_of_the_rest() {
        for (from, to) in [
            ("{a: 1}", "{a: 2, b: 3}"),
            ("['*']", "['x.*']"),
            ("'@daily'", "'@hourly'"),
            ("name: tap-x, pip_url: tap-x", "name: tap-x, pip_url: tap-x==2"),
            ("{name: shop, job: shop, interval: '@daily'}", "{name: other, job: shop, interval: '@daily'}"),
            ("- name: dev\n", "- {name: dev, config: {plugins: {extractors: [{name: tap-y, select: [b]}]}}}\n"),
        ] {
            assert_eq!(edits(from, to, Some(RENDERED)), [""; 0], "{to}");
        }
    }

    #[test]
    fn a_change_in_the_files_is_not_an_edit_by_hand() {
        let (from, to) = ("  utilities:\n", "  utilities:\n  - {name: sql}\n");
        let found = RENDERED.replacen(from, to, 1);
        assert_eq!(edits(from, to, Some(&found)), [""; 0], "the template no longer writes it");
        assert_eq!(edits("{x: 1}", "{x: 2}", None), [""; 0], "it is unknown which of the two is new");
        assert_eq!(edits(from, to, None), ["utility `sql`, added by hand"]);
    }
}
