//! The fields that every integration has, whatever its connector: its name, its destination, its schedule and the
//! others.

use std::sync::Arc;

use serde_json::json;

use super::edited::Edited;
use super::shell::At;
use crate::pages::fields::{Control, FieldData, OptionData, with_present};
use crate::refusal::Refusal;
use spile_core::connector::Role;
use spile_core::discovered::can_select;
use spile_core::form;
use spile_core::integration::Integration;
use spile_core::integration::batch::OneByOne;
use spile_core::integration::streams::OneProcess;

/// Returns the fields that every integration has.
pub fn general(at: &At, one: &Integration, edited: Option<&Edited>, refusal: Option<&Refusal>) -> Vec<FieldData> {
    let mut faults = refusal.map(Refusal::faults).unwrap_or_default();
    faults.extend(edited.map(Edited::faults).unwrap_or_default());
    let base = &one.base;
    let loader = base.loader.as_ref().map(ToString::to_string).unwrap_or_default();
    let schedule = base.schedule.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut fields = vec![
        text("name", "Name", "The name that people see.", base.name.clone()),
        in_lines(text(
            "description",
            "Description",
            "What this integration is for.",
            base.description.clone().unwrap_or_default(),
        )),
    ];
    if one.role() == Role::Extractor {
        fields.push(loaders(at, &loader));
        fields.push(list("mappers", "Mappers", MAPPERS, &base.mappers.iter().collect::<Vec<_>>()));
        fields.push(text("schedule", "Schedule", SCHEDULE, schedule));
        fields.extend(transfer(at, one));
    }
    if can_select(one) {
        fields.push(list("select", "Streams", STREAMS, &base.select.iter().collect::<Vec<_>>()));
    }
    fields.push(list("tags", "Tags", "Words to find it by, one per line.", &base.tags.iter().collect::<Vec<_>>()));
    for field in &mut fields {
        field.fault = faults.get(&field.name).cloned().unwrap_or_default();
        if let Some(typed) = edited.and_then(|edited| edited.texts.get(&field.name)) {
            field.value.clone_from(typed);
            field.options.iter_mut().for_each(|option| option.is_chosen = option.value == *typed);
        }
    }
    fields
}

/// Returns how records pass to the destination, as far as both sides leave a choice or the file has made one.
fn transfer(at: &At, one: &Integration) -> Vec<FieldData> {
    let (project, base) = (&at.desk.loaded, &one.base);
    let loader = base.loader.as_ref().and_then(|slug| project.integrations.find(slug.as_str()));
    let of_project = project.settings.sync;
    let mut fields = Vec::new();
    if base.streams.is_some() || loader.is_some_and(|loader| OneProcess::of(one, loader).is_none()) {
        let help = format!(
            "How many processes share the streams of a sync. Leave empty for the number in spile.toml, which is {}.",
            of_project.streams
        );
        let count = base.streams.map(|count| count.to_string()).unwrap_or_default();
        fields.push(FieldData { control: Control::Number, ..text("streams", "Streams at once", &help, count) });
    }
    if base.batch.is_some() || loader.is_some_and(|loader| OneByOne::of(one, loader, None).is_none()) {
        let help = format!(
            "Whether records pass to the destination in files of many. If not set, spile.toml decides: it is {} there.",
            if of_project.batch { "on" } else { "off" }
        );
        let batch = base.batch.map(|batch| batch.to_string()).unwrap_or_default();
        let option = |value: &str, label: &str| OptionData {
            value: value.to_owned(),
            label: label.to_owned(),
            is_chosen: value == batch,
        };
        let options = vec![option("true", "on"), option("false", "off")];
        let field = text("batch", "Batches", &help, batch);
        fields.push(FieldData { control: Control::Choice, options, ..field });
    }
    fields
}

/// The help text of mappers.
const MAPPERS: &str = "Meltano mappings to apply to the records, in order, one per line. Leave empty for none.";

/// The help text of streams.
const STREAMS: &str = "Patterns like orders.*, one per line. Leave empty to sync all streams.";

/// The help text of a schedule.
pub const SCHEDULE: &str =
    "Five cron fields like 0 6 * * 1-5, or @hourly, @daily, @weekly. Leave empty to sync manually.";

/// Returns a field for a list of texts.
fn list(name: &str, label: &str, help: &str, words: &[&String]) -> FieldData {
    let shown = if words.is_empty() { String::new() } else { form::shown(&json!(words)) };
    in_lines(text(name, label, help, shown))
}

/// Makes a field multi-line.
fn in_lines(field: FieldData) -> FieldData {
    FieldData { control: Control::Lines, ..field }
}

/// Returns a single-line text field, or a multi-line one if the value has line breaks.
pub fn text(name: &str, label: &str, help: &str, value: String) -> FieldData {
    FieldData {
        name: name.to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        control: if value.contains(['\n', '\r']) { Control::Lines } else { Control::Text },
        shown: value.clone(),
        value,
        placeholder: String::new(),
        options: Vec::new(),
        required: false,
        set: String::new(),
        fault: String::new(),
    }
}

/// Returns the choice of a destination.
pub fn loaders(at: &At, present: &str) -> FieldData {
    let all = at.desk.loaded.integrations.by_slug().filter(|one| one.role() == Role::Loader);
    let option = |one: &Arc<Integration>| OptionData {
        value: one.slug.to_string(),
        label: one.base.name.clone(),
        is_chosen: one.slug.as_str() == present,
    };
    FieldData {
        control: Control::Choice,
        options: with_present(all.map(option).collect(), present),
        ..text(
            "loader",
            "Destination",
            "Where the records go. Without a destination the source cannot be synced.",
            present.to_owned(),
        )
    }
}
