//! The inputs of output templates.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::interval::Intervals;
use super::{LoadedStream, MARKER, Output, Task, calendar, cron, mark, names, schedules, tables};
use crate::integration::select::as_pattern;
use crate::name::{EnvironmentName, IntegrationId};
use crate::plan::State;

/// The inputs of a template.
#[derive(Serialize)]
pub(super) struct OutputValues<'a> {
    marker: &'static str,
    project: &'a str,
    environment: &'a EnvironmentName,
    /// The file, relative to the project.
    path: String,
    /// How many folders deep the file is in the project.
    depth: usize,
    labels: Value,
    /// A name for what all integrations share.
    workload: String,
    schedules: Vec<Value>,
    integrations: Vec<Value>,
    connectors: BTreeSet<&'a str>,
    #[serde(rename = "values")]
    written: &'a Map<String, Value>,
}

impl<'a> OutputValues<'a> {
    pub(super) fn of(output: &'a Output, tasks: &'a State<Task>) -> Self {
        let environment = &output.settings.environment;
        let (project, name) = (output.project.as_str(), environment.as_str());
        let mut sorted: Vec<_> = tasks.iter().collect();
        sorted.sort_by(|a, b| a.1.slug.cmp(&b.1.slug).then(a.0.cmp(b.0)));
        let mut intervals = Intervals::default();
        let mut listed = |(id, task): (&IntegrationId, &'a Task)| {
            let mut value = integration(project, name, *id, task);
            value["interval"] = json!(intervals.of(&task.schedule));
            (task, value)
        };
        let integrations: Vec<(&Task, Value)> = sorted.into_iter().map(&mut listed).collect();
        Self {
            marker: MARKER,
            project: &output.project,
            environment,
            path: output.path.display().to_string(),
            depth: output.path.components().count() - 1,
            labels: json!({"project": names::label(&output.project), "environment": names::label(environment.as_str())}),
            workload: names::job(&[project, name]),
            schedules: schedules::grouped(project, name, &integrations),
            connectors: integrations.iter().map(|(task, _)| task.connector.as_str()).collect(),
            integrations: integrations.into_iter().map(|(_, value)| value).collect(),
            written: &output.settings.values,
        }
    }
}

fn integration(project: &str, environment: &str, id: IntegrationId, task: &Task) -> Value {
    let mut value = json!(task);
    value["mark"] = json!(mark::mark(id, task));
    value["id"] = json!(id);
    let fields = cron::fields(&task.schedule);
    value["calendar"] = json!(fields.as_deref().map(|fields| calendar::events(fields, &task.timezone)));
    value["cron"] = json!(fields);
    value["job"] = json!(names::job(&[project, environment, task.slug.as_str()]));
    let connector = names::label(&task.connector);
    value["identifier"] = json!(names::identifier(&task.slug.as_str().replace('-', "_")));
    value["loaded_at"] = json!(task.loaded_at);
    value["timing"] = json!(task.timing);
    value["streams"] = streams(&task.streams);
    value["schemas"] = tables::schemas(task);
    value["labels"] = json!({"integration": names::label(task.slug.as_str()), "connector": connector});
    value
}

/// Returns the streams of one integration, each with names for commands and for Dagster.
fn streams(streams: &[LoadedStream]) -> Value {
    let value = |(stream, asset): (&LoadedStream, String)| {
        json!({
            "name": stream.name,
            "pattern": as_pattern(&stream.name),
            "schema": stream.schema,
            "table": stream.table,
            "asset": asset,
        })
    };
    streams.iter().zip(names::assets(streams)).map(value).collect()
}
