//! The channels of notifications, each with a test.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::form::Posted;
use super::super::shell::{At, Trouble};
use super::{Part, page};
use crate::refusal::Refusal;
use spile_core::problem::Problems;
use spile_core::settings::Channel;
use spile_ops as ops;
use spile_ops::notify::{self, Watched};
use spile_view::notify::TestedData;

pub async fn show(at: At) -> Result<Response, Trouble> {
    channels(&at, None, None).await
}

async fn channels(at: &At, tested: Option<&TestedData>, refusal: Option<&Refusal>) -> Result<Response, Trouble> {
    let all = at.desk.loaded.settings.channels_of(&at.desk.environment);
    let rows: Vec<Value> = all.into_iter().map(|channel| row(channel, tested)).collect();
    page(at, Part::Notifications, json!({ "channels": rows }), refusal).await
}

fn row(channel: &Channel, tested: Option<&TestedData>) -> Value {
    let name = channel.name.to_string();
    let tested = tested.filter(|tested| tested.channel == name);
    let only = channel.only.iter().map(|only| only.value.as_str());
    let kinds: Vec<String> = channel.on.iter().map(|kind| kind.word().replace('_', " ")).collect();
    json!({
        "name": name, "kind": channel.sender.word(),
        "on": kinds.join(", "),
        "only": if channel.only.is_empty() { "all integrations".to_owned() } else { only.collect::<Vec<_>>().join(", ") },
        "tested": tested,
    })
}

/// Sends a test message to a channel, and shows the response.
pub async fn test(posted: Posted) -> Result<Response, Trouble> {
    let (at, name) = (&posted.at, posted.get("name"));
    let desk = &at.desk;
    let channels = desk.loaded.settings.channels_of(&desk.environment);
    let Some(channel) = channels.into_iter().find(|channel| channel.name.as_str() == name) else {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "spile::http::not_found", "no such channel").into());
    };
    let mut problems = Problems::default();
    desk.world.notifier.check(&channel.sender, &mut problems);
    if problems.any_error() {
        let refusal = Refusal::from(ops::Error::Problems(problems.into_report()));
        return self::channels(at, None, Some(&refusal)).await;
    }
    let tested = notify::test(&desk.world, Watched::of(&desk.loaded, &desk.environment), &[channel]).await;
    let tested = tested.first().map(TestedData::from);
    let result =
        tested.as_ref().map(|one| if one.error.is_some() { format!("failed: {name}") } else { name.to_owned() });
    at.app.note(&at.who, "notify", &[], result)?;
    self::channels(at, tested.as_ref(), None).await
}
