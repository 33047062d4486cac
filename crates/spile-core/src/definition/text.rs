//! Writes a connector as a file.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::connector::kind::word_of;
use crate::connector::{Connector, Kind, Naming, Plugin, Quota, RangeSettings, Reset, Setting};
use crate::toml_text::{key, value};

/// Returns the text of a connector's file `<stem>.toml`. Reading it gives the same connector.
#[must_use]
pub fn text(connector: &Connector, stem: &str) -> String {
    let mut text = String::new();
    if connector.head.name != stem {
        line(&mut text, "name", &json!(connector.head.name));
    }
    line(&mut text, "kind", &json!(connector.head.role.to_string()));
    line(&mut text, "label", &json!(connector.head.label));
    if !connector.head.description.is_empty() {
        line(&mut text, "description", &json!(connector.head.description));
    }
    let optional =
        [("category", &connector.head.category), ("docs", &connector.head.docs), ("logo", &connector.head.logo)];
    for (name, said) in optional {
        if let Some(said) = said {
            line(&mut text, name, &json!(said));
        }
    }
    list(&mut text, "keywords", &connector.head.keywords);
    list(&mut text, "select", &connector.select);
    let flags =
        [("one_group", connector.one_group), ("own_streams", connector.own_streams), ("parallel", connector.parallel)];
    for (name, is_set) in flags {
        if is_set {
            line(&mut text, name, &json!(true));
        }
    }
    plugin(&mut text, &connector.plugin);
    for setting in &connector.settings {
        self::setting(&mut text, setting);
    }
    for group in &connector.groups {
        text.push_str("\n[[groups]]\n");
        line(&mut text, "label", &json!(group.label));
        line(&mut text, "settings", &json!(group.settings));
    }
    for loss in &connector.losses {
        text.push_str("\n[[losses]]\n");
        list(&mut text, "types", &loss.types);
        line(&mut text, "what", &json!(loss.what));
    }
    if let Some(naming) = &connector.naming {
        text.push_str("\n[naming]\n");
        self::naming(&mut text, naming);
    }
    if let Some(Quota { rows_per_call, calls_per_day }) = connector.quota {
        text.push_str("\n[quota]\n");
        let counts = [("rows_per_call", rows_per_call), ("calls_per_day", calls_per_day)];
        for (key, count) in counts.into_iter().filter_map(|(key, count)| Some((key, count?))) {
            line(&mut text, key, &json!(count));
        }
    }
    if let Some(RangeSettings { start, end, clauses }) = &connector.range {
        text.push_str("\n[range]\n");
        for (key, name) in [("start", start), ("end", end), ("clauses", clauses)]
            .into_iter()
            .filter_map(|(key, name)| Some((key, name.as_ref()?)))
        {
            line(&mut text, key, &json!(name));
        }
    }
    if let Some(Reset { when, settings, needs }) = &connector.reset {
        text.push_str("\n[reset]\n");
        line(&mut text, "when", &json!(when.word()));
        for (key, values) in
            [("settings", settings), ("needs", needs)].into_iter().filter(|(_, values)| !values.is_empty())
        {
            line(&mut text, key, &json!(values));
        }
    }
    if let Some(oauth) = &connector.oauth {
        text.push_str("\n[oauth]\n");
        lines(&mut text, json!(oauth).as_object().unwrap_or(&Map::new()));
    }
    for (stream, metadata) in &connector.metadata {
        let _ = writeln!(text, "\n[metadata.{}]", key(stream));
        lines(&mut text, metadata.as_object().unwrap_or(&Map::new()));
    }
    if let Some(lock) = &connector.lock {
        text.push_str("\n[lock]\n");
        line(&mut text, "from", &json!(lock.from));
        line(&mut text, "sha256", &json!(lock.sha256));
    }
    text
}

fn plugin(text: &mut String, plugin: &Plugin) {
    text.push_str("\n[plugin]\n");
    let words = [
        ("name", &plugin.name),
        ("variant", &plugin.variant),
        ("namespace", &plugin.namespace),
        ("pip_url", &plugin.pip_url),
        ("executable", &plugin.executable),
    ];
    for (name, word) in words {
        line(text, name, &json!(word));
    }
    list(text, "capabilities", &plugin.capabilities);
    lines(text, &plugin.passed);
}

fn setting(text: &mut String, setting: &Setting) {
    text.push_str("\n[[settings]]\n");
    line(text, "name", &json!(setting.name));
    line(text, "kind", &json!(setting.kind.word()));
    for (name, said) in [("label", &setting.label), ("description", &setting.description)] {
        if let Some(said) = said {
            line(text, name, &json!(said));
        }
    }
    if let Kind::Options(choices) = &setting.kind {
        let option = |choice: &crate::connector::kind::Choice| match &choice.value {
            plain if word_of(plain) == choice.label => plain.clone(),
            plain => json!({"label": choice.label, "value": plain}),
        };
        line(text, "options", &choices.iter().map(option).collect());
    }
    if let Some(default) = &setting.default {
        line(text, "default", default);
    }
    let marks = [
        ("required", setting.required),
        ("secret", setting.secret),
        ("resync", setting.resync),
        ("advanced", setting.advanced),
    ];
    for (name, _) in marks.into_iter().filter(|(_, is_set)| *is_set) {
        line(text, name, &json!(true));
    }
    for (name, _) in [("secret", setting.is_open), ("plugin", setting.is_own)].into_iter().filter(|(_, is_set)| *is_set)
    {
        line(text, name, &json!(false));
    }
    list(text, "hosts", &setting.hosts);
    lines(text, &setting.passed);
}

/// Writes a naming rule, omitting the defaults.
fn naming(text: &mut String, naming: &Naming) {
    let (written, default) = (json!(naming), json!(Naming::default()));
    for (name, said) in written.as_object().into_iter().flatten().filter(|(name, said)| default[*name] != **said) {
        line(text, name, said);
    }
}

fn list(text: &mut String, name: &str, words: &[String]) {
    if !words.is_empty() {
        line(text, name, &json!(words));
    }
}

fn lines(text: &mut String, members: &Map<String, Value>) {
    members.iter().for_each(|(name, said)| line(text, name, said));
}

fn line(text: &mut String, name: &str, said: &Value) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{} = {}", key(name), value(said));
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::connector::{Catalog, OAuth, Role, read};
    use crate::definition::tests::settings;
    use crate::problem::Problems;
    use crate::source::Source;

    #[test]
    fn the_sign_in_of_a_built_in_connector_is_read_again_as_it_was_written() {
        let mut problems = Problems::default();
        for name in ["asana", "github", "google-ads", "hubspot", "salesforce", "xero", "zendesk"] {
            let connector = Catalog::built_in(Role::Extractor, name).unwrap();
            assert!(connector.oauth.is_some(), "{name}");
            let file = Source::new("connectors/x.toml", text(&connector, "x"));
            let again: Option<OAuth> = read::connector(&file, &mut problems).and_then(|again| again.oauth);
            assert_eq!(again, connector.oauth, "{file:?}");
        }
    }

    #[test]
    fn an_option_is_written_with_its_label_if_that_adds_information() {
        let list = "- {name: a, kind: options, options: [1, {value: 2, label: '2'}, {value: 3, label: Three}]}\n";
        let file = text(&settings(list).0, "x");
        assert!(file.contains("\noptions = [1, 2, { label = \"Three\", value = 3 }]\n"), "{file}");
    }
}
