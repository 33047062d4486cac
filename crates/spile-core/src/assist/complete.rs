//! Completions at a cursor.

use super::{Cursor, Spot, is_of_schema};
use crate::connector::kind::word_of;
use crate::connector::{Connector, Kind, Setting};
use crate::discovered::Stream;
use crate::form::first_sentence;
use crate::integration::Reaction;
use crate::integration::keys::{KEYS, OF_LOAD, OF_SCHEMA, TABLES};
use crate::integration::schedule::PRESETS;
use crate::integration::select::as_pattern;

/// What is known about the file's project.
#[derive(Debug, Clone, Copy)]
pub struct CompletionContext<'a> {
    /// The connector of the file, if it sets one.
    pub connector: Option<&'a Connector>,
    /// The connectors that `type` may name.
    pub connectors: &'a [(String, String)],
    /// The names of the loaders.
    pub loaders: &'a [String],
    /// The streams of the source, if they were discovered.
    pub streams: &'a [Stream],
    /// The names of time zones.
    pub zones: &'a [String],
}

/// A completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The text in the list.
    pub label: String,
    /// The text to insert.
    pub text: String,
    /// A few words next to the label.
    pub detail: String,
    /// An explanation in Markdown.
    pub what: String,
}

impl Offer {
    fn new(label: impl Into<String>, detail: impl Into<String>, what: impl Into<String>) -> Self {
        let label = label.into();
        Self { text: label.clone(), label, detail: detail.into(), what: what.into() }
    }
}

/// Returns the completions at a cursor in the text of an integration file.
#[must_use]
pub fn offers(text: &str, offset: usize, known: CompletionContext<'_>) -> Vec<Offer> {
    let cursor = Cursor::at(text, offset);
    match (cursor.table, &cursor.spot) {
        ("", Spot::Key(_)) => keys(text),
        ("", Spot::Value { key, before, quote }) => quoted(values(key, &said(before, *quote), known), *quote),
        ("load", Spot::Key(_)) => table(text, &OF_LOAD),
        (table_name, Spot::Key(_)) if is_of_schema(table_name) => table(text, &OF_SCHEMA),
        (table_name, Spot::Value { key, quote, .. }) if is_of_schema(table_name) => quoted(reactions(key), *quote),
        ("config", Spot::Key(_)) => known.connector.map(|connector| settings(text, connector)).unwrap_or_default(),
        ("config", Spot::Value { key, quote, .. }) => {
            let setting = known.connector.and_then(|connector| connector.setting(key.trim_matches('"')));
            setting.map(|setting| choices(setting, *quote)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn is_there(text: &str, key: &str) -> bool {
    text.lines().any(|line| line.split_once('=').is_some_and(|(written, _)| written.trim().trim_matches('"') == key))
}

fn keys(text: &str) -> Vec<Offer> {
    // Encrypted tables are not written by hand.
    let typed = KEYS.into_iter().filter(|(name, _)| !matches!(*name, "secrets" | "sops"));
    let open = typed.filter(|(name, _)| !is_there(text, name) && !text.contains(&format!("\n[{name}]")));
    let offer = |(name, what): (&str, &str)| {
        let label = if TABLES.contains(&name) { format!("[{name}]") } else { name.to_owned() };
        let written = if TABLES.contains(&name) { label.clone() } else { format!("{name} = {}", example(name)) };
        Offer { text: written, ..Offer::new(label, "", what) }
    };
    open.map(offer).collect()
}

/// Returns the keys of a table that are still missing.
fn table(text: &str, keys: &[(&str, &str)]) -> Vec<Offer> {
    let open = keys.iter().filter(|(name, _)| !is_there(text, name));
    let offer = |(name, what): &(&str, &str)| Offer {
        text: format!("{name} = {}", example(name)),
        ..Offer::new(*name, "", *what)
    };
    open.map(offer).collect()
}

/// Returns the values that a key of `[schema]` accepts.
fn reactions(key: &str) -> Vec<Offer> {
    let what = OF_SCHEMA.iter().find(|(known, _)| *known == key).map(|(_, what)| *what);
    let offers = |what: &str| Reaction::WORDS.map(|(word, _)| Offer::new(word, "", what)).to_vec();
    what.map(offers).unwrap_or_default()
}

/// Returns an example value for a key, to be edited.
fn example(key: &str) -> &'static str {
    match key {
        "enabled" => "false",
        "protect" | "shared_tables" | "batch" => "true",
        "select" | "tags" | "mappers" | "forward_only" => "[\"\"]",
        "kind" => "\"loader\"",
        "jitter" => "\"10m\"",
        "streams" => "2",
        "catch_up" => "\"last\"",
        "new_streams" | "new_columns" | "removed_columns" | "type_changes" => "\"ask\"",
        _ => "\"\"",
    }
}

fn values(key: &str, before: &str, known: CompletionContext<'_>) -> Vec<Offer> {
    let words = |words: &[&str]| words.iter().map(|word| Offer::new(*word, "", "")).collect();
    let names = |names: &[String]| names.iter().map(|name| Offer::new(name, "", "")).collect();
    match key {
        "type" => known.connectors.iter().map(|(name, what)| Offer::new(name, what, "")).collect(),
        "kind" => words(&["extractor", "loader"]),
        "loader" => names(known.loaders),
        "schedule" => words(&PRESETS),
        "timezone" => names(known.zones),
        "catch_up" => words(&["last", "none", "2h"]),
        "select" => patterns(before, known.streams),
        _ => Vec::new(),
    }
}

/// Returns streams before a dot, and the fields of a stream after it.
fn patterns(before: &str, streams: &[Stream]) -> Vec<Offer> {
    let (not, body) = before.strip_prefix('!').map_or(("", before), |body| ("!", body));
    let is_before = |name: &str| body.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    let named = streams.iter().find(|stream| is_before(&as_pattern(&stream.name)));
    // `public.orders` may be the name of a single stream.
    let Some(stream) = named.or_else(|| streams.iter().find(|stream| is_before(&stream.name))) else {
        let offer = |stream: &Stream| {
            let firsts = stream.fields.iter().filter_map(|field| field.path.first()).map(String::as_str);
            let fields = crate::problem::listed(firsts.take(8));
            Offer::new(format!("{not}{}.*", as_pattern(&stream.name)), "stream", fields)
        };
        return streams.iter().map(offer).collect();
    };
    let offer = |field: &crate::discovered::Field| {
        Offer::new(format!("{not}{}.{}", as_pattern(&stream.name), field.pattern()), field.types.join(", "), "")
    };
    stream.fields.iter().map(offer).collect()
}

fn settings(text: &str, connector: &Connector) -> Vec<Offer> {
    let open = connector.settings.iter().filter(|setting| !setting.secret && !is_there(text, &setting.name));
    let offer = |setting: &Setting| {
        let (_, example) = setting.wanted();
        let value = setting.default.as_ref().map_or_else(|| example.clone(), ToString::to_string);
        let needed = if setting.required { ", required" } else { "" };
        let detail = format!("{}{needed}", setting.kind.word());
        let what = setting.description.clone().unwrap_or_default();
        Offer { text: format!("{} = {value}", setting.name), ..Offer::new(&setting.name, detail, what) }
    };
    open.map(offer).collect()
}

fn choices(setting: &Setting, quote: Option<char>) -> Vec<Offer> {
    let what = || setting.description.as_deref().map(first_sentence).unwrap_or_default();
    match &setting.kind {
        Kind::Options(choices) => {
            let offers = choices.iter().map(|choice| Offer::new(word_of(&choice.value), &choice.label, what()));
            // Numbers and booleans are not quoted.
            let is_text = choices.iter().all(|choice| choice.value.is_string());
            if is_text { quoted(offers.collect(), quote) } else { offers.collect() }
        }
        Kind::Boolean if quote.is_none() => ["true", "false"].map(|word| Offer::new(word, "", what())).into(),
        _ => Vec::new(),
    }
}

/// Returns the value of a quoted text.
fn said(text: &str, quote: Option<char>) -> String {
    if quote == Some('"') { text.replace("\\\\", "\\") } else { text.to_owned() }
}

/// Adds quotes to completions if the cursor is not inside quotes yet. Inside quotes, the label is escaped too, because
/// editors compare it with what was typed.
fn quoted(offers: Vec<Offer>, quote: Option<char>) -> Vec<Offer> {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let written = |offer: Offer| match quote {
        None => Offer { text: format!("\"{}\"", escaped(&offer.text)), ..offer },
        Some('"') => Offer { text: escaped(&offer.text), label: escaped(&offer.label), ..offer },
        Some(_) => offer,
    };
    offers.into_iter().map(written).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{Catalog, Role};
    use crate::discovered::{Field, Inclusion};
    use crate::problem::Problems;

    #[test]
    fn completions_for_a_key_match_its_kind() {
        use crate::integration::{FileName, draft};
        use crate::source::Source;

        for offer in keys("").into_iter().filter(|offer| !offer.text.starts_with('[')) {
            let mut problems = Problems::default();
            let name = FileName { slug: "shop".parse().unwrap(), environment: None };
            draft::read(&Source::new("integrations/shop.toml", offer.text.as_str()), name, &mut problems);
            let codes: Vec<_> = problems.into_report().problems().iter().map(crate::problem::Problem::code).collect();
            assert!(!codes.contains(&"spile::toml::wrong_kind".to_owned()), "{}: {codes:?}", offer.text);
        }
    }

    #[test]
    fn completing_a_key_adds_its_most_common_value() {
        let offered = labels("type = 'salesforce'\n|");
        for written in
            ["kind = \"loader\"", "jitter = \"10m\"", "catch_up = \"last\"", "enabled = false", "tags = [\"\"]"]
        {
            assert!(offered.contains(&written.to_owned()), "{written}: {offered:?}");
        }
    }

    #[test]
    fn keys_with_fixed_values_offer_them() {
        assert_eq!(labels("kind = \"|"), ["extractor", "loader"]);
        assert_eq!(labels("catch_up = |"), ["\"last\"", "\"none\"", "\"2h\""]);
        let schedules = labels("schedule = \"|");
        assert!(schedules.contains(&"@hourly".to_owned()), "{schedules:?}");
        assert_eq!(labels("[config]\nis_sandbox = \"|"), [""; 0], "a flag stands in no quotes");
    }

    #[test]
    fn inside_quotes_the_label_is_the_escaped_text() {
        let offer = |quote| quoted(vec![Offer::new(r"a\.b", "", "")], quote).remove(0);
        assert_eq!((offer(Some('"')).label, offer(Some('"')).text), (r"a\\.b".to_owned(), r"a\\.b".to_owned()));
        assert_eq!((offer(None).label, offer(None).text), (r"a\.b".to_owned(), r#""a\\.b""#.to_owned()));
    }

    fn labels(text: &str) -> Vec<String> {
        let connector = Catalog::new(&[], &mut Problems::default()).find(Role::Extractor, "salesforce").unwrap();
        let field =
            |name: &str| Field { path: vec![name.to_owned()], types: Vec::new(), inclusion: Inclusion::Available };
        let stream = Stream { fields: vec![field("Id"), field("Name")], ..Stream::named("Account") };
        let known = CompletionContext {
            connector: Some(&connector),
            connectors: &[("salesforce".to_owned(), "CRM".to_owned())],
            loaders: &["warehouse".to_owned()],
            streams: &[stream.clone(), Stream { name: "public.orders".to_owned(), ..stream }],
            zones: &["Europe/Berlin".to_owned()],
        };
        let offset = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        offers(&text, offset, known).into_iter().map(|offer| offer.text).collect()
    }

    #[test]
    fn a_stream_with_a_dot_is_offered_as_a_pattern_in_valid_toml() {
        assert_eq!(labels("select = ['|"), ["Account.*", r"public\.orders.*"]);
        assert_eq!(labels("select = [|"), [r#""Account.*""#, r#""public\\.orders.*""#]);
        let fields = [r"public\\.orders.Id", r"public\\.orders.Name"];
        assert_eq!(labels(r#"select = ["public\\.orders.|"#), fields);
        assert_eq!(labels(r#"select = ["public.orders.|"#), fields);
        assert_eq!(labels(r"select = ['!public\.orders.|"), [r"!public\.orders.Id", r"!public\.orders.Name"]);
    }

    #[test]
    fn matching_keys_are_offered_unless_they_are_already_set() {
        assert_eq!(labels("type = \"|"), ["salesforce"]);
        assert_eq!(labels("type = |"), ["\"salesforce\""]);
        assert_eq!(labels("loader = \"w|\""), ["warehouse"]);
        assert_eq!(labels("timezone = \"|"), ["Europe/Berlin"]);
        assert_eq!(labels("select = [\"|"), ["Account.*", r"public\\.orders.*"]);
        assert_eq!(labels("select = [\"!Account.|"), ["!Account.Id", "!Account.Name"]);
        assert_eq!(labels("[config]\napi_type = |"), ["\"REST\"", "\"BULK\""]);
        assert_eq!(labels("[config]\nis_sandbox = |"), ["true", "false"]);
        let settings = labels("[config]\napi_type = 'REST'\n|");
        assert!(settings.iter().any(|text| text.starts_with("start_date = 2024")), "{settings:?}");
        assert!(!settings.iter().any(|text| text.starts_with("api_type") || text.starts_with("client_secret")));
        assert_eq!(labels("[load]\nschema = 'x'\n|"), ["shared_tables = true"]);
        assert_eq!(labels("[schema]\nnew_columns = |"), ["\"take\"", "\"ask\"", "\"fail\""]);
        let of_stream = labels("[schema.streams.\"public-*\"]\nnew_streams = 'ask'\n|");
        assert_eq!(of_stream, ["new_columns = \"ask\"", "removed_columns = \"ask\"", "type_changes = \"ask\""]);
        let keys = labels("type = 'salesforce'\n|");
        assert!(
            keys.contains(&"schedule = \"\"".to_owned()) && !keys.iter().any(|key| key.starts_with("type")),
            "{keys:?}"
        );
        assert_eq!(labels("[secrets]\n|"), [""; 0]);
    }
}
