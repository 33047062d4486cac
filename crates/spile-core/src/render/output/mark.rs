//! Marks: comments in an output that describe each integration, so that a partial plan can write again what it leaves
//! unchanged.

use serde::{Deserialize, Serialize};

use super::{Task, literal};
use crate::name::IntegrationId;
use crate::plan::State;

/// The start of a mark, regardless of the language's comment sign.
const START: &str = "spile: {";

#[derive(Serialize, Deserialize)]
struct Marked<T> {
    #[serde(flatten)]
    task: T,
    id: IntegrationId,
}

/// Returns the mark of a task, on one line.
pub(super) fn mark(id: IntegrationId, task: &Task) -> String {
    // A task contains only strings, so serializing it cannot fail.
    let json = serde_json::to_string(&Marked { task, id }).unwrap_or_default();
    format!("spile: {}", literal::escaped(&json))
}

/// Returns the tasks in the marks of a text.
#[must_use]
pub fn tasks_of(text: &str) -> State<Task> {
    let marked = |line: &str| {
        let json = line.get(line.find(START)? + START.len() - 1..)?;
        // The end of the comment may follow.
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<Marked<Task>>();
        // Ignores lines that only look like marks.
        let Ok(Marked { task, id }) = values.next()? else { return None };
        Some((id, task))
    };
    text.lines().filter_map(marked).collect()
}
