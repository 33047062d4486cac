//! Explains the word under a cursor.

use std::ops::Range;

use super::{Cursor, is_of_schema};
use crate::connector::kind::word_of;
use crate::connector::{Connector, Kind, Setting};
use crate::integration::keys;

/// Returns an explanation of the key or setting under a cursor, in Markdown, and its range.
#[must_use]
pub fn hover(text: &str, offset: usize, connector: Option<&Connector>) -> Option<(String, Range<usize>)> {
    let (word, span) = Cursor::word(text, offset)?;
    let table = Cursor::at(text, span.start).table;
    let line = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let is_key = text[line..span.start].trim().trim_matches('"').is_empty();
    let said = match (table, is_key) {
        ("", true) => Some(keys::what(word).to_owned()).filter(|what| !what.is_empty()),
        ("", false) => connector.filter(|connector| connector.head.name == word).map(self::connector),
        ("load", true) => keys::OF_LOAD.iter().find(|(key, _)| *key == word).map(|(_, what)| (*what).to_owned()),
        (table, true) if is_of_schema(table) => {
            keys::OF_SCHEMA.iter().find(|(key, _)| *key == word).map(|(_, what)| (*what).to_owned())
        }
        ("config" | "secrets", true) => connector?.setting(word).map(setting),
        _ => None,
    };
    said.map(|said| (said, span))
}

fn connector(connector: &Connector) -> String {
    let docs = connector.head.docs.as_ref().map(|docs| format!("\n\n<{docs}>")).unwrap_or_default();
    format!("**{}**\n\n{}{docs}", connector.head.label, connector.head.description)
}

fn setting(setting: &Setting) -> String {
    let marks = [
        (setting.required, "required"),
        (setting.secret, "secret"),
        (setting.resync, "changing it triggers a resync"),
        (setting.is_own, "not passed to the plugin"),
    ];
    let marks = marks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| mark);
    let head: Vec<&str> = [setting.kind.word()].into_iter().chain(marks).collect();
    let label = setting.label.as_deref().unwrap_or(&setting.name);
    let mut parts = vec![format!("**{label}** ({})", head.join(", "))];
    parts.extend(setting.description.clone());
    if let Kind::Options(choices) = &setting.kind {
        let choices = choices.iter().map(|choice| format!("- `{}`: {}", word_of(&choice.value), choice.label));
        parts.push(choices.collect::<Vec<_>>().join("\n"));
    }
    parts.extend(setting.default.as_ref().map(|default| format!("Default: `{default}`")));
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{Catalog, Role};
    use crate::problem::Problems;

    #[test]
    fn keys_settings_and_connectors_are_explained() {
        let connector = Catalog::new(&[], &mut Problems::default()).find(Role::Extractor, "salesforce").unwrap();
        let text = "type = \"salesforce\"\n[config]\napi_type = \"REST\"\n";
        let at = |words: &str| hover(text, text.find(words).unwrap() + 2, Some(&connector)).map(|(said, _)| said);
        assert_eq!(at("type ="), Some("The connector: what the integration reads from or writes to.".to_owned()));
        assert!(at("salesforce").unwrap().starts_with("**Salesforce**"));
        let setting = at("api_type").unwrap();
        assert!(
            setting.starts_with("**API** (options, required)") && setting.contains("- `BULK`: Bulk API"),
            "{setting}"
        );
        assert_eq!(at("REST"), None);
        let load = hover("[load]\nschema = 'eu'\n", 8, None).unwrap().0;
        assert!(load.contains("load_schema"), "{load}");
        let asks = hover("[schema.streams.x]\nnew_columns = 'ask'\n", 22, None).unwrap().0;
        assert!(asks.contains("a new column"), "{asks}");
        assert_eq!(hover("x = 1\n\ntype = 'a'", 8, None).unwrap().1, 7..11, "behind an empty line");
    }
}
