//! How a loader empties its tables: a full refresh with a reset leaves only what the source still has.

use miette::{Diagnostic, SourceSpan};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Connector, Setting};
use crate::problem::Problems;
use crate::table::Table;

/// How a loader empties its tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reset {
    /// When it does.
    pub when: ResetMoment,
    /// Settings that a run with a reset gives it.
    pub settings: Map<String, Value>,
    /// Settings that an integration must have, or leave at this default.
    pub needs: Map<String, Value>,
}

/// When a loader empties its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetMoment {
    /// When the tap has delivered everything, the loader removes the rows that this run did not deliver. It learns that from
    /// Singer's `ACTIVATE_VERSION`.
    End,
    /// Before it writes the first record of a stream.
    Start,
}

impl ResetMoment {
    /// The words of definitions.
    pub const WORDS: [(&str, Self); 2] = [("end", Self::End), ("start", Self::Start)];

    /// Returns the word of definitions.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Start => "start",
        }
    }
}

/// What can be wrong with the table.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ResetMistake {
    /// It refers to a setting that is not defined.
    #[error("`{key}` of `[reset]` refers to unknown setting `{name}`")]
    #[diagnostic(code(spile::connector::reset), help("use settings from this definition"))]
    UnknownSetting {
        /// The key.
        key: &'static str,
        /// The unknown setting.
        name: String,
        /// Where it is named.
        #[label("not a setting")]
        span: SourceSpan,
    },
}

impl Reset {
    /// Reads the table `[reset]` of a definition.
    pub(super) fn read(table: Table<'_>, settings: &[Setting], problems: &mut Problems) -> Self {
        let values = |key, problems: &mut Problems| {
            let Some(found) = table.value(key, problems) else { return Map::new() };
            let Value::Object(values) = found.value else { return Map::new() };
            for name in values.keys().filter(|name| settings.iter().all(|setting| setting.name != **name)) {
                let span = found.place.span.clone().into();
                problems.push(&found.place.source, ResetMistake::UnknownSetting { key, name: name.clone(), span });
            }
            values
        };
        let when = table.choice("when", &ResetMoment::WORDS, problems).map_or(ResetMoment::End, |when| when.value);
        let reset = Self { when, settings: values("settings", problems), needs: values("needs", problems) };
        table.finish(problems);
        reset
    }

    /// Returns the first setting that does not have the value that it needs, with that value.
    #[must_use]
    pub fn unmet<'a>(&'a self, connector: &Connector, config: &Map<String, Value>) -> Option<(&'a str, &'a Value)> {
        let has = |name: &str| config.get(name).or_else(|| connector.setting(name)?.default.as_ref());
        self.needs.iter().map(|(name, value)| (name.as_str(), value)).find(|(name, value)| has(name) != Some(*value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connector::read::connector;
    use crate::connector::{Catalog, Role};
    use crate::source::Source;

    fn read(text: &str) -> (Option<Connector>, Vec<String>) {
        let mut problems = Problems::default();
        let text = format!("kind = 'loader'\n[plugin]\nname = 'target-x'\nnamespace = 'target_x'\n{text}");
        let connector = connector(&Source::new("connectors/x.toml", text), &mut problems);
        let found = problems.into_report().problems().iter().map(|problem| format!("{problem:?}")).collect();
        (connector, found)
    }

    #[test]
    fn a_reset_is_read_written_and_needs_settings_of_the_definition() {
        let text =
            "[[settings]]\nname = 'load_method'\n[reset]\nwhen = 'start'\nsettings = { load_method = 'overwrite' }\n";
        let (connector, found) = read(text);
        assert_eq!(found, Vec::<String>::new());
        let connector = connector.unwrap();
        let reset = connector.reset.as_ref().unwrap();
        assert_eq!((reset.when, &reset.settings["load_method"]), (ResetMoment::Start, &json!("overwrite")));
        let written = crate::definition::text(&connector, "x");
        let again =
            crate::connector::read::connector(&Source::new("connectors/x.toml", written), &mut Problems::default());
        assert_eq!(again, Some(connector));
        let (_, found) = read("[reset]\nneeds = { upsert = true }\n");
        assert_eq!(
            found,
            ["connectors/x.toml:6: `needs` of `[reset]` refers to unknown setting `upsert` [spile::connector::reset]"]
        );
    }

    #[test]
    fn a_need_is_met_by_a_setting_or_its_default() {
        let postgres = Catalog::built_in(Role::Loader, "postgres").unwrap();
        let reset = postgres.reset.as_ref().unwrap();
        assert_eq!(reset.unmet(&postgres, &Map::new()), None);
        let without = json!({ "add_record_metadata": false });
        assert_eq!(reset.unmet(&postgres, without.as_object().unwrap()), Some(("add_record_metadata", &json!(true))));
    }
}
