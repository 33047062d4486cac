//! What has changed in the source of an integration since somebody accepted it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::shell::At;
use crate::contract;
use crate::pages::when::When;
use spile_core::discovered::Discovered;
use spile_core::integration::Integration;
use spile_ops as ops;
use spile_ops::contract::{History, IntegrationLabel};
use spile_view as view;

/// Returns how many changes of its source nobody has accepted.
pub fn changes(at: &At, one: &Arc<Integration>) -> usize {
    let offered = contract::known(&at.desk, one).ok().flatten();
    offered.and_then(|offered| of(at, one, &offered, offered.discovered_at)).map_or(0, |source| count(&source))
}

/// Returns the same from what [`of`] has returned.
pub fn count(source: &Value) -> usize {
    source["changes"].as_array().map_or(0, Vec::len)
}

/// Returns the changes in its source since it was last accepted, and whether it ever was.
pub fn of(at: &At, one: &Integration, offered: &Discovered, now: Timestamp) -> Option<Value> {
    let desk = &at.desk;
    let history = ops::contract::history(&desk.world.project, one, &desk.environment, offered).ok()?;
    let named = IntegrationLabel::of(&desk.loaded, one, &desk.environment);
    let (has_contract, changes) = match &history {
        History::SinceContract(changes) => (true, view::changes::data(&named.argument, changes)),
        History::ByAnswer(_) => (false, Vec::new()),
    };
    let needs_one = one.at(&desk.environment).schema.need_contract();
    // Hide a source that needs no contract and has not changed.
    if changes.is_empty() && (has_contract || !needs_one) {
        return None;
    }
    Some(json!({
        "when": When::relative(offered.discovered_at, now), "at": offered.discovered_at, "has_contract": has_contract,
        "changes": changes,
    }))
}
