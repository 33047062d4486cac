//! The settings of a plugin, without duplicates.

use std::collections::BTreeMap;

use serde_json::Value;

use super::place::{second_span_of, span_of};
use super::reader::Reader;
use super::{DefinitionMistake, Members, setting};
use crate::connector::Setting;
use crate::integration::check::environment_variable;
use crate::value::kind_of;

/// Reads all settings. Refuses settings that cannot be distinguished.
pub(super) fn settings(members: &Members, reader: &mut Reader<'_>) -> Vec<Setting> {
    let list = match members.get("settings") {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(list)) => list,
        Some(other) => {
            let (what, found) = ("`settings`".to_owned(), kind_of(other));
            reader.refuse(DefinitionMistake::Form { what, found, wanted: "a list", span: (0..0).into() });
            return Vec::new();
        }
    };
    let mut settings: Vec<Setting> = Vec::new();
    let mut written: Vec<&Value> = Vec::new();
    for value in list {
        let Some(setting) = setting::setting(value, reader) else { continue };
        let twin = settings.iter().zip(&written).find(|(known, _)| known.name == setting.name);
        match twin {
            None => {
                settings.push(setting);
                written.push(value);
            }
            Some((_, first)) if *first == value => {
                reader
                    .notes
                    .say(format!("the setting `{}` is defined twice in the same way: one is kept", setting.name));
            }
            Some(_) => {
                let span = second_span_of(reader.source, &setting.name);
                reader.refuse(DefinitionMistake::SettingTwice { name: setting.name, span });
            }
        }
    }
    variables(&settings, reader);
    settings
}

/// Refuses a secret that shares its variable, because Meltano reads both `a-b` and `a_b` from the same one.
fn variables(settings: &[Setting], reader: &mut Reader<'_>) {
    let variable = |setting: &Setting| environment_variable("", &setting.name);
    let mut seen: BTreeMap<String, &Setting> = BTreeMap::new();
    for second in settings {
        let Some(first) = seen.insert(variable(second), second) else { continue };
        let variable = variable(second).trim_start_matches('_').to_owned();
        let names = (first.name.clone(), second.name.clone());
        if first.secret || second.secret {
            let span = span_of(reader.source, &names.1);
            reader.refuse(DefinitionMistake::VariableTwice { first: names.0, second: names.1, variable, span });
        } else {
            reader.notes.say(format!(
                "in Meltano, the settings `{}` and `{}` share the variable `{variable}`",
                names.0, names.1
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::definition::tests::settings;

    #[test]
    fn identical_duplicate_settings_are_kept_once() {
        let (connector, notes) = settings("- {name: a, kind: integer}\n- {name: b}\n- {kind: integer, name: a}\n");
        let names: Vec<_> = connector.settings.iter().map(|setting| setting.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(notes, ["the setting `a` is defined twice in the same way: one is kept"]);
    }
}
