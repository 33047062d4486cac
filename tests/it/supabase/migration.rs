//! What the migration's tables and functions guarantee, over HTTP.

mod apply;
mod lint;
mod refusals;
mod rights;
mod shapes;
mod tables;

use std::fmt::Write;

use serde_json::{Value, json};
use uuid::Uuid;

use super::parts::Supabase;

/// One role's view of a project.
struct Api<'a> {
    supabase: &'a Supabase,
    key: String,
}

impl<'a> Api<'a> {
    fn new(supabase: &'a Supabase, role: &str) -> Self {
        Self { supabase, key: supabase.key(role) }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(reqwest::Method::GET, path, &Value::Null).await
    }

    async fn call(&self, function: &str, body: &Value) -> (u16, Value) {
        self.send(reqwest::Method::POST, &format!("rpc/{function}"), body).await
    }

    async fn apply(&self, payload: &Value) -> (u16, Value) {
        self.call("spile_apply", &json!({ "payload": payload })).await
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: &Value) -> (u16, Value) {
        let request = reqwest::Client::new().request(method, format!("{}/{path}", self.supabase.url));
        let request = request.header("apikey", &self.key).bearer_auth(&self.key);
        let request = if body.is_null() { request } else { request.json(body) };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Applies `changes` for `acme` in `prod`, planned right now.
    async fn apply_now(&self, changes: &[Value]) -> (u16, Value) {
        self.apply(&payload(&revision(self.supabase), changes)).await
    }
}

fn id(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

fn row(name: &str) -> Value {
    let secrets = json!({ "names": ["token"], "document": "{\"token\": \"ENC[...]\"}" });
    json!({ "slug": name, "type": "salesforce", "name": name, "enabled": true, "config": { "a": 1 }, "secrets": secrets })
}

fn create(number: u128, name: &str) -> Value {
    json!({ "op": "create", "id": id(number), "row": row(name) })
}

fn update(supabase: &Supabase, number: u128, name: &str) -> Value {
    json!({ "op": "update", "id": id(number), "expect": hash(supabase, number), "row": row(name) })
}

fn delete(supabase: &Supabase, number: u128) -> Value {
    json!({ "op": "delete", "id": id(number), "expect": hash(supabase, number) })
}

fn payload(revision: &str, changes: &[Value]) -> Value {
    json!({
        "v": 1, "managed_by": "acme", "environment": "prod", "apply_id": Uuid::new_v4(), "plan": "0123abcd",
        "actor": "ada@example.com", "source_rev": "deadbeef", "revision": revision, "max_deletes": 10,
        "changes": changes,
    })
}

/// Returns `payload` with one field replaced.
fn with(mut payload: Value, field: &str, value: Value) -> Value {
    payload[field] = value;
    payload
}

fn hash(supabase: &Supabase, number: u128) -> String {
    supabase.sql(&format!("select content_hash from integrations where id::text = '{}'", id(number)))
}

/// Computes the revision as a client does, from ids and hashes.
fn revision(supabase: &Supabase) -> String {
    let listed = supabase.sql(
        "select coalesce(json_agg(json_build_array(id, content_hash)), '[]') from integrations \
         where managed_by = 'acme' and environment = 'prod'",
    );
    let mut rows: Vec<(String, String)> = serde_json::from_str(&listed).unwrap();
    rows.sort();
    let text = rows.iter().fold(String::new(), |mut text, (id, hash)| {
        writeln!(text, "{id}:{hash}").unwrap();
        text
    });
    spile_core::digest::hash(text.as_bytes())
}

/// Returns a checksum of everything in the tables.
fn everything(supabase: &Supabase) -> String {
    supabase.sql(
        "select md5(coalesce(string_agg(i::text, '' order by i.id), '')) from integrations i;
         select md5(coalesce(string_agg(c::text, '' order by c.number), '')) from integration_changes c;
         select md5(coalesce(string_agg(r::text, '' order by r.id), '')) from integration_runs r;",
    )
}

/// Returns the reasons of a 409, by id.
fn reasons(answer: &Value) -> Vec<(String, String)> {
    assert_eq!(answer["code"], "PT409", "{answer}");
    let findings: Vec<Value> = serde_json::from_str(answer["details"].as_str().unwrap()).unwrap();
    let word = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    findings.iter().map(|finding| (word(finding, "id"), word(finding, "why"))).collect()
}
