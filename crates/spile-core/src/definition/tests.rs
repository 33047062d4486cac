use std::fmt::Write;

use serde_json::{Value, json};

use super::{Definition, DefinitionHints, MOST_BYTES, read, text};
use crate::connector::{self, Connector, Kind, Role};
use crate::problem::Problems;
use crate::source::Source;

pub(super) const HEAD: &str = "name: tap-x\nnamespace: tap_x\npip_url: tap-x==1\n";

/// Reads a definition, and checks that the connector's file gives the same connector.
pub(super) fn good(definition: &str) -> (Connector, Vec<String>) {
    let mut problems = Problems::default();
    let found = read(&Source::new("x.yml", definition), &DefinitionHints::default(), &mut problems);
    let report = problems.into_report();
    assert!(report.problems().is_empty(), "{report:?}");
    let Definition { connector, notes } = found.unwrap();
    for stem in ["x", "other"] {
        let file = text(&connector, stem);
        let mut problems = Problems::default();
        let back =
            connector::read::connector(&Source::new(format!("connectors/{stem}.toml"), file.as_str()), &mut problems);
        let report = problems.into_report();
        assert!(report.problems().is_empty(), "{report:?}\n{file}");
        assert_eq!(back.unwrap(), connector, "{file}");
    }
    (connector, notes)
}

pub(super) fn settings(list: &str) -> (Connector, Vec<String>) {
    good(&format!("{HEAD}settings:\n{list}"))
}

/// Returns the mistakes in a definition.
pub(super) fn bad(definition: &str) -> Vec<String> {
    bad_as(definition, &DefinitionHints::default())
}

pub(super) fn bad_as(definition: &str, asked: &DefinitionHints) -> Vec<String> {
    let mut problems = Problems::default();
    let found = read(&Source::new("x", definition), asked, &mut problems);
    assert_eq!(found, None, "{definition}");
    problems.into_report().problems().iter().map(|problem| format!("{problem:?}")).collect()
}

#[test]
fn a_definition_from_the_hub_becomes_a_connector() {
    let (connector, notes) =
        good(include_str!("../../../../tests/connectors/hub/extractors_tap-salesforce_meltanolabs.yml"));
    assert_eq!(
        (connector.head.role, connector.head.name.as_str(), connector.head.label.as_str()),
        (Role::Extractor, "salesforce", "Salesforce")
    );
    assert_eq!(connector.plugin.pip_url, "git+https://github.com/MeltanoLabs/tap-salesforce.git@v1.9.0");
    assert_eq!(connector.head.category.as_deref(), Some("APIs"));
    assert_eq!(connector.head.logo.as_deref(), Some("https://hub.meltano.com/assets/logos/extractors/salesforce.png"));
    assert!(connector.select.contains(&"Lead.*".to_owned()));
    let setting = connector.setting("security_token").unwrap();
    assert!(
        setting.secret && setting.description.as_ref().unwrap().contains("1. Sign in to your [Salesforce Account]")
    );
    assert_eq!(connector.groups.len(), 2);
    assert_ne!(connector.groups[0].label, connector.groups[1].label);
    assert_eq!(notes, Vec::<String>::new());
}

#[test]
fn json_and_yaml_give_the_same_connector() {
    let yaml = include_str!("../../../../tests/connectors/hub/loaders_target-postgres_meltanolabs.yml");
    let mut value: Value = yaml_serde::from_str(yaml).unwrap();
    let lock = || value.to_string();
    let from_yaml = good(yaml);
    assert_eq!(good(&lock()), from_yaml);
    value["plugin_type"] = json!("loaders");
    assert_eq!(good(&value.to_string()), from_yaml);
}

#[test]
fn deprecated_kinds_become_flags() {
    let (connector, notes) = settings(
        "- {name: a, kind: password}\n- {name: b, kind: oauth}\n- {name: c, kind: hidden, value: 5}\n- {name: d, sensitive: true, kind: object}\n- {name: e, kind: text}\n",
    );
    let is = |name: &str| connector.setting(name).unwrap().clone();
    assert!(is("a").secret && is("b").secret && is("d").secret && !is("c").secret);
    assert_eq!((is("a").kind, is("d").kind, is("c").kind), (Kind::String, Kind::Object, Kind::Integer));
    assert_eq!(is("c").passed["hidden"], json!(true));
    assert_eq!(notes, ["`e` has the kind `text`, which Meltano does not know: using `string`"]);
}

#[test]
fn names_of_secrets_are_secret_and_names_that_only_sound_like_them_are_not() {
    let names = ["password", "api_key", "private_key", "auth_tokens", "ssh.passphrase"];
    let plain = ["token_url", "auth_token_expiry", "primary_key", "max_tokens", "use_password"];
    let list: String = names.iter().chain(&plain).fold(String::new(), |mut list, name| {
        let kind = if name.ends_with("auth_tokens") { "array" } else { "string" };
        writeln!(list, "- {{name: {name}, kind: {kind}}}").unwrap();
        list
    });
    let (connector, notes) = settings(&format!("{list}- {{name: secret_count, kind: integer}}\n"));
    for setting in &connector.settings {
        assert_eq!(setting.secret, names.contains(&setting.name.as_str()), "{}", setting.name);
    }
    assert_eq!(notes.len(), names.len(), "{notes:?}");
}

#[test]
fn defaults_are_read_as_meltano_reads_them() {
    for (kind, written, wanted) in [
        ("integer", "'5'", json!(5)),
        ("integer", "5.0", json!(5)),
        ("decimal", "'0.5'", json!(0.5)),
        ("decimal", "1", json!(1)),
        ("boolean", "'True'", json!(true)),
        ("boolean", "'no'", json!(false)),
        ("boolean", "0", json!(false)),
        ("array", "'[\"a\", 1]'", json!(["a", 1])),
        ("object", "'{\"a\": {}}'", json!({"a": {}})),
        ("string", "3306", json!(3306)),
        ("string", "false", json!(false)),
        ("string", "null", json!(null)),
        ("date_iso8601", "2024-01-01", json!("2024-01-01")),
        ("file", "''", json!("")),
        ("integer", "$PORT", json!("$PORT")),
        ("object", "{a: null, b: 1}", json!({"b": 1})),
    ] {
        let (connector, _) = settings(&format!("- {{name: a, kind: {kind}, value: {written}}}\n"));
        let setting = &connector.settings[0];
        assert_eq!(setting.default.clone().unwrap_or_default(), wanted, "{kind} {written}");
        assert_eq!(setting.kind.word(), kind, "{written}");
    }
}

#[test]
fn a_default_that_does_not_fit_changes_the_kind_or_is_dropped_with_a_note() {
    for (kind, written, word, default) in [
        ("date_iso8601", "yesterday", "string", json!("yesterday")),
        ("email", "me", "string", json!("me")),
        ("file", "false", "string", json!(false)),
        ("integer", "0.5", "decimal", json!(0.5)),
        ("string", "[a]", "array", json!(["a"])),
        ("integer", "many", "integer", json!(null)),
        ("array", "a,b", "array", json!(null)),
        ("object", "[]", "object", json!(null)),
    ] {
        let (connector, notes) = settings(&format!("- {{name: a, kind: {kind}, value: {written}}}\n"));
        let setting = &connector.settings[0];
        assert_eq!(
            (setting.kind.word(), setting.default.clone().unwrap_or_default()),
            (word, default),
            "{kind} {written}"
        );
        assert_eq!(notes.len(), 1, "{kind} {written}: {notes:?}");
    }
    let (connector, _) = settings("- {name: port, value: 3306}\n- {name: ssl, value: false}\n- {name: host}\n");
    let kinds: Vec<_> = connector.settings.iter().map(|setting| setting.kind.word()).collect();
    assert_eq!(kinds, ["integer", "boolean", "string"]);
}

#[test]
fn options_keep_their_values_and_their_labels() {
    let (connector, notes) = settings(
        "- {name: a, kind: options, value: 2, options: [{label: One, value: 1}, {value: two}, three, {label: No, value: null}]}\n- {name: b, kind: options}\n",
    );
    let Kind::Options(choices) = &connector.settings[0].kind else { panic!() };
    let all: Vec<_> = choices.iter().map(|choice| (choice.value.clone(), choice.label.as_str())).collect();
    assert_eq!(all, [(json!(1), "One"), (json!("two"), "two"), (json!("three"), "three"), (json!(2), "2")]);
    assert_eq!(connector.settings[1].kind, Kind::String);
    assert_eq!(
        notes,
        [
            "not kept: an option of `a` that is null",
            "`a` is treated as one of its options because of its default, `2`",
            "`b` has the kind `options` but lists none: it is treated as a string",
        ]
    );
}

#[test]
fn keys_that_meltano_reads_are_kept_and_others_are_noted() {
    let (connector, notes) = good(&format!(
        "{HEAD}python: '3.11'\ncommands: {{about: --about}}\nenv: {{A: b}}\ndialect: x\nrequires: {{files: [{{name: y}}]}}\nsupported_python_versions: ['3.9']\nusage: |\n  long\nselect: [a.*]\nmetadata: {{'*': {{replication-method: FULL_TABLE}}}}\nsettings:\n- {{name: a, aliases: [b], env: A_B, placeholder: 5, value_post_processor: stringify, hidden: false, protected: true, env_aliases: [C], oauth: {{}}}}\n"
    ));
    assert_eq!(
        Value::Object(connector.plugin.passed.clone()),
        json!({"python": "3.11", "commands": {"about": "--about"}, "env": {"A": "b"}})
    );
    assert_eq!(
        Value::Object(connector.settings[0].passed.clone()),
        json!({"aliases": ["b"], "env": "A_B", "placeholder": "5", "value_post_processor": "stringify"})
    );
    assert_eq!((connector.select.as_slice(), connector.metadata.len()), (["a.*".to_owned()].as_slice(), 1));
    assert_eq!(
        notes,
        [
            "not kept: `dialect`, which Meltano does not support for extractors",
            "not kept: `usage` (for display only)",
            "not kept: `requires`, `supported_python_versions`",
            "not kept: `env_aliases` of `a`",
            "not kept: `protected` of `a`",
        ]
    );
}

#[test]
fn unusual_definitions_from_the_hub_are_accepted() {
    for odd in [
        "name: tap-x\nnamespace: tap-x\n",
        "name: tap-x\nnamespace: tap_x\nsettings:\n",
        "name: tap-x\nnamespace: tap_x\nsettings: []\nsettings_group_validation:\n- []\n",
        "name: tap-x\nnamespace: tap_x\npip_url: a b git+https://x/y.git ${MELTANO__PYTHON_VERSION}\n",
        "name: tap-x\nnamespace: tap_x\ncapabilities: [fly, catalog, catalog]\nvariant: x\n",
        "name: tap-x\nsettings:\n- {name: _select, kind: array, value: [a.*]}\n- {name: Start-Date.From}\n- {name: dialect+driver}\n",
        "name: tap-x\nvariants:\n- {name: one, pip_url: tap-x}\n",
        "---\nname: tap-x\nrepo: null\nlabel: 5\ndescription: null\nkeywords: null\n",
        "name: x\ncapabilities: [discover]\n",
    ] {
        good(odd);
    }
    let (connector, notes) = good(
        "name: tap-x\nnamespace: a\nsettings: [{name: a}, {name: b}]\nsettings_group_validation: [[a, c], [c], [a]]\n",
    );
    assert_eq!(connector.plugin.pip_url, "");
    let groups: Vec<_> = connector.groups.iter().map(|group| group.settings.clone()).collect();
    assert_eq!(groups, [["a".to_owned()]]);
    assert_eq!(notes.iter().filter(|note| note.contains("`c` in a group")).count(), 2, "{notes:?}");
}

#[test]
fn each_mistake_has_its_own_message() {
    let of = |list: &str| bad(&format!("{HEAD}settings:\n{list}"));
    assert_eq!(bad(" \n"), ["x:1: the definition is empty [spile::definition::empty]"]);
    assert_eq!(bad("<!doctype html>"), ["x:1: this is a web page, not a definition [spile::definition::web_page]"]);
    assert_eq!(
        bad("{\"name\": \"tap-x\""),
        [
            "x:1: the definition is not valid JSON: EOF while parsing an object at line 1 column 16 [spile::definition::json]"
        ]
    );
    assert_eq!(
        bad("{\"detail\": \"Not Found\"}"),
        ["x:1: this is not a plugin definition: its keys are `detail` [spile::definition::unknown_form]"]
    );
    assert_eq!(
        bad("- a\n"),
        ["x:1: this is not a plugin definition: it contains an array [spile::definition::unknown_form]"]
    );
    assert_eq!(
        bad("{\"tap-x\": {\"default_variant\": \"a\", \"variants\": {}}}"),
        ["x:1: this is the hub's list of plugins, not a plugin definition [spile::definition::index]"]
    );
    assert_eq!(
        of("- {name: a}\n- {name: a, kind: integer}\n- {name: a b}\n- {kind: string}\n- {name: c, kind: strin}\n"),
        [
            "x:1: the `name` of a setting with the keys `kind` is missing, not a string [spile::definition::form]",
            "x:6: the setting `a` is defined twice, in different ways [spile::definition::setting_twice]",
            "x:7: `a b` is not a valid setting name [spile::definition::name]",
            "x:9: the setting `c` has the kind `strin`, which Meltano does not know [spile::definition::kind]",
        ]
    );
    assert_eq!(
        of("- {name: a-b, kind: password}\n- {name: A_B}\n"),
        [
            "x:6: the settings `a-b` and `A_B` share the variable `A_B`, and one of them is a secret [spile::definition::variable_twice]"
        ]
    );
    assert_eq!(
        bad("name: ../../x\nnamespace: x\n"),
        ["x:1: `../../x` is not a valid plugin name [spile::definition::name]"]
    );
    assert_eq!(
        bad("name: map-x\nplugin_type: mappers\nnamespace: x\n"),
        [
            "x:1: `map-x` is one of Meltano's mappers; only extractors and loaders can be connectors [spile::definition::other_type]"
        ]
    );
    assert_eq!(
        bad("name: x\nnamespace: x\n"),
        ["x:1: cannot tell whether `x` is an extractor or a loader [spile::definition::role]"]
    );
    let asked = DefinitionHints { name: Some("../x".into()), ..DefinitionHints::default() };
    assert_eq!(bad_as(HEAD, &asked), ["x:1: `../x` is not a valid connector name [spile::definition::name]"]);
}

#[test]
fn definitions_cannot_cause_unbounded_growth_or_endless_loops() {
    assert_eq!(
        bad("name: tap-x\nsettings: &a [*a]\n"),
        ["x:2: an alias refers to something that contains it [spile::import::recursive]"]
    );
    let lines = (1..12).fold("a0: &a0 [x, x]\n".to_owned(), |mut lines, n| {
        writeln!(lines, "a{n}: &a{n} [{}]", vec![format!("*a{}", n - 1); 9].join(", ")).unwrap();
        lines
    });
    assert_eq!(
        bad(&lines),
        ["x:1: the aliases in the file expand to more than a million values or 200 levels [spile::import::aliases]"]
    );
    let large = format!("{HEAD}usage: |\n  {}\n", "# Long\n  ".repeat(600_000));
    assert!(large.len() > MOST_BYTES);
    assert_eq!(bad(&large), ["x:1: the definition is larger than 2 MiB [spile::definition::too_large]"]);
    assert_eq!(bad(&"[".repeat(100_000)).len(), 1);
    assert_eq!(bad(&format!("a: {}", "[".repeat(100_000))).len(), 1);
    let (connector, _) = good(&format!("{HEAD}description: |\n  {}\n", "# Long\n  ".repeat(100_000)));
    assert!(connector.head.description.len() > 600_000);
}

#[test]
fn a_plugin_of_a_project_includes_what_it_inherits() {
    let project = "plugins:\n  extractors:\n  - {name: tap-x, namespace: tap_x, pip_url: tap-x==1, settings: [{name: a, kind: integer}, {name: b}]}\n  \
                   - {name: tap-x--mine, inherit_from: tap-x, config: {a: 1}, settings: [{name: b, kind: boolean}]}\n  \
                   - {name: one, inherit_from: two}\n  - {name: two, inherit_from: one}\n  - {name: lost, inherit_from: tap-hub}\n  \
                   - {name: leaf, inherit_from: mid}\n  - {name: mid, inherit_from: nowhere}\n  - {name: on, inherit_from: one}\n";
    let plugin = |name: &str| DefinitionHints { plugin: Some(name.into()), ..DefinitionHints::default() };
    let mut problems = Problems::default();
    let found = read(&Source::new("meltano.yml", project), &plugin("tap-x--mine"), &mut problems).unwrap();
    assert_eq!(found.connector.plugin.name, "tap-x");
    let kinds: Vec<_> =
        found.connector.settings.iter().map(|setting| (setting.name.as_str(), setting.kind.word())).collect();
    assert_eq!(kinds, [("a", "integer"), ("b", "boolean")]);
    assert_eq!(found.notes, ["not kept: `config`"]);
    assert_eq!(
        bad(project),
        [
            "x:1: it contains more than one plugin: `tap-x`, `tap-x--mine`, `one`, `two`, `lost`, `leaf`, `mid`, `on` [spile::definition::several]"
        ]
    );
    for (name, wanted) in [
        ("one", "`one` inherits from itself [spile::definition::cycle]"),
        ("lost", "`lost` inherits from `tap-hub`, which it does not define [spile::definition::parent]"),
        ("leaf", "x:9: `mid` inherits from `nowhere`, which it does not define [spile::definition::parent]"),
        ("on", "`one` inherits from itself [spile::definition::cycle]"),
        ("tap-y", "it contains no plugin `tap-y` [spile::definition::no_plugin]"),
    ] {
        let found = bad_as(project, &plugin(name));
        assert!(found.len() == 1 && found[0].ends_with(wanted), "{found:?}");
    }
    assert_eq!(
        bad("name: tap-x\nnamespace: x\ninherit_from: tap-y\n"),
        ["x:3: `tap-x` inherits from `tap-y`, which it does not define [spile::definition::parent]"]
    );
}

#[test]
fn the_user_chooses_the_role_of_a_plugin_that_can_be_both() {
    let both = "name: sling\nnamespace: sling\npip_url: sling==1\ncapabilities: [discover, hard-delete]\n";
    let refused = "x:1: `sling` can be an extractor and a loader [spile::definition::both]";
    assert_eq!(bad(both), [refused]);
    let loader = DefinitionHints { role: Some(Role::Loader), ..DefinitionHints::default() };
    let mut problems = Problems::default();
    assert_eq!(read(&Source::new("x", both), &loader, &mut problems).unwrap().connector.head.role, Role::Loader);
    // Its name says more than what it can do.
    let named = both.replace("sling", "tap-sling");
    assert_eq!(
        read(&Source::new("x", named), &DefinitionHints::default(), &mut problems).unwrap().connector.head.role,
        Role::Extractor
    );
    let lists = "plugins:\n  extractors:\n  - {name: sling, pip_url: sling==1}\n  loaders:\n  - {name: sling, pip_url: sling==1}\n";
    let plugin = DefinitionHints { plugin: Some("sling".into()), ..DefinitionHints::default() };
    let found = bad_as(lists, &plugin);
    assert!(
        found.len() == 1 && found[0].ends_with("`sling` can be an extractor and a loader [spile::definition::both]"),
        "{found:?}"
    );
    let loader =
        read(&Source::new("x", lists), &DefinitionHints { role: Some(Role::Loader), ..plugin }, &mut problems).unwrap();
    assert_eq!(loader.connector.head.role, Role::Loader);
}

#[test]
fn the_about_output_of_a_tap_becomes_a_connector() {
    let about = json!({
        "name": "tap-x", "description": "X", "version": "1.2.3", "sdk_version": "0.54", "capabilities": ["catalog", "discover"],
        "settings": {"type": "object", "required": ["url", "auth"], "properties": {
            "url": {"type": ["string"], "title": "URL", "description": "Where", "format": "uri"},
            "auth": {"type": "object", "required": ["user"], "properties": {
                "user": {"type": "string"}, "pass": {"type": ["string", "null"], "writeOnly": true}}},
            "more": {"type": ["object", "null"], "required": ["key"], "properties": {"key": {"type": "string", "secret": true}}},
            "since": {"type": ["string", "null"], "format": "date-time", "default": "2024-01-01T00:00:00Z"},
            "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
            "size": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 5},
            "rate": {"type": "number"}, "maps": {"type": "object", "additionalProperties": true, "properties": {}},
            "list": {"type": "array", "items": {"type": "object"}}, "free": {},
            "one": {"oneOf": [{"const": 1, "title": "One"}, {"const": 2}]}
        }}
    });
    let asked = DefinitionHints {
        pip_url: Some("tap-x==1.2.3".into()),
        executable: Some("tap-x".into()),
        ..DefinitionHints::default()
    };
    let mut problems = Problems::default();
    let found = read(&Source::new("about", about.to_string()), &asked, &mut problems).unwrap();
    let connector = &found.connector;
    assert_eq!(found.notes, Vec::<String>::new());
    let said: Vec<String> = connector
        .settings
        .iter()
        .map(|one| {
            format!(
                "{} {}{}{}",
                one.name,
                one.kind.word(),
                if one.required { " required" } else { "" },
                if one.secret { " secret" } else { "" }
            )
        })
        .collect();
    let mut said = said;
    said.sort();
    assert_eq!(
        said,
        [
            "auth.pass string secret",
            "auth.user string required",
            "free string",
            "list array",
            "maps object",
            "mode options",
            "more.key string secret",
            "one options",
            "rate decimal",
            "since date_iso8601",
            "size integer",
            "url string required",
        ]
    );
    assert_eq!(connector.plugin.namespace, "tap_x");
    let open = DefinitionHints { pip_url: Some("tap-x".into()), ..DefinitionHints::default() };
    let found = read(&Source::new("about", about.to_string()), &open, &mut problems).unwrap();
    assert_eq!(
        found.notes,
        ["`pip_url = \"tap-x\"` pins no version: pin `==1.2.3`, the definition's version, or installs may differ"]
    );
}
