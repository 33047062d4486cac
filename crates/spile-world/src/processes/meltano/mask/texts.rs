//! The parts of a secret that are secrets of their own.

use serde_json::Value;

/// The shortest value to mask. Shorter ones are ordinary words, and masking them would leave nothing of a log.
const SHORTEST: usize = 5;

/// The shortest text to mask inside a JSON secret, which also contains ordinary words like `string`.
const SHORTEST_INSIDE: usize = 8;

/// How many letters of a secret an escape before it can consume: those of `\u00e9`.
const LONGEST_ESCAPE: usize = 4;

/// The longest secret whose ends are searched for. Of longer ones, each line is searched for separately.
const LONGEST_WITH_ENDS: usize = 4096;

/// Returns the whole secret, each of its lines, the texts in its JSON and each of their lines, and the password in its
/// URL.
pub(super) fn of(secret: &str) -> Vec<String> {
    let mut whole = vec![secret.to_owned()];
    if let Ok(json) = serde_json::from_str(secret) {
        of_json(&json, &mut whole);
    }
    let password = secret.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')?.0.split_once(':'));
    whole.extend(password.map(|(_, password)| password.to_owned()));
    let mut texts: Vec<String> =
        whole.iter().flat_map(|text| text.lines()).map(|line| line.trim().to_owned()).collect();
    texts.extend(whole.iter().map(|text| text.trim().to_owned()));
    texts.extend(whole);
    texts.retain(|text| text.len() >= SHORTEST);
    texts
}

fn of_json(json: &Value, texts: &mut Vec<String>) {
    match json {
        Value::String(text) if text.len() >= SHORTEST_INSIDE => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| of_json(item, texts)),
        Value::Object(members) => members.values().for_each(|member| of_json(member, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns the text without its first letters, as many as an escape before it can consume.
pub(super) fn ends(text: &str) -> impl Iterator<Item = &str> {
    let begins = text.char_indices().map(|(at, _)| at).skip(1).take(LONGEST_ESCAPE);
    let ends = begins.map(|at| &text[at..]).filter(|end| end.len() >= SHORTEST);
    ends.filter(|_| text.len() <= LONGEST_WITH_ENDS)
}
