//! Which streams to sync: discovered once the connection has been tested.

use serde_json::{Map, Value};
use tokio::sync::watch;

use super::ask::{self, Choice, Default};
use crate::cli::discover::PATIENCE;
use crate::cli::signals::pass_on;
use crate::cli::{Global, Output, host};
use spile_ops::discover::{Freshness, Offered, Options};
use spile_ops::new::Prepared;
use spile_ops::{self as ops, Error};
use spile_world::World;

/// The streams that the user chose to sync.
#[derive(Debug, std::default::Default)]
pub(super) struct Chosen {
    /// The patterns for `select`; empty for the streams that are selected by default.
    pub(super) select: Vec<String>,
    /// The replication settings, by stream.
    pub(super) metadata: Map<String, Value>,
}

/// Prompts for the streams to sync and how; returns the default if the user declines, or if discovery fails.
pub(super) async fn chosen(prepared: &Prepared, global: &Global, output: &mut Output) -> Result<Chosen, Error> {
    if !ask::yes("Choose which streams to sync? (this discovers the streams of the source)", Default::No)? {
        return Ok(Chosen::default());
    }
    let offered = match offered(prepared, global, output).await {
        Ok(offered) => offered,
        Err(error) => {
            output.error(&error);
            return Ok(Chosen::default());
        }
    };
    let usual: Vec<usize> = offered.iter().enumerate().filter(|(_, one)| one.is_usual).map(|(at, _)| at).collect();
    let count = usual.len();
    let choices: Vec<_> = offered.into_iter().map(|one| Choice { shown: shown(&one), is: one }).collect();
    let taken = loop {
        let taken = ask::preset("Which streams do you want to sync?", choices.clone(), &usual)?;
        if !taken.is_empty() {
            break taken;
        }
        output.note("select at least one stream\n");
    };
    let taken: Vec<Offered> = taken.into_iter().map(|choice| choice.is).collect();
    let metadata = incremental(&taken, output)?;
    let is_usual = taken.len() == count && taken.iter().all(|one| one.is_usual);
    let select = if is_usual { Vec::new() } else { taken.iter().map(Offered::pattern).collect() };
    Ok(Chosen { select, metadata })
}

/// Returns a stream with its key, and the column by which it finds new rows.
fn shown(one: &Offered) -> String {
    let key = if one.primary_key.is_empty() { "no key".to_owned() } else { one.primary_key.join(", ") };
    let by = one.proposal.replication_key.as_ref().map(|column| format!("; new rows by {column}")).unwrap_or_default();
    format!("{}  ({key}{by})", one.name)
}

/// Proposes incremental syncs, with the reason for each stream.
fn incremental(taken: &[Offered], output: &mut Output) -> Result<Map<String, Value>, Error> {
    let proposed: Map<String, Value> = taken.iter().filter_map(Offered::metadata).collect();
    if proposed.is_empty() {
        return Ok(proposed);
    }
    let reasons = taken.iter().filter(|one| one.metadata().is_some());
    let reasons: Vec<String> = reasons.map(|one| format!("  {}: {}\n", one.name, one.proposal.why)).collect();
    output.note(&reasons.concat());
    let question = "Read only new and changed rows of these streams? (otherwise all rows, every time)";
    Ok(if ask::yes(question, Default::Yes)? { proposed } else { Map::new() })
}

async fn offered(prepared: &Prepared, global: &Global, output: &mut Output) -> Result<Vec<Offered>, Error> {
    let world =
        World::offline(&prepared.project, &prepared.loaded.settings, &global.outside(&prepared.project, output)?);
    let (interrupted, interrupt) = watch::channel(false);
    let options = Options {
        environment: prepared.loaded.environment(global.environment.as_deref())?,
        freshness: Freshness::Kept,
        timeout: Some(PATIENCE),
        host: host(),
        interrupt,
    };
    let signals = tokio::spawn(pass_on(interrupted));
    let slug = prepared.slug.as_str();
    let offer = ops::discover(&world, &prepared.loaded, slug, &options, &mut |event| output.event(&event)).await;
    signals.abort();
    Ok(offer?.offered())
}
