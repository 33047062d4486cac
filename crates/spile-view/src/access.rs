//! The recipients who gain or lose access to secrets with a change.

use std::collections::BTreeSet;

use serde_json::Value;

use super::plan_data::{ChangeData, FieldData};
use spile_core::record::row::RECIPIENTS;
use spile_ops::counted;

/// Returns a sentence for each recipient who gains or loses access.
#[must_use]
pub fn sentences(change: &ChangeData) -> Vec<String> {
    let recipients = change.fields.iter().find(|field| *field.path() == RECIPIENTS);
    let Some(FieldData::Plain { before: Some(before), after: Some(after), .. }) = recipients else { return Vec::new() };
    let (before, after) = (names(before), names(after));
    let secrets = counted(change.secrets, "secret");
    let gains = after.difference(&before).map(|recipient| format!("gives {recipient} access to {secrets}"));
    let loses = before.difference(&after);
    let note = "it still knows the values that it could read until now";
    gains.chain(loses.map(|recipient| format!("removes the access of {recipient}; {note}"))).collect()
}

fn names(value: &Value) -> BTreeSet<String> {
    let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}
