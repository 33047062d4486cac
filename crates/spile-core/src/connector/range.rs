//! Which settings of a tap limit what it reads in time: a backfill reads a range in pieces with them.

use miette::{Diagnostic, SourceSpan};
use serde::Serialize;

use super::{Connector, Kind, Setting};
use crate::problem::Problems;
use crate::table::Table;

/// The setting that most taps start from: a convention of Singer's.
pub const START: &str = "start_date";

/// The settings that most taps stop at.
const ENDS: [&str; 2] = ["end_date", "until"];

/// The settings of a tap that limit what it reads in time, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RangeSettings {
    /// The setting for the time from which it reads; `start_date` unless the definition names another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// The setting for the time before which it stops reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// The setting for options by stream, in which `custom_where_clauses` is a list of SQL conditions: those of a range go there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clauses: Option<String>,
}

/// What can be wrong with the table.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum RangeMistake {
    /// It refers to a setting that is not defined.
    #[error("`{key}` of `[range]` refers to unknown setting `{name}`")]
    #[diagnostic(code(spile::connector::range), help("use a setting from this definition"))]
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

impl RangeSettings {
    /// Reads the table `[range]` of a definition.
    pub(super) fn read(table: Table<'_>, settings: &[Setting], problems: &mut Problems) -> Self {
        let setting = |key, problems: &mut Problems| {
            let name = table.text(key, problems)?;
            if settings.iter().all(|setting| setting.name != name.value) {
                let span = name.place.span.clone().into();
                problems.push(&name.place.source, RangeMistake::UnknownSetting { key, name: name.value.clone(), span });
            }
            Some(name.value)
        };
        let range = Self {
            start: setting("start", problems),
            end: setting("end", problems),
            clauses: setting("clauses", problems),
        };
        table.finish(problems);
        range
    }

    /// Recognizes the settings by the names that most taps use, if both are dates.
    #[must_use]
    pub fn recognized(settings: &[Setting]) -> Option<Self> {
        let date = |name: &&str| settings.iter().any(|setting| setting.name == **name && setting.kind == Kind::Date);
        let end = ENDS.iter().find(|name| date(name)).filter(|_| date(&START))?;
        Some(Self { start: Some(START.to_owned()), end: Some((*end).to_owned()), clauses: None })
    }
}

impl Connector {
    /// Returns the setting for the time from which the tap reads, if it has one.
    #[must_use]
    pub fn start_setting(&self) -> Option<&str> {
        let named = self.range.as_ref().and_then(|range| range.start.as_deref());
        named.or_else(|| self.setting(START).map(|setting| setting.name.as_str()))
    }

    /// Returns the setting for SQL conditions by stream, if its definition names one.
    #[must_use]
    pub fn clauses_setting(&self) -> Option<&str> {
        self.range.as_ref().and_then(|range| range.clauses.as_deref())
    }

    /// Returns the setting for the time before which the tap stops reading, if its definition names one.
    #[must_use]
    pub fn end_setting(&self) -> Option<&str> {
        self.range.as_ref().and_then(|range| range.end.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::read::connector;
    use crate::source::Source;

    fn read(text: &str) -> (Option<Connector>, Vec<String>) {
        let mut problems = Problems::default();
        let text = format!("[plugin]\nname = 'tap-x'\nnamespace = 'tap_x'\n{text}");
        let connector = connector(&Source::new("connectors/x.toml", text), &mut problems);
        let found = problems.into_report().problems().iter().map(|problem| format!("{problem:?}")).collect();
        (connector, found)
    }

    #[test]
    fn a_start_date_needs_no_table_and_an_end_is_only_what_the_table_names() {
        let settings = "[[settings]]\nname = 'start_date'\n[[settings]]\nname = 'end_date'\n";
        let (connector, _) = read(settings);
        let connector = connector.unwrap();
        assert_eq!((connector.start_setting(), connector.end_setting()), (Some("start_date"), None));
        let (connector, found) = read(&format!("{settings}[range]\nend = 'end_date'\n"));
        let connector = connector.unwrap();
        assert_eq!((connector.start_setting(), connector.end_setting()), (Some("start_date"), Some("end_date")));
        assert_eq!(found, Vec::<String>::new());
        let written = crate::definition::text(&connector, "x");
        let again =
            crate::connector::read::connector(&Source::new("connectors/x.toml", written), &mut Problems::default());
        assert_eq!(again, Some(connector));
    }

    #[test]
    fn an_end_is_recognized_by_its_name_if_it_is_a_date_beside_a_start() {
        let recognized = |text: &str| RangeSettings::recognized(&read(text).0.unwrap().settings);
        let start = "[[settings]]\nname = 'start_date'\nkind = 'date_iso8601'\n";
        let end = "[[settings]]\nname = 'until'\nkind = 'date_iso8601'\n";
        let both = RangeSettings { start: Some("start_date".to_owned()), end: Some("until".to_owned()), clauses: None };
        assert_eq!(recognized(&format!("{start}{end}")), Some(both));
        assert_eq!(recognized(end), None);
        assert_eq!(recognized(&format!("{start}[[settings]]\nname = 'end_date'\n")), None, "it may be any text");
    }

    #[test]
    fn the_table_names_settings_of_the_definition() {
        let (_, found) = read("[[settings]]\nname = 'since'\n[range]\nstart = 'since'\nend = 'until'\n");
        assert_eq!(
            found,
            ["connectors/x.toml:8: `end` of `[range]` refers to unknown setting `until` [spile::connector::range]"]
        );
    }
}
