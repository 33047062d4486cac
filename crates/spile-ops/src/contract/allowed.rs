//! What a contract lets a run or a preview read of a source that has changed.

use serde_json::json;

use spile_core::discovered::change::{asking, failing, without};
use spile_core::discovered::{Change, Contract, Difference, Discovered, Rules};
use spile_core::integration::Integration;
use spile_core::integration::check::environment_variable;
use spile_core::name::EnvironmentName;
use spile_core::phrase;
use spile_core::phrase::Phrase;
use spile_world::processes::meltano::Request;

/// How many changes a sentence lists.
const NAMED: usize = 20;

/// What may be read.
pub(crate) enum Allowed {
    /// All that is selected.
    All,
    /// Only a part, until somebody accepts the changes.
    Part(AllowedPart),
    /// Nothing, for this reason.
    Nothing(String),
}

/// The part of a source that may be read.
pub(crate) struct AllowedPart {
    /// The selection that leaves the rest out.
    select: Vec<String>,
    /// Whether it takes no stream.
    pub is_empty: bool,
    /// What has changed, and what is left out.
    pub sentence: String,
}

impl AllowedPart {
    /// Makes a request read only this part.
    pub fn limit(&self, request: &mut Request) {
        let variable = environment_variable(&request.extractor, "_select");
        request.settings.insert(variable, json!(self.select).to_string());
    }
}

/// Compares a source with its contract, and returns what may be read of it.
pub(crate) fn allowed(
    integration: &Integration,
    environment: &EnvironmentName,
    contract: &Contract,
    now: &Discovered,
) -> Allowed {
    let changes = super::changes(integration, environment, contract, now);
    let fails = failing(&changes);
    if !fails.is_empty() {
        return Allowed::Nothing(format!("the source has changed: {}", listed(&fails, Change::sentence)));
    }
    let asks = asking(&changes);
    if asks.is_empty() {
        return Allowed::All;
    }
    let declaration = integration.at(environment);
    let select = match without(&asks, integration, declaration, &now.streams) {
        Ok(select) => select,
        Err(left) => {
            let changes = listed(&left, Change::sentence);
            return Allowed::Nothing(format!("the source has changed, and no pattern leaves it out: {changes}"));
        }
    };
    let mut selecting = declaration.clone();
    selecting.select = select;
    let rules = Rules::of(integration, &selecting);
    Allowed::Part(AllowedPart {
        is_empty: !now.streams.iter().any(|stream| rules.take(stream).0.is_read()),
        select: selecting.select.into_iter().collect(),
        sentence: format!("the source has changed: {}", listed(&asks, left_out)),
    })
}

/// Returns a sentence about what has changed, and what is left out.
fn left_out(change: &Change) -> Phrase {
    let does = match &change.difference {
        Difference::NewStream { .. } | Difference::NewColumn { .. } => "left out",
        Difference::Retyped { .. } | Difference::Rekeyed { .. } => "the stream is skipped",
        Difference::LostColumn { .. } | Difference::LostStream => return change.sentence(),
    };
    phrase![change.sentence(), " (", does, ")"]
}

fn listed(changes: &[&Change], say: impl Fn(&Change) -> Phrase) -> String {
    let said: Vec<String> = changes.iter().map(|change| say(change).to_string()).collect();
    let more = said.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    format!("{}{more}", said[..said.len().min(NAMED)].join("; "))
}
