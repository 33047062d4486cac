//! SQL conditions for a range, for taps that read a database and have no setting for a start or an end.
//!
//! The tap reads exactly the rows of the range: the state of a backfill could only give it a start.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Options;
use super::job::Job;
use crate::{Error, Loaded, discover};
use spile_core::discovered::{Rules, Stream};
use spile_core::integration::Integration;
use spile_core::integration::select::Glob;
use spile_core::run::TimeRange;
use spile_world::World;
use spile_world::processes::meltano::Request;

/// The key of a stream's options that lists conditions.
const CLAUSES: &str = "custom_where_clauses";

/// The method of streams that are read from the database's log, where conditions do not hold.
const LOG_BASED: &str = "LOG_BASED";

impl Job {
    /// Gives the tap the limits of a range, in the settings that its definition names.
    ///
    /// # Errors
    /// When the tap needs conditions on replication keys, and one is not known.
    pub(super) fn limit_to(&self, range: &TimeRange, request: &mut Request) -> Result<(), Error> {
        let connector = &self.integration.connector;
        self.set(request, connector.start_setting(), range.from.to_string());
        self.set(request, connector.end_setting(), range.to.to_string());
        if let Some(setting) = connector.clauses_setting() {
            let keys = replication_keys(&self.world, &self.loaded, &self.integration, &self.options)?;
            let of_file = self.integration.at(&self.options.environment).config.get(setting);
            self.set(request, Some(setting), with_conditions(of_file, &keys, range).to_string());
        }
        Ok(())
    }
}

/// Returns the replication key of each stream that a backfill reads.
///
/// # Errors
/// When the streams are not known, or one of them has no replication key that is a time.
pub(crate) fn replication_keys(
    world: &World,
    loaded: &Loaded,
    integration: &Integration,
    options: &Options,
) -> Result<BTreeMap<String, String>, Error> {
    let slug = &integration.slug;
    let refused = |reason: String, help: String| Error::NotRunnable {
        slug: slug.clone(),
        reason: reason.into(),
        help: help.into(),
    };
    let found = discover::found(world.project.root(), loaded, integration, &options.environment)?;
    let found = found.ok_or_else(|| {
        let help = format!("run `spile discover {slug}` and try again");
        refused(
            "has streams that spile does not know yet, and a range is read by their replication keys".to_owned(),
            help,
        )
    })?;
    let declaration = integration.at(&options.environment);
    let rules = Rules::of(integration, declaration);
    let only: Vec<Glob> = options.streams.only.iter().map(|pattern| Glob::from(pattern.as_str())).collect();
    let is_meant = |stream: &Stream| only.is_empty() || only.iter().any(|pattern| pattern.matches(&stream.name));
    let mut keys = BTreeMap::new();
    for stream in found.streams.iter().filter(|stream| is_meant(stream) && rules.take(stream).0.is_read()) {
        let name = &stream.name;
        let leave_out = "read other streams with `--stream`, or all of this one with `--full-refresh`".to_owned();
        let method = declaration.replication_method(name).or(stream.replication_method.as_deref());
        if method == Some(LOG_BASED) {
            let reason = format!("reads `{name}` from the database's log, which cannot be read by ranges of time");
            return Err(refused(reason, leave_out));
        }
        let key = declaration.replication_key(name).or(stream.replication_key.as_deref());
        let Some(key) = key else {
            let help = format!("set `replication-key` under `[metadata.{name}]`, or {leave_out}");
            return Err(refused(
                format!("has no replication key for `{name}`, so its rows cannot be read by time"),
                help,
            ));
        };
        let field = stream.fields.iter().find(|field| field.path == [key]);
        if field.is_some_and(|field| !field.types.iter().any(|kind| kind.contains("date"))) {
            let reason = format!("has the replication key `{key}` for `{name}`, which is no date or time");
            return Err(refused(reason, leave_out));
        }
        keys.insert(name.clone(), key.to_owned());
    }
    Ok(keys)
}

/// Adds the conditions of a range to the options of streams. What the file says of them stays.
pub(super) fn with_conditions(options: Option<&Value>, keys: &BTreeMap<String, String>, range: &TimeRange) -> Value {
    let mut all = options.and_then(Value::as_object).cloned().unwrap_or_default();
    for (stream, key) in keys {
        let of_stream = all.entry(stream.clone()).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(of_stream) = of_stream else { continue };
        let mut clauses = of_stream.get(CLAUSES).and_then(Value::as_array).cloned().unwrap_or_default();
        clauses.extend(range.conditions(key).map(Value::String));
        of_stream.insert(CLAUSES.to_owned(), json!(clauses));
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn conditions_are_added_to_those_of_the_file() {
        let range = TimeRange { from: Timestamp::UNIX_EPOCH, to: Timestamp::from_second(3600).unwrap() };
        let keys = [("orders".to_owned(), "at".to_owned())].into();
        let of_file = json!({ "orders": { "custom_where_clauses": ["id > 5"], "x": 1 }, "refunds": {} });
        let from = "\"at\" >= '1970-01-01T00:00:00Z'";
        let to = "\"at\" < '1970-01-01T01:00:00Z'";
        let wanted = json!({ "orders": { "custom_where_clauses": ["id > 5", from, to], "x": 1 }, "refunds": {} });
        assert_eq!(with_conditions(Some(&of_file), &keys, &range), wanted);
        assert_eq!(with_conditions(None, &keys, &range), json!({ "orders": { "custom_where_clauses": [from, to] } }));
    }
}
