//! The flags that select integrations for a plan.

use spile_core::connector::kind::is_date;
use spile_core::integration::Choices;
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
    #[command(flatten)]
    choices: ChoiceArgs,
}

/// What happens to streams that the plan would read again
#[derive(Debug, Clone, Default, clap::Args)]
struct ChoiceArgs {
    /// Do not read these streams again although the change affects them; older rows keep the old value
    #[arg(long, value_name = "STREAM", num_args = 1.., value_delimiter = ',')]
    forward_only: Vec<String>,
    /// Read a stream that the change affects again from this date only
    #[arg(long, value_name = "STREAM=DATE", num_args = 1.., value_delimiter = ',', value_parser = backfill)]
    backfill: Vec<(String, String)>,
}

impl ChoiceArgs {
    fn choices(&self) -> Choices {
        Choices {
            forward_only: self.forward_only.iter().cloned().collect(),
            backfill: self.backfill.iter().cloned().collect(),
        }
    }
}

fn backfill(text: &str) -> Result<(String, String), String> {
    let found = text.rsplit_once('=').filter(|(stream, date)| !stream.is_empty() && is_date(date));
    let (stream, date) = found.ok_or_else(|| "use a stream and a date, like `orders=2026-01-31`".to_owned())?;
    Ok((stream.to_owned(), date.to_owned()))
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
            choices: self.choices.choices(),
        })
    }
}
