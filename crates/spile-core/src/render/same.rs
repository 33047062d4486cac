//! Compares the contents of two texts of `meltano.yml`.

use serde_json::{Map, Value};

use crate::record::plugin::{OF_PLUGINS, OF_SETTINGS, says_nothing};
use crate::value;
use crate::yaml::{Document, ValueReader, comments};

/// Tells whether two texts mean the same to Meltano and to people: the same values and the same comments, regardless of
/// style, the order of keys, and values that Meltano treats as missing. `sort` orders lists whose order means nothing.
/// Returns `false` for a text that cannot be read, or that aliases make too large.
#[must_use]
pub fn says_the_same(one: &str, other: &str, sort: fn(&mut Value)) -> bool {
    let read = |text: &str| {
        let document = Document::parse(text).ok()?;
        let values = ValueReader::of(&document);
        let mut odd = Vec::new();
        let mut value: Value = values.value(&document.root, &mut odd);
        without_nothing(&mut value);
        sort(&mut value);
        let comments = comments(text, 0..text.len(), &document.root).into_iter();
        let mut comments: Vec<String> = comments.map(|(_, comment)| comment.to_owned()).collect();
        comments.sort();
        (!values.is_exhausted() && odd.is_empty()).then_some((value, comments))
    };
    match (read(one), read(other)) {
        (Some((one, its)), Some((other, others))) => its == others && value::same(&one, &other),
        _ => false,
    }
}

/// Attributes of the file, of a plugin in addition to its definition, of an environment, of a schedule and of a job
/// (`Canonical` in Meltano 4.4.1). Meltano writes all other members of an object as they are, even if empty.
const OF_FILES: [&str; 6] = ["plugins", "schedules", "environments", "jobs", "env", "requires_meltano"];
const OF_PROJECT_PLUGINS: [&str; 2] = ["inherit_from", "config"];
const OF_ENVIRONMENTS: [&str; 3] = ["config", "env", "state_id_suffix"];
const OF_OVERLAYS: [&str; 2] = ["config", "env"];
const OF_SCHEDULES: [&str; 6] = ["interval", "env", "extractor", "loader", "transform", "job"];

/// Removes what Meltano omits when it writes the file, because it means nothing.
fn without_nothing(file: &mut Value) {
    for (_, plugins) in members(file, "plugins") {
        for plugin in items(plugins) {
            items(&mut plugin["settings"]).for_each(|setting| strip(setting, &OF_SETTINGS));
            strip(plugin, &OF_PLUGINS);
            strip(plugin, &OF_PROJECT_PLUGINS);
        }
    }
    if let Some(plugins) = file.get_mut("plugins").and_then(Value::as_object_mut) {
        plugins.retain(|_, list| !says_nothing(list));
    }
    for environment in file.get_mut("environments").into_iter().flat_map(items) {
        for (_, overlays) in environment.get_mut("config").into_iter().flat_map(|config| members(config, "plugins")) {
            items(overlays).for_each(|overlay| strip(overlay, &OF_OVERLAYS));
        }
        if let Some(config) = environment.get_mut("config") {
            strip(config, &["plugins"]);
        }
        strip(environment, &OF_ENVIRONMENTS);
    }
    for schedule in file.get_mut("schedules").into_iter().flat_map(items) {
        strip(schedule, &OF_SCHEDULES);
    }
    strip(file, &OF_FILES);
}

/// Removes the empty ones of these members from an object.
fn strip(object: &mut Value, attributes: &[&str]) {
    let Some(members) = object.as_object_mut() else { return };
    // An empty default of a setting has a meaning.
    members.retain(|key, value| {
        let is_kept = key == "value" && !value.is_null();
        is_kept || !attributes.contains(&key.as_str()) || !says_nothing(value)
    });
}

fn members<'a>(object: &'a mut Value, key: &str) -> impl Iterator<Item = (&'a String, &'a mut Value)> + use<'a> {
    object.get_mut(key).and_then(Value::as_object_mut).into_iter().flat_map(Map::iter_mut)
}

fn items(list: &mut Value) -> impl Iterator<Item = &mut Value> {
    list.as_array_mut().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::says_the_same as says_the_same_sorted;

    fn says_the_same(one: &str, other: &str) -> bool {
        says_the_same_sorted(one, other, |_| {})
    }

    #[test]
    fn style_and_order_mean_nothing() {
        let one = "a: \"x\" # so\nb: [1, {c: true, d: null}]\n";
        assert!(says_the_same(one, "b:\n- 1\n- d:\n  c: true\na: x  # so\n"));
        assert!(!says_the_same(one, "a: x\nb: [1, {c: true, d: null}]\n"), "a comment is lost");
        for other in ["a: y\nb: [1, {c: true, d: null}]\n", "a: x\nb: [{c: true, d: null}, 1]\n", "a: x\n", "a: [\n"] {
            assert!(!says_the_same(one, other), "{other}");
        }
        assert!(!says_the_same("a: [", "a: ["), "unreadable texts are never the same");
    }

    #[test]
    fn what_meltano_omits_means_nothing() {
        for (with, without) in [
            ("environments: []\njobs: []\nenv: {}\nschedules:\nplugins: {extractors: [], loaders: []}\n", "{}\n"),
            (
                "plugins: {extractors: [{name: a, config: {}, settings: [], variant: '', env: {}}]}\n",
                "plugins: {extractors: [{name: a}]}\n",
            ),
            (
                "plugins: {loaders: [{name: a, settings: [{name: b, label: '', value: }]}]}\n",
                "plugins: {loaders: [{name: a, settings: [{name: b}]}]}\n",
            ),
            (
                "environments: [{name: dev, env: {}, config: {plugins: {extractors: [{name: a, config: {}}]}}}]\n",
                "environments: [{name: dev, config: {plugins: {extractors: [{name: a}]}}}]\n",
            ),
            ("environments: [{name: dev, config: {plugins: {}}}]\n", "environments: [{name: dev}]\n"),
        ] {
            assert!(says_the_same(with, without), "{with}");
        }
        for (with, without) in [
            ("x-own: {}\n", "{}\n"),
            ("plugins: {extractors: [{name: a, metadata: {}}]}\n", "plugins: {extractors: [{name: a}]}\n"),
            ("plugins: {extractors: [{name: a, select: []}]}\n", "plugins: {extractors: [{name: a}]}\n"),
            ("plugins: {extractors: [{name: a, hidden: false}]}\n", "plugins: {extractors: [{name: a}]}\n"),
            (
                "plugins: {loaders: [{name: a, settings: [{name: b, value: ''}]}]}\n",
                "plugins: {loaders: [{name: a, settings: [{name: b}]}]}\n",
            ),
        ] {
            assert!(!says_the_same(with, without), "{with}");
        }
    }
}
