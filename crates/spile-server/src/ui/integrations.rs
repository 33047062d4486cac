//! The list of integrations, and bulk actions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bulk_schedule;
use super::connector_card::mark;
use super::form::Posted;
use super::query::query;
use super::shell::{At, Trouble, fault};
use super::state::{Known, next, next_tick, state};
use crate::api::fits;
use crate::change::{self, Bulk};
use crate::pages::Tab;
use crate::pages::plan::PlanPage;
use crate::pages::when::When;
use crate::pages::words::{StatusWord, run_state};
use crate::project_view::{ProjectView, Standings};
use crate::refusal::Refusal;
use spile_core::integration::Integration;
use spile_core::name::{EnvironmentName, IntegrationId, Slug};
use spile_core::plan::{Scope, Selection};
use spile_core::run::Run;
use spile_core::settings::AlertKind;
use spile_ops as ops;
use spile_view::plan_data::PlanData;
use spile_world::stores::runs::Standing;

/// How many integrations a page shows.
const MOST: usize = 100;

/// How many are seen behind a dialog.
const BEHIND: usize = 12;

/// The query of the page.
#[derive(Debug, Default, Deserialize)]
pub struct IntegrationsPageQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    tag: String,
    #[serde(default)]
    sort: SortedBy,
    /// The number of the page, from 0.
    #[serde(default)]
    page: usize,
}

/// A column of the list, and what comes first if the list is sorted by it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SortedBy {
    /// In the order of the alphabet.
    #[default]
    Name,
    /// In the order of the alphabet.
    Type,
    /// What is failing.
    Status,
    /// What ran last.
    Last,
    /// What runs next.
    Next,
}

impl SortedBy {
    const ALL: [(Self, &str, &str); 5] = [
        (Self::Name, "name", "Name"),
        (Self::Type, "type", "Type"),
        (Self::Status, "status", "Status"),
        (Self::Last, "last", "Last run"),
        (Self::Next, "next", "Next run"),
    ];

    /// Returns its word in the address.
    fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(column, ..)| *column == self).map_or("", |(_, word, _)| word)
    }
}

/// The states, in the order in which they need a person.
const STATES: [&str; 7] = ["error", "not applied", "paused", "pending", "active", "disabled", "destination"];

pub async fn list(at: At, wanted: Result<Query<IntegrationsPageQuery>, QueryRejection>) -> Result<Response, Trouble> {
    let Query(wanted) = wanted.map_err(Refusal::from)?;
    page(&at, &wanted, None).await
}

/// The views that are one click away, by the state that they show.
const VIEWS: [(&str, &str); 6] = [
    ("", "All"),
    ("error", "Failing"),
    (LATE, "Late"),
    ("paused", "Paused"),
    (DRIFT, "Drift"),
    ("not applied", "Not applied"),
];

/// The view of what has not been synced for too long.
const LATE: &str = "late";

/// The view of what something else has changed.
const DRIFT: &str = "drift";

/// The most tags that are offered as views.
const TAGS: usize = 8;

/// A bulk action that was refused, and the integrations that were selected for it.
struct RefusedBulk<'a> {
    refusal: &'a Refusal,
    selected: &'a [Slug],
}

/// Returns the first rows of the list, for the page behind a dialog.
pub async fn behind(at: &At) -> Vec<Value> {
    let standings = at.desk.standings().await;
    let live = Live::of(at, &standings).await;
    let integrations = &at.desk.loaded.integrations;
    let loader = |one: &Integration| {
        let loader = one.at(&at.desk.environment).loader.as_ref();
        loader.and_then(|slug| integrations.find(slug.as_str()))
    };
    integrations.by_slug().take(BEHIND).map(|one| live.row(one, loader(one))).collect()
}

async fn page(at: &At, wanted: &IntegrationsPageQuery, refused: Option<RefusedBulk<'_>>) -> Result<Response, Trouble> {
    let desk = &at.desk;
    let standings = desk.standings().await;
    let live = Live::of(at, &standings).await;
    let all: Vec<_> = desk.loaded.integrations.by_slug().collect();
    let is_wanted = |one: &&Arc<Integration>| {
        fits(one, Some(&wanted.q)) && live.is_in(one, &wanted.state) && live.has_tag(one, &wanted.tag)
    };
    let mut found: Vec<_> = all.iter().copied().filter(is_wanted).collect();
    live.sort(&mut found, wanted.sort);
    let shown = found.iter().skip(wanted.page.saturating_mul(MOST)).take(MOST);
    let loader = |one: &Integration| {
        let slug = one.at(&desk.environment).loader.as_ref()?;
        desk.loaded.integrations.find(slug.as_str())
    };
    let rows: Vec<Value> = shown.map(|one| live.row(one, loader(one))).collect();
    let is_more = found.len() > wanted.page.saturating_add(1).saturating_mul(MOST);
    let data = json!({
        "rows": rows, "total": all.len(), "views": views(&live, &all, wanted), "tag": wanted.tag, "state": wanted.state, "found": found.len(), "q": wanted.q,
        "states": STATES.map(|word| json!({ "value": word, "is_chosen": word == wanted.state })),
        "next": is_more.then(|| wanted.path(wanted.sort, wanted.page + 1)),
        "previous": wanted.page.checked_sub(1).map(|page| wanted.path(wanted.sort, page)),
        "columns": wanted.columns(), "sort": wanted.sort.word(),
        "fault": refused.as_ref().map(|refused| fault(refused.refusal)),
        "selected": refused.as_ref().map(|refused| refused.selected).unwrap_or_default(),
    });
    let status = refused.map_or(StatusCode::OK, |refused| refused.refusal.status());
    at.page_with(status, "integrations.html.j2", "Integrations", data).await
}

impl IntegrationsPageQuery {
    /// Returns the address of another page, or of this list in another order.
    fn path(&self, sort: SortedBy, page: usize) -> String {
        let sort = if sort == SortedBy::Name { "" } else { sort.word() };
        let page = if page > 0 { page.to_string() } else { String::new() };
        let wanted =
            [("q", self.q.as_str()), ("state", &self.state), ("tag", &self.tag), ("sort", sort), ("page", &page)];
        format!("/integrations?{}", query(wanted))
    }

    /// Returns the columns, with links that sort the list by them.
    fn columns(&self) -> [Value; 5] {
        SortedBy::ALL.map(|(column, _, label)| {
            let is_sorted = column == self.sort;
            json!({ "label": label, "is_sorted": is_sorted, "path": (!is_sorted).then(|| self.path(column, 0)) })
        })
    }
}

/// What is known about integrations beyond their files.
struct Live<'a> {
    environment: &'a EnvironmentName,
    standings: Option<&'a BTreeMap<IntegrationId, Standing>>,
    newest: BTreeMap<IntegrationId, Run>,
    drifted: Arc<BTreeSet<IntegrationId>>,
    late: BTreeSet<Slug>,
    now: Timestamp,
}

/// Returns the integrations that have not been synced for too long.
async fn late(desk: &ProjectView) -> BTreeSet<Slug> {
    let seen = desk.seen().await;
    let stale = seen.alerts.iter().filter(|alert| alert.kind() == AlertKind::Stale);
    stale.filter_map(|alert| Some(alert.integration.as_ref()?.slug.clone())).collect()
}

/// Returns the views with their counts: what is empty is left out, unless it is shown.
fn views(live: &Live<'_>, all: &[&Arc<Integration>], wanted: &IntegrationsPageQuery) -> Vec<Tab> {
    let count = |is_in: &dyn Fn(&Integration) -> bool| all.iter().filter(|one| is_in(one)).count();
    let view = |title: String, state: &str, tag: &str, count: usize| Tab {
        title: title.into(),
        path: IntegrationsPageQuery { state: state.to_owned(), tag: tag.to_owned(), ..Default::default() }
            .path(wanted.sort, 0),
        is_here: wanted.state == state && wanted.tag == tag && wanted.q.is_empty(),
        count,
        counted: "integrations",
    };
    let states = VIEWS.map(|(state, title)| view(title.to_owned(), state, "", count(&|one| live.is_in(one, state))));
    let tags: BTreeSet<&String> = all.iter().flat_map(|one| &one.at(live.environment).tags).collect();
    let tags = tags.into_iter().take(TAGS);
    let tags = tags.map(|tag| view(format!("#{tag}"), "", tag, count(&|one| live.has_tag(one, tag))));
    states.into_iter().chain(tags).filter(|view| view.count > 0 || view.is_here).collect()
}

impl<'a> Live<'a> {
    fn state(&self, one: &Integration) -> StatusWord {
        let standing = self.standings.and_then(|known| known.get(&one.id));
        state(one, self.environment, Known { standing, newest: self.newest.get(&one.id) })
    }

    /// Tells whether an integration belongs to a view or is in a state. Every one belongs to the view without a name.
    fn is_in(&self, one: &Integration, state: &str) -> bool {
        match state {
            "" => true,
            LATE => self.late.contains(&one.slug),
            DRIFT => self.drifted.contains(&one.id),
            word => self.state(one).word == word,
        }
    }

    /// Tells whether an integration has a tag. Every one has the tag without a name.
    fn has_tag(&self, one: &Integration, tag: &str) -> bool {
        tag.is_empty() || one.at(self.environment).tags.iter().any(|known| known == tag)
    }

    fn sort(&self, found: &mut [&Arc<Integration>], by: SortedBy) {
        match by {
            // That is how they come.
            SortedBy::Name => {}
            SortedBy::Type => found.sort_by_key(|one| one.connector.head.label.to_lowercase()),
            SortedBy::Status => found.sort_by_key(|one| STATES.iter().position(|word| *word == self.state(one).word)),
            SortedBy::Last => found.sort_by_key(|one| Reverse(self.newest.get(&one.id).map(|run| run.started_at))),
            SortedBy::Next => found.sort_by_cached_key(|one| {
                let tick = next_tick(one, self.environment, self.now).map(|tick| tick.at);
                (tick.is_none(), tick)
            }),
        }
    }

    /// Asks for it. Without a registry, pages show the files alone.
    async fn of(at: &'a At, standings: &'a Standings) -> Self {
        let desk = &at.desk;
        Self {
            environment: &desk.environment,
            standings: standings.as_deref().ok(),
            newest: desk.world.runs.newest_of_each().await.unwrap_or_default(),
            drifted: desk.drifted().await,
            late: late(desk).await,
            now: Timestamp::now(),
        }
    }

    fn row(&self, one: &Integration, loader: Option<&Arc<Integration>>) -> Value {
        let last = self
            .newest
            .get(&one.id)
            .map(|run| json!({ "id": run.id, "when": When::relative(run.started_at, self.now), "state": run_state(run.status) }));
        json!({
            "slug": one.slug,
            "name": one.base.name,
            "type": one.connector.head.label,
            "mark": mark(&one.connector),
            "loader": loader.map(|loader| mark(&loader.connector)),
            "status": self.state(one),
            "drift": self.drifted.contains(&one.id),
            "late": self.late.contains(&one.slug),
            "last": last,
            // Nothing is scheduled before it is applied.
            "next": self.standings.is_none_or(|known| known.contains_key(&one.id)).then(|| next(one, self.environment, self.now)),
        })
    }
}

/// Carries out an action, or asks first. If it is refused, the list says why, with the same integrations selected.
pub async fn bulk(posted: Posted) -> Result<Response, Trouble> {
    let slugs: Vec<Slug> = posted.all("slug").iter().filter_map(|slug| slug.parse().ok()).collect();
    match bulk_of(&posted, &slugs).await {
        Err(Trouble::Refused(refusal)) => {
            let refused = RefusedBulk { refusal: &refusal, selected: &slugs };
            page(&posted.at, &IntegrationsPageQuery::default(), Some(refused)).await
        }
        other => other,
    }
}

async fn bulk_of(posted: &Posted, slugs: &[Slug]) -> Result<Response, Trouble> {
    let at = &posted.at;
    if posted.get("action") == "schedule" {
        return bulk_schedule::answer(posted, slugs).await;
    }
    let action: Bulk = serde_json::from_value(json!(posted.get("action"))).map_err(|_| unknown_action())?;
    let is_sure = posted.get("sure") == "yes" || matches!(action, Bulk::Test);
    if !is_sure && !slugs.is_empty() {
        return confirm(at, action, slugs).await;
    }
    let done = change::bulk(&at.app, &at.who, action, slugs).await?;
    let is_part = !done.refused.is_empty();
    let is_unapplied = done.made.is_some_and(|made| matches!(made.applied, Some(Err(_))));
    Ok(Redirect::to(match action {
        _ if is_unapplied => "/changes?did=unapplied",
        Bulk::Test | Bulk::Sync if is_part => "/runs?did=part",
        Bulk::Test | Bulk::Sync => "/runs?did=begun",
        Bulk::Enable => "/integrations?did=enabled",
        Bulk::Disable => "/integrations?did=disabled",
        Bulk::Delete => "/integrations?did=deleted",
    })
    .into_response())
}

/// Shows what an action would do and asks for confirmation.
pub async fn confirm(at: &At, action: Bulk, slugs: &[Slug]) -> Result<Response, Trouble> {
    let (verb, sentence) = match action {
        Bulk::Test => ("test", "This tests their connections."),
        Bulk::Sync => ("sync", "This starts a sync of each of them now."),
        Bulk::Enable => ("enable", "Schedules and syncs of all integrations include them again."),
        Bulk::Disable => ("disable", "Their rows stay, but schedules skip them."),
        Bulk::Delete => ("delete", "This deletes their files. Applying the plan deletes their rows from the registry."),
    };
    let plan = match action {
        Bulk::Test | Bulk::Sync => None,
        Bulk::Enable | Bulk::Disable | Bulk::Delete => planned(at, action, slugs).await?,
    };
    let count = ops::counted(slugs.len(), "integration");
    let title = format!("{} {count}?", capitalized(verb));
    let data = json!({
        "sentence": sentence, "slugs": slugs, "plan": plan, "action": "/integrations/bulk", "verb": verb,
        "back": "/integrations", "label": format!("{} {count}", capitalized(verb)),
    });
    at.page("confirm.html.j2", &title, data).await
}

/// Returns the plan that an action would lead to; `None` if no target has any of the integrations.
async fn planned(at: &At, action: Bulk, slugs: &[Slug]) -> Result<Option<PlanPage>, Trouble> {
    let edits = change::switching(&at.desk, action, slugs)?;
    let project = edits.over(&at.app.setup().project);
    let loaded = ops::check::used(&project)?;
    let mut options = ops::plan::Options::everything(at.desk.environment.clone());
    options.selection = Selection::known_of(slugs.iter().cloned());
    let mut world = at.desk.world.clone();
    world.project = project;
    let plan = ops::plan(&world, &loaded, &options).await?;
    let knows_any = plan.scope != Scope::Only(BTreeSet::new());
    Ok(knows_any.then(|| (&PlanData::of(&plan, loaded.settings.guard, Vec::new())).into()))
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

fn unknown_action() -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::http::field", "no such action")
}
