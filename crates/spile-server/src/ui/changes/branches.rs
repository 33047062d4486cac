//! The branches that this server has written, with their state.

use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::shell::{At, Trouble};
use super::{Part, page};
use crate::pages::when::When;
use crate::pages::words::StatusWord;
use spile_ops as ops;
use spile_world::processes::git::{self, Branch};

pub async fn show(at: At) -> Result<Response, Trouble> {
    let now = Timestamp::now();
    let branches = git::branches(at.desk.world.project.root()).await.map_err(ops::Error::from)?;
    let rows: Vec<Value> = branches.iter().map(|branch| row(branch, now)).collect();
    page(&at, Part::Branches, json!({ "branches": rows }), None).await
}

fn row(branch: &Branch, now: Timestamp) -> Value {
    let state = if branch.is_merged {
        StatusWord { word: "merged", tone: "good" }
    } else {
        StatusWord { word: "waits for review", tone: "warn" }
    };
    json!({
        "name": branch.name, "commit": branch.last.commit, "subject": branch.last.subject, "author": branch.last.author,
        "when": When::relative(branch.last.at, now), "state": state,
    })
}
