//! Reads a Singer catalog: the output of a tap in discovery mode.
//!
//! The format: Singer's `DISCOVERY_MODE.md`. Taps differ in what they omit, so little is required.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::{Field, Inclusion, Stream};

/// Why a tap's output is not a catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCatalog {
    /// The output is empty.
    #[error("its output is empty")]
    Nothing,
    /// The output is not JSON.
    #[error("its output is not JSON: it starts with `{begins}`")]
    NotJson {
        /// How it begins.
        begins: String,
    },
    /// The output begins as JSON, but is cut off or has a syntax error.
    #[error("its output is invalid JSON at line {line}, column {column}")]
    BrokenJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The output is JSON, but not a catalog.
    #[error("its output has no `streams`")]
    NoStreams,
    /// One of the streams cannot be read.
    #[error("stream {number} of its output is invalid: {message}")]
    BadStream {
        /// Its number, from 1.
        number: usize,
        /// The parser's message.
        message: String,
    },
}

/// Reads a catalog, and sorts its streams by name.
///
/// # Errors
/// When it is not a catalog.
pub fn read(catalog: &[u8]) -> Result<Vec<Stream>, NoCatalog> {
    if catalog.trim_ascii().is_empty() {
        return Err(NoCatalog::Nothing);
    }
    let all: Catalog = serde_json::from_slice(catalog).map_err(|error| no_json(catalog, &error))?;
    let mut streams = Vec::new();
    for (number, written) in all.streams.into_iter().enumerate() {
        let bad = |message: String| NoCatalog::BadStream { number: number + 1, message };
        let written: RawStream = serde_json::from_value(written).map_err(|error| bad(error.to_string()))?;
        streams.push(written.into_stream().ok_or_else(|| bad("it has no `tap_stream_id`".to_owned()))?);
    }
    streams.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(streams)
}

fn no_json(catalog: &[u8], error: &serde_json::Error) -> NoCatalog {
    let text = String::from_utf8_lossy(catalog);
    let text = text.trim_start();
    match error.classify() {
        serde_json::error::Category::Data => NoCatalog::NoStreams,
        _ if text.starts_with(['{', '[']) => NoCatalog::BrokenJson { line: error.line(), column: error.column() },
        _ => NoCatalog::NotJson { begins: text.lines().next().unwrap_or_default().chars().take(60).collect() },
    }
}

#[derive(Deserialize)]
struct Catalog {
    streams: Vec<Value>,
}

/// A stream as a tap writes it.
#[derive(Deserialize)]
struct RawStream {
    #[serde(default)]
    tap_stream_id: Option<String>,
    /// The only name that old taps report.
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    key_properties: Option<Vec<String>>,
    #[serde(default)]
    replication_key: Option<String>,
    #[serde(default)]
    replication_method: Option<String>,
    #[serde(default)]
    schema: Lenient<Schema>,
    #[serde(default)]
    metadata: Option<Vec<RawMetadata>>,
}

/// Metadata of a stream, or of one of its fields.
#[derive(Deserialize)]
struct RawMetadata {
    #[serde(default)]
    breadcrumb: Vec<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

/// The parts of a JSON schema that are used.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Schema {
    r#type: Lenient<OneOrMany>,
    format: Lenient<String>,
    properties: BTreeMap<String, Lenient<Schema>>,
    #[serde(rename = "anyOf")]
    any_of: Vec<Lenient<Schema>>,
    #[serde(rename = "oneOf")]
    one_of: Vec<Lenient<Schema>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// A value of the expected type, or any other value, which is ignored: for example, `true` is a valid schema.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lenient<T> {
    Known(Box<T>),
    Other(IgnoredAny),
}

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self::Other(IgnoredAny)
    }
}

impl<T> Lenient<T> {
    fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Other(_) => None,
        }
    }
}

impl RawStream {
    fn into_stream(self) -> Option<Stream> {
        let name = self.tap_stream_id.or_else(|| self.stream.clone())?;
        let entries = self.metadata.unwrap_or_default();
        let by_path: BTreeMap<Vec<String>, &Map<String, Value>> =
            entries.iter().filter_map(|entry| Some((path(&entry.breadcrumb)?, &entry.metadata))).collect();
        let own = by_path.get(&Vec::new()).copied();
        let said = |key: &str| own.and_then(|own| own.get(key));
        let text = |key: &str| said(key).and_then(Value::as_str).map(str::to_owned);
        let texts = |key: &str| said(key).and_then(|value| Vec::<String>::deserialize(value).ok());
        let primary_key = self.key_properties.filter(|keys| !keys.is_empty());
        let replication_keys = texts("valid-replication-keys").unwrap_or_default();
        Some(Stream {
            sent_as: self.stream.filter(|stream| *stream != name),
            schema: text("schema-name").or_else(|| text("database-name")),
            primary_key: primary_key
                .or_else(|| texts("table-key-properties"))
                .or_else(|| texts("view-key-properties"))
                .unwrap_or_default(),
            replication_key: self
                .replication_key
                .or_else(|| text("replication-key"))
                .or_else(|| replication_keys.into_iter().next()),
            replication_method: self
                .replication_method
                .or_else(|| text("replication-method"))
                .or_else(|| text("forced-replication-method")),
            // Meltano always reads a stream without metadata.
            inclusion: own.map_or(Inclusion::Automatic, inclusion),
            fields: fields(self.schema.known(), &by_path),
            name,
        })
    }
}

/// Returns the fields of a schema, and fields that only have metadata.
fn fields(schema: Option<&Schema>, metadata: &BTreeMap<Vec<String>, &Map<String, Value>>) -> Vec<Field> {
    let mut types = BTreeMap::new();
    if let Some(schema) = schema {
        gather(schema, &mut Vec::new(), &mut types);
    }
    for path in metadata.keys().filter(|path| !path.is_empty()) {
        types.entry(path.clone()).or_insert_with(Vec::new);
    }
    let field = |(path, types): (Vec<String>, Vec<String>)| {
        let inclusion = match metadata.get(&path) {
            Some(said) => inclusion(said),
            // The defaults of Meltano.
            None if path.len() == 1 => Inclusion::Automatic,
            None => Inclusion::Available,
        };
        Field { path, types, inclusion }
    };
    types.into_iter().map(field).collect()
}

/// Collects the types of all fields in a schema, including nested ones.
fn gather(schema: &Schema, path: &mut Vec<String>, found: &mut BTreeMap<Vec<String>, Vec<String>>) {
    for (name, lenient) in &schema.properties {
        path.push(name.clone());
        let known = lenient.known();
        found.insert(path.clone(), known.map(types).unwrap_or_default());
        if let Some(schema) = known {
            gather(schema, path, found);
        }
        path.pop();
    }
}

fn types(schema: &Schema) -> Vec<String> {
    let mut all = match schema.r#type.known() {
        Some(OneOrMany::One(one)) => vec![one.clone()],
        Some(OneOrMany::Many(many)) => many.clone(),
        None => Vec::new(),
    };
    if let Some(format) = schema.format.known() {
        all.iter_mut().filter(|one| *one == "string").for_each(|one| *one = format!("string ({format})"));
    }
    all.extend(schema.any_of.iter().chain(&schema.one_of).filter_map(Lenient::known).flat_map(types));
    all.sort();
    all.dedup();
    all
}

fn inclusion(metadata: &Map<String, Value>) -> Inclusion {
    let word = metadata.get("inclusion").and_then(Value::as_str);
    word.and_then(Inclusion::of).unwrap_or(Inclusion::Available)
}

/// Returns the names in a breadcrumb, without `properties` between them; `None` if it has another form.
fn path(breadcrumb: &[String]) -> Option<Vec<String>> {
    let pairs = breadcrumb.chunks(2).map(|pair| match pair {
        [properties, name] if properties == "properties" => Some(name.clone()),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(catalog: &Value) -> Vec<Stream> {
        read(catalog.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_stream_is_read_with_its_keys_and_its_nested_fields() {
        let streams = of(&json!({"streams": [{
            "tap_stream_id": "public-orders",
            "stream": "orders",
            "schema": {"properties": {
                "id": {"type": "integer"},
                "at": {"type": ["null", "string"], "format": "date-time"},
                "who": {"type": "object", "properties": {
                    "name": {"anyOf": [{"type": "string"}], "oneOf": [{"type": "null"}]},
                }},
                "odd": true,
            }},
            "metadata": [
                {"breadcrumb": [], "metadata": {"inclusion": "available", "schema-name": "public", "table-key-properties": ["id"],
                    "valid-replication-keys": ["at"], "forced-replication-method": "INCREMENTAL"}},
                {"breadcrumb": ["properties", "id"], "metadata": {"inclusion": "automatic"}},
                {"breadcrumb": ["properties", "at"], "metadata": {"inclusion": "available"}},
                {"breadcrumb": ["properties", "blob"], "metadata": {"inclusion": "unsupported"}},
            ],
        }]}));
        let field = |name: &str, types: &[&str], inclusion| {
            let path = name.split('.').map(str::to_owned).collect();
            Field { path, types: types.iter().map(ToString::to_string).collect(), inclusion }
        };
        let wanted = Stream {
            name: "public-orders".to_owned(),
            sent_as: Some("orders".to_owned()),
            schema: Some("public".to_owned()),
            primary_key: vec!["id".to_owned()],
            replication_key: Some("at".to_owned()),
            replication_method: Some("INCREMENTAL".to_owned()),
            inclusion: Inclusion::Available,
            fields: vec![
                field("at", &["null", "string (date-time)"], Inclusion::Available),
                field("blob", &[], Inclusion::Unsupported),
                field("id", &["integer"], Inclusion::Automatic),
                field("odd", &[], Inclusion::Automatic),
                field("who", &["object"], Inclusion::Automatic),
                field("who.name", &["null", "string"], Inclusion::Available),
            ],
        };
        assert_eq!(streams, [wanted]);
    }

    #[test]
    fn a_tap_that_reports_little_is_understood() {
        let streams =
            of(&json!({"streams": [{"stream": "b"}, {"tap_stream_id": "a", "schema": {}, "metadata": null}]}));
        let told: Vec<_> = streams.iter().map(|stream| (stream.name.as_str(), stream.inclusion)).collect();
        assert_eq!(told, [("a", Inclusion::Automatic), ("b", Inclusion::Automatic)]);
    }

    #[test]
    fn invalid_catalogs_are_rejected_with_a_reason() {
        let why = |text: &str| read(text.as_bytes()).unwrap_err();
        assert_eq!(why(" \n"), NoCatalog::Nothing);
        assert_eq!(why("this is\nnot"), NoCatalog::NotJson { begins: "this is".to_owned() });
        assert_eq!(why("{\"streams\": [\n1, "), NoCatalog::BrokenJson { line: 2, column: 3 });
        assert_eq!(why("[]"), NoCatalog::NoStreams);
        assert_eq!(why("{\"stream\": []}"), NoCatalog::NoStreams);
        assert!(matches!(why("{\"streams\": [{}]}"), NoCatalog::BadStream { number: 1, .. }));
        assert!(matches!(why("{\"streams\": [{\"stream\": \"a\"}, 1]}"), NoCatalog::BadStream { number: 2, .. }));
    }

    #[test]
    fn the_keys_of_a_stream_are_its_own_before_those_of_its_metadata() {
        let of = |keys: Value, metadata: Value| {
            let metadata = json!([{"breadcrumb": [], "metadata": metadata}]);
            let streams = of(&json!({"streams": [{"stream": "a", "key_properties": keys, "metadata": metadata}]}));
            streams[0].primary_key.join(",")
        };
        let both = json!({"table-key-properties": ["table"], "view-key-properties": ["view"]});
        assert_eq!(of(json!(["own", "two"]), both.clone()), "own,two");
        assert_eq!(of(json!([]), both.clone()), "table");
        assert_eq!(of(json!(null), both), "table");
        assert_eq!(of(json!([]), json!({"view-key-properties": ["view"]})), "view");
        assert_eq!(of(json!([]), json!({})), "");
    }

    #[test]
    fn metadata_that_names_no_field_adds_none() {
        let paths = [
            json!(["properties", "list", "items", "x"]),
            json!(["properties", "a"]),
            json!(["items", "b"]),
            json!(["properties"]),
        ];
        let metadata = paths.map(|path| json!({"breadcrumb": path, "metadata": {"inclusion": "available"}}));
        let streams = of(&json!({"streams": [{"stream": "s", "metadata": metadata}]}));
        assert_eq!(streams[0].fields.iter().map(Field::name).collect::<Vec<_>>(), ["a"]);
    }
}
