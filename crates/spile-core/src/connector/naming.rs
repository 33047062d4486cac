//! Naming: which table or file a loader writes a stream to, by the rule in its definition.

use miette::{Diagnostic, SourceSpan};
use serde::Serialize;
use serde_json::Value;

use super::Setting;
use crate::problem::Problems;
use crate::table::Table;

/// The placeholder for the stream in a file's rule.
const STREAM: &str = "stream_name";

/// Mistakes in a naming rule.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum NamingMistake {
    /// A rule that refers to a setting that is not defined.
    #[error("`{key}` refers to unknown setting `{name}`")]
    #[diagnostic(code(spile::connector::naming), help("use a setting from this definition"))]
    UnknownSetting {
        /// The key of `[naming]`.
        key: &'static str,
        /// The unknown setting.
        name: String,
        /// Where it is named.
        #[label("not a setting")]
        span: SourceSpan,
    },
}

/// Which table or file a loader writes a stream to: `[naming]` in its definition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Naming {
    /// What separates the catalog, the schema and the table in a stream's name.
    pub separator: Option<String>,
    /// Which part of a stream's name becomes the table's name.
    pub table: Part,
    /// What happens to the letters of a name.
    pub letters: Letters,
    /// The setting that names one schema for all streams.
    pub schema_setting: Option<String>,
    /// The setting that maps schemas of the source to `{ target_schema = … }`. It wins over `schema_setting`.
    pub mapping_setting: Option<String>,
    /// Whether the stream's own schema is used if no setting names one.
    pub stream_schema: bool,
    /// How many characters a table's name may have. A longer name makes the run fail.
    pub longest: Option<usize>,
    /// For loaders that write files: the file's name, for example `{custom_name|stream_name}.jsonl`. Braces hold
    /// `stream_name` and settings; the first one that is set counts.
    pub file: Option<String>,
}

/// Which part of a stream's name becomes the table's name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The whole name.
    #[default]
    Whole,
    /// The part after the last separator: the rule of Meltano's SDK.
    Last,
    /// The part after the catalog and the schema, joined by `_`: the rule of `PipelineWise`.
    Rest,
}

impl Part {
    /// The parts by the words that definitions use.
    pub const WORDS: [(&'static str, Self); 3] = [("whole", Self::Whole), ("last", Self::Last), ("rest", Self::Rest)];
}

/// What happens to the letters of a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Letters {
    /// Unchanged: upper and lower case differ.
    #[default]
    Kept,
    /// Lower case, with `_` for dots: the rule of `PipelineWise`.
    Lower,
    /// Snake case, as in `conform_name` of Meltano's SDK.
    Snake,
    /// Snake case in upper case: what Meltano's loader for Snowflake writes.
    Upper,
}

impl Letters {
    /// The rules by the words that definitions use.
    pub const WORDS: [(&'static str, Self); 4] =
        [("kept", Self::Kept), ("lower", Self::Lower), ("snake", Self::Snake), ("upper", Self::Upper)];

    fn of(self, name: &str) -> String {
        match self {
            Self::Kept => name.to_owned(),
            Self::Lower => name.replace('.', "_").to_lowercase(),
            Self::Snake => snake(name),
            Self::Upper => snake(name).to_uppercase(),
        }
    }

    /// Returns a name without the differences in case that the database ignores.
    #[must_use]
    pub fn folded(self, name: &str) -> String {
        match self {
            Self::Kept => name.to_owned(),
            Self::Lower | Self::Snake | Self::Upper => name.to_lowercase(),
        }
    }
}

/// Where a stream's records end up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Placement {
    /// The schema; `None` if it depends on the connection, or if there are no schemas.
    pub schema: Option<String>,
    /// The table, or the file.
    pub table: String,
    /// Who chose the schema.
    pub chosen_by: SchemaChoice,
}

/// Who chose a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaChoice {
    /// A setting of the loader, or the integration.
    Setting,
    /// A setting that maps the schemas of the source.
    Mapping,
    /// The stream's name.
    Stream,
    /// Nobody: the connection's default applies.
    Connection,
}

impl Placement {
    /// Returns its name as in SQL, without quotes.
    #[must_use]
    pub fn name(&self) -> String {
        self.schema.as_ref().map_or_else(|| self.table.clone(), |schema| format!("{schema}.{}", self.table))
    }
}

/// The settings of a loader.
pub trait NamingSettings {
    /// Returns the value of a setting, or its default.
    fn value(&self, setting: &str) -> Option<&Value>;

    /// Returns the value of a setting if it is a string that is not empty.
    fn text(&self, setting: &str) -> Option<&str> {
        self.value(setting)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }
}

impl Naming {
    /// Reads `[naming]` from a definition with these settings.
    pub(super) fn read(table: Table<'_>, settings: &[Setting], problems: &mut Problems) -> Self {
        let text = |key, problems: &mut Problems| table.text(key, problems).map(|text| text.value);
        let setting = |key, problems: &mut Problems| {
            let name = table.text(key, problems)?;
            if settings.iter().all(|setting| setting.name != name.value) {
                let span = name.place.span.clone().into();
                problems
                    .push(&name.place.source, NamingMistake::UnknownSetting { key, name: name.value.clone(), span });
            }
            Some(name.value)
        };
        let naming = Self {
            separator: text("separator", problems).filter(|separator| !separator.is_empty()),
            table: table.choice("table", &Part::WORDS, problems).map_or(Part::Whole, |part| part.value),
            letters: table.choice("letters", &Letters::WORDS, problems).map_or(Letters::Kept, |letters| letters.value),
            schema_setting: setting("schema_setting", problems),
            mapping_setting: setting("mapping_setting", problems),
            stream_schema: table.flag("stream_schema", problems).is_some_and(|flag| flag.value),
            longest: table.whole("longest", 1..=u16::MAX, "a number of characters", problems).map(usize::from),
            file: text("file", problems),
        };
        table.finish(problems);
        naming
    }

    /// Returns where the records of a stream go. `schema` is the integration's own, if it has one.
    #[must_use]
    pub fn place(&self, stream: &str, schema: Option<&str>, settings: &impl NamingSettings) -> Placement {
        if let Some(file) = &self.file {
            let table = filled(&filled(file, stream, settings), stream, settings);
            return Placement { schema: None, table, chosen_by: SchemaChoice::Connection };
        }
        let parts: Vec<&str> = match &self.separator {
            Some(separator) => stream.split(separator.as_str()).collect(),
            None => vec![stream],
        };
        let table = match self.table {
            Part::Whole => stream.to_owned(),
            Part::Rest if parts.len() > 2 => parts[2..].join("_"),
            Part::Last | Part::Rest => parts.last().copied().unwrap_or_default().to_owned(),
        };
        let (schema, chosen_by) = self.schema(&parts, schema, settings);
        Placement { schema, table: self.letters.of(&table), chosen_by }
    }

    fn schema(
        &self,
        parts: &[&str],
        own: Option<&str>,
        settings: &impl NamingSettings,
    ) -> (Option<String>, SchemaChoice) {
        let part = match (self.table, parts) {
            (Part::Rest, [_, schema, _, ..]) | (_, [schema, _] | [_, schema, _]) => Some(*schema),
            _ => None,
        };
        let mapping = self.mapping_setting.as_deref().and_then(|setting| settings.value(setting));
        let mapped = part.and_then(|part| mapping?.get(part)?.get("target_schema")?.as_str());
        if let Some(mapped) = mapped.filter(|mapped| !mapped.is_empty()) {
            return (Some(mapped.to_owned()), SchemaChoice::Mapping);
        }
        let set = || self.schema_setting.as_deref().and_then(|setting| settings.text(setting));
        if let Some(schema) = own.or_else(set) {
            return (Some(schema.to_owned()), SchemaChoice::Setting);
        }
        match part.filter(|_| self.stream_schema) {
            Some(part) => (Some(self.letters.of(part)), SchemaChoice::Stream),
            None => (None, SchemaChoice::Connection),
        }
    }

    /// Tells whether a table's name is longer than the loader accepts.
    #[must_use]
    pub fn is_too_long(&self, placement: &Placement) -> bool {
        self.longest.is_some_and(|longest| placement.table.chars().count() > longest)
    }

    /// Returns a key that is equal for placements that are the same table in the database.
    #[must_use]
    pub fn key(&self, placement: &Placement) -> String {
        self.letters.folded(&placement.name())
    }
}

/// Replaces settings and the stream's name in a file's rule. Other placeholders stay, for example `{datestamp}`.
fn filled(rule: &str, stream: &str, settings: &impl NamingSettings) -> String {
    let (mut text, mut rest) = (String::new(), rule);
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((words, behind)) = after.split_once('}') else { return text + "{" + after };
        let value =
            |word: &str| if word == STREAM { Some(stream.to_owned()) } else { settings.text(word).map(str::to_owned) };
        text += &words.split('|').find_map(value).unwrap_or_else(|| format!("{{{words}}}"));
        rest = behind;
    }
    text + rest
}

/// `SQLSink.conform_name` of Meltano's SDK 0.54.
fn snake(name: &str) -> String {
    let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') || c.is_whitespace();
    let name: String = name.chars().filter(kept).collect();
    let name = name.to_lowercase().trim().replace(['.', '-', ' '], "_");
    match name.chars().next().and_then(|first| first.to_digit(10)) {
        // The ten digits become the first ten letters.
        Some(digit) => format!("{}{}", char::from(b'a' + u8::try_from(digit).unwrap_or_default()), &name[1..]),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    struct Settings(Map<String, Value>);

    impl NamingSettings for Settings {
        fn value(&self, setting: &str) -> Option<&Value> {
            self.0.get(setting)
        }
    }

    fn placed(naming: &Naming, settings: &Value, streams: &[&str]) -> Vec<String> {
        let settings = Settings(settings.as_object().unwrap().clone());
        streams.iter().map(|stream| naming.place(stream, None, &settings).name()).collect()
    }

    fn tables(table: Part, letters: Letters) -> Naming {
        Naming {
            separator: Some("-".to_owned()),
            table,
            letters,
            schema_setting: Some("schema".to_owned()),
            ..Naming::default()
        }
    }

    #[test]
    fn a_table_is_named_by_the_part_of_the_stream_that_the_loader_takes() {
        let streams = ["orders", "Web-Events", "db-public-orders", "a-b-c.D-e"];
        let named = |table| placed(&tables(table, Letters::Lower), &json!({}), &streams);
        assert_eq!(named(Part::Whole), ["orders", "web-events", "db-public-orders", "a-b-c_d-e"]);
        assert_eq!(named(Part::Last), ["orders", "events", "orders", "e"]);
        assert_eq!(named(Part::Rest), ["orders", "events", "orders", "c_d_e"]);
    }

    #[test]
    fn letters_are_kept_or_converted_as_the_loaders_library_does() {
        let named = |letters| placed(&tables(Part::Last, letters), &json!({}), &["A.b C", "9Lives", "über$"]);
        assert_eq!(named(Letters::Kept), ["A.b C", "9Lives", "über$"]);
        assert_eq!(named(Letters::Lower), ["a_b c", "9lives", "über$"]);
        assert_eq!(named(Letters::Snake), ["a_b_c", "jlives", "ber"]);
        assert_eq!(named(Letters::Upper), ["A_B_C", "JLIVES", "BER"]);
    }

    #[test]
    fn a_schema_is_mapped_or_set_or_the_streams_own() {
        let naming = Naming {
            mapping_setting: Some("mapping".to_owned()),
            stream_schema: true,
            ..tables(Part::Last, Letters::Kept)
        };
        let mapping = json!({ "public": { "target_schema": "shop" }, "x": {} });
        let streams = ["public-orders", "x-orders", "orders", "a-b-c-d"];
        let named = |settings: Value| placed(&naming, &settings, &streams);
        assert_eq!(named(json!({ "mapping": mapping })), ["shop.orders", "x.orders", "orders", "d"]);
        assert_eq!(named(json!({ "schema": " " })), ["public.orders", "x.orders", "orders", "d"]);
        let set = json!({ "schema": "raw", "mapping": mapping });
        assert_eq!(named(set), ["shop.orders", "raw.orders", "raw.orders", "raw.d"]);
        let own = naming.place("x-orders", Some("eu"), &Settings(Map::new()));
        assert_eq!((own.name().as_str(), own.chosen_by), ("eu.orders", SchemaChoice::Setting));
    }

    #[test]
    fn names_are_measured_in_characters() {
        let naming = Naming { longest: Some(4), ..Naming::default() };
        let is_too_long = |stream: &str| naming.is_too_long(&naming.place(stream, None, &Settings(Map::new())));
        assert!(!is_too_long("abcü") && is_too_long("abcde"));
    }

    #[test]
    fn a_file_is_named_by_settings_and_the_stream() {
        let naming = |file: &str| Naming { file: Some(file.to_owned()), ..Naming::default() };
        let jsonl = naming("{custom_name|stream_name}.jsonl");
        assert_eq!(placed(&jsonl, &json!({ "custom_name": "" }), &["a-b"]), ["a-b.jsonl"]);
        assert_eq!(placed(&jsonl, &json!({ "custom_name": "all" }), &["a", "b"]), ["all.jsonl", "all.jsonl"]);
        let csv = json!({ "scheme": "x/{stream_name}-{datestamp}.csv" });
        assert_eq!(placed(&naming("{scheme}"), &csv, &["a"]), ["x/a-{datestamp}.csv"]);
    }

    #[test]
    fn upper_and_lower_case_are_one_table_where_the_loader_lowers_them() {
        let of = |schema: &str| Placement {
            schema: Some(schema.to_owned()),
            table: "t".to_owned(),
            chosen_by: SchemaChoice::Setting,
        };
        let kept = tables(Part::Last, Letters::Kept);
        let lower = tables(Part::Last, Letters::Lower);
        assert_ne!(kept.key(&of("A")), kept.key(&of("a")));
        assert_eq!(lower.key(&of("A")), lower.key(&of("a")));
    }
}
