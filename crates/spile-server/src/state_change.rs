//! A change of bookmarks, for the API and for pages: planned, made, and noted.

use super::app::App;
use super::caller::Caller;
use super::project_view::ProjectView;
use super::refusal::{Refusal, failed, read_only};
use super::setup::Writing;
use spile_core::name::Slug;
use spile_core::state::change::StateChange;
use spile_ops::Error;
use spile_ops::state::{self, Action, Options, Scope, StatePlan};

/// A change that was made.
pub struct MadeChange {
    /// What it was planned as.
    pub plan: StatePlan,
    /// How it is remembered; `None` where there was nothing to change.
    pub change: Option<StateChange>,
}

/// Returns the environment and the actor for reading and changing bookmarks.
pub fn options(app: &App, desk: &ProjectView, who: &Caller) -> Options {
    let runs = app.options(desk);
    Options {
        environment: desk.environment.clone(),
        actor: who.name.clone(),
        host: runs.host,
        interrupt: runs.interrupt,
    }
}

/// Returns what operations on bookmarks work with.
pub fn scope<'a>(desk: &'a ProjectView, options: &'a Options) -> Scope<'a> {
    Scope { world: &desk.world, loaded: &desk.loaded, options }
}

/// Plans a change of an integration's bookmarks and makes it.
///
/// # Errors
/// When it makes no sense, a run has the integration, or the bookmarks cannot be written.
pub async fn carry_out(app: &App, who: &Caller, slug: &Slug, action: &Action) -> Result<MadeChange, Refusal> {
    if app.setup().writing == Writing::Not {
        return Err(read_only());
    }
    let desk = app.desk().await?;
    let options = options(app, &desk, who);
    let made = make(scope(&desk, &options), slug, action).await;
    let result = match &made {
        Ok(MadeChange { plan, change: Some(change) }) => Some(format!("{}, change {}", plan.action, change.id)),
        Ok(MadeChange { change: None, .. }) => None,
        Err(error) => Some(failed(error)),
    };
    let noted = app.note(who, "bookmarks", std::slice::from_ref(slug), result);
    let made = made?;
    noted?;
    Ok(made)
}

async fn make(scope: Scope<'_>, slug: &Slug, action: &Action) -> Result<MadeChange, Error> {
    let plan = state::plan(scope, slug.as_str(), action, &mut |_| ()).await?;
    if plan.is_empty() {
        return Ok(MadeChange { plan, change: None });
    }
    let change = state::apply(scope, &plan, &mut |_| ()).await?;
    Ok(MadeChange { plan, change: Some(change) })
}
