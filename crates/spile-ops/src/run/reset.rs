//! `sync --reset`: has the loader remove the rows that a full refresh does not deliver.

use std::sync::Arc;

use serde_json::Value;

use super::Options;
use super::obstacle::Obstacle;
use crate::Loaded;
use spile_core::connector::reset::ResetMoment;
use spile_core::integration::Integration;
use spile_core::integration::check::environment_variable;
use spile_world::processes::meltano::{Request, Reset};

/// What happens to rows in the destination that a full refresh does not deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OldRows {
    /// They stay.
    Keep,
    /// The loader removes them.
    Remove,
}

/// Returns why the loader of an integration cannot remove the rows of these streams and no others.
pub(super) fn obstacle(loaded: &Loaded, integration: &Integration, options: &Options) -> Option<Obstacle> {
    let slug = integration.at(&options.environment).loader.as_ref()?;
    let target = loaded.integrations.find(slug.as_str())?;
    let plain = "sync it without `--reset`: rows that the source no longer has then stay";
    let Some(reset) = &target.connector.reset else {
        let why = format!("has the loader `{slug}`, which cannot empty its tables or files");
        return Some(Obstacle::new(why, format!("{plain}; or remove them yourself first")));
    };
    let config = target.at(&options.environment).config.clone().into_iter().collect();
    if let Some((name, value)) = reset.unmet(&target.connector, &config) {
        let why =
            format!("has the loader `{slug}`, which cannot tell old rows from new ones without `{name} = {value}`");
        return Some(Obstacle::new(why, format!("set it in `{}`, or {plain}", target.path.display())));
    }
    if integration.at(&options.environment).load.shared_tables {
        let why = "shares its tables with other integrations, whose rows would be removed as well";
        return Some(Obstacle::new(why, plain));
    }
    let some = !options.streams.refresh.is_empty();
    if some && reset.when == ResetMoment::Start {
        let why = format!("has the loader `{slug}`, which empties the tables of all streams that it gets");
        let help = "use `--stream STREAM --full-refresh --reset`, so that it gets no others";
        return Some(Obstacle::new(why, help));
    }
    if some && !integration.at(&options.environment).mappers.is_empty() {
        let why = "has mappers, which may rename the streams that are named";
        return Some(Obstacle::new(why, "use `--full-refresh --reset` without names of streams"));
    }
    None
}

/// Prepares a request to a loader that can do it.
pub(super) fn prepare(request: &mut Request, loader: Option<&Arc<Integration>>, options: &Options, version: i64) {
    let Some((loader, reset)) = loader.and_then(|loader| Some((loader, loader.connector.reset.as_ref()?))) else {
        return;
    };
    for (name, value) in &reset.settings {
        let text = match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        request.settings.insert(environment_variable(&loader.plugin_name(), name), text);
    }
    if reset.when == ResetMoment::End {
        // What continues an interrupted refresh reads more than it was asked to reset.
        let streams = options.streams.refresh.clone();
        request.reset = Some(Reset { version, streams });
    }
}
