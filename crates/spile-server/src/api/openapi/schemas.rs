//! The JSON Schemas of what the API takes and returns.

use serde_json::{Value, json};

/// Refers to a schema by its name.
pub(super) fn reference(name: &str) -> Value {
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
        "streams": maybe("integer"), "batch": maybe("boolean"),
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

/// What was chosen for the streams of an integration, and has not happened yet.
fn open_choices() -> Value {
    let dates = json!({ "type": "object", "additionalProperties": text() });
    let applied = |kind: &str, name: &str, schema: Value| {
        let mut properties = json!({
            "kind": { "const": kind }, "plan": text(), "change": { "type": "string", "format": "uuid" }, "actor": text(),
            "at": { "type": "string", "format": "date-time" },
        });
        properties[name] = schema;
        let required = ["kind", name, "plan", "change", "actor", "at"];
        json!({ "type": "object", "properties": properties, "required": required })
    };
    let next_sync = json!([
        applied("forward_only", "streams", texts()),
        applied("resync", "streams", texts()),
        applied("backfill", "since", dates.clone()),
    ]);
    json!({
        "type": "object",
        "description": "Choices that nothing has carried out yet: missing if there are none, if the registry does not answer, and in lists",
        "properties": {
            "next_apply": {
                "type": "object",
                "description": "From the file; no apply has used them",
                "properties": { "forward_only": texts(), "backfill": dates },
            },
            "next_sync": {
                "type": "array",
                "description": "From applies; no sync has carried them out",
                "items": { "oneOf": next_sync },
            },
        },
        "required": ["next_apply", "next_sync"],
    })
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

pub(super) fn schemas() -> Value {
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
        "applied": applied(), "not_applied": reference("Problem"), "choices": reference("OpenChoices"),
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
        "OpenChoices": open_choices(),
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
