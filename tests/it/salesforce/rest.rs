//! The REST API.

use serde_json::{Map, Value, json};

use super::message::{Request, Response};
use super::org::{Field, Org};
use super::soql::Query;

const BASE: &str = "/services/data/v61.0/";

impl Org {
    pub(super) fn rest(&mut self, request: &Request) -> Response {
        let session = request.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
        if !session.is_some_and(|session| self.grant.sessions.contains(session)) {
            return Response::error(401, "INVALID_SESSION_ID", "Session expired or invalid");
        }
        if self.calls.used >= self.calls.allowed {
            return Response::error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
        }
        self.calls.used += 1;
        let path = request.path.strip_prefix(BASE).unwrap_or_default();
        let mut response = match path.split('/').collect::<Vec<_>>()[..] {
            ["limits"] => self.limits(),
            ["sobjects"] => {
                let named: Vec<Value> = self.objects.iter().map(|one| json!({ "name": one.name })).collect();
                Response::json(200, &json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": named }))
            }
            ["sobjects", name, "describe"] => self.describe(name),
            ["queryAll"] => self.query(&request.query["q"]),
            ["query", locator] => self.more(locator),
            _ => Response::error(404, "NOT_FOUND", "The requested resource does not exist"),
        };
        response.limit = Some(format!("api-usage={}/{}", self.calls.used, self.calls.allowed));
        response
    }

    fn limits(&self) -> Response {
        let limit = |one: &super::org::Limit| json!({ "Max": one.allowed, "Remaining": one.allowed - one.used });
        let limits = json!({ "DailyApiRequests": limit(&self.calls), "DailyBulkApiBatches": limit(&self.batches) });
        Response::json(200, &limits)
    }

    fn describe(&self, name: &str) -> Response {
        let Some(object) = self.object(name) else {
            return Response::error(404, "NOT_FOUND", "The requested resource does not exist");
        };
        let field = |field: &Field| {
            json!({
                "name": field.name, "label": field.name, "type": field.kind, "nillable": field.name != "Id",
                "custom": field.name.ends_with("__c"), "calculated": false, "relationshipName": null, "referenceTo": [],
            })
        };
        let fields: Vec<Value> = object.fields.iter().map(field).collect();
        let custom = name.ends_with("__c");
        Response::json(200, &json!({ "name": name, "custom": custom, "customSetting": false, "fields": fields }))
    }

    fn query(&mut self, text: &str) -> Response {
        self.queries.push(text.to_owned());
        let found = Query::parse(text, self).map(|query| {
            let record = |record: &Map<String, Value>| {
                let url = format!("{BASE}sobjects/{}/{}", query.object.name, record["Id"].as_str().unwrap());
                let mut row = json!({ "attributes": { "type": query.object.name, "url": url } });
                for field in &query.fields {
                    row[*field] = shown(query.kind(field), record.get(*field));
                }
                row
            };
            query.records().into_iter().map(record).collect::<Vec<_>>()
        });
        match found {
            Ok(rows) => self.page(rows.len(), rows),
            Err((code, message)) => Response::error(400, code, &message),
        }
    }

    fn more(&mut self, locator: &str) -> Response {
        match self.cursors.remove(locator) {
            Some(rows) => self.page(rows.len(), rows),
            None => Response::error(404, "INVALID_QUERY_LOCATOR", "invalid query locator"),
        }
    }

    /// Returns a page of rows, and keeps the others.
    fn page(&mut self, total: usize, mut rows: Vec<Value>) -> Response {
        let rest = rows.split_off(rows.len().min(self.page));
        let mut answer = json!({ "totalSize": total, "done": rest.is_empty(), "records": rows });
        if !rest.is_empty() {
            let locator = format!("01gTEST{:08}-{}", self.calls.used, self.page);
            answer["nextRecordsUrl"] = json!(format!("{BASE}query/{locator}"));
            self.cursors.insert(locator, rest);
        }
        Response::json(200, &answer)
    }
}

/// Returns a value as the REST API writes it.
fn shown(kind: &str, value: Option<&Value>) -> Value {
    match (kind, value) {
        ("datetime", Some(Value::String(text))) => json!(text.replace('Z', "+0000")),
        (_, value) => value.cloned().unwrap_or_default(),
    }
}
