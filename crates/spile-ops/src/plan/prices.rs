//! Estimates the cost of a plan's resyncs from the runs in the registry.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::Error;
use crate::Loaded;
use spile_core::connector::Role;
use spile_core::integration::Integration;
use spile_core::name::IntegrationId;
use spile_core::plan::{Compared, Plan, Price};
use spile_world::World;

/// How many resyncs of a plan are priced. Nobody reads a plan with more of them line by line.
const MOST: usize = 100;

/// How many runs of an integration are read. A full read further back is too old to be useful.
const RUNS: usize = 200;

/// How many integrations are queried at a time.
const AT_A_TIME: usize = 8;

/// Estimates the cost of what a plan makes the next syncs read again. Without the registry, no runs are known.
pub(super) async fn prices(
    world: &World,
    loaded: &Loaded,
    plan: &Plan,
) -> Result<BTreeMap<IntegrationId, Price>, Error> {
    if plan.compared == Compared::FileOnly {
        return Ok(BTreeMap::new());
    }
    let has_price = |integration: &&Arc<Integration>| {
        integration.connector.head.role == Role::Extractor
            && plan.consequences.get(&integration.id).is_some_and(Price::applies)
    };
    let mut waiting = loaded.integrations.by_slug().filter(has_price).take(MOST).cloned();
    let (mut asking, mut prices) = (JoinSet::new(), BTreeMap::new());
    loop {
        while asking.len() < AT_A_TIME
            && let Some(integration) = waiting.next()
        {
            let runs = world.runs.clone();
            asking.spawn(async move { (runs.newest_live(integration.id, RUNS).await, integration) });
        }
        let Some(asked) = asking.join_next().await else { return Ok(prices) };
        let Ok((runs, integration)) = asked else { continue };
        let verdict = &plan.consequences[&integration.id];
        let price = Price::of(verdict, &integration, &plan.environment, &runs?, (world.clock)());
        prices.extend(price.map(|price| (integration.id, price)));
    }
}
