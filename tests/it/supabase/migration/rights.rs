//! The rights of each role.

use serde_json::{Value, json};
use spile_world::stores::supabase::VERSION;

use super::{Api, create, everything, id, payload, revision};
use crate::supabase::parts::Supabase;

#[tokio::test]
async fn other_roles_can_see_and_do_nothing() {
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
            "integration_states",
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
            ("spile_keep_alerts", owner.clone()),
            ("spile_keep_state", owner),
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
    for hidden in
        ["integrations?select=status", "integration_runs", "integration_changes?select=actor", "integration_states"]
    {
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

/// A planner can read no secret of others' rows, of unmanaged rows, or of their history: neither from the table, nor
/// with a function, nor with a key that names no project.
#[tokio::test]
async fn the_planner_reads_config_and_secrets_of_no_project_but_its_own() {
    let Some(supabase) = Supabase::migrated() else { return };
    let service = Api::new(&supabase, "service_role");
    service.apply_now(&[create(1, "a")]).await;
    supabase.sql(
        "insert into integrations (id, type, name, config, secrets, slug, environment, managed_by) values
           ('by-hand', 'y', 'By hand', '{\"password\": \"hunter2\"}', '{\"p\": \"hunter2\"}', null, null, null),
           ('elsewhere', 'y', 'Elsewhere', '{\"password\": \"hunter2\"}', '{\"p\": \"hunter2\"}', 'x', 'prod', 'other');
         insert into integration_changes (apply_id, plan, environment, integration_id, op, managed_by, actor, after_hash, after)
           values (gen_random_uuid(), 'p', 'prod', 'elsewhere', 'create', 'other', 'x', 'h', '{\"config\": \"hunter2\"}')",
    );
    let asked = |project: &str, ids: &[&str]| json!({ "payload": { "managed_by": project, "environment": "prod", "ids": ids } });
    let others = |ids: &[&str]| -> Vec<Value> {
        let all = [
            json!({ "id": id(1), "name": "a", "managed_by": "acme" }),
            json!({ "id": "by-hand", "name": "By hand", "managed_by": null }),
            json!({ "id": "elsewhere", "name": "Elsewhere", "managed_by": "other" }),
        ];
        all.into_iter().filter(|row| ids.contains(&row["id"].as_str().unwrap())).collect()
    };
    for (project, own, foreign) in [
        (Some("acme"), vec![id(1)], ["by-hand", "elsewhere"]),
        (Some("third"), vec![], ["by-hand", "elsewhere"]),
        (None, vec![], ["by-hand", "elsewhere"]),
    ] {
        let api = Api { supabase: &supabase, key: supabase.planner_key(project) };
        let (status, rows) = api.get("integrations?select=id,config,secrets,content_hash&order=id").await;
        assert_eq!(status, 200, "{rows}");
        let read: Vec<String> =
            rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(read, own, "{project:?}");
        let (_, changes) = api.get("integration_changes?select=integration_id,after").await;
        assert_eq!(changes.as_array().map(Vec::len), Some(own.len()), "{project:?}: {changes}");
        for (wanted, other) in [("other", "elsewhere"), ("acme", &id(1) as &str)] {
            if project == Some(wanted) {
                continue;
            }
            for function in ["spile_state", "spile_rows"] {
                let (status, answer) = api.call(function, &asked(wanted, &[other])).await;
                assert_eq!((status, &answer["code"]), (403, &json!("PT403")), "{project:?} {function}: {answer}");
            }
        }
        if let Some(project) = project {
            let (status, state) = api.call("spile_state", &asked(project, &[])).await;
            assert_eq!(status, 200, "{state}");
            let shown = if own.is_empty() { others(&[&id(1), foreign[0], foreign[1]]) } else { others(&foreign) };
            assert_eq!(state["others"].as_array().unwrap(), &shown, "{project}");
            assert!(!state.to_string().contains("hunter2"), "{state}");
        }
    }
    let (_, state) = service.call("spile_state", &asked("acme", &[])).await;
    assert_eq!(state["others"][0]["content_hash"].as_str().map(str::len), Some(64), "an apply adopts by the hash");
}
