//! The flags that select integrations for a plan.

use spile_core::name::{EnvironmentName, Slug};
use spile_core::plan::{Compared, Selection, Selector};
use spile_ops::{self as ops, Error, Loaded};
use spile_world::World;

/// Which integrations to plan. All others stay unchanged, and only an integration given by its full name is deleted
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PlanSelection {
    /// Only these integrations: names, patterns like `shop-*` or tags like `#crm`
    #[arg(long, value_name = "WHICH", num_args = 1..)]
    only: Vec<Selector>,
    /// All but these integrations: names, patterns or tags
    #[arg(long, value_name = "WHICH", num_args = 1..)]
    exclude: Vec<Selector>,
    /// Only integrations whose files changed since the merge base of this commit and HEAD
    #[arg(long, value_name = "GITREF")]
    changed_since: Option<String>,
    /// Adopt the unmanaged rows that have the IDs of these integrations
    #[arg(long, value_name = "SLUG", num_args = 1..)]
    adopt: Vec<Slug>,
}

impl PlanSelection {
    /// Tells whether the plan adopts rows, which are in the registry.
    pub(super) fn adopts(&self) -> bool {
        !self.adopt.is_empty()
    }

    /// Returns the options of the plan; runs git if `--changed-since` is set.
    pub(super) async fn options(
        &self,
        world: &World,
        loaded: &Loaded,
        environment: EnvironmentName,
    ) -> Result<ops::plan::Options, Error> {
        let changed = match &self.changed_since {
            Some(commit) => Some(ops::changed_since::since(&world.project, loaded, commit).await?),
            None => None,
        };
        let (only, exclude) = (self.only.clone(), self.exclude.clone());
        let adopt = self.adopt.iter().cloned().collect();
        Ok(ops::plan::Options {
            environment,
            selection: Selection { only, exclude, changed, ..Selection::default() },
            adopt,
            compared: Compared::Both,
        })
    }
}
