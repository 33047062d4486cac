//! `settings_group_validation`: the ways to set up a plugin.

use serde_json::Value;

use super::reader::Reader;
use super::{DefinitionMistake, Members};
use crate::connector::{Group, Setting};
use crate::value::kind_of;

/// Returns the groups, each labeled with what distinguishes it from the others.
pub(super) fn groups(members: &Members, settings: &[Setting], reader: &mut Reader<'_>) -> Vec<Group> {
    let list = match members.get("settings_group_validation") {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(list)) => list,
        Some(other) => {
            let (what, found) = ("`settings_group_validation`".to_owned(), kind_of(other));
            reader.refuse(DefinitionMistake::Form { what, found, wanted: "a list of lists", span: (0..0).into() });
            return Vec::new();
        }
    };
    let mut groups: Vec<Vec<String>> = Vec::new();
    for group in list {
        let names: Vec<&str> = group.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if names.is_empty() {
            if list.len() > 1 {
                reader.notes.say("one group of settings is empty, so no setting is required: no group is kept");
            }
            return Vec::new();
        }
        let mut known = Vec::new();
        for name in names {
            if !settings.iter().any(|setting| setting.name == name) {
                reader.notes.say(format!("not kept: `{name}` in a group of settings, which is not a setting"));
            } else if !known.contains(&name.to_owned()) {
                known.push(name.to_owned());
            }
        }
        if !known.is_empty() && !groups.contains(&known) {
            groups.push(known);
        }
    }
    let labels = labels(&groups, settings);
    labels.into_iter().zip(groups).map(|(label, settings)| Group { label, settings }).collect()
}

fn labels(groups: &[Vec<String>], settings: &[Setting]) -> Vec<String> {
    let word = |name: &String| {
        let setting = settings.iter().find(|setting| setting.name == *name);
        setting.and_then(|setting| setting.label.clone()).unwrap_or_else(|| name.clone())
    };
    let is_shared = |name: &&String| groups.len() > 1 && groups.iter().all(|group| group.contains(name));
    let mut labels: Vec<String> = Vec::new();
    for group in groups {
        let own: Vec<String> = group.iter().filter(|name| !is_shared(name)).map(word).collect();
        let label = if own.is_empty() { "Nothing more".to_owned() } else { own.join(", ") };
        let numbered = (2..).map(|number| format!("{label} ({number})"));
        let free = std::iter::once(label.clone()).chain(numbered).find(|label| !labels.contains(label));
        labels.extend(free);
    }
    labels
}

#[cfg(test)]
mod tests {
    use crate::definition::tests::{HEAD, good};

    /// Returns the labels of a definition's groups, and the notes about them.
    fn labels(groups: &str) -> (Vec<String>, Vec<String>) {
        let settings = "[{name: a, label: Key}, {name: b}, {name: c, label: Key}, {name: url}]";
        let (connector, notes) = good(&format!("{HEAD}settings: {settings}\nsettings_group_validation: {groups}\n"));
        (connector.groups.into_iter().map(|group| group.label).collect(), notes)
    }

    #[test]
    fn a_group_is_labeled_with_what_distinguishes_it() {
        for (groups, wanted) in [
            ("[[url, a], [url, a, b]]", ["Nothing more", "b"].as_slice()),
            ("[[url, a], [b, url]]", &["Key", "b"]),
            ("[[a], [c]]", &["Key", "Key (2)"]),
            ("[[b, url], [b], [a], [c, url], [c]]", &["b, url", "b", "Key", "Key, url", "Key (2)"]),
            ("[[url, a]]", &["url, Key"]),
            ("[[a], [b], [a, b]]", &["Key", "b", "Key, b"]),
        ] {
            assert_eq!(labels(groups), (wanted.iter().map(ToString::to_string).collect(), Vec::new()), "{groups}");
        }
    }

    #[test]
    fn if_one_group_needs_nothing_there_are_no_groups() {
        let note = "one group of settings is empty, so no setting is required: no group is kept";
        assert_eq!(labels("[[a], []]"), (Vec::new(), vec![note.to_owned()]));
        assert_eq!(labels("[[]]"), (Vec::new(), Vec::new()));
    }
}
