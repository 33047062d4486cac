//! How a run reacts if its source has changed since it was last accepted.

use super::ended::error_line;
use super::job::{Job, Watched};
use crate::contract::{Allowed, IntegrationLabel, allowed};
use crate::discover::{Freshness, Options};
use crate::{self as ops, Error, discover};
use spile_core::discovered::{Contract, Discovered, contract};
use spile_core::run::finding::{Finding, old_catalog};
use spile_core::run::{Cause, RunKind};
use spile_core::settings::Severity;
use spile_world::processes::meltano::{Catalog, Finished, Outcome, Request};

/// What a source offers, and the catalog for the run.
pub(super) struct Offered {
    /// What it offers.
    pub(super) discovered: Discovered,
    /// The catalog.
    pub(super) catalog: Catalog,
    /// Why the source could not be asked, if an earlier discovery is used instead.
    pub(super) failed: Option<String>,
}

impl Job {
    /// Tells whether changes in the source must be accepted.
    pub(super) fn is_watching(&self) -> bool {
        self.integration.at(&self.options.environment).schema.need_contract()
    }

    /// Returns the failure of a sync whose source has no contract.
    pub(super) fn without_contract(&self) -> Result<Option<Finished>, Error> {
        if !self.is_watching() || self.kind != RunKind::Sync || self.contract()?.is_some() {
            return Ok(None);
        }
        let environment = &self.options.environment;
        let path = contract::path(&self.integration.slug, environment);
        let message = format!(
            "`[schema]` needs a contract, but `{}` does not exist: `{}` writes it",
            path.display(),
            IntegrationLabel::of(&self.loaded, &self.integration, environment).accept()
        );
        Ok(Some(failed(message)))
    }

    fn contract(&self) -> Result<Option<Contract>, Error> {
        ops::contract::read(&self.world.project, &self.integration, &self.options.environment)
    }

    /// Compares the source with its contract, and makes the request leave out changes that were not accepted.
    pub(super) async fn watch(&self, request: &mut Request) -> Result<Watched, Error> {
        let offered = self.offered().await?;
        request.catalog = offered.catalog;
        let mut findings = Vec::new();
        if let Some(reason) = offered.failed {
            findings.push(old_catalog(&reason, &self.loaded.settings.sync));
        }
        let contract = if self.kind == RunKind::Sync { self.contract()? } else { None };
        let Some(contract) = contract else { return Ok(Watched::Go(findings)) };
        let environment = &self.options.environment;
        match allowed(&self.integration, environment, &contract, &offered.discovered) {
            Allowed::All => Ok(Watched::Go(findings)),
            Allowed::Nothing(message) => Ok(Watched::Ended(Box::new(failed(message)), findings)),
            Allowed::Part(part) => {
                let sentence = part.sentence.clone();
                // It comes before other findings because it is their cause.
                findings.insert(0, Finding { severity: Severity::Warn, cause: Cause::SchemaChanged, sentence });
                if part.is_empty {
                    // Many taps fail if no stream is selected.
                    return Ok(Watched::Ended(Box::new(Finished::without_records(Outcome::Succeeded)), findings));
                }
                part.limit(request);
                Ok(Watched::Go(findings))
            }
        }
    }

    /// Returns what the source offers: the last discovery if it is still valid, or else a new answer, which serves both the
    /// comparison and the run.
    pub(super) async fn offered(&self) -> Result<Offered, Error> {
        let wanted = self.catalog()?;
        let root = self.world.project.root();
        let environment = &self.options.environment;
        let kept = discover::found(root, &self.loaded, &self.integration, environment)?;
        if wanted == Catalog::Kept
            && let Some(discovered) = kept
        {
            return Ok(Offered { discovered, catalog: Catalog::Kept, failed: None });
        }
        match (self.ask().await, kept) {
            (Ok(offered), _) => Ok(offered),
            (Err(error), Some(discovered)) if wanted == Catalog::RenewedWherePossible && may_be_old(&error) => {
                Ok(Offered { discovered, catalog: Catalog::Kept, failed: Some(error_line(&error)) })
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn ask(&self) -> Result<Offered, Error> {
        let options = Options {
            environment: self.options.environment.clone(),
            freshness: Freshness::Asked,
            timeout: self.options.timeout,
            host: self.options.host.clone(),
            interrupt: self.options.interrupt.clone(),
        };
        let mut tell = |event| self.tell(event);
        let answer = discover::asked(&self.world, &self.loaded, &self.integration, &options, &mut tell).await?;
        let slug = || self.integration.slug.clone();
        let catalog = answer.catalog.ok_or_else(|| discover::DiscoverError::SecretNames { slug: slug() })?;
        Ok(Offered { discovered: answer.discovered, catalog: Catalog::Given(catalog), failed: None })
    }
}

/// Tells whether an earlier discovery may replace one that failed.
fn may_be_old(error: &Error) -> bool {
    !matches!(
        error,
        Error::Discover(discover::DiscoverError::Interrupted { .. } | discover::DiscoverError::SecretNames { .. })
    )
}

fn failed(message: String) -> Finished {
    Finished::without_records(Outcome::Failed { message, cause: Cause::SchemaChanged })
}
