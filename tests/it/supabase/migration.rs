//! What the migration's tables and functions promise, over HTTP.

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spile::world::supabase::VERSION;
use uuid::Uuid;

use super::parts::Supabase;
use crate::tools;

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

    /// Applies `changes` for `acme` in `prod`, as planned right now.
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

/// Returns `payload` with one field put differently.
fn with(mut payload: Value, field: &str, value: Value) -> Value {
    payload[field] = value;
    payload
}

fn hash(supabase: &Supabase, number: u128) -> String {
    supabase.sql(&format!("select content_hash from integrations where id::text = '{}'", id(number)))
}

/// Builds the revision as a client does, from ids and hashes.
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
    spile::plan::hash(text.as_bytes())
}

/// A checksum of all that is in the tables.
fn everything(supabase: &Supabase) -> String {
    supabase.sql(
        "select md5(coalesce(string_agg(i::text, '' order by i.id), '')) from integrations i;
         select md5(coalesce(string_agg(c::text, '' order by c.number), '')) from integration_changes c;
         select md5(coalesce(string_agg(r::text, '' order by r.id), '')) from integration_runs r;",
    )
}

/// The reasons of a 409, by id.
fn reasons(answer: &Value) -> Vec<(String, String)> {
    assert_eq!(answer["code"], "PT409", "{answer}");
    let findings: Vec<Value> = serde_json::from_str(answer["details"].as_str().unwrap()).unwrap();
    let word = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    findings.iter().map(|finding| (word(finding, "id"), word(finding, "why"))).collect()
}

const EIGHT_COLUMNS: &str = "set role postgres;
    create table integrations (id ID primary key, type text not null, name text not null, config jsonb, secrets jsonb,
      status text not null default 'active', created_at timestamptz default now(), updated_at timestamptz default now());
    insert into integrations (id, type, name, config) values
      ('00000000-0000-0000-0000-0000000000aa', 'crm', 'theirs', '{\"k\": 1}'),
      ('00000000-0000-0000-0000-0000000000ab', 'crm', 'odd', 'null');";

#[test]
fn the_migration_runs_over_nothing_and_over_itself() {
    let Some(supabase) = Supabase::migrated() else { return };
    let schema = "select json_agg(c order by c) from (select table_name, column_name, data_type, is_nullable
        from information_schema.columns where table_schema = 'public') c";
    let before = supabase.sql(schema);
    supabase.migrate();
    assert_eq!(supabase.sql(schema), before);
    assert_eq!(supabase.sql("select spile_version()"), VERSION.to_string());
}

#[tokio::test]
async fn the_migration_leaves_the_rows_of_a_table_that_is_there() {
    for kind in ["text", "uuid"] {
        let Some(supabase) = Supabase::start() else { return };
        supabase.sql(&EIGHT_COLUMNS.replace("ID", kind));
        let theirs = "select md5(string_agg((id, type, name, config, secrets, status, created_at, updated_at)::text, ''
            order by id)) from integrations where managed_by is null";
        let before = supabase.sql(&theirs.replace("where managed_by is null", ""));
        supabase.migrate();
        supabase.migrate();
        assert_eq!(supabase.sql(theirs), before);
        let api = Api::new(&supabase, "service_role");
        let (status, answer) = api.apply_now(&[create(1, "a"), create(2, "b"), create(3, "c")]).await;
        assert_eq!((status, &answer["created"]), (200, &json!(3)), "{kind}: {answer}");
        let (status, answer) = api.apply_now(&[update(&supabase, 1, "A"), delete(&supabase, 2), create(4, "d")]).await;
        assert_eq!(status, 200, "{kind}: {answer}");
        assert_eq!(answer["revision"], revision(&supabase));
        let (_, rows) = api.get("integrations?select=name,managed_by&order=id.asc&managed_by=eq.acme").await;
        let names: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["A", "c", "d"], "{kind}");
        assert_eq!(supabase.sql(theirs), before, "{kind}");
    }
}

#[tokio::test]
async fn one_apply_creates_updates_deletes_and_adopts_and_audits_it() {
    let Some(supabase) = Supabase::migrated() else { return };
    let api = Api::new(&supabase, "service_role");
    assert_eq!(api.apply_now(&[create(1, "a"), create(2, "b")]).await.0, 200);
    supabase.sql(&format!("insert into integrations (id, type, name) values ('{}', 'crm', 'made by hand')", id(9)));
    let adopt = json!({ "op": "adopt", "id": id(9), "expect": hash(&supabase, 9), "row": row("ours") });
    let before: Vec<_> = [1, 2, 9].into_iter().map(|number| hash(&supabase, number)).collect();
    let changes = [update(&supabase, 1, "A"), delete(&supabase, 2), create(3, "c"), adopt];
    let (status, answer) = api.apply_now(&changes).await;
    assert_eq!(status, 200, "{answer}");
    let counts = (&answer["created"], &answer["updated"], &answer["deleted"]);
    assert_eq!(counts, (&json!(1), &json!(2), &json!(1)));
    assert_eq!(answer["revision"], revision(&supabase));
    assert_eq!(supabase.sql("select spile_revision('acme', 'prod')"), revision(&supabase));
    let rows = supabase
        .sql("select json_agg(json_build_array(name, status, managed_by, environment) order by id) from integrations");
    let expected = json!([
        ["A", "pending", "acme", "prod"],
        ["c", "pending", "acme", "prod"],
        ["ours", "pending", "acme", "prod"]
    ]);
    assert_eq!(serde_json::from_str::<Value>(&rows).unwrap(), expected);
    let audit =
        format!("integration_changes?apply_id=eq.{}&order=integration_id.asc", answer["apply_id"].as_str().unwrap());
    let (_, audit) = api.get(&audit).await;
    let audit: Vec<_> =
        audit.as_array().unwrap().iter().map(|one| (&one["op"], &one["before_hash"], &one["after_hash"])).collect();
    let after: Vec<_> = [1, 3, 9].into_iter().map(|number| json!(hash(&supabase, number))).collect();
    let before: Vec<_> = before.iter().map(|hash| json!(hash)).collect();
    let nothing = Value::Null;
    assert_eq!(
        audit,
        [
            (&json!("update"), &before[0], &after[0]),
            (&json!("delete"), &before[1], &nothing),
            (&json!("create"), &nothing, &after[1]),
            (&json!("adopt"), &before[2], &after[2]),
        ]
    );
}

#[tokio::test]
async fn the_hash_covers_what_files_declare_and_a_run_changes_neither_it_nor_the_time() {
    let Some(supabase) = Supabase::migrated() else { return };
    let api = Api::new(&supabase, "service_role");
    api.apply_now(&[create(1, "a")]).await;
    let state = || supabase.sql("select content_hash, updated_at from integrations");
    let before = state();
    let (status, _) =
        api.send(reqwest::Method::PATCH, &format!("integrations?id=eq.{}", id(1)), &json!({ "status": "error" })).await;
    assert_eq!(status, 204);
    assert_eq!(state(), before);
    assert_eq!(supabase.sql("select status from integrations"), "error");
    let mut seen = vec![before];
    for field in [
        "slug = 'b\\'",
        "type = 'b\\'",
        "name = 'a''', type = 'b'",
        "enabled = false",
        "config = '{}'",
        "secrets = '{}'",
    ] {
        supabase.sql(&format!("update integrations set {field}"));
        assert!(!seen.contains(&state()), "{field}");
        seen.push(state());
    }
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let Some(supabase) = Supabase::migrated() else { return };
    let api = Api::new(&supabase, "service_role");
    api.apply_now(&[create(1, "a"), create(2, "b"), create(3, "c")]).await;
    supabase.sql(&format!(
        "insert into integrations (id, type, name) values ('{}', 'crm', 'nobody''s');
         insert into integrations (id, slug, type, name, managed_by, environment) values
           ('{}', 's', 'crm', 'other', 'other', 'prod'), ('{}', 's', 'crm', 'staging', 'acme', 'staging')",
        id(10),
        id(11),
        id(12)
    ));
    let now = revision(&supabase);
    let planned = |changes: &[Value]| payload(&now, changes);
    let good = create(99, "good");
    let stale = json!({ "op": "update", "id": id(1), "expect": "0".repeat(64), "row": row("z") });
    let hand =
        |op: &str, number| json!({ "op": op, "id": id(number), "expect": hash(&supabase, number), "row": row("z") });
    let conflicts = [
        (vec![good.clone(), stale], id(1), "changed"),
        (vec![good.clone(), create(2, "z")], id(2), "exists"),
        (vec![good.clone(), create(10, "z")], id(10), "not managed"),
        (vec![good.clone(), create(11, "z")], id(11), "owned by other (prod)"),
        (vec![good.clone(), create(12, "z")], id(12), "owned by acme (staging)"),
        (vec![good.clone(), hand("update", 10)], id(10), "not managed"),
        (vec![good.clone(), hand("delete", 11)], id(11), "owned by other (prod)"),
        (vec![good.clone(), hand("adopt", 12)], id(12), "owned by acme (staging)"),
        (vec![good.clone(), hand("update", 77)], id(77), "missing"),
    ];
    let before = everything(&supabase);
    for (changes, id, why) in conflicts {
        let (status, answer) = api.apply(&planned(&changes)).await;
        assert_eq!(status, 409, "{why}: {answer}");
        assert_eq!(reasons(&answer), [(id, why.to_owned())]);
        assert_eq!(everything(&supabase), before, "{why}");
    }
    let deletes = [delete(&supabase, 1), delete(&supabase, 2)];
    let oddly = |field: &str, value: Value| with(planned(std::slice::from_ref(&good)), field, value);
    let rowless = |field: &str, value: Value| {
        let mut change = create(98, "z");
        change["row"][field] = value;
        planned(&[good.clone(), change])
    };
    let refused = [
        ("guard", 422, "PT422", with(planned(&deletes), "max_deletes", json!(1))),
        ("no guard is a guard of none", 422, "PT422", with(planned(&deletes), "max_deletes", Value::Null)),
        ("twice", 400, "PT400", planned(&[good.clone(), create(99, "again")])),
        ("version", 400, "PT400", oddly("v", json!(2))),
        ("project", 400, "PT400", oddly("managed_by", json!(""))),
        ("environment", 400, "PT400", oddly("environment", Value::Null)),
        ("revision", 400, "PT400", oddly("revision", Value::Null)),
        ("apply id", 400, "PT400", oddly("apply_id", json!("x"))),
        ("changes", 400, "PT400", oddly("changes", json!({}))),
        ("a change that is none", 400, "PT400", oddly("changes", json!([good, 7]))),
        (
            "op",
            400,
            "PT400",
            oddly("changes", json!([{ "op": "upsert", "id": id(1), "expect": "x", "row": row("z") }])),
        ),
        ("no expect", 400, "PT400", oddly("changes", json!([{ "op": "delete", "id": id(1) }]))),
        ("no id", 400, "PT400", oddly("changes", json!([{ "op": "create", "row": row("z") }]))),
        ("slug", 400, "PT400", rowless("slug", Value::Null)),
        ("enabled", 400, "PT400", rowless("enabled", json!("yes"))),
        ("config", 400, "PT400", rowless("config", json!([]))),
        ("secrets", 400, "PT400", rowless("secrets", json!("plain"))),
    ];
    for (what, status, code, payload) in refused {
        let (found, answer) = api.apply(&payload).await;
        assert_eq!((found, &answer["code"]), (status, &json!(code)), "{what}: {answer}");
        assert!(answer["hint"].is_string(), "{what}: {answer}");
        assert_eq!(everything(&supabase), before, "{what}");
    }
}

#[tokio::test]
async fn a_row_that_the_plan_leaves_alone_makes_it_stale_too() {
    let Some(supabase) = Supabase::migrated() else { return };
    let api = Api::new(&supabase, "service_role");
    api.apply_now(&[create(1, "a"), create(2, "b")]).await;
    let hands = [
        "update integrations set name = 'by hand' where name = 'b'",
        "delete from integrations where name = 'by hand'",
        "insert into integrations (id, slug, type, name, managed_by, environment)
           values ('00000000-0000-0000-0000-0000000000ff', 's', 'crm', 'x', 'acme', 'prod')",
    ];
    for hand in hands {
        let planned = payload(&revision(&supabase), &[update(&supabase, 1, "A")]);
        supabase.sql(hand);
        let before = everything(&supabase);
        let (status, answer) = api.apply(&planned).await;
        assert_eq!(status, 409, "{hand}: {answer}");
        assert_eq!(reasons(&answer), []);
        assert_eq!(everything(&supabase), before, "{hand}");
    }
    let (_, drift) =
        api.call("spile_drift", &json!({ "payload": { "managed_by": "acme", "environment": "prod" } })).await;
    let left = json!({ "slug": "b", "type": "salesforce", "name": "b", "enabled": true, "config": { "a": 1 },
        "secrets": { "names": ["token"], "document": "{\"token\": \"ENC[...]\"}" } });
    let gone = json!({ "id": id(2), "why": "deleted", "after": left });
    assert_eq!(drift, json!([gone, { "id": id(0xff), "why": "added", "after": null }]));
}

#[tokio::test]
async fn an_apply_that_is_sent_again_is_not_carried_out_again() {
    let Some(supabase) = Supabase::migrated() else { return };
    let api = Api::new(&supabase, "service_role");
    let planned = payload(&revision(&supabase), &[create(1, "a"), create(2, "b")]);
    let (_, first) = api.apply(&planned).await;
    let before = everything(&supabase);
    let (status, second) = api.apply(&planned).await;
    assert_eq!(status, 200, "{second}");
    assert_eq!(second, with(first, "replayed", json!(true)));
    assert_eq!(everything(&supabase), before);
}

#[tokio::test]
async fn of_two_applies_at_once_one_wins_and_the_other_is_refused() {
    let Some(supabase) = Supabase::migrated() else { return };
    let api = Api::new(&supabase, "service_role");
    for round in 0..20 {
        let now = revision(&supabase);
        let changes: Vec<_> = (1..20).map(|number| create(round * 100 + number, "a")).collect();
        let (one, other) = (payload(&now, &changes), payload(&now, &changes));
        let (one, other) = tokio::join!(api.apply(&one), api.apply(&other));
        let mut statuses = [one.0, other.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{one:?} {other:?}");
    }
    assert_eq!(supabase.sql("select count(*) from integrations"), "380");
}

#[test]
fn an_apply_waits_a_little_for_another_and_for_rows_and_then_gives_up() {
    let Some(supabase) = Supabase::migrated() else { return };
    let api = Api::new(&supabase, "service_role");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(api.apply_now(&[create(1, "a")]));
    let holders = [
        "select pg_advisory_xact_lock(hashtextextended('spile_apply', 0)); select pg_sleep(5)",
        "select 1 from integrations for update; select pg_sleep(5)",
    ];
    for holder in holders {
        let before = everything(&supabase);
        let planned = payload(&revision(&supabase), &[update(&supabase, 1, "A")]);
        std::thread::scope(|scope| {
            scope.spawn(|| supabase.sql(holder));
            std::thread::sleep(Duration::from_millis(500));
            let begun = Instant::now();
            let (status, answer) = runtime.block_on(api.apply(&planned));
            assert_eq!((status, &answer["code"]), (423, &json!("PT423")), "{answer}");
            assert!((2..5).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        });
        assert_eq!(everything(&supabase), before);
    }
}

#[tokio::test]
async fn a_constraint_of_the_users_own_refuses_the_whole() {
    let Some(supabase) = Supabase::migrated() else { return };
    let api = Api::new(&supabase, "service_role");
    api.apply_now(&[create(1, "a"), create(2, "b")]).await;
    supabase.sql("alter table integrations add constraint theirs check (name <> 'bad')");
    let before = everything(&supabase);
    let changes = [delete(&supabase, 1), update(&supabase, 2, "B"), create(3, "c"), create(4, "bad")];
    let (status, answer) = api.apply_now(&changes).await;
    assert_eq!((status, &answer["code"]), (400, &json!("23514")), "{answer}");
    assert_eq!(everything(&supabase), before);
}

#[tokio::test]
async fn nobody_else_sees_or_does_anything() {
    let Some(supabase) = Supabase::migrated() else { return };
    let service = Api::new(&supabase, "service_role");
    service.apply_now(&[create(1, "a")]).await;
    let before = everything(&supabase);
    for role in ["anon", "authenticated"] {
        let api = Api::new(&supabase, role);
        for table in ["integrations", "integration_runs", "integration_changes"] {
            let (status, answer) = api.get(table).await;
            assert_eq!((status, &answer["code"]), (401, &json!("42501")), "{role} {table}: {answer}");
        }
        let owner = json!({ "payload": { "managed_by": "acme", "environment": "prod", "ids": [id(1)] } });
        let calls = [
            ("spile_apply", json!({ "payload": payload(&revision(&supabase), &[create(2, "b")]) })),
            ("spile_rows", owner.clone()),
            ("spile_drift", owner),
            ("spile_revision", json!({ "managed_by": "acme", "environment": "prod" })),
            ("spile_version", json!({})),
        ];
        for (function, body) in calls {
            let (status, answer) = api.call(function, &body).await;
            assert_eq!((status, &answer["code"]), (401, &json!("42501")), "{role} {function}: {answer}");
        }
    }
    for statement in ["update integration_changes set actor = ''", "delete from integration_changes"] {
        let refused = supabase.sql_as("postgres", statement).unwrap_err();
        assert!(refused.contains("append-only"), "{refused}");
    }
    assert_eq!(everything(&supabase), before);
}

#[tokio::test]
async fn the_planner_reads_hashes_and_ciphertext_and_writes_nothing() {
    let Some(supabase) = Supabase::migrated() else { return };
    Api::new(&supabase, "service_role").apply_now(&[create(1, "a")]).await;
    let before = everything(&supabase);
    let api = Api::new(&supabase, "spile_planner");
    let columns = "id,slug,type,name,enabled,config,secrets,managed_by,environment,content_hash";
    let (status, rows) = api.get(&format!("integrations?select={columns}&order=id.asc&limit=1000&id=gt.0")).await;
    assert_eq!(status, 200, "{rows}");
    let asked = json!({ "payload": { "managed_by": "acme", "environment": "prod", "ids": [id(1), id(2)] } });
    assert_eq!(api.call("spile_rows", &asked).await, (200, rows));
    assert_eq!(api.call("spile_drift", &asked).await, (200, json!([])));
    assert_eq!(api.call("spile_version", &json!({})).await, (200, json!(VERSION)));
    let owner = json!({ "managed_by": "acme", "environment": "prod" });
    assert_eq!(api.call("spile_revision", &owner).await, (200, json!(revision(&supabase))));
    for hidden in ["integrations?select=status", "integration_runs", "integration_changes?select=actor"] {
        assert_eq!(api.get(hidden).await.0, 401, "{hidden}");
    }
    let planned = json!({ "payload": payload(&revision(&supabase), &[create(2, "b")]) });
    assert_eq!(api.call("spile_apply", &planned).await.0, 401);
    let one = format!("integrations?id=eq.{}", id(1));
    assert_eq!(api.send(reqwest::Method::PATCH, &one, &json!({ "name": "z" })).await.0, 401);
    assert_eq!(api.send(reqwest::Method::DELETE, &one, &Value::Null).await.0, 401);
    assert_eq!(
        api.send(reqwest::Method::POST, "integrations", &json!({ "id": "x", "type": "x", "name": "x" })).await.0,
        401
    );
    assert_eq!(everything(&supabase), before);
}

#[tokio::test]
async fn runs_are_written_over_themselves_by_their_id() {
    let Some(supabase) = Supabase::migrated() else { return };
    let api = Api::new(&supabase, "service_role");
    let run = json!({
        "id": id(1), "managed_by": "acme", "environment": "prod", "integration_id": id(2), "slug": "a", "kind": "sync",
        "status": "running", "started_at": "2026-11-23T07:00:00.123456Z", "finished_at": null, "log": "runs/1.log",
    });
    let done = with(with(run.clone(), "status", json!("ok")), "finished_at", json!("2026-11-23T07:01:00Z"));
    for run in [run, done] {
        let client = reqwest::Client::new().post(format!("{}/integration_runs?on_conflict=id", supabase.url));
        let client = client.bearer_auth(&api.key).header("Prefer", "resolution=merge-duplicates,return=minimal");
        assert!(client.json(&run).send().await.unwrap().status().is_success());
    }
    assert_eq!(supabase.sql("select status from integration_runs"), "ok");
    assert_eq!(api.send(reqwest::Method::DELETE, "integration_runs?kind=eq.sync", &Value::Null).await.0, 401);
}

#[tokio::test]
async fn ten_thousand_changes_stay_well_under_the_statement_timeout() {
    let Some(supabase) = Supabase::migrated() else { return };
    let api = Api::new(&supabase, "service_role");
    let rows = || (1..=10_000).map(|number| create(number, &format!("integration-{number}")));
    let creates: Vec<_> = rows().collect();
    let begun = Instant::now();
    let (status, answer) = api.apply_now(&creates).await;
    assert_eq!((status, &answer["created"]), (200, &json!(10_000)), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let ids: Vec<_> = (1..=10_000).map(id).collect();
    let asked = json!({ "payload": { "managed_by": "acme", "environment": "prod", "ids": ids } });
    let (_, all) = api.call("spile_rows", &asked).await;
    assert_eq!(all.as_array().map(Vec::len), Some(10_000), "a scalar is cut: {:.200}", all.to_string());
}

#[test]
fn the_advisors_of_supabase_find_nothing() {
    let Some(supabase) = Supabase::migrated() else { return };
    let Some(program) = tools::supabase() else { return };
    let home = tempfile::tempdir().unwrap();
    let remote = format!("--remote={}", supabase.database_url());
    let mut command = std::process::Command::new(program);
    command.args(["db", "advisors", &remote, "--level", "info", "--fail-on", "warn", "--yes"]);
    command.args(["--output-format", "json"]).current_dir(home.path());
    command.env("HOME", home.path()).env("SUPABASE_TELEMETRY_DISABLED", "1");
    let said = tools::said(&mut command, "");
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("rls_enabled_no_policy"), "it looked at nothing: {}{}", said.stdout, said.stderr);
}
