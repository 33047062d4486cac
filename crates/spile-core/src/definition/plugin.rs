//! Converts a plugin in Meltano's form to a connector.

use std::collections::BTreeSet;

use serde_json::Value;

use super::place::span_of;
use super::reader::{Reader, has_null};
use super::{Definition, DefinitionHints, DefinitionMistake, Members, Notes, groups, settings};
use crate::connector::passthrough_keys;
use crate::connector::pip;
use crate::connector::read::is_word;
use crate::connector::{Connector, Head, Plugin, RangeSettings, Role};
use crate::problem::{Problems, listed};
use crate::source::Source;

/// Keys that are read below, or that neither a connector nor Meltano uses.
const KNOWN: [&str; 28] = [
    "annotations",
    "capabilities",
    "default",
    "definition",
    "description",
    "docs",
    "domain_url",
    "executable",
    "ext_repo",
    "hidden",
    "keywords",
    "label",
    "logo_url",
    "maintenance_status",
    "metadata",
    "name",
    "namespace",
    "pip_url",
    "plugin_type",
    "quality",
    "repo",
    "sdk_version",
    "select",
    "settings",
    "settings_group_validation",
    "variant",
    "variants",
    "version",
];

/// Texts for people that are as long as pages.
const PAGES: [&str; 4] = ["next_steps", "prereq", "settings_preamble", "usage"];

/// The capabilities in Meltano's own schema, by role.
const EXTRACTORS_CAN: [&str; 12] = [
    "about",
    "activate-version",
    "batch",
    "catalog",
    "discover",
    "log-based",
    "properties",
    "schema-flattening",
    "state",
    "stream-maps",
    "structured-logging",
    "test",
];
const LOADERS_CAN: [&str; 9] = [
    "about",
    "activate-version",
    "batch",
    "datatype-failsafe",
    "hard-delete",
    "schema-flattening",
    "soft-delete",
    "stream-maps",
    "structured-logging",
];

/// Reads a plugin. Reports everything that is wrong with it.
pub(super) fn read(
    source: &Source,
    members: &Members,
    asked: &DefinitionHints,
    problems: &mut Problems,
) -> Option<Definition> {
    let mut reader = Reader { source, problems, notes: Notes::default(), failed: false };
    let members = variant(members, &mut reader)?;
    let name = reader.text(&members, "name").unwrap_or_default();
    if !is_word(&name) {
        let help = "a plugin name can contain letters, digits, `-` and `_`";
        let span = span_of(source, &name);
        reader.refuse(DefinitionMistake::Name { what: "plugin", name, help, span });
        return None;
    }
    let role = role(&members, &name, asked.role, &mut reader)?;
    let connector_name = asked.name.clone().unwrap_or_else(|| short(&name).to_owned());
    if !is_word(&connector_name) {
        let help = "set a name of letters, digits, `-` and `_` with `--name`";
        reader.refuse(DefinitionMistake::Name {
            what: "connector",
            name: connector_name.clone(),
            help,
            span: (0..0).into(),
        });
    }
    if let Some(parent) = reader.text(&members, "inherit_from") {
        let span = span_of(source, &parent);
        reader.refuse(DefinitionMistake::NoParent { name: name.clone(), parent, span });
    }
    let settings = settings::settings(&members, &mut reader);
    let groups = groups::groups(&members, &settings, &mut reader);
    let keywords = reader.texts(&members, "keywords");
    let range = RangeSettings::recognized(&settings).filter(|_| role == Role::Extractor);
    let connector = Connector {
        head: Head {
            label: reader.text(&members, "label").unwrap_or_else(|| connector_name.clone()),
            name: connector_name,
            role,
            description: reader.text(&members, "description").unwrap_or_default(),
            category: category(&keywords).map(str::to_owned),
            keywords,
            docs: reader.text(&members, "docs").or_else(|| reader.text(&members, "repo")),
            logo: reader.text(&members, "logo_url").map(logo),
        },
        plugin: plugin(&members, &name, role, asked, &mut reader),
        settings,
        groups,
        one_group: false,
        metadata: metadata(&members, role, &mut reader),
        select: select(&members, role, &mut reader),
        losses: Vec::new(),
        naming: None,
        quota: None,
        oauth: None,
        range,
        reset: None,
        own_streams: false,
        parallel: false,
        lock: None,
    };
    leftovers(&members, &mut reader);
    let Reader { notes, failed, .. } = reader;
    (!failed).then(|| Definition { connector, notes: notes.into_sentences() })
}

/// Merges the only variant into the members that all variants share.
fn variant(members: &Members, reader: &mut Reader<'_>) -> Option<Members> {
    let variants: Vec<&Members> =
        members.get("variants").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object).collect();
    if variants.len() > 1 {
        let names = listed(variants.iter().filter_map(|variant| variant.get("name")?.as_str()));
        let help = "keep one of them in the file; Meltano uses the first";
        reader.refuse(DefinitionMistake::Several { what: "variant", names, help, span: (0..0).into() });
        return None;
    }
    let mut all = members.clone();
    for (key, value) in variants.into_iter().flatten() {
        let key = if key == "name" { "variant" } else { key };
        all.insert(key.to_owned(), value.clone());
    }
    Some(all)
}

/// Returns a plugin's name without its `tap-` or `target-` prefix.
pub(super) fn short(plugin: &str) -> &str {
    let name = plugin.strip_prefix("tap-").or_else(|| plugin.strip_prefix("target-")).unwrap_or(plugin);
    if is_word(name) { name } else { plugin }
}

fn role(members: &Members, name: &str, asked: Option<Role>, reader: &mut Reader<'_>) -> Option<Role> {
    let span = || span_of(reader.source, name);
    if let Some(found) = members.get("plugin_type").and_then(Value::as_str) {
        let found = found.to_owned();
        let Some(role) = [Role::Extractor, Role::Loader].into_iter().find(|role| role.plural() == found) else {
            let (name, span) = (name.to_owned(), span());
            reader.refuse(DefinitionMistake::OtherType { name, found, span });
            return None;
        };
        if asked.is_some_and(|asked| asked != role) {
            let (name, span) = (name.to_owned(), span());
            reader.refuse(DefinitionMistake::OtherRole { name, found, span });
            return None;
        }
        return Some(role);
    }
    let reads = |can: &Value| can.as_str().is_some_and(|can| ["discover", "catalog", "properties"].contains(&can));
    let writes = |can: &Value| {
        can.as_str().is_some_and(|can| ["datatype-failsafe", "hard-delete", "soft-delete"].contains(&can))
    };
    let capabilities = members.get("capabilities").and_then(Value::as_array);
    let is_named = name.starts_with("tap-") || name.starts_with("target-");
    if asked.is_none() && !is_named && capabilities.is_some_and(|all| all.iter().any(reads) && all.iter().any(writes)) {
        let (name, span) = (name.to_owned(), span());
        reader.refuse(DefinitionMistake::Both { name, span });
        return None;
    }
    let role = asked.or_else(|| match name {
        _ if name.starts_with("tap-") => Some(Role::Extractor),
        _ if name.starts_with("target-") => Some(Role::Loader),
        _ if capabilities.is_some_and(|all| all.iter().any(reads)) => Some(Role::Extractor),
        _ => None,
    });
    if role.is_none() {
        let (name, span) = (name.to_owned(), span());
        reader.refuse(DefinitionMistake::Role { name, span });
    }
    role
}

fn plugin(members: &Members, name: &str, role: Role, asked: &DefinitionHints, reader: &mut Reader<'_>) -> Plugin {
    let namespace = reader.text(members, "namespace").unwrap_or_else(|| {
        let namespace = name.replace('-', "_");
        reader.notes.say(format!("it has no `namespace`: using `{namespace}`, as Meltano does"));
        namespace
    });
    let pip_url = asked.pip_url.clone().or_else(|| reader.text(members, "pip_url")).unwrap_or_default();
    if pip_url.is_empty() {
        reader.notes.say("it has no `pip_url`: nothing is installed, so its executable must already exist");
    } else if !pip::is_pinned(&pip_url) {
        let version = reader
            .text(members, "version")
            .map_or_else(|| "one".to_owned(), |version| format!("`=={version}`, the definition's version"));
        reader.notes.say(format!("`pip_url = \"{pip_url}\"` pins no version: pin {version}, or installs may differ"));
    }
    let known: &[&str] = match role {
        Role::Extractor => &EXTRACTORS_CAN,
        Role::Loader => &LOADERS_CAN,
    };
    let (capabilities, other): (BTreeSet<String>, BTreeSet<String>) =
        reader.texts(members, "capabilities").into_iter().partition(|can| known.contains(&can.as_str()));
    if !other.is_empty() {
        let other = listed(other.iter().map(String::as_str));
        reader
            .notes
            .say(format!("not kept: in `capabilities`, {other}, which Meltano does not support for {}", role.plural()));
    }
    let foreign: &[&str] = match role {
        Role::Extractor => &["dialect"],
        Role::Loader => &["load_schema", "schema", "select_filter", "use_cached_catalog"],
    };
    let (foreign, own): (Vec<_>, Vec<_>) =
        passthrough_keys::OF_PLUGINS.into_iter().partition(|(key, _)| foreign.contains(key));
    for (key, _) in foreign.iter().filter(|(key, _)| members.contains_key(*key)) {
        reader.notes.say(format!("not kept: `{key}`, which Meltano does not support for {}", role.plural()));
    }
    Plugin {
        name: name.to_owned(),
        variant: reader.text(members, "variant").unwrap_or_else(|| "custom".to_owned()),
        namespace,
        pip_url,
        executable: asked
            .executable
            .clone()
            .or_else(|| reader.text(members, "executable"))
            .unwrap_or_else(|| name.to_owned()),
        capabilities: capabilities.into_iter().collect(),
        passed: reader.passed(members, &own, name),
    }
}

fn metadata(members: &Members, role: Role, reader: &mut Reader<'_>) -> Members {
    match members.get("metadata") {
        None | Some(Value::Null) => Members::new(),
        Some(Value::Object(metadata))
            if role == Role::Extractor && metadata.values().all(|stream| stream.is_object() && !has_null(stream)) =>
        {
            metadata.clone()
        }
        Some(_) => {
            reader.notes.say("not kept: `metadata`, which Meltano only accepts for extractors, as a table per stream");
            Members::new()
        }
    }
}

fn select(members: &Members, role: Role, reader: &mut Reader<'_>) -> Vec<String> {
    let select = reader.texts(members, "select");
    if role == Role::Loader && !select.is_empty() {
        reader.notes.say("not kept: `select`, which Meltano does not support for loaders");
        return Vec::new();
    }
    if select == ["*.*"] { Vec::new() } else { select }
}

/// Adds notes about the keys that are not kept.
fn leftovers(members: &Members, reader: &mut Reader<'_>) {
    let is_passed = |key: &str| passthrough_keys::OF_PLUGINS.iter().any(|(known, _)| *known == key);
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    };
    let said = members.iter().filter(|(_, value)| says(value)).map(|(key, _)| key.as_str());
    let (pages, other): (Vec<&str>, Vec<&str>) = said
        .filter(|key| !KNOWN.contains(key) && !is_passed(key) && *key != "inherit_from")
        .partition(|key| PAGES.contains(key));
    if !pages.is_empty() {
        reader.notes.say(format!("not kept: {} (for display only)", listed(pages)));
    }
    if !other.is_empty() {
        reader.notes.say(format!("not kept: {}", listed(other)));
    }
    if let Some(status @ ("inactive" | "deprecated" | "unknown")) =
        members.get("maintenance_status").and_then(Value::as_str)
    {
        reader.notes.say(format!("the hub lists its maintenance status as {status}"));
    }
}

/// Returns the category for keywords, because the hub has no categories.
fn category(keywords: &[String]) -> Option<&'static str> {
    let shelves = [("database", "Databases"), ("file", "Files"), ("files", "Files"), ("api", "APIs")];
    shelves.into_iter().find(|(word, _)| keywords.iter().any(|keyword| keyword == word)).map(|(_, shelf)| shelf)
}

/// Completes the URL of a logo: the hub's own images have no host.
fn logo(path: String) -> String {
    if path.starts_with("/assets/") { format!("https://hub.meltano.com{path}") } else { path }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::definition::tests::{HEAD, bad_as, good};

    #[test]
    fn the_requested_role_must_match_the_declared_one() {
        let text = "name: x\nnamespace: x\nplugin_type: extractors\n";
        let asked = |role| DefinitionHints { role: Some(role), ..DefinitionHints::default() };
        let mut problems = Problems::default();
        let found = crate::definition::read(&Source::new("x", text), &asked(Role::Extractor), &mut problems).unwrap();
        assert_eq!(found.connector.head.role, Role::Extractor);
        assert!(!problems.any_error());
        assert_eq!(
            bad_as(text, &asked(Role::Loader)),
            ["x:1: `x` is one of Meltano's extractors, which contradicts `--kind` [spile::definition::other_role]"]
        );
    }

    #[test]
    fn metadata_is_kept_where_meltano_accepts_it() {
        let note = "not kept: `metadata`, which Meltano only accepts for extractors, as a table per stream";
        let loader = HEAD.replace("tap-x", "target-x");
        for (head, metadata, kept, told) in [
            (HEAD, "{a: {b: 1}, c: {}}", json!({"a": {"b": 1}, "c": {}}), false),
            (HEAD, "{a: {b: 1}, c: 5}", json!({}), true),
            (HEAD, "{a: {b: null}}", json!({}), true),
            (HEAD, "[a]", json!({}), true),
            (HEAD, "null", json!({}), false),
            (loader.as_str(), "{a: {b: 1}}", json!({}), true),
        ] {
            let (connector, notes) = good(&format!("{head}metadata: {metadata}\n"));
            assert_eq!(Value::Object(connector.metadata), kept, "{metadata}");
            assert_eq!(notes, vec![note; usize::from(told)], "{metadata}");
        }
    }

    #[test]
    fn only_extractors_have_selections() {
        let loader = HEAD.replace("tap-x", "target-x");
        let of = |head: &str, select: &str| {
            let (connector, notes) = good(&format!("{head}select: {select}\n"));
            (connector.select, notes)
        };
        let note = "not kept: `select`, which Meltano does not support for loaders";
        assert_eq!(of(HEAD, "[a.*]"), (vec!["a.*".to_owned()], Vec::new()));
        assert_eq!(of(HEAD, "['*.*']"), (Vec::new(), Vec::new()));
        assert_eq!(of(&loader, "[a.*]"), (Vec::new(), vec![note.to_owned()]));
        assert_eq!(of(&loader, "[]"), (Vec::new(), Vec::new()));
    }
}
