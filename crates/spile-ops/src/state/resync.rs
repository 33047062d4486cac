//! `apply --resync`: what a plan says must be read again is read again by the next sync, because its bookmarks go.
//!
//! Apply alone moves no bookmark: a tap goes on from where it was, and older rows keep what they have.

use std::collections::BTreeSet;

use super::plan::{Action, plan_of};
use super::{Scope, StateError, StatePlan, read};
use crate::{Error, Tell};
use spile_core::plan::consequence::Verdict;
use spile_core::plan::{Plan, Price};
use spile_core::state::SingerState;
use spile_core::state::choice::{AppliedChoice, StreamChoice};

/// Makes sure that a plan has a resync of each of these streams.
///
/// # Errors
/// When it has none of one of them.
pub fn has_resyncs(plan: &Plan, streams: &[String]) -> Result<(), Error> {
    let verdicts: Vec<&Verdict> = plan.consequences.values().filter(|verdict| Price::applies(verdict)).collect();
    let is_there = |stream: &String| verdicts.iter().any(|verdict| concerns(verdict, stream));
    let is_chosen = |stream: &&String| {
        let mut verdicts = plan.consequences.values();
        verdicts.any(|verdict| verdict.is_forward(stream) || verdict.backfill.contains_key(*stream))
    };
    match streams.iter().find(|stream| !is_there(stream)) {
        Some(stream) if is_chosen(&stream) => Err(StateError::ChosenTwice { stream: stream.clone() }.into()),
        Some(stream) => Err(StateError::NoResync { stream: stream.clone() }.into()),
        None => Ok(()),
    }
}

/// Works out which bookmarks go, so that the next syncs read again what an applied plan says; of all its streams, if none is
/// named. Streams without a bookmark are read from the start anyway.
///
/// # Errors
/// When the place of a state cannot be asked.
pub async fn resyncs(
    scope: Scope<'_>,
    applied: &Plan,
    streams: &[String],
    tell: Tell<'_>,
) -> Result<Vec<StatePlan>, Error> {
    let mut plans = Vec::new();
    for (id, verdict) in applied.consequences.iter().filter(|(_, verdict)| Price::applies(verdict)) {
        let Some(integration) = scope.loaded.integrations.get(id) else { continue };
        if integration.at(&scope.options.environment).loader.is_none() {
            continue;
        }
        let kept = read(scope, integration.slug.as_str(), tell).await?;
        let bookmarks = kept.state.iter().flat_map(SingerState::bookmarks).map(|bookmark| bookmark.stream.to_owned());
        let is_wanted = |stream: &String| streams.is_empty() || streams.contains(stream);
        let streams: BTreeSet<String> = bookmarks.filter(|one| is_wanted(one) && concerns(verdict, one)).collect();
        if !streams.is_empty() {
            let choice = AppliedChoice { plan: applied.id(), what: StreamChoice::Resync { streams } };
            plans.push(plan_of(scope, kept, &Action::Choose(choice), tell).await?);
        }
    }
    Ok(plans)
}

/// Tells whether a verdict is about a stream.
fn concerns(verdict: &Verdict, stream: &str) -> bool {
    verdict.reads_again(stream)
}
