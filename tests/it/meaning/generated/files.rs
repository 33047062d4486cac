//! Generators of spile's own files: settings of every kind, rules in any order, overlays, and secrets.

use std::fmt::Write;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::model::{is_plain, whole_variable};

/// The settings of each plugin's definition, in the form that the hub publishes.
pub const SETTINGS: &str = "settings:
- name: host
- name: note
- {name: loose, kind: string, value: false}
- {name: most, kind: integer}
- {name: ratio, kind: decimal}
- {name: flag, kind: boolean, value: true}
- {name: since, kind: date_iso8601}
- {name: list, kind: array}
- {name: many, kind: string, value: [a, b]}
- {name: stream_maps, kind: object}
- name: db.host
- {name: token, sensitive: true}
- {name: vault, kind: object, sensitive: true}
";

/// The declarations of a file or an overlay.
#[derive(Debug, Clone, Default)]
pub struct Declaration {
    /// Settings, in the order of the file.
    pub config: Map<String, Value>,
    /// Patterns, unless the file has none.
    pub select: Option<Vec<String>>,
    /// Rules, in the order of the file.
    pub metadata: Map<String, Value>,
}

/// A generated integration.
#[derive(Debug, Clone)]
pub struct Integration {
    /// Its file.
    pub base: Declaration,
    /// Its overlay for `prod`.
    pub overlay: Option<Declaration>,
    /// Its mappers, in order.
    pub mappers: Vec<&'static str>,
    /// Its schedule.
    pub schedule: Option<&'static str>,
    /// Its secrets.
    pub secrets: Map<String, Value>,
}

/// A generated project: some extractors and their loader.
#[derive(Debug, Clone)]
pub struct GeneratedProject {
    /// The extractors, in the order of [`SLUGS`].
    pub extractors: Vec<Integration>,
    /// The loader.
    pub loader: Integration,
}

/// The names of the extractors' files.
pub const SLUGS: [&str; 2] = ["one", "two"];

/// A text: a whole reference, a text that contains variables or only looks like it, or a random mix of such pieces.
fn text() -> impl Strategy<Value = String> {
    let whole = ["", "$USD", "${USD}", "$OWN", r"\$USD", "true", "1_000", "2024-01-01", "null", "cost in $USD", " x "];
    let pieces = [
        "$", "USD", "$USD", "${USD}", "$NOT_SET", "${usd}", "{", "}", r"\", "a", " ", "'", "\"", "#", ": ", "\n", "ü",
        "{{",
    ];
    let mixed = vec(select(pieces.to_vec()), 1..6).prop_map(|pieces| pieces.concat());
    prop_oneof![
        select(whole.to_vec()).prop_map(str::to_owned),
        mixed.prop_filter("its variable is set", |text| is_set(text))
    ]
}

/// Tells whether a text is anything but a reference to an unset variable. A run refuses such a reference before it starts.
fn is_set(text: &str) -> bool {
    whole_variable(text).is_none_or(|name| ["USD", "OWN"].contains(&name))
}

/// A table that stands for a text with variables, or only looks like one.
fn reference() -> impl Strategy<Value = Value> {
    let texts = ["USD", "Bearer ${OWN}", "$USD and $OWN", r"\$USD for $USD", "usd", "a $ b"];
    select(texts.to_vec()).prop_map(|text| json!({ "env": text }))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![4 => text().prop_map(Value::from), 1 => any::<i32>().prop_map(Value::from),
                           1 => any::<bool>().prop_map(Value::from), 1 => Just(json!(1.5)), 1 => reference()];
    leaf.prop_recursive(
        2,
        6,
        3,
        |inner| prop_oneof![1 => vec(inner.clone(), 0..3).prop_map(Value::Array), 3 => table_of(inner)],
    )
}

fn table_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let keys = ["z", "a", "main.orders", "b.c.d", r"e\.f", "__else__", "$USD", "x y"];
    let keys = subsequence(keys.to_vec(), 1..4).prop_shuffle();
    (keys, vec(inner, 4))
        .prop_map(|(keys, values)| keys.into_iter().map(str::to_owned).zip(values).collect::<Map<_, _>>().into())
}

fn table() -> impl Strategy<Value = Value> {
    table_of(value())
}

fn texts() -> impl Strategy<Value = Value> {
    prop_oneof![5 => text().prop_map(Value::from), 1 => reference().prop_filter("a text", |one| one["env"] != "usd" && one["env"] != "a $ b")]
}

fn config() -> impl Strategy<Value = Map<String, Value>> {
    let sometimes = |name: &'static str, value: BoxedStrategy<Value>| {
        option::weighted(0.4, value.prop_map(move |value| (name.to_owned(), value)))
    };
    let loose = prop_oneof![text().prop_map(Value::from), any::<bool>().prop_map(Value::from), Just(json!(7))];
    let dates = select(vec![json!("2024-01-01"), json!({"bare": "2024-01-01T00:00:00Z"})]);
    let all = vec![
        sometimes("stream_maps", table().boxed()),
        sometimes("host", texts().boxed()),
        sometimes("note", texts().boxed()),
        sometimes("loose", loose.boxed()),
        sometimes("most", any::<i64>().prop_map(Value::from).boxed()),
        sometimes("ratio", select(vec![json!(0.1), json!(-2.5), json!(3)]).boxed()),
        sometimes("flag", any::<bool>().prop_map(Value::from).boxed()),
        sometimes("since", dates.boxed()),
        sometimes("list", vec(value(), 0..3).prop_map(Value::Array).boxed()),
        sometimes("many", vec(texts(), 0..3).prop_map(Value::Array).boxed()),
        sometimes("db.host", texts().boxed()),
    ];
    (all, any::<prop::sample::Index>()).prop_map(|(members, turn)| {
        let mut members: Vec<_> = members.into_iter().flatten().collect();
        if !members.is_empty() {
            let by = turn.index(members.len());
            members.rotate_left(by);
        }
        members.into_iter().collect()
    })
}

fn metadata() -> impl Strategy<Value = Map<String, Value>> {
    let patterns = vec!["users", "*", "u*", "public-orders", "co$Store", "main?things"];
    let rule = select(vec![
        json!({"replication-method": "INCREMENTAL", "replication-key": "id"}),
        json!({"replication-key": "name", "replication-method": "INCREMENTAL"}),
        json!({"replication-method": "FULL_TABLE"}),
        json!({"selected": false}),
        json!({"replication-key": "a$B"}),
        json!({"replication-key": "$OWN"}),
        json!({"replication-key": "id $USD"}),
        json!({"id": {"is-replication-key": true}}),
    ]);
    let patterns = subsequence(patterns, 0..4).prop_shuffle();
    (patterns, vec(rule, 4)).prop_map(|(patterns, rules)| patterns.into_iter().map(str::to_owned).zip(rules).collect())
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    let taken = ["users.*", "*.id", "public-orders", "co$Store.*", "co$Store.a$B", "${OWN}", r"main\.things.*", "*.*"];
    let left_out = ["!users.name", "!co$Store.id", "!public-*.at", r"!*.a$B"];
    let taken = subsequence(taken.to_vec(), 1..4);
    let left_out = subsequence(left_out.to_vec(), 0..3);
    (taken, left_out).prop_flat_map(|(taken, left_out)| {
        let all: Vec<String> = taken.into_iter().chain(left_out).map(str::to_owned).collect();
        Just(all).prop_shuffle()
    })
}

fn declaration() -> impl Strategy<Value = Declaration> {
    (config(), option::of(patterns()), metadata()).prop_map(|(config, select, metadata)| Declaration {
        config,
        select,
        metadata,
    })
}

fn secrets() -> impl Strategy<Value = Map<String, Value>> {
    let none = Just(Map::new());
    let some =
        (text().prop_filter("a value", |text| !text.is_empty()), option::of(table())).prop_map(|(token, vault)| {
            let vault = vault.map(|vault| ("vault".to_owned(), vault));
            [Some(("token".to_owned(), json!(token))), vault].into_iter().flatten().collect()
        });
    prop_oneof![3 => none, 1 => some]
}

fn extractor() -> impl Strategy<Value = Integration> {
    let mappers = select(vec![vec![], vec!["hide-names"], vec!["trim", "hide-names"]]);
    let schedule = option::of(select(vec!["@daily", "5 4 * * 1"]));
    let parts = (declaration(), option::weighted(0.4, overlay_of()), mappers, schedule, secrets());
    parts.prop_map(|(base, overlay, mappers, schedule, secrets)| {
        let overlay = overlay.map(|overlay| overlay.over(&base));
        Integration { base, overlay, mappers, schedule, secrets }
    })
}

/// A generated overlay, before it is fitted to its base.
#[derive(Debug, Clone)]
struct OverlayDraft {
    declaration: Declaration,
    /// Whether it repeats the settings of the base, with their tables in another order.
    repeats: bool,
}

fn overlay_of() -> impl Strategy<Value = OverlayDraft> {
    let repeats = prop::bool::weighted(0.2);
    (declaration(), repeats).prop_map(|(declaration, repeats)| OverlayDraft { declaration, repeats })
}

impl OverlayDraft {
    fn over(self, base: &Declaration) -> Declaration {
        let mut overlay = self.declaration;
        keep_kinds(&base.config, &mut overlay.config);
        if self.repeats {
            overlay.config.extend(base.config.iter().map(|(name, value)| (name.clone(), turned(value))));
        }
        overlay
    }
}

/// Returns a value whose tables have their members in reverse. In lists, that makes a difference to Meltano.
fn turned(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(turned).collect(),
        Value::Object(table) => {
            table.iter().rev().map(|(key, member)| (key.clone(), turned(member))).collect::<Map<_, _>>().into()
        }
        value => value.clone(),
    }
}

/// Removes from an overlay what Meltano cannot merge with the base: `meaning::overlays` shows what that is.
fn keep_kinds(base: &Map<String, Value>, overlay: &mut Map<String, Value>) {
    let settings = overlay.keys().filter(|key| *key == "stream_maps").cloned().collect::<Vec<_>>();
    for name in settings {
        if let (Some(Value::Object(base)), Some(Value::Object(over))) = (base.get(&name), overlay.get_mut(&name)) {
            match [is_plain(base), is_plain(over)] {
                [true, true] => keep_members(base, over),
                [true, false] | [false, true] => drop(overlay.shift_remove(&name)),
                [false, false] => {}
            }
        }
    }
}

fn keep_members(base: &Map<String, Value>, overlay: &mut Map<String, Value>) {
    overlay.retain(|key, over| match (base.get(key), over) {
        (None, _) => true,
        (Some(Value::Object(base)), Value::Object(over)) if is_plain(base) && is_plain(over) => {
            keep_members(base, over);
            true
        }
        (Some(base), over) => !is_nested(base) && !is_nested(over) && (!is_text(over) || is_text(base)),
    });
}

fn is_nested(value: &Value) -> bool {
    value.as_object().is_some_and(is_plain)
}

/// Tells whether a value is a text to Meltano, as references are.
fn is_text(value: &Value) -> bool {
    value.is_string() || value.as_object().is_some_and(|table| !is_plain(table))
}

fn loader() -> impl Strategy<Value = Integration> {
    let only = |config| Declaration { config, ..Declaration::default() };
    (config(), option::weighted(0.4, overlay_of())).prop_map(move |(base, overlay)| {
        let base = only(base);
        let overlay = overlay.map(|overlay| only(overlay.over(&base).config));
        let (mappers, secrets) = (Vec::new(), Map::new());
        Integration { base, overlay, mappers, schedule: None, secrets }
    })
}

/// Generates projects made of spile's files.
pub fn project() -> impl Strategy<Value = GeneratedProject> {
    (vec(extractor(), 1..=SLUGS.len()), loader())
        .prop_map(|(extractors, loader)| GeneratedProject { extractors, loader })
}

/// Returns the text of an integration's file.
pub fn base(declared: &Integration, head: &str) -> String {
    let mut text = format!("{head}\n");
    if !declared.mappers.is_empty() {
        let _ = writeln!(text, "mappers = {}", inline(&json!(declared.mappers)));
    }
    if let Some(schedule) = declared.schedule {
        let _ = writeln!(text, "schedule = {}", json!(schedule));
    }
    text + &overlay(&declared.base)
}

/// Returns the text of an overlay, or the part of a file that an overlay can have too.
pub fn overlay(declaration: &Declaration) -> String {
    let mut text = String::new();
    if let Some(select) = &declaration.select {
        let _ = writeln!(text, "select = {}", inline(&json!(select)));
    }
    text.push_str("\n[config]\n");
    let (tables, values): (Vec<_>, Vec<_>) = declaration.config.iter().partition(|(name, _)| *name == "stream_maps");
    for (name, value) in values {
        let _ = writeln!(text, "{name} = {}", inline(value));
    }
    for (name, value) in tables {
        // If it contains only tables, each gets its own header. Otherwise all of it is one inline table.
        match value.as_object().filter(|members| members.values().all(is_table)) {
            Some(members) => members.iter().for_each(|(key, member)| {
                let _ = writeln!(text, "\n[config.{name}.{}]", json!(key));
                assigned(member, &mut text);
            }),
            None => {
                text = text.replacen("[config]\n", &format!("[config]\n{name} = {}\n", inline(value)), 1);
            }
        }
    }
    for (pattern, rule) in &declaration.metadata {
        let _ = writeln!(text, "\n[metadata.{}]", json!(pattern));
        assigned(rule, &mut text);
    }
    text
}

fn is_table(value: &Value) -> bool {
    value.as_object().is_some_and(|table| !table.contains_key("bare"))
}

fn assigned(table: &Value, text: &mut String) {
    for (key, value) in table.as_object().into_iter().flatten() {
        let _ = writeln!(text, "{} = {}", json!(key), inline(value));
    }
}

/// Returns a value as TOML on one line. Every string of JSON is also one of TOML.
pub fn inline(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let member = |(key, value): (&String, &Value)| format!("{} = {}", json!(key), inline(value));
            let members = || table.iter().map(member).collect::<Vec<_>>().join(", ");
            table.get("bare").and_then(Value::as_str).map_or_else(|| format!("{{ {} }}", members()), str::to_owned)
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        value => value.to_string(),
    }
}
