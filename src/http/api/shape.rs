//! The shapes of answers. No secret is in any of them, ciphertext included: a secret is a name, and when it was set.

use serde_json::{Map, Value, json};

use crate::integration::{Declaration, Integration};
use crate::world::runs::Standing;

/// Returns an integration as the API gives it: what its file says, with what the registry knows.
#[must_use]
pub fn integration(one: &Integration, standing: Option<&Standing>) -> Value {
    let base = &one.base;
    json!({
        "id": one.id,
        "slug": one.slug,
        "type": one.connector.name,
        "kind": one.role(),
        "name": base.name,
        "description": base.description,
        "enabled": base.enabled,
        "loader": base.loader,
        "schedule": base.schedule.as_ref().map(ToString::to_string),
        "select": base.select,
        "tags": base.tags,
        "protect": one.protect,
        "config": base.config,
        "secrets": secrets(base),
        "environments": one.overlays.keys().collect::<Vec<_>>(),
        "status": standing.map_or("pending", |standing| standing.status.as_str()),
        "created_at": standing.map(|standing| standing.created_at),
        "updated_at": standing.map(|standing| standing.updated_at),
    })
}

/// Of several secrets in one document only the last change of all is known.
fn secrets(base: &Declaration) -> Map<String, Value> {
    let Some(secrets) = &base.secrets else { return Map::new() };
    let at = secrets.document.metadata.last_modified().ok();
    let set = |name: &String| (name.clone(), json!({ "set": true, "updated_at": at }));
    secrets.names.iter().map(set).collect()
}
