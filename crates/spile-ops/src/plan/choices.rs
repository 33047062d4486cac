//! The choices of a plan: streams that only go forward, and streams that are read again from a date on.
//!
//! Files contain them (`forward_only`, `[backfill]`), and so does the command line. What a file chooses counts once: the
//! apply that uses it leaves it in the `meltano.yml` that the registry remembers for the environment, and from then on it
//! has no effect. So a choice that somebody forgot in a file never lifts the consequence of a later change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use miette::{Diagnostic, SourceSpan};
use serde::Serialize;

use crate::plan::{Options, last_entries};
use crate::state::{self, Action, Scope, StateError};
use crate::{Error, Event, Loaded, Tell};
use spile_core::integration::select::{Glob, Pattern};
use spile_core::integration::{Choices, Integration};
use spile_core::name::{EnvironmentName, IntegrationId, Slug};
use spile_core::plan::consequence::Verdict;
use spile_core::plan::{Compared, Current, Plan};
use spile_core::problem::{Problems, Report};
use spile_core::run::carried_out::{CHANGES, Upcoming};
use spile_core::run::{CarriedOut, StreamFilter};
use spile_core::state::SingerState;
use spile_core::state::choice::{AppliedChoice, StreamChoice};
use spile_world::World;
use spile_world::stores::state_changes::StateChanges;

/// How many runs are looked through for one that has carried out a choice.
const RUNS: usize = 100;

/// What was chosen for a plan, by integration.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// The choices that count, of files and of the command line.
    pub all: BTreeMap<IntegrationId, Choices>,
    /// Those of files alone.
    pending: BTreeMap<IntegrationId, Choices>,
    /// Integrations with choices that an earlier apply has used.
    used: BTreeSet<IntegrationId>,
}

/// A choice in a file that has no effect.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum ChoiceAdvice {
    #[error("{what} of `{slug}` was used by an earlier apply and has no effect anymore")]
    #[diagnostic(
        code(spile::choice::used),
        severity(Warning),
        help(
            "remove it from the file; to choose the same again later, apply once without it, or use the command line"
        )
    )]
    Used {
        /// The keys.
        what: String,
        /// The integration.
        slug: Slug,
        /// Where it is.
        #[label("used")]
        span: SourceSpan,
    },
    #[error("{what} of `{slug}` has no effect on `{stream}`: {why}")]
    #[diagnostic(code(spile::choice::unused), severity(Warning), help("remove it, or check the stream's name"))]
    Unused {
        /// The key.
        what: &'static str,
        /// The integration.
        slug: Slug,
        /// The stream.
        stream: String,
        /// Why.
        why: &'static str,
        /// Where it is.
        #[label("no effect")]
        span: SourceSpan,
    },
}

/// Returns what was chosen for a plan. Asks the registry only if a file chooses something.
pub(crate) async fn chosen(
    world: &World,
    loaded: &Loaded,
    options: &Options,
    current: &Current,
) -> Result<Chosen, Error> {
    let of_files: Vec<(&Integration, &Choices)> =
        loaded.integrations.iter().filter_map(|one| Some((one.as_ref(), &one.choices.as_ref()?.value))).collect();
    let mut chosen = Chosen::default();
    if !of_files.is_empty() {
        let last = match options.compared {
            Compared::Both => last_entries(world).await?,
            Compared::FileOnly => current.meltano.state.clone(),
        };
        for (integration, choices) in of_files {
            let known = last.get(&integration.id).map(|entry| entry.choices.clone()).unwrap_or_default();
            let left = not_in(choices, &known);
            if left != *choices {
                chosen.used.insert(integration.id);
            }
            if !left.is_empty() {
                chosen.pending.insert(integration.id, left);
            }
        }
    }
    chosen.all = chosen.pending.clone();
    if !options.choices.is_empty() {
        for integration in loaded.integrations.iter() {
            let choices = chosen.all.entry(integration.id).or_default();
            *choices = choices.overlaid(&options.choices);
        }
    }
    Ok(chosen)
}

/// What was chosen for the streams of an integration, and has not happened yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OpenChoices {
    /// Those of its file that no apply has used.
    pub next_apply: Choices,
    /// Those of applies that no sync has carried out.
    pub next_sync: Vec<CarriedOut>,
}

impl OpenChoices {
    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.next_apply.is_empty() && self.next_sync.is_empty()
    }
}

/// Returns the open choices of an integration in an environment.
///
/// # Errors
/// When the registry cannot be read.
pub async fn open(world: &World, of: &Integration, environment: &EnvironmentName) -> Result<OpenChoices, Error> {
    let mut open = OpenChoices::default();
    if let Some(of_file) = &of.choices {
        let last = last_entries(world).await?;
        let known = last.get(&of.id).map(|entry| entry.choices.clone()).unwrap_or_default();
        open.next_apply = not_in(&of_file.value, &known);
    }
    let changes = StateChanges::of(world).newest(of.id, environment, CHANGES).await?;
    if changes.iter().any(|change| change.choice.is_some()) {
        let earlier = world.runs.newest_live(of.id, RUNS).await?;
        let whole = StreamFilter::default();
        open.next_sync = Upcoming { filter: &whole, earlier: &earlier, changes: &changes }.choices();
    }
    Ok(open)
}

/// Returns the choices that others do not contain.
fn not_in(choices: &Choices, known: &Choices) -> Choices {
    let is_new = |(stream, date): &(&String, &String)| known.backfill.get(*stream) != Some(*date);
    let backfill = choices.backfill.iter().filter(is_new);
    Choices {
        forward_only: choices.forward_only.difference(&known.forward_only).cloned().collect(),
        backfill: backfill.map(|(stream, date)| (stream.clone(), date.clone())).collect(),
    }
}

impl Chosen {
    /// Returns warnings about choices in files that have no effect in a plan.
    pub(crate) fn advice(&self, plan: &Plan, loaded: &Loaded) -> Report {
        let mut problems = Problems::default();
        let covered = loaded.integrations.by_slug().filter(|one| plan.scope.covers(&one.slug));
        for (integration, choices) in covered.filter_map(|one| Some((one, one.choices.as_ref()?))) {
            let span = || choices.place.span.clone().into();
            let slug = || integration.slug.clone();
            if self.used.contains(&integration.id) {
                let pending = self.pending.get(&integration.id).cloned().unwrap_or_default();
                let used = not_in(choices, &pending);
                let keys =
                    [("`forward_only`", used.forward_only.is_empty()), ("`[backfill]`", used.backfill.is_empty())];
                let keys: Vec<&str> = keys.into_iter().filter(|(_, is_empty)| !is_empty).map(|(key, _)| key).collect();
                let what = keys.join(" and ");
                problems.push(&choices.place.source, ChoiceAdvice::Used { what, slug: slug(), span: span() });
            }
            let Some(pending) = self.pending.get(&integration.id) else { continue };
            let none = Verdict::default();
            let verdict = plan.consequences.get(&integration.id).unwrap_or(&none);
            let unused = |what, stream: &String| {
                let why = why_unused(verdict, stream);
                ChoiceAdvice::Unused { what, slug: slug(), stream: stream.clone(), why, span: span() }
            };
            for stream in pending.forward_only.iter().filter(|stream| !goes_forward(verdict, stream)) {
                problems.push(&choices.place.source, unused("`forward_only`", stream));
            }
            for stream in pending.backfill.keys().filter(|stream| !verdict.backfill.contains_key(*stream)) {
                problems.push(&choices.place.source, unused("`[backfill]`", stream));
            }
        }
        problems.into_report()
    }
}

/// Tells whether a pattern of `forward_only` has an effect.
fn goes_forward(verdict: &Verdict, pattern: &str) -> bool {
    let chosen = Glob::from(pattern);
    let is_of = |stream: &String| stream == pattern || chosen.covers(&Pattern::parse(stream).stream);
    verdict.forward_only.iter().any(is_of)
}

/// Says why a choice has no effect on a stream.
fn why_unused(verdict: &Verdict, stream: &str) -> &'static str {
    if verdict.reads_again(stream) {
        "it is new, or its replication or its destination changes, so the tap has no bookmark to continue from"
    } else {
        "the plan does not read this stream again"
    }
}

/// Makes sure that every choice of the command line has an effect in a plan.
///
/// # Errors
/// When one has none, or a stream has two.
pub(crate) fn check(plan: &Plan, choices: &Choices) -> Result<(), Error> {
    if let Some(stream) = choices.chosen_twice() {
        return Err(StateError::ChosenTwice { stream: stream.to_owned() }.into());
    }
    let verdicts = || plan.consequences.values();
    for pattern in &choices.forward_only {
        if !verdicts().any(|verdict| goes_forward(verdict, pattern)) {
            let reads = verdicts().find(|verdict| verdict.reads_again(pattern));
            let why = why_unused(reads.unwrap_or(&Verdict::default()), pattern);
            return Err(StateError::NoForward { stream: pattern.clone(), why }.into());
        }
    }
    match choices.backfill.keys().find(|stream| !verdicts().any(|verdict| verdict.backfill.contains_key(*stream))) {
        Some(stream) => Err(StateError::NoResync { stream: stream.clone() }.into()),
        None => Ok(()),
    }
}

/// Makes sure that every stream with a backfill can be read again from its date.
///
/// # Errors
/// When a bookmark cannot be moved there, or its place cannot be asked.
pub async fn check_backfills(scope: Scope<'_>, plan: &Plan, tell: Tell<'_>) -> Result<(), Error> {
    // The hash of a large plan takes time, and few plans have choices.
    let plan_id = LazyLock::new(|| plan.id());
    for (integration, verdict) in with_choices(scope, plan).filter(|(_, verdict)| !verdict.backfill.is_empty()) {
        let kept = kept_streams(scope, &integration, tell).await?;
        if let Some(what) = backfill(verdict, &kept) {
            let action = Action::Choose(AppliedChoice { plan: plan_id.clone(), what });
            state::plan(scope, integration.slug.as_str(), &action, tell).await?;
        }
    }
    Ok(())
}

/// Carries out what was chosen for the streams of a plan that was applied: moves bookmarks back to the date of a backfill,
/// and records which streams only go forward, in the history of bookmarks.
///
/// # Errors
/// When a run has an integration, or a bookmark cannot be written.
pub async fn carry_out(scope: Scope<'_>, plan: &Plan, tell: Tell<'_>) -> Result<(), Error> {
    let plan_id = LazyLock::new(|| plan.id());
    for (integration, verdict) in with_choices(scope, plan) {
        let slug = &integration.slug;
        let kept = kept_streams(scope, &integration, tell).await?;
        let back = backfill(verdict, &kept);
        let goes_forward = |stream: &String| verdict.is_forward(stream) && !verdict.reads_again(stream);
        let streams: BTreeSet<String> = kept.into_iter().filter(goes_forward).collect();
        let forward = (!streams.is_empty()).then_some(StreamChoice::ForwardOnly { streams });
        for what in forward.into_iter().chain(back) {
            let action = Action::Choose(AppliedChoice { plan: plan_id.clone(), what: what.clone() });
            let planned = state::plan(scope, slug.as_str(), &action, tell).await?;
            let change = state::apply(scope, &planned, tell).await?;
            tell(Event::Chose { slug: slug.clone(), what, change: change.id });
        }
    }
    Ok(())
}

/// Returns the integrations with streams for which something was chosen, and that are synced.
fn with_choices<'a>(
    scope: Scope<'a>,
    plan: &'a Plan,
) -> impl Iterator<Item = (std::sync::Arc<Integration>, &'a Verdict)> + 'a {
    plan.consequences.iter().filter_map(move |(id, verdict)| {
        let integration = scope.loaded.integrations.get(id)?;
        let is_synced = integration.at(&scope.options.environment).loader.is_some();
        (verdict.has_choices() && is_synced).then(|| (integration.clone(), verdict))
    })
}

/// Returns the streams that have a bookmark. The others are read from the start anyway.
async fn kept_streams(scope: Scope<'_>, of: &Integration, tell: Tell<'_>) -> Result<Vec<String>, Error> {
    let kept = state::read(scope, of.slug.as_str(), tell).await?;
    let bookmarks = kept.state.iter().flat_map(SingerState::bookmarks);
    Ok(bookmarks.map(|bookmark| bookmark.stream.to_owned()).collect())
}

/// Returns the backfill of a verdict, if one of its streams has a bookmark.
fn backfill(verdict: &Verdict, kept: &[String]) -> Option<StreamChoice> {
    let is_kept = |stream: &str| kept.iter().any(|kept| kept == stream);
    StreamChoice::Backfill { since: verdict.backfill.clone() }.only(is_kept)
}
