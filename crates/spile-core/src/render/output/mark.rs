//! Marks: what an output says of each integration in a comment, so that a partial plan can write again what it leaves.

use serde::{Deserialize, Serialize};

use super::{Task, literal};
use crate::name::IntegrationId;
use crate::plan::State;

/// How a mark begins, whatever makes the line a comment.
const START: &str = "spile: {";

#[derive(Serialize, Deserialize)]
struct Marked<T> {
    #[serde(flatten)]
    task: T,
    id: IntegrationId,
}

/// Returns the mark of a task, in one line.
pub(super) fn mark(id: IntegrationId, task: &Task) -> String {
    // A task holds texts: there is nothing that cannot be written.
    let json = serde_json::to_string(&Marked { task, id }).unwrap_or_default();
    format!("spile: {}", literal::escaped(&json))
}

/// Returns the tasks whose marks a text has.
#[must_use]
pub fn tasks_of(text: &str) -> State<Task> {
    let marked = |line: &str| {
        let json = line.get(line.find(START)? + START.len() - 1..)?;
        // Behind it may be what ends the comment.
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<Marked<Task>>();
        // A line that only looks like a mark is none.
        let Ok(Marked { task, id }) = values.next()? else { return None };
        Some((id, task))
    };
    text.lines().filter_map(marked).collect()
}
