//! Groups tasks by the time at which they run.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::task::UTC;
use super::{Task, cron, names};

/// Groups tasks by schedule and time zone. The name of a group depends only on these two.
pub(super) fn grouped(project: &str, environment: &str, tasks: &[(&Task, Value)]) -> Vec<Value> {
    let mut groups: BTreeMap<(&str, &str), Vec<&(&Task, Value)>> = BTreeMap::new();
    for one in tasks {
        groups.entry((&one.0.schedule, &one.0.timezone)).or_default().push(one);
    }
    let group = |((schedule, timezone), members): ((&str, &str), Vec<&(&Task, Value)>)| {
        let tags: BTreeSet<&String> = members.iter().flat_map(|(task, _)| &task.tags).collect();
        let name = names::dag(&[project, environment], schedule, timezone);
        json!({
            "name": name,
            "identifier": names::identifier(&name),
            "schedule": schedule,
            "cron": cron::fields(schedule),
            "interval": members[0].1["interval"],
            "timezone": timezone,
            "is_utc": UTC.contains(&timezone),
            "tags": tags,
            "integrations": members.iter().map(|(_, value)| value).collect::<Vec<_>>(),
        })
    };
    groups.into_iter().map(group).collect()
}
