//! The page for contributors that shows every component in every state, from fixed values.

use axum::response::Response;
use serde_json::{Value, json};

use super::shell::{At, Trouble};
use crate::refusal;

/// The colors that it shows.
const COLORS: [&str; 16] = [
    "ground",
    "side",
    "paper",
    "raised",
    "pressed",
    "ink",
    "faint",
    "line",
    "edge",
    "accent",
    "accent-ground",
    "good",
    "warn",
    "bad",
    "bar",
    "bar-bad",
];

/// The values of the components.
const SAMPLE: &str = include_str!("design/sample.json");

pub async fn show(at: At) -> Result<Response, Trouble> {
    if !at.app.setup().has_design_page {
        return Err(refusal::not_found().await.into());
    }
    let mut data: Value = serde_json::from_str(SAMPLE).unwrap_or_default();
    data["colors"] = json!(COLORS);
    at.page("design.html.j2", "Design", data).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_the_components_can_be_read() {
        serde_json::from_str::<Value>(SAMPLE).unwrap();
    }
}
