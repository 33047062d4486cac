//! Recognizing the form of a definition by its contents.

use serde_json::Value;

use super::{DefinitionHints, DefinitionMistake, MOST_BYTES, Members, about, project};
use crate::problem::{Problems, listed};
use crate::source::Source;
use crate::yaml::{self, Document, ValueReader};

/// Returns the plugin of a definition in Meltano's form.
pub(super) fn plugin(source: &Source, asked: &DefinitionHints, problems: &mut Problems) -> Option<Members> {
    let value = value(source, problems)?;
    let span = (0..0).into();
    let members = match value {
        Value::Object(members) => members,
        other => {
            let found = format!("it contains {}", crate::value::kind_of(&other));
            problems.push(source, DefinitionMistake::UnknownForm { found, span });
            return None;
        }
    };
    if members.get("plugins").is_some_and(Value::is_object) {
        return project::plugin(source, &members, asked, problems);
    }
    if is_about(&members) {
        return Some(about::plugin(&members, asked));
    }
    if is_plugin(&members) {
        return Some(members);
    }
    if !members.is_empty() && members.values().all(|plugin| plugin["variants"].is_object()) {
        problems.push(source, DefinitionMistake::Index { span });
        return None;
    }
    let found = match members.keys().take(5).collect::<Vec<_>>().as_slice() {
        [] => "it has no keys".to_owned(),
        keys => format!("its keys are {}", listed(keys.iter().map(|key| key.as_str()))),
    };
    problems.push(source, DefinitionMistake::UnknownForm { found, span });
    None
}

/// Tells whether this is the output of a Singer SDK plugin: its settings are a JSON Schema.
fn is_about(members: &Members) -> bool {
    members.get("settings").is_some_and(|settings| settings["properties"].is_object())
}

fn is_plugin(members: &Members) -> bool {
    let other = ["namespace", "pip_url", "settings", "capabilities", "executable", "variant", "variants", "repo"];
    members.get("name").is_some_and(Value::is_string) && other.iter().any(|key| members.contains_key(*key))
}

fn value(source: &Source, problems: &mut Problems) -> Option<Value> {
    let text = source.text();
    if text.len() > MOST_BYTES {
        problems.push(source, DefinitionMistake::TooLarge { mebibytes: MOST_BYTES >> 20, span: (0..0).into() });
        return None;
    }
    let start = text.trim_start().chars().next();
    match start {
        None => problems.push(source, DefinitionMistake::Empty { span: (0..0).into() }),
        Some('<') => {
            let at = text.len() - text.trim_start().len();
            problems.push(source, DefinitionMistake::WebPage { span: (at..at + 1).into() });
        }
        Some('{' | '[') => return json(source, problems),
        Some(_) => return yaml_of(source, problems),
    }
    None
}

pub(super) fn json(source: &Source, problems: &mut Problems) -> Option<Value> {
    match serde_json::from_str(source.text()) {
        Ok(value) => Some(value),
        Err(error) => {
            let line = error.line().saturating_sub(1);
            let lines = source.text().split_inclusive('\n').take(line).map(str::len).sum::<usize>();
            let at = (lines + error.column().saturating_sub(1)).min(source.text().len());
            let at = (0..=at).rev().find(|at| source.text().is_char_boundary(*at)).unwrap_or(0);
            problems.push(source, DefinitionMistake::Json { message: error.to_string(), span: (at..at).into() });
            None
        }
    }
}

fn yaml_of(source: &Source, problems: &mut Problems) -> Option<Value> {
    let document = match Document::parse(source.text()) {
        Ok(document) => document,
        Err(mistake) => {
            problems.push(source, mistake);
            return None;
        }
    };
    let values = ValueReader::of(&document);
    let mut odd = Vec::new();
    let value = values.value(&document.root, &mut odd);
    if values.is_exhausted() {
        problems.push(source, yaml::YamlMistake::Aliases { span: (0..0).into() });
        return None;
    }
    for odd in &odd {
        problems.push(source, DefinitionMistake::Odd { what: odd.what, span: (odd.at..odd.at).into() });
    }
    odd.is_empty().then_some(value)
}

#[cfg(test)]
mod tests {
    use crate::definition::tests::{bad, good};
    use crate::definition::{DefinitionHints, read};
    use crate::problem::Problems;
    use crate::source::Source;

    #[test]
    fn a_plugin_has_a_name_and_another_key() {
        let unknown = |said: &str| {
            [format!("x:1: this is not a plugin definition: its keys are {said} [spile::definition::unknown_form]")]
        };
        assert_eq!(bad("{\"name\": \"tap-x\"}"), unknown("`name`"));
        assert_eq!(bad("{\"settings\": [], \"pip_url\": \"tap-x\"}"), unknown("`settings`, `pip_url`"));
        assert_eq!(good("{\"name\": \"tap-x\", \"pip_url\": \"tap-x==1\"}").0.head.name, "x");
    }

    #[test]
    fn a_syntax_mistake_is_shown_at_its_start() {
        let shown = |text: &str| {
            let mut problems = Problems::default();
            assert_eq!(read(&Source::new("x", text), &DefinitionHints::default(), &mut problems), None);
            let place = problems.into_report().problems()[0].place();
            (place.span.start, text[place.span].to_owned())
        };
        assert_eq!(shown("\n\n\n  <html>"), (5, "<".to_owned()));
        assert_eq!(shown("{\n\"a\": 1,\n  }"), (12, String::new()));
        assert_eq!(shown("{\"ä\": ]"), (7, String::new()));
    }
}
