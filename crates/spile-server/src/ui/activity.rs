//! Activity: who did what through this server, from the audit log.

use std::collections::BTreeSet;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::query::query;
use super::shell::{At, Trouble};
use crate::pages::activity::{Day, Kind};
use crate::refusal::Refusal;
use spile_core::name::Slug;
use spile_world::Deed;
use spile_world::files::io_error::IoError;

/// How many entries a page shows.
const MOST: usize = 50;

/// How many of the newest entries are searched.
const FAR: usize = 5_000;

/// The query of the page.
#[derive(Debug, Default, Deserialize)]
pub struct ActivityPageQuery {
    /// The person.
    #[serde(default)]
    who: String,
    /// The integration.
    #[serde(default)]
    integration: String,
    /// The kind of action.
    #[serde(default)]
    kind: String,
    /// The page, from 0.
    #[serde(default)]
    page: usize,
}

impl ActivityPageQuery {
    fn fits(&self, deed: &Deed) -> bool {
        let is_by = self.who.is_empty() || deed.actor == self.who;
        let is_of =
            self.integration.is_empty() || deed.integrations.iter().any(|slug| slug.as_str() == self.integration);
        is_by && is_of && (self.kind.is_empty() || Kind::of(&deed.action).word() == self.kind)
    }

    /// Returns the address of another page of the same entries.
    fn path(&self, page: usize) -> String {
        let page = page.to_string();
        let wanted =
            [("who", self.who.as_str()), ("integration", &self.integration), ("kind", &self.kind), ("page", &page)];
        format!("/activity?{}", query(wanted))
    }
}

pub async fn show(at: At, asked: Result<Query<ActivityPageQuery>, QueryRejection>) -> Result<Response, Trouble> {
    let Query(asked) = asked.map_err(Refusal::from)?;
    let deeds = at.app.audit().newest(None, FAR).map_err(unreadable)?;
    let people: BTreeSet<&str> = deeds.iter().map(|deed| deed.actor.as_str()).collect();
    let slugs: BTreeSet<&str> = deeds.iter().flat_map(|deed| &deed.integrations).map(Slug::as_str).collect();
    let found: Vec<&Deed> = deeds.iter().filter(|deed| asked.fits(deed)).collect();
    let shown: Vec<&Deed> = found.iter().skip(asked.page.saturating_mul(MOST)).take(MOST).copied().collect();
    let is_more = found.len() > asked.page.saturating_add(1).saturating_mul(MOST);
    let kinds: Vec<Value> = Kind::ALL
        .iter()
        .map(|kind| json!({ "value": kind.word(), "label": kind.label(), "is_chosen": kind.word() == asked.kind }))
        .collect();
    let data = json!({
        "days": Day::all(&shown, Timestamp::now()), "found": found.len(), "is_empty": deeds.is_empty(),
        "who": asked.who, "integration": asked.integration, "people": people, "slugs": slugs, "kinds": kinds,
        "next": is_more.then(|| asked.path(asked.page + 1)),
        "previous": asked.page.checked_sub(1).map(|page| asked.path(page)),
    });
    at.page("activity.html.j2", "Activity", data).await
}

fn unreadable(source: std::io::Error) -> Refusal {
    spile_ops::Error::from(IoError::of("read", ".spile/audit.jsonl")(source)).into()
}
