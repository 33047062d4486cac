//! Reads a connector's definition: text in, [`Connector`] out, mistakes collected.

mod mistake;

use std::collections::BTreeSet;

use super::kind::{Choice, word_of};
use super::lossy_packages::Faulty;
use super::{
    Connector, Group, Head, Kind, Lock, Loss, Naming, OAuth, Plugin, Quota, RangeSettings, Reset, Role, Setting,
    passthrough_keys,
};
use crate::name::SettingName;
use crate::problem::Problems;
use crate::source::{Placed, Source};
use crate::table::{self, Table};

pub use mistake::ConnectorMistake;

/// Returns the position of `pip_url` in a definition.
#[must_use]
pub fn span_of_pip_url(source: &Source) -> Option<std::ops::Range<usize>> {
    let file = table::tree(source.text()).ok()?;
    let plugin = file.get("plugin")?.get_ref().as_table()?;
    plugin.get("pip_url").map(toml::Spanned::span)
}

/// Reads one definition. Its name is the file's stem unless the file sets one.
pub fn connector(source: &Source, problems: &mut Problems) -> Option<Connector> {
    table::parse(source, problems, read)
}

fn read(table: Table<'_>, problems: &mut Problems) -> Option<Connector> {
    let stem = table.source.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = table.text("name", problems).unwrap_or_else(|| Placed { value: stem, place: table.source.start() });
    check_name("connector", &name, problems);
    // Comes before anything that stops reading, because messages about a wrong word quote it.
    table.plain_secrets(&[&EXAMPLES, ["settings", "oauth"].as_slice()].concat(), problems);
    let role = table.choice("kind", &Role::WORDS, problems).map_or(Role::Extractor, |role| role.value);
    let example = "{ name = \"tap-x\", namespace = \"tap_x\" }";
    let plugin = table.required_table("plugin", example, problems).and_then(|table| plugin(table, problems));
    let settings = settings(&table, problems);
    let groups = groups(&table, &settings, problems);
    let range = table.table("range", problems).map(|table| RangeSettings::read(table, &settings, problems));
    let reset = table.table("reset", problems).map(|table| Reset::read(table, &settings, problems));
    let oauth = table.table("oauth", problems).and_then(|table| OAuth::read(table, &settings, problems));
    let naming = table.table("naming", problems).map(|table| Naming::read(table, &settings, problems));
    let text = |key, problems: &mut Problems| table.text(key, problems).map(|text| text.value);
    let connector = Connector {
        head: Head {
            label: text("label", problems).unwrap_or_else(|| name.value.clone()),
            description: text("description", problems).unwrap_or_default(),
            category: text("category", problems),
            keywords: words(&table, "keywords", problems),
            docs: text("docs", problems),
            logo: text("logo", problems),
            name: name.value,
            role,
        },
        plugin: plugin?,
        settings,
        groups,
        one_group: table.flag("one_group", problems).is_some_and(|flag| flag.value),
        metadata: match table.value("metadata", problems).map(|metadata| metadata.value) {
            Some(serde_json::Value::Object(metadata)) => metadata,
            _ => serde_json::Map::new(),
        },
        select: words(&table, "select", problems),
        losses: losses(&table, problems),
        naming,
        quota: table.table("quota", problems).map(|table| Quota::read(table, problems)),
        range,
        reset,
        oauth,
        own_streams: table.flag("own_streams", problems).is_some_and(|flag| flag.value),
        parallel: table.flag("parallel", problems).is_some_and(|flag| flag.value),
        lock: table.table("lock", problems).and_then(|table| lock(table, problems)),
    };
    warn_of_loss(&connector, table.source, problems);
    table.finish(problems);
    Some(connector)
}

fn warn_of_loss(connector: &Connector, source: &Source, problems: &mut Problems) {
    let pip_url = &connector.plugin.pip_url;
    let Some(faulty) = Faulty::of(pip_url) else { return };
    let span = span_of_pip_url(source).unwrap_or(0..0).into();
    let (name, pip_url) = (connector.head.name.clone(), pip_url.clone());
    problems.push(source, ConnectorMistake::LosesRows { name, pip_url, what: faulty.what, span });
}

fn lock(table: Table<'_>, problems: &mut Problems) -> Option<Lock> {
    let from = table.required_text("from", "\"hub:tap-x--variant\"", problems);
    let sha256 = table.required_text("sha256", "\"…\"", problems);
    table.finish(problems);
    Some(Lock { from: from?.value, sha256: sha256?.value })
}

fn plugin(table: Table<'_>, problems: &mut Problems) -> Option<Plugin> {
    let name = table.required_text("name", "\"tap-x\"", problems);
    let namespace = table.required_text("namespace", "\"tap_x\"", problems);
    if let Some(name) = &name {
        check_name("plugin", name, problems);
    }
    let text = |key, problems: &mut Problems| table.text(key, problems).map(|text| text.value);
    let variant = text("variant", problems).unwrap_or_else(|| "custom".to_owned());
    let pip_url = text("pip_url", problems);
    let executable = text("executable", problems);
    let capabilities = words(&table, "capabilities", problems);
    let passed = passthrough_keys::read(&table, &passthrough_keys::OF_PLUGINS, problems);
    table.finish(problems);
    let (name, namespace) = (name?.value, namespace?.value);
    Some(Plugin {
        pip_url: pip_url.unwrap_or_else(|| name.clone()),
        executable: executable.unwrap_or_else(|| name.clone()),
        name,
        variant,
        namespace,
        capabilities,
        passed,
    })
}

fn settings(table: &Table<'_>, problems: &mut Problems) -> Vec<Setting> {
    let mut seen = BTreeSet::new();
    let mut settings = Vec::new();
    for table in table.tables("settings", problems) {
        let Some((name, setting)) = setting(table, problems) else { continue };
        if seen.insert(name.value.clone()) {
            settings.push(setting);
        } else {
            let span = name.place.span.into();
            problems.push(&name.place.source, ConnectorMistake::SettingTwice { name: name.value, span });
        }
    }
    settings
}

/// Keys whose text may contain examples, which cannot be told apart from secrets: descriptions of a connector and its
/// settings. The default is checked separately.
const EXAMPLES: [&str; 6] = ["default", "label", "description", "placeholder", "tooltip", "documentation"];

fn setting(table: Table<'_>, problems: &mut Problems) -> Option<(Placed<String>, Setting)> {
    let name = table.required_text("name", "\"start_date\"", problems);
    if let Some(name) = &name {
        check_name("setting", name, problems);
    }
    let make = table.choice("kind", &Kind::WORDS, problems);
    let choices = choices(&table, problems);
    let text = |key, problems: &mut Problems| table.text(key, problems).map(|text| text.value);
    let (label, description) = (text("label", problems), text("description", problems));
    let default = table.value("default", problems);
    let said = table.flag("secret", problems).map(|flag| flag.value);
    let flag = |key, problems: &mut Problems| table.flag(key, problems).is_some_and(|flag| flag.value);
    let required = flag("required", problems);
    let (resync, advanced) = (flag("resync", problems), flag("advanced", problems));
    let is_own = table.flag("plugin", problems).is_some_and(|flag| !flag.value);
    let hosts = words(&table, "hosts", problems);
    let passed = passthrough_keys::read(&table, &passthrough_keys::OF_SETTINGS, problems);
    table.plain_secrets(&EXAMPLES, problems);
    if said != Some(false) {
        table.plain_secret("default", problems);
    }
    table.finish(problems);
    let name = name?;
    let kind = make.map_or(Kind::String, |make| (make.value)(choices.clone()));
    check_options(&name, &kind, &choices, problems);
    if let Some(default) = &default
        && !is_filled_in(default)
        && let Err(found) = kind.check(default)
    {
        let (wanted, span) = (kind.wanted().0, default.place.span.clone().into());
        problems
            .push(&default.place.source, ConnectorMistake::Default { name: name.value.clone(), found, wanted, span });
    }
    let default = default.map(|default| default.value);
    let setting = Setting {
        name: name.value.clone(),
        label,
        description,
        default,
        required,
        // Protects passwords even if the definition does not mark them as secret.
        secret: said.unwrap_or_else(|| kind.is_secret_as(&name)),
        is_open: said == Some(false),
        resync,
        advanced,
        is_own,
        hosts,
        passed,
        kind,
    };
    Some((name, setting))
}

/// Tells whether Meltano expands variables in a default. If so, its value cannot be known here.
fn is_filled_in(default: &serde_json::Value) -> bool {
    default.as_str().is_some_and(|text| text.starts_with('$'))
}

/// Reads options: plain values, or tables of a value and its label in a form.
fn choices(table: &Table<'_>, problems: &mut Problems) -> Vec<Choice> {
    let Some(list) = table.value("options", problems) else { return Vec::new() };
    let items = list.value.as_array().cloned().unwrap_or_default();
    let choice = |item: serde_json::Value| match item {
        serde_json::Value::Object(choice) => {
            let value = choice.get("value").filter(|value| is_option(value))?.clone();
            let label =
                choice.get("label").and_then(|label| label.as_str()).map_or_else(|| word_of(&value), str::to_owned);
            Some(Choice { value, label })
        }
        value => is_option(&value).then(|| Choice { label: word_of(&value), value }),
    };
    items.into_iter().filter_map(choice).collect()
}

/// Tells whether a value can be an option of a setting.
#[must_use]
pub fn is_option(value: &serde_json::Value) -> bool {
    value.is_string() || value.is_number() || value.is_boolean()
}

fn check_options(name: &Placed<String>, kind: &Kind, choices: &[Choice], problems: &mut Problems) {
    let is_options = matches!(kind, Kind::Options(_));
    if is_options == choices.is_empty() {
        let span = name.place.span.clone().into();
        let finding = ConnectorMistake::Options { name: name.value.clone(), listed: !choices.is_empty(), span };
        problems.push(&name.place.source, finding);
    }
}

fn groups(table: &Table<'_>, settings: &[Setting], problems: &mut Problems) -> Vec<Group> {
    let mut groups = Vec::new();
    for table in table.tables("groups", problems) {
        let label = table.required_text("label", "\"OAuth\"", problems);
        let names = table.texts("settings", problems).map(|names| names.value).unwrap_or_default();
        table.finish(problems);
        let Some(label) = label else { continue };
        for name in names.iter().filter(|name| settings.iter().all(|setting| setting.name != name.value)) {
            let span = name.place.span.clone().into();
            let finding = ConnectorMistake::Group { label: label.value.clone(), name: name.value.clone(), span };
            problems.push(&name.place.source, finding);
        }
        groups.push(Group { label: label.value, settings: names.into_iter().map(|name| name.value).collect() });
    }
    groups
}

fn losses(table: &Table<'_>, problems: &mut Problems) -> Vec<Loss> {
    let tables = table.tables("losses", problems);
    let loss = |table: Table<'_>| {
        let types = words(&table, "types", problems);
        let what = table.required_text("what", "\"keeps times in UTC\"", problems);
        table.finish(problems);
        Some(Loss { types, what: what?.value })
    };
    tables.into_iter().filter_map(loss).collect()
}

fn words(table: &Table<'_>, key: &'static str, problems: &mut Problems) -> Vec<String> {
    let words = table.texts(key, problems).map(|words| words.value).unwrap_or_default();
    words.into_iter().map(|word| word.value).collect()
}

/// Tells whether a connector or a plugin can have that name.
#[must_use]
pub fn is_word(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && name.chars().all(letter)
}

/// Checks a name. Names end up in paths, state ids and environment variables, so `..`, `/` and blanks must not pass.
fn check_name(what: &'static str, name: &Placed<String>, problems: &mut Problems) {
    let is_safe = if what == "setting" { SettingName::new(name).is_definable() } else { is_word(name) };
    if !is_safe {
        let span = name.place.span.clone().into();
        problems.push(&name.place.source, ConnectorMistake::Name { what, name: name.value.clone(), span });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut problems = Problems::default();
        connector(&Source::new("connectors/mine.toml", text), &mut problems);
        problems.into_report().problems().iter().map(|problem| format!("{problem:?}")).collect()
    }

    #[test]
    fn a_definition_needs_only_a_plugin() {
        let text = "[plugin]\nname = 'tap-mine'\nnamespace = 'tap_mine'\n[[settings]]\nname = 'a.b'\n";
        let mut problems = Problems::default();
        let connector = connector(&Source::new("connectors/mine.toml", text), &mut problems).unwrap();
        assert!(!problems.any_error());
        assert_eq!((connector.head.name.as_str(), connector.head.label.as_str()), ("mine", "mine"));
        assert_eq!(connector.plugin.pip_url, "tap-mine");
        assert_eq!(connector.settings[0].kind, Kind::String);
    }

    #[test]
    fn every_mistake_of_a_definition_is_reported() {
        let text = "kind = 'loder'\n[plugin]\nname = '../x'\nnamespace = 'x'\n\
                    [[settings]]\nname = 'a'\nkind = 'options'\n[[settings]]\nname = 'a'\nkind = 'integer'\ndefault = 'x'\n\
                    [[groups]]\nlabel = 'G'\nsettings = ['b']\n";
        let found = found(text);
        assert_eq!(
            found,
            [
                "connectors/mine.toml:1: `kind`: `loder` is not a known value [spile::toml::invalid]",
                "connectors/mine.toml:3: `../x` is not a valid plugin name [spile::connector::name]",
                "connectors/mine.toml:6: the setting `a` has kind `options` but no `options` [spile::connector::options]",
                "connectors/mine.toml:9: the setting `a` is defined twice [spile::connector::setting_twice]",
                "connectors/mine.toml:11: the default of `a` is a string, not an integer [spile::connector::default]",
                "connectors/mine.toml:14: the group `G` refers to unknown setting `b` [spile::connector::group]",
            ]
        );
    }

    #[test]
    fn names_contain_nothing_that_ends_a_word_or_a_string() {
        for name in ["", "-x", "a b", "a\"b", "a'b", "a`b", "a\\b", "a.b", "ä"] {
            assert!(!is_word(name), "{name:?}");
        }
        for name in ["x", "_x", "9x-y_z"] {
            assert!(is_word(name), "{name}");
        }
        for name in ["", "-x", ".x", "a.b", "a/b", "a b", "ä"] {
            assert!(!is_word(name), "{name}");
        }
    }

    #[test]
    fn a_setting_is_a_secret_by_its_name_unless_the_definition_says_otherwise() {
        let text = "[plugin]\nname = 'tap-x'\nnamespace = 'tap_x'\n[[settings]]\nname = 'credentials_json'\n\
                    [[settings]]\nname = 'api_key'\nsecret = false\n[[settings]]\nname = 'pin'\nsecret = true\n\
                    [[settings]]\nname = 'max_tokens'\n[[settings]]\nname = 'use_password'\nkind = 'boolean'\n";
        let mut problems = Problems::default();
        let connector = connector(&Source::new("connectors/x.toml", text), &mut problems).unwrap();
        let marks: Vec<_> = connector.settings.iter().map(|one| (one.secret, one.is_open)).collect();
        assert_eq!(marks, [(true, false), (false, true), (true, false), (false, false), (false, false)]);
        let written = crate::definition::text(&connector, "x");
        assert_eq!(super::connector(&Source::new("connectors/x.toml", written), &mut problems), Some(connector));
    }

    #[test]
    fn a_secret_in_a_definition_is_reported_and_hidden_but_an_example_is_not() {
        let text = "description = 'such as postgres://me:hunter3@host'\n[plugin]\nname = 'tap-x'\nnamespace = 'tap_x'\n\
                    pip_url = 'git+https://me:hunter2@example.com/x'\n[[settings]]\nname = 'url'\ndefault = 'redis://:hunter2@x'\n";
        let (source, mut problems) = (Source::new("connectors/x.toml", text), Problems::default());
        connector(&source, &mut problems);
        let report = problems.into_report();
        let found: Vec<String> = report.problems().iter().map(|problem| format!("{problem:?}")).collect();
        assert_eq!(
            found,
            [
                "connectors/x.toml:5: `pip_url` contains an address with a password in plain text [spile::toml::secret]",
                "connectors/x.toml:8: `default` contains an address with a password in plain text [spile::toml::secret]",
            ]
        );
        assert!(!report.excerpt_text(&source).contains("hunter2"));
    }

    #[test]
    fn an_option_is_a_string_a_number_or_a_boolean() {
        let text = "[plugin]\nname = 'tap-x'\nnamespace = 'tap_x'\n[[settings]]\nname = 'a'\nkind = 'options'\n\
                    options = ['a', ['b'], 2, true, { value = 3, label = 'Three' }, { value = {} }, { label = 'No' }]\n";
        let mut problems = Problems::default();
        let connector = connector(&Source::new("connectors/x.toml", text), &mut problems).unwrap();
        let Kind::Options(choices) = &connector.settings[0].kind else { panic!() };
        let all: Vec<_> = choices.iter().map(|choice| (choice.value.to_string(), choice.label.as_str())).collect();
        let wanted = [("\"a\"", "a"), ("2", "2"), ("true", "true"), ("3", "Three")];
        assert_eq!(all, wanted.map(|(value, label)| (value.to_owned(), label)));
    }
}
