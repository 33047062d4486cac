//! A preview of a source with a contract: it reads what a sync would read, and nothing that nobody has accepted.

use super::PreviewError;
use crate::contract::{self, Allowed, AllowedPart, IntegrationLabel, allowed};
use crate::discover::{self, DiscoverError, Freshness};
use crate::probe::Probe;
use crate::{Error, Tell};
use spile_world::processes::meltano::{Catalog, Request};

/// Limits a request to what the contract of its source allows. Returns that part, if it is not all. Without a contract,
/// nothing is limited: somebody may want to see a source before accepting it.
///
/// # Errors
/// When the contract allows nothing, or the source cannot be asked what it offers.
pub(super) async fn limit(
    probe: &Probe<'_>,
    request: &mut Request,
    tell: Tell<'_>,
) -> Result<Option<AllowedPart>, Error> {
    let Probe { world, loaded, integration, options, .. } = probe;
    let environment = &options.environment;
    if !integration.at(environment).schema.need_contract() {
        return Ok(None);
    }
    let Some(contract) = contract::read(&world.project, integration, environment)? else { return Ok(None) };
    let asking = discover::Options {
        environment: environment.clone(),
        freshness: Freshness::Asked,
        timeout: Some(options.timeout),
        host: options.host.clone(),
        interrupt: options.interrupt.clone(),
    };
    let answer = discover::asked(world, loaded, integration, &asking, tell).await?;
    let catalog = answer.catalog.ok_or_else(|| DiscoverError::SecretNames { slug: integration.slug.clone() })?;
    request.catalog = Catalog::Given(catalog);
    match allowed(integration, environment, &contract, &answer.discovered) {
        Allowed::All => Ok(None),
        Allowed::Part(part) => {
            part.limit(request);
            Ok(Some(part))
        }
        Allowed::Nothing(changes) => {
            let label = IntegrationLabel::of(loaded, integration, environment);
            let (slug, accept) = (label.slug.clone(), label.accept());
            Err(PreviewError::Contract { slug, changes, argument: label.argument, accept }.into())
        }
    }
}
