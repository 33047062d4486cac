//! `GET /api/openapi.json`: the description of the API, as `OpenAPI` 3.1.

mod schemas;

use axum::Json;
use serde_json::{Map, Value, json};

use schemas::{reference, schemas};

/// An operation: its method, path, summary, parameters and responses.
struct Operation {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    query: &'static [(&'static str, &'static str)],
    body: Option<&'static str>,
    gives: (&'static str, &'static str),
}

const fn get(path: &'static str, id: &'static str, summary: &'static str, gives: &'static str) -> Operation {
    Operation { method: "get", path, id, summary, query: &[], body: None, gives: ("200", gives) }
}

const LIMIT: (&str, &str) = ("limit", "integer");
const KIND: (&str, &str) = ("kind", "kind");

const OPERATIONS: [Operation; 29] = [
    get("/api/health", "health", "Returns the server's health; needs no sign-in", "Health"),
    Operation {
        query: &[("q", "string"), LIMIT, ("after", "string")],
        ..get("/api/integrations", "listIntegrations", "Lists integrations by name", "Integrations")
    },
    Operation {
        method: "post",
        body: Some("NewIntegration"),
        gives: ("201", "Integration"),
        ..get(
            "/api/integrations",
            "createIntegration",
            "Creates an integration: writes its file with its secrets encrypted",
            "",
        )
    },
    get("/api/integrations/{id}", "getIntegration", "Returns an integration, by its id or name", "OneIntegration"),
    Operation {
        method: "put",
        body: Some("IntegrationUpdate"),
        gives: ("200", "Integration"),
        ..get(
            "/api/integrations/{id}",
            "updateIntegration",
            "Updates the fields that are set; omitted fields stay unchanged",
            "",
        )
    },
    Operation {
        method: "delete",
        gives: ("200", "Success"),
        ..get("/api/integrations/{id}", "deleteIntegration", "Deletes an integration's files", "")
    },
    Operation {
        method: "post",
        query: &[("wait", "integer")],
        gives: ("200", "RunAnswer"),
        ..get(
            "/api/integrations/{id}/test",
            "testIntegration",
            "Tests the connection: reads one record from the source",
            "",
        )
    },
    Operation {
        method: "post",
        query: &[("wait", "integer"), ("stream", "string"), ("full_refresh", "string")],
        gives: ("202", "RunAnswer"),
        ..get("/api/integrations/{id}/sync", "syncIntegration", "Starts a sync; `wait` waits for it to end", "")
    },
    get(
        "/api/integrations/{id}/state",
        "getState",
        "Returns the bookmarks of an integration, each with the sync that left it as it is",
        "Object",
    ),
    Operation {
        query: &[LIMIT],
        ..get(
            "/api/integrations/{id}/state/history",
            "getStateHistory",
            "Lists the syncs and changes whose bookmarks can be restored, newest first",
            "Object",
        )
    },
    Operation {
        method: "post",
        query: &[("dry_run", "boolean")],
        body: Some("StateChange"),
        ..get(
            "/api/integrations/{id}/state",
            "changeState",
            "Changes bookmarks; `dry_run` returns the plan of that only",
            "Object",
        )
    },
    Operation {
        query: &[("integration", "string"), LIMIT],
        ..get("/api/runs", "listRuns", "Lists runs, newest first", "Object")
    },
    get("/api/runs/{id}", "getRun", "Returns a run and, if it failed, where to fix the cause", "Object"),
    get(
        "/api/runs/{id}/logs",
        "getLog",
        "Returns the log of a run, or streams it as events with `Accept: text/event-stream`",
        "Object",
    ),
    Operation {
        query: &[("only", "string")],
        ..get("/api/plan", "plan", "Returns the plan: what applying the files would change", "Object")
    },
    Operation { query: &[LIMIT], ..get("/api/applies", "listApplies", "Lists applies, newest first", "Object") },
    Operation {
        method: "post",
        body: Some("Apply"),
        gives: ("201", "Object"),
        ..get("/api/applies", "apply", "Applies exactly the plan with this id", "")
    },
    Operation {
        query: &[("q", "string"), KIND],
        ..get("/api/connectors", "listConnectors", "Lists or searches connectors", "Object")
    },
    Operation { query: &[KIND], ..get("/api/connectors/{type}", "getConnector", "Returns a connector", "Object") },
    Operation {
        query: &[KIND],
        ..get(
            "/api/connectors/{type}/schema",
            "getConnectorSchema",
            "Returns the JSON Schema of its settings",
            "Object",
        )
    },
    Operation {
        query: &[("integration!", "string")],
        ..get("/api/discover", "getDiscovered", "Returns the result of the last discovery of a source", "Object")
    },
    Operation {
        method: "post",
        body: Some("Discover"),
        ..get("/api/discover", "discover", "Discovers the streams of a source", "Object")
    },
    Operation {
        query: &[("integration!", "string")],
        ..get("/api/contracts", "getChanges", "Returns the changes in a source since it was last accepted", "Object")
    },
    Operation {
        method: "post",
        body: Some("Acceptance"),
        ..get(
            "/api/contracts",
            "acceptChanges",
            "Accepts the changes in a source, or leaves out a new stream or column",
            "Object",
        )
    },
    Operation {
        method: "post",
        body: Some("Bulk"),
        ..get("/api/bulk", "bulk", "Performs one action on several integrations", "Object")
    },
    get(
        "/api/notifications",
        "listNotifications",
        "Lists notifications, and whether the caller has read them",
        "Object",
    ),
    Operation {
        method: "post",
        body: Some("Marks"),
        ..get("/api/notifications", "markNotifications", "Marks notifications as read or unread", "Success")
    },
    Operation {
        query: &[("integration", "string"), LIMIT],
        ..get("/api/audit", "listAudit", "Lists who did what through this server, newest first", "Object")
    },
    get("/api/openapi.json", "getDocument", "Returns this document", "Object"),
];

/// Returns the document.
pub async fn document() -> Json<Value> {
    let mut paths = Map::new();
    for operation in &OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = self::operation(operation);
    }
    Json(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "spile",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Data integrations as code. Changes made through this API become files. Secrets are never returned.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": { "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } }, "schemas": schemas() },
    }))
}

fn operation(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = operation.query.iter().map(|(name, kind)| query(name, kind)).collect();
    let named = |name: &str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
    parameters
        .extend(["id", "type"].into_iter().filter(|name| operation.path.contains(&format!("{{{name}}}"))).map(named));
    let (status, gives) = operation.gives;
    let content = json!({ "application/json": { "schema": reference(gives) } });
    let mut responses = json!({
        status: { "description": "Success", "content": content },
        "default": {
            "description": "Error",
            "content": { "application/problem+json": { "schema": reference("Problem") } },
        },
    });
    // The run may have ended already or not yet; a bulk action may start runs.
    let other = match operation.id {
        "testIntegration" | "bulk" => Some("202"),
        "syncIntegration" => Some("200"),
        _ => None,
    };
    if let Some(other) = other {
        responses[other] = json!({ "description": "Success", "content": content });
    }
    if operation.id == "getIntegration" {
        responses["304"] = json!({ "description": "Not modified" });
    }
    let mut value = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses,
    });
    if operation.id == "health" {
        value["security"] = json!([]);
    }
    if let Some(body) = operation.body {
        let content = json!({ "application/json": { "schema": reference(body) } });
        value["requestBody"] = json!({ "required": true, "content": content });
    }
    value
}

fn query(name: &str, kind: &str) -> Value {
    let schema = match kind {
        "integer" => json!({ "type": "integer", "minimum": 0, "maximum": 1_000_000 }),
        "kind" => json!({ "enum": ["extractor", "loader"] }),
        "boolean" => json!({ "type": "boolean" }),
        _ => json!({ "type": "string" }),
    };
    let (name, required) = name.strip_suffix('!').map_or((name, false), |name| (name, true));
    json!({ "name": name, "in": "query", "required": required, "schema": schema })
}
