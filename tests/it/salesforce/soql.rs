//! The part of SOQL that a tap writes: fields, one object, and limits of one time.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::org::{Object, Org};

/// A query that the organization accepts.
pub struct Query<'a> {
    pub object: &'a Object,
    /// The fields, in the order of the query.
    pub fields: Vec<&'a str>,
    key: Option<&'a str>,
    from: Option<Timestamp>,
    before: Option<Timestamp>,
}

/// An error code and its message.
pub type Refusal = (&'static str, String);

impl<'a> Query<'a> {
    /// Parses a query: `SELECT a,b FROM X WHERE k >= t AND k < t ORDER BY k ASC`.
    pub fn parse(text: &'a str, org: &'a Org) -> Result<Self, Refusal> {
        let malformed = || ("MALFORMED_QUERY", format!("unexpected token: '{text}'"));
        let (text, key) = text.split_once(" ORDER BY ").map_or((text, None), |(text, order)| (text, Some(order)));
        let (select, rest) =
            text.trim().strip_prefix("SELECT ").and_then(|rest| rest.split_once(" FROM ")).ok_or_else(malformed)?;
        let (name, limits) = rest.split_once(" WHERE ").map_or((rest, None), |(name, limits)| (name, Some(limits)));
        let name = name.trim();
        let unknown = || {
            (
                "INVALID_TYPE",
                format!("\nFROM {name}\n     ^\nERROR at Row:1:Column:6\nsObject type '{name}' is not supported."),
            )
        };
        let object = org.object(name).ok_or_else(unknown)?;
        let mut query = Self { object, fields: select.split(',').collect(), key: None, from: None, before: None };
        query.fields.iter().try_for_each(|field| query.knows(field))?;
        if let Some(key) = key.and_then(|order| order.split_whitespace().next()) {
            query.knows(key)?;
            query.key = Some(key);
        }
        for limit in limits.into_iter().flat_map(|limits| limits.split(" AND ")) {
            let [key, operator, time] = limit.split_whitespace().collect::<Vec<_>>()[..] else {
                return Err(malformed());
            };
            query.knows(key)?;
            query.key = Some(key);
            // A time needs its offset: "Date Formats and Date Literals".
            let time = time.parse::<Timestamp>().map_err(|_| {
                let message = format!(
                    "\nvalue of filter criterion for field '{key}' must be of type dateTime and should not be enclosed in quotes"
                );
                ("INVALID_FIELD", message)
            })?;
            match operator {
                ">=" => query.from = Some(time),
                "<" => query.before = Some(time),
                _ => return Err(malformed()),
            }
        }
        Ok(query)
    }

    fn knows(&self, field: &str) -> Result<(), Refusal> {
        let name = self.object.name;
        let is_known = self.object.fields.iter().any(|known| known.name == field);
        let message = format!(
            "\nSELECT {field}\n       ^\nERROR at Row:1:Column:8\nNo such column '{field}' on entity '{name}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
        );
        is_known.then_some(()).ok_or(("INVALID_FIELD", message))
    }

    /// Returns the records, in the order of the key.
    pub fn records(&self) -> Vec<&'a Map<String, Value>> {
        let time =
            |record: &Map<String, Value>| record[self.key.unwrap()].as_str().unwrap().parse::<Timestamp>().unwrap();
        let is_within = |record: &&Map<String, Value>| {
            self.key.is_none()
                || self.from.is_none_or(|from| time(record) >= from)
                    && self.before.is_none_or(|before| time(record) < before)
        };
        let mut records: Vec<_> = self.object.records.iter().filter(is_within).collect();
        if self.key.is_some() {
            records.sort_by_key(|record| time(record));
        }
        records
    }

    /// Returns the type of a field.
    pub fn kind(&self, name: &str) -> &'static str {
        self.object.fields.iter().find(|field| field.name == name).unwrap().kind
    }
}
