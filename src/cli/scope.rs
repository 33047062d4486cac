//! Which integrations a plan is about, as the command line says it.

use spile_core::name::{EnvironmentName, Slug};
use spile_core::plan::{Compared, Selection, Selector};
use spile_ops::{self as ops, Error, Loaded};
use spile_world::World;

/// Which integrations; all others stay as they are, and what is not named by its whole name is not deleted
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Scope {
    /// Only these: names, patterns of names such as `shop-*`, or tags such as `#crm`
    #[arg(long, value_name = "WHICH", num_args = 1..)]
    only: Vec<Selector>,
    /// Not these: names, patterns or tags
    #[arg(long, value_name = "WHICH", num_args = 1..)]
    exclude: Vec<Selector>,
    /// Only those whose files have changed since a commit, seen from where it and HEAD part
    #[arg(long, value_name = "GITREF")]
    changed_since: Option<String>,
    /// Take over the rows of nobody's that have the ids of these
    #[arg(long, value_name = "SLUG", num_args = 1..)]
    adopt: Vec<Slug>,
}

impl Scope {
    /// Tells whether rows are to be adopted, which are in the registry.
    pub(super) fn adopts(&self) -> bool {
        !self.adopt.is_empty()
    }

    /// Returns what to plan; asks git where that is needed.
    pub(super) async fn options(
        &self,
        (world, loaded): (&World, &Loaded),
        environment: EnvironmentName,
    ) -> Result<ops::plan::Options, Error> {
        let changed = match &self.changed_since {
            Some(commit) => Some(ops::changed::since(&world.project, loaded, commit).await?),
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
