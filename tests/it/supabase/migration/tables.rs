//! The tables: created from nothing, over themselves and over an existing table; and what the hash covers.

use serde_json::{Value, json};
use spile_world::stores::supabase::VERSION;

use super::{Api, create, delete, id, revision, update, with};
use crate::supabase::parts::Supabase;

const EIGHT_COLUMNS: &str = "set role postgres;
    create table integrations (id ID primary key, type text not null, name text not null, config jsonb, secrets jsonb,
      status text not null default 'active', created_at timestamptz default now(), updated_at timestamptz default now());
    insert into integrations (id, type, name, config) values
      ('00000000-0000-0000-0000-0000000000aa', 'crm', 'theirs', '{\"k\": 1}'),
      ('00000000-0000-0000-0000-0000000000ab', 'crm', 'odd', 'null');";

#[test]
fn the_migration_runs_on_an_empty_database_and_again() {
    let Some(supabase) = Supabase::migrated() else { return };
    let schema = "select json_agg(c order by c) from (select table_name, column_name, data_type, is_nullable
        from information_schema.columns where table_schema = 'public') c";
    let before = supabase.sql(schema);
    supabase.migrate();
    assert_eq!(supabase.sql(schema), before);
    assert_eq!(supabase.sql("select spile_version()"), VERSION.to_string());
}

#[tokio::test]
async fn tables_of_version_1_are_upgraded_and_keep_their_data() {
    let Some(supabase) = Supabase::migrated() else { return };
    let api = Api::new(&supabase, "service_role");
    api.apply_now(&[create(1, "a"), create(2, "b")]).await;
    // The earlier tables, without what version 2 added.
    supabase.sql(
        "drop table integration_applies, integration_files;
         alter table integration_changes drop column after;
         drop function spile_applies(jsonb), spile_left(jsonb);
         create or replace function spile_version() returns integer language sql as 'select 1';",
    );
    supabase.migrate();
    assert_eq!(supabase.sql("select spile_version()"), VERSION.to_string());
    let (status, answer) = api.apply_now(&[update(&supabase, 1, "A")]).await;
    assert_eq!((status, &answer["updated"]), (200, &json!(1)), "{answer}");
    let asked = json!({ "payload": { "managed_by": "acme", "environment": "prod", "most": 10 } });
    let (_, applies) = api.call("spile_applies", &asked).await;
    assert_eq!(applies.as_array().unwrap().len(), 1, "{applies}");
    assert_eq!(supabase.sql("select count(*) from integration_changes"), "3");
}

#[test]
fn a_runs_table_without_the_warning_status_gets_it() {
    let Some(supabase) = Supabase::migrated() else { return };
    supabase.sql(
        "alter table integration_runs drop constraint integration_runs_status_check;
         alter table integration_runs add constraint integration_runs_status_check
           check (status in ('running', 'ok', 'failed', 'cancelled'));",
    );
    supabase.migrate();
    supabase.migrate();
    let insert = |word: &str| {
        format!(
            "insert into integration_runs (id, managed_by, environment, integration_id, slug, kind, status, started_at, finished_at)
             values (gen_random_uuid(), 'acme', 'prod', 'x', 'x', 'sync', '{word}', now(), now())"
        )
    };
    supabase.sql(&insert("warning"));
    let ends = "select jsonb_array_length(spile_ends('{\"managed_by\": \"acme\", \"environment\": \"prod\"}'))";
    assert_eq!(supabase.sql(ends), "1");
    let refused = format!(
        "do $$ begin {}; raise exception 'it was taken'; exception when check_violation then null; end $$",
        insert("odd")
    );
    supabase.sql(&refused);
}

#[tokio::test]
async fn the_migration_keeps_the_rows_of_an_existing_table() {
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
async fn a_dashboard_inserts_a_row_without_an_id() {
    for kind in ["text", "uuid"] {
        let Some(supabase) = Supabase::start() else { return };
        supabase.sql(&EIGHT_COLUMNS.replace("ID", kind));
        supabase.migrate();
        supabase.migrate();
        supabase.sql("insert into integrations (type, name) values ('crm', 'by hand')");
        let made = supabase.sql("select id from integrations where name = 'by hand'");
        assert_eq!(made.parse::<uuid::Uuid>().unwrap().to_string(), made, "{kind}: it is as spile writes ids");
        let api = Api::new(&supabase, "service_role");
        let (status, answer) = api.apply_now(&[create(1, "a")]).await;
        assert_eq!((status, &answer["created"]), (200, &json!(1)), "{kind}: {answer}");
    }
    let Some(supabase) = Supabase::start() else { return };
    let own = EIGHT_COLUMNS.replace("ID", "text default 'theirs'");
    supabase.sql(&own);
    supabase.migrate();
    supabase.sql("insert into integrations (type, name) values ('crm', 'by hand')");
    assert_eq!(supabase.sql("select id from integrations where name = 'by hand'"), "theirs", "its own default stays");
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
async fn runs_are_updated_by_their_id() {
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
