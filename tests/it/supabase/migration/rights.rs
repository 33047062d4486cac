//! Who may do what.

use serde_json::{Value, json};
use spile::world::supabase::VERSION;

use super::{Api, create, everything, id, payload, revision};
use crate::supabase::parts::Supabase;

#[tokio::test]
async fn nobody_else_sees_or_does_anything() {
    let Some(supabase) = Supabase::migrated() else { return };
    let service = Api::new(&supabase, "service_role");
    service.apply_now(&[create(1, "a")]).await;
    let before = everything(&supabase);
    for role in ["anon", "authenticated"] {
        let api = Api::new(&supabase, role);
        for table in [
            "integrations",
            "integration_runs",
            "integration_changes",
            "integration_applies",
            "integration_files",
            "integration_alerts",
        ] {
            let (status, answer) = api.get(table).await;
            assert_eq!((status, &answer["code"]), (401, &json!("42501")), "{role} {table}: {answer}");
        }
        let owner = json!({ "payload": { "managed_by": "acme", "environment": "prod", "ids": [id(1)] } });
        let calls = [
            ("spile_apply", json!({ "payload": payload(&revision(&supabase), &[create(2, "b")]) })),
            ("spile_rows", owner.clone()),
            ("spile_state", owner.clone()),
            ("spile_tries", owner.clone()),
            ("spile_ends", owner.clone()),
            ("spile_keep_alerts", owner),
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
    assert_eq!(api.call("spile_rows", &asked).await, (200, rows.clone()));
    let hashes = json!({ id(1): rows[0]["content_hash"] });
    let state = json!({ "version": VERSION, "hashes": hashes, "drift": [], "others": [] });
    assert_eq!(api.call("spile_state", &asked).await, (200, state));
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
