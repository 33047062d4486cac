//! Tests what an import makes of the projects that other tests compare using Meltano: fast, because it is pure, and
//! byte for byte.

use std::fmt::Write;

use super::*;
use crate::problem::Problems;
use crate::secrecy::NOT_SHOWN;

/// Returns everything that an import of a text writes and reports. Secrets are represented by their names.
fn written(text: &str) -> String {
    let catalog = Catalog::new(&[], &mut Problems::default());
    let import = import(&prepared(text).unwrap(), &catalog, &Locks::default(), &mut LeftAlone::new()).unwrap();
    let mut written = String::new();
    let default = import.default_environment.map(|name| name.to_string()).unwrap_or_default();
    let environments: Vec<&str> = import.environments.iter().map(EnvironmentName::as_str).collect();
    writeln!(written, "environments: {} ({default})", environments.join(", ")).unwrap();
    for one in &import.adopted {
        let loader = one.loader.as_ref().map(ToString::to_string).unwrap_or_default();
        let ancestors: Vec<String> = one.ancestors.iter().map(ToString::to_string).collect();
        let Adopted { key, slug, connector, .. } = one;
        writeln!(written, "{key} of {} is {slug}: {connector}, to {loader}", ancestors.join(", ")).unwrap();
    }
    for file in &import.files {
        let secrets: Vec<_> = file.secrets.iter().map(|(name, _)| name.as_str()).collect();
        writeln!(written, "\n== {}  secrets: {}\n{}", file.path.display(), secrets.join(", "), file.text).unwrap();
    }
    writeln!(written, "\n== template\n{}", import.template).unwrap();
    for note in &import.notes {
        writeln!(written, "{:?}: {} ({:?})", note.line, note.message, note.help).unwrap();
    }
    // Masks what looks like a secret in the projects and stays where it is.
    regex::Regex::new("canary[a-z-]*").unwrap().replace_all(&written, NOT_SHOWN).into_owned()
}

#[test]
fn imports_write_the_same_as_before() {
    let projects = [
        ("anchors", include_str!("../../../../tests/import/anchors/meltano.yml")),
        ("brackets", include_str!("../../../../tests/import/brackets/meltano.yml")),
        ("documented", include_str!("../../../../tests/import/documented/meltano.yml")),
        ("odd", include_str!("../../../../tests/import/odd/meltano.yml")),
        ("secrets", include_str!("../../../../tests/import/secrets/meltano.yml")),
    ];
    for (name, text) in projects {
        insta::with_settings!({ snapshot_path => "../../../../snapshots/import", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, written(text));
        });
    }
}

const PLUGINS: &str = "plugins:\n  extractors:\n  - name: tap-a\n  - name: tap-b\n  - name: tap-c\n  - name: tap-d\n  \
                       - name: tap-e\n  loaders:\n  - name: target-x\n  - name: target-y\n";

#[test]
fn an_extractor_gets_the_loader_that_its_jobs_and_schedules_use() {
    let jobs = "jobs:\n- name: one\n  tasks: [tap-a target-x]\n- name: other\n  tasks: [[tap-b target-y]]\n- name: two\n  \
                tasks: [tap-d dbt target-x, tap-d target-y]\nschedules:\n- name: three\n  extractor: tap-c\n  \
                loader: target-x\n";
    let catalog = Catalog::new(&[], &mut Problems::default());
    let loaders = |text: &str| {
        let known = (&catalog, &Locks::default());
        let import = import(&prepared(text).unwrap(), known.0, known.1, &mut LeftAlone::new()).unwrap();
        let extractors = import.adopted.into_iter().filter(|one| one.slug.as_str().starts_with("tap"));
        extractors.map(|one| one.loader.map(|loader| loader.to_string()).unwrap_or_default()).collect::<Vec<_>>()
    };
    let (x, y) = ("target-x", "target-y");
    assert_eq!(loaders(&format!("{PLUGINS}{jobs}")), [x, y, x, "", ""], "several loaders or none give no loader");
    let both = "jobs:\n- name: one\n  tasks: [tap-a target-x, [tap-b target-y]]\n";
    assert_eq!(loaders(&format!("{PLUGINS}{both}")), [""; 5], "a sync would do less than the job");
    let one = PLUGINS.replace("  - name: target-y\n", "");
    assert_eq!(loaders(&one), [x; 5], "the only loader is everybody's");
}

#[test]
fn an_invalid_structure_is_reported_with_what_was_found() {
    let told = |text: &str| prepared(text).unwrap_err().to_string();
    for (text, sentence) in [
        ("plugins: []\n", "`plugins` is a list, not a table"),
        ("plugins:\n  extractors: {a: 1}\n", "`plugins.extractors` is a table, not a list"),
        (
            "plugins:\n  extractors:\n  - tap-a\n",
            "an item of `plugins.extractors` is a string or a number, not a table",
        ),
        (
            "plugins:\n  extractors:\n  - namespace: x\n",
            "the `name` of an item of `plugins.extractors` is missing, not a string",
        ),
        (
            "plugins:\n  extractors:\n  - name: ''\n",
            "the `name` of an item of `plugins.extractors` is empty, not a string",
        ),
        (
            "plugins:\n  extractors:\n  - name: 5\n",
            "the `name` of an item of `plugins.extractors` is a string or a number, not a string",
        ),
    ] {
        assert_eq!(told(text), sentence, "{text}");
    }
    let shared = "x: &x {name: tap-a}\nplugins:\n  extractors:\n  - {<<: *x, namespace: a}\n";
    assert!(prepared(shared).is_ok(), "a merge may bring the name");
}

#[test]
fn a_possible_secret_that_stays_is_reported_with_its_line() {
    let notes = left_in_clear("plugins:\n  utilities:\n  - name: dbt\n    config:\n      password: hunter2hunter2\n");
    let told: Vec<String> = notes.iter().map(|note| note.message.to_string()).collect();
    assert_eq!(told, ["`password` looks like a secret and stays in plain text, on line 5 of the new file"]);
    assert!(left_in_clear("env: {A: $B}\n").is_empty());
}

/// Returns the template, the connectors and the notes of an import.
fn of(text: &str) -> (String, String, Vec<String>) {
    let catalog = Catalog::new(&[], &mut Problems::default());
    let lock = serde_json::json!({"settings": [{"name": "account", "sensitive": true}]});
    let key = PluginKey { role: crate::connector::Role::Extractor, name: "tap-locked".to_owned() };
    let locks = Locks::from([(key, lock)]);
    let import = import(&prepared(text).unwrap(), &catalog, &locks, &mut LeftAlone::new()).unwrap();
    let files = import.files.iter().map(|file| file.text.as_str()).collect();
    let notes = import.notes.into_iter().map(|note| format!("{:?}: {}", note.line, note.message)).collect();
    (import.template, files, notes)
}

#[test]
fn a_setting_declared_only_by_a_valueless_key_stays_declared() {
    let plugin = |settings: &str| {
        format!(
            "plugins:\n  extractors:\n  - name: tap-x\n    namespace: tap_x\n{settings}    \
             config: {{auth_token: null, host: a, _select: null}}\n"
        )
    };
    for (settings, kept) in [
        ("", "\n    settings:\n    - name: \"auth_token\"\n    namespace: tap_x\n"),
        ("    settings: []\n", "\n    settings: [{name: \"auth_token\"}]\n"),
        ("    settings: [{name: b},]\n", "\n    settings: [{name: b}, {name: \"auth_token\"},]\n"),
        (
            "    settings:\n      - name: b # c\n",
            "\n    settings:\n      - name: b # c\n      - name: \"auth_token\"\n",
        ),
    ] {
        let (template, files, notes) = of(&plugin(settings));
        assert!(template.contains(kept), "{template}");
        assert!(files.contains("{ name = \"auth_token\", secret = true },\n"), "{files}");
        assert!(!notes.iter().any(|note| note.contains("auth_token")), "{notes:?}");
    }
    for settings in ["    settings: [{name: auth_token, kind: password}]\n", "    inherit_from: tap-hub\n"] {
        let text = plugin(settings).replace("    namespace: tap_x\n    inherit", "    inherit");
        let (template, _, notes) = of(&text);
        assert!(!template.contains("\"auth_token\""), "it is declared elsewhere: {template}");
        assert!(!notes.iter().any(|note| note.contains("auth_token")), "{notes:?}");
    }
}

#[test]
fn a_setting_declared_without_a_value_in_an_environment_is_reported() {
    let text = "plugins:\n  extractors:\n  - name: tap-x\n    namespace: tap_x\nenvironments:\n- name: dev\n  config:\n    \
                plugins:\n      extractors:\n      - name: tap-x\n        config:\n          auth_token:\n          host: a\n";
    let told =
        "Some(12): `auth_token` has no value, and after the import Meltano no longer reads it from `TAP_X_AUTH_TOKEN`";
    assert!(of(text).2.contains(&told.to_owned()), "{:?}", of(text).2);
}

const CHOSEN: &str = "plugins:\n  extractors:\n  - name: tap-x\n    namespace: tap_x\n    settings:\n    \
                      - {name: auth_token, kind: options, options: [{label: A, value: a}, {label: B, value: b}]}\n    \
                      - {name: retries, kind: options, options: [{label: A, value: 1}, {label: B, value: 2}]}\n    \
                      - {name: pin, sensitive: true}\n    settings_group_validation: [[pin, nope]]\n    \
                      config: {auth_token: a, retries: 2, pin: me}\n  - name: tap-locked\n    config: {account: me}\n";

#[test]
fn a_setting_with_options_is_not_secret_and_keeps_its_options() {
    let (_, files, _) = of(CHOSEN);
    assert!(files.contains("auth_token = \"a\"\n"), "{files}");
    let options = "options = [{ label = \"A\", value = \"a\" }, { label = \"B\", value = \"b\" }]";
    assert!(files.contains(&format!("{{ name = \"auth_token\", kind = \"options\", {options} }},\n")), "{files}");
    let options = "options = [{ label = \"A\", value = 1 }, { label = \"B\", value = 2 }]";
    assert!(files.contains(&format!("{{ name = \"retries\", kind = \"options\", {options} }},\n")), "{files}");
}

/// Returns the name of each file that an import creates, with its content.
fn named(names: &[&str]) -> Vec<String> {
    let mut text = "plugins:\n  extractors:\n".to_owned();
    for name in names {
        writeln!(text, "  - name: {name}\n    namespace: n\n    pip_url: of-{name}\n    config: {{a: 1}}").unwrap();
    }
    let catalog = Catalog::new(&[], &mut Problems::default());
    let import = import(&prepared(&text).unwrap(), &catalog, &Locks::default(), &mut LeftAlone::new()).unwrap();
    let said = |file: &NewFile| {
        let of = |key: &str| file.text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
        format!("{}: {}{}", file.path.display(), of("plugin = "), of("pip_url = "))
    };
    import.files.iter().map(said).collect()
}

#[test]
fn names_that_are_not_valid_for_files_stay_readable_and_connectors_stay_separate() {
    assert_eq!(
        named(&["tap-\u{fc}", "tap-u"]),
        [
            "connectors/tap-u.toml: pip_url = \"of-tap-u\"",
            "connectors/tap-u-2.toml: pip_url = \"of-tap-\u{fc}\"",
            "integrations/tap-u-extractor.toml: plugin = \"tap-u\"",
            "integrations/tap-u.toml: plugin = \"tap-\u{fc}\"",
        ]
    );
    assert_eq!(named(&["tap-\u{4e2d}"])[0], "connectors/tap-u4e2d.toml: pip_url = \"of-tap-\u{4e2d}\"");
}

#[test]
fn comments_in_nested_tables_stay_before_their_keys() {
    let long = "x".repeat(100);
    let text = format!(
        "plugins:\n  extractors:\n  - name: tap-x\n    namespace: tap_x\n    config:\n      # of all\n      \
         stream_maps:\n        # of orders\n        orders:\n          # the mail\n          mail: {long}\n        \
         # of users\n        users:\n          id: {long}\n"
    );
    let (_, files, _) = of(&text);
    let wanted = "\n# of all\n# of orders\n[config.stream_maps.orders]\n# the mail\nmail = \"X\"\n\n# of users\n\
                  [config.stream_maps.users]\nid = \"X\"\n";
    assert!(files.replace(&long, "X").contains(wanted), "{files}");
    assert!(!files.contains("[config.stream_maps]\n"), "{files}");
}

#[test]
fn a_valueless_setting_in_an_environment_makes_no_file_and_is_reported() {
    let text = "plugins:\n  loaders:\n  - name: target-x\n    namespace: target_x\n    pip_url: x\nenvironments:\n- name: \
                dev\n  config:\n    plugins:\n      loaders:\n      - name: target-x\n        config:\n          unset:\n";
    let (_, files, notes) = of(text);
    assert!(notes.iter().any(|note| note.contains("`unset` has no value")), "{notes:?}");
    assert!(!files.contains("target-x.dev.toml"), "{files}");
}

#[test]
fn a_plugin_with_a_null_in_a_table_stays_in_the_template() {
    let text = "plugins:\n  extractors:\n  - name: tap-x\n    namespace: tap_x\n    config:\n      stream_maps:\n        \
                users: {email: null, id: a}\n";
    let told = "Some(6): the extractor `tap-x` stays unchanged in the template: `stream_maps` holds a null, which TOML \
                cannot say and Meltano may hand on";
    assert!(of(text).2.contains(&told.to_owned()), "{:?}", of(text).2);
}

#[test]
fn wrong_definitions_are_reported() {
    let notes = of(CHOSEN).2;
    for told in [
        "Some(9): `nope` is in a group of settings of the extractor `tap-x`, but is not one of its settings",
        "Some(12): `account` is encrypted only because its definition marks it as a secret: `meltano run` without spile \
         needs `TAP_LOCKED_ACCOUNT`",
    ] {
        assert!(notes.iter().any(|note| note == told), "{notes:?}");
    }
    assert!(!notes.iter().any(|note| note.contains("pin")), "the file itself says that it is a secret: {notes:?}");
}

#[test]
fn a_plugin_that_stays_because_of_its_connector_keeps_the_anchor_that_it_refers_to() {
    let text = "plugins:\n  extractors:\n  - name: tap-a\n    namespace: a\n    executable: a\n    config: &own\n      maps: []\n  \
                - name: tap-b\n    namespace: b\n    executable: b\n    config: *own\nenvironments:\n- name: dev\n  config:\n    \
                plugins:\n      extractors:\n      - name: tap-b\n        config:\n          maps: {}\n";
    let catalog = Catalog::new(&[], &mut Problems::default());
    let mut left = LeftAlone::new();
    let import = import(&prepared(text).unwrap(), &catalog, &Locks::default(), &mut left).unwrap();
    assert!(import.adopted.is_empty() && left.len() == 2, "{left:?}");
    assert!(import.template.contains("&own") && import.template.contains("*own"), "{}", import.template);
}
