//! Changes: what the files would change, what something else has changed, past applies, and branches.

mod apply;
mod branches;
mod drift;
mod history;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::shell::{At, Trouble, fault};
use crate::change;
use crate::pages::Tab;
use crate::pages::plan::PlanPage;
use crate::refusal::Refusal;
use crate::setup::Writing;
use spile_core::plan::Plan;
use spile_ops::edits::Destination;
use spile_view::plan_data::PlanData;

pub use apply::{apply, confirm};
pub use branches::show as branches;
pub use drift::{show as drift, take};
pub use history::{confirm_rollback, roll_back, show as history};

/// A part of the page, with its own address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// What apply would change.
    Pending,
    /// What something else has changed.
    Drift,
    /// Past applies.
    History,
    /// Branches with changes that wait for a review.
    Branches,
}

impl Part {
    const ALL: [Self; 4] = [Self::Pending, Self::Drift, Self::History, Self::Branches];

    /// Returns its title and its path.
    fn link(self) -> (&'static str, &'static str) {
        match self {
            Self::Pending => ("Pending", "/changes"),
            Self::Drift => ("Drift", "/changes/drift"),
            Self::History => ("History", "/changes/history"),
            Self::Branches => ("Branches", "/changes/branches"),
        }
    }

    /// Tells whether a server shows it: branches are for servers that write them.
    fn is_shown(self, at: &At) -> bool {
        let writes_branches = matches!(at.app.setup().writing, Writing::To(Destination::Branch { .. }));
        self != Self::Branches || writes_branches
    }
}

pub async fn show(at: At) -> Result<Response, Trouble> {
    let plan = change::plan(&at.desk, None).await?;
    pending(&at, &plan, None).await
}

/// Renders what apply would change, and why it was refused.
async fn pending(at: &At, plan: &Plan, refusal: Option<&Refusal>) -> Result<Response, Trouble> {
    let plan = shown(at, plan);
    page(at, Part::Pending, json!({ "plan": plan }), refusal).await
}

/// Returns a plan as it is shown.
fn shown(at: &At, plan: &Plan) -> PlanPage {
    PlanPage::from(&PlanData::of(plan, at.desk.loaded.settings.guard, Vec::new()))
}

/// Renders a part with the links to the others.
async fn page(at: &At, part: Part, mut data: Value, refusal: Option<&Refusal>) -> Result<Response, Trouble> {
    let count = |part: Part| match part {
        Part::Pending => data["plan"]["integrations"].as_array().map_or(0, Vec::len),
        Part::Drift => data["plan"]["drift"].as_array().map_or(0, Vec::len),
        Part::History | Part::Branches => 0,
    };
    let link = |one: Part| {
        let (title, path) = one.link();
        Tab {
            title: title.into(),
            path: path.to_owned(),
            is_here: one == part,
            count: count(one),
            counted: "integrations",
        }
    };
    let links: Vec<Tab> = Part::ALL.into_iter().filter(|one| one.is_shown(at)).map(link).collect();
    let title = part.link().0;
    data["parts"] = json!(links);
    data["part"] = json!(title);
    data["fault"] = json!(refusal.map(fault));
    data["can_take"] = json!(drift::can_take(at));
    let title = if part == Part::Pending { "Changes".to_owned() } else { format!("{title} · Changes") };
    at.page_with(refusal.map_or(StatusCode::OK, Refusal::status), "changes.html.j2", &title, data).await
}
