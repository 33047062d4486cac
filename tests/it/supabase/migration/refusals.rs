//! Applies that are refused as a whole.

use serde_json::{Value, json};

use super::{Api, create, delete, everything, hash, id, payload, reasons, revision, row, update, with};
use crate::supabase::parts::Supabase;

#[tokio::test]
async fn a_refused_apply_changes_nothing() {
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
    let (_, state) =
        api.call("spile_state", &json!({ "payload": { "managed_by": "acme", "environment": "prod" } })).await;
    let gone = json!({ "id": id(2), "why": "deleted", "after": row("b") });
    assert_eq!(state["drift"], json!([gone, { "id": id(0xff), "why": "added", "after": null }]));
}

#[tokio::test]
async fn a_users_own_constraint_refuses_the_whole_apply() {
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
