//! The tables of an integration by schema, as the sources of dbt.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{LoadedStream, Task};

/// Returns the tables of a task by schema, each with the name of its source: the integration's name, with the schema
/// after it if there are several. A table of several streams is listed once.
pub(super) fn schemas(task: &Task) -> Value {
    let mut schemas: BTreeMap<Option<&str>, BTreeMap<&str, &LoadedStream>> = BTreeMap::new();
    for stream in &task.streams {
        if let Some(table) = &stream.table {
            schemas.entry(stream.schema.as_deref()).or_default().entry(table).or_insert(stream);
        }
    }
    let are_several = schemas.len() > 1;
    let source = |schema: Option<&str>| match schema.filter(|_| are_several) {
        Some(schema) => format!("{}__{schema}", task.slug),
        None => task.slug.to_string(),
    };
    let table = |(table, stream): (&str, &LoadedStream)| json!({"table": table, "stream": stream.name});
    let value = |(schema, tables): (Option<&str>, BTreeMap<&str, &LoadedStream>)| {
        let tables: Vec<Value> = tables.into_iter().map(table).collect();
        json!({"schema": schema, "source": source(schema), "tables": tables})
    };
    schemas.into_iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::output::tests::task;

    #[test]
    fn a_source_is_named_after_its_schema_if_there_are_several() {
        let stream = |name: &str, schema: Option<&str>, table: Option<&str>| LoadedStream {
            name: name.to_owned(),
            schema: schema.map(str::to_owned),
            table: table.map(str::to_owned),
        };
        let of = |streams: Vec<LoadedStream>| schemas(&Task { streams, ..task("shop-eu") });
        let one = of(vec![stream("a", Some("raw"), Some("t")), stream("b", Some("raw"), Some("t"))]);
        assert_eq!(one, json!([{"schema": "raw", "source": "shop-eu", "tables": [{"table": "t", "stream": "a"}]}]));
        let two = of(vec![stream("a", Some("raw"), Some("t")), stream("b", None, Some("u"))]);
        assert_eq!((&two[0]["source"], &two[1]["source"]), (&json!("shop-eu"), &json!("shop-eu__raw")));
        assert_eq!(of(vec![stream("a", None, None)]), json!([]));
    }
}
