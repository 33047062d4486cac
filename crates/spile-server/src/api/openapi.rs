//! `GET /api/openapi.json`: the description of the API, as `OpenAPI` 3.1.

use axum::Json;
use serde_json::{Map, Value, json};

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
        query: &[("wait", "integer")],
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

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn maybe(kind: &str) -> Value {
    json!({ "type": [kind, "null"] })
}

/// Returns the writable fields of an integration.
fn written() -> Value {
    json!({
        "name": text(), "description": maybe("string"), "enabled": { "type": "boolean" }, "loader": maybe("string"),
        "mappers": texts(),
        "schedule": maybe("string"), "timezone": maybe("string"), "jitter": maybe("string"), "catch_up": maybe("string"),
        "select": texts(), "tags": texts(), "protect": { "type": "boolean" },
        "load": {
            "type": "object",
            "properties": { "schema": text(), "shared_tables": { "type": "boolean" } },
            "description": "The schema for the records, and whether other integrations may share its tables",
        },
        "schema": { "type": "object", "description": "What a run does when the source changes" },
        "metadata": { "type": "object" },
        "config": { "type": "object", "description": "All settings that are not secret, by name" },
        "secrets": {
            "type": "object",
            "additionalProperties": { "type": ["string", "null"], "writeOnly": true },
            "description": "Secrets to set; null removes a secret, and omitted secrets stay unchanged",
        },
    })
}

fn applied() -> Value {
    let description = "Whether this change was applied, on a server that applies changes immediately; if not, `not_applied` has the reason";
    json!({ "type": "boolean", "description": description })
}

/// What changes bookmarks.
fn state_change() -> Value {
    let one = |action: &str, properties: Value, required: &[&str]| {
        let mut all = json!({ "action": { "const": action } });
        for (name, schema) in properties.as_object().into_iter().flatten() {
            all[name] = schema.clone();
        }
        let required: Vec<&str> = ["action"].iter().chain(required).copied().collect();
        json!({ "type": "object", "properties": all, "required": required, "additionalProperties": false })
    };
    json!({ "oneOf": [
        one("set", json!({ "stream": text(), "value": text(), "key": maybe("string") }), &["stream", "value"]),
        one("clear", json!({ "streams": texts() }), &[]),
        one("copy", json!({ "from": text() }), &["from"]),
        one("restore", json!({ "to": text() }), &["to"]),
        one("undo", json!({ "change": text() }), &["change"]),
    ] })
}

/// What accepts changes of a source.
fn acceptance() -> Value {
    json!({
        "type": "object",
        "properties": {
            "integration": text(),
            "discovered_at": { "type": "string", "format": "date-time", "description": "The value that was returned with the changes" },
            "leave_out": {
                "type": "object",
                "properties": { "stream": text(), "column": maybe("string") },
                "required": ["stream"],
                "additionalProperties": false,
                "description": "A new stream or column for `select` to leave out; if omitted, all changes are accepted",
            },
        },
        "required": ["integration", "discovered_at"],
        "additionalProperties": false,
    })
}

fn schemas() -> Value {
    let written = written();
    let with = |more: Value| {
        let mut properties = written.clone();
        if let (Some(properties), Value::Object(more)) = (properties.as_object_mut(), more) {
            properties.extend(more);
        }
        properties
    };
    let secret = json!({
        "type": "object",
        "properties": { "set": { "const": true }, "updated_at": maybe("string") },
        "required": ["set", "updated_at"],
    });
    let integration = with(json!({
        "id": { "type": "string", "format": "uuid" }, "slug": text(), "type": text(),
        "kind": { "enum": ["extractor", "loader"] }, "status": text(), "created_at": maybe("string"),
        "updated_at": maybe("string"), "environments": texts(),
        "secrets": { "type": "object", "additionalProperties": secret },
        "change": { "type": "object", "description": "The branch and the commit, on a server that writes changes to branches" },
        "applied": applied(), "not_applied": reference("Problem"),
    }));
    let required = ["id", "slug", "type", "name", "config", "secrets", "status", "created_at", "updated_at"];
    json!({
        "Object": { "type": "object" },
        "Health": {
            "type": "object",
            "properties": { "status": { "const": "ok" }, "version": text(), "files": text(), "registry": text() },
            "required": ["status", "version", "files", "registry"],
        },
        "Integration": { "type": "object", "properties": integration, "required": required },
        "OneIntegration": {
            "type": "object",
            "properties": { "integration": reference("Integration") },
            "required": ["integration"],
        },
        "Integrations": {
            "type": "object",
            "properties": {
                "integrations": { "type": "array", "items": reference("Integration") },
                "next": text(), "registry": { "type": "object" }, "problems": { "type": "array" },
            },
            "required": ["integrations"],
        },
        "NewIntegration": {
            "type": "object",
            "properties": with(json!({ "type": text(), "slug": text(), "kind": { "enum": ["extractor", "loader"] } })),
            "required": ["type", "name"],
        },
        "IntegrationUpdate": { "type": "object", "properties": written },
        "Success": {
            "type": "object",
            "properties": {
                "success": { "const": true }, "applied": applied(), "not_applied": reference("Problem"),
            },
            "required": ["success"],
        },
        "RunAnswer": {
            "type": "object",
            "properties": { "success": { "type": "boolean" }, "message": text(), "run": maybe("object") },
            "required": ["success", "message", "run"],
        },
        "Apply": {
            "type": "object",
            "properties": { "plan": text(), "only": maybe("string") },
            "required": ["plan"],
            "additionalProperties": false,
        },
        "Discover": { "type": "object", "properties": { "integration": text() }, "required": ["integration"] },
        "Acceptance": acceptance(),
        "StateChange": state_change(),
        "Marks": {
            "type": "object",
            "properties": { "read": texts(), "unread": texts() },
            "additionalProperties": false,
        },
        "Bulk": {
            "type": "object",
            "properties": {
                "action": { "enum": ["test", "sync", "enable", "disable", "delete"] },
                "integrations": { "type": "array", "items": text(), "minItems": 1 },
            },
            "required": ["action", "integrations"],
            "additionalProperties": false,
        },
        "Problem": {
            "type": "object",
            "description": "RFC 9457",
            "properties": {
                "type": text(), "title": text(), "status": { "type": "integer" }, "detail": text(), "code": text(),
                "help": text(), "errors": { "type": "array", "items": { "type": "object" } },
            },
            "required": ["type", "title", "status", "detail", "code"],
        },
    })
}
