//! One apply is one transaction, done once, one at a time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Api, create, delete, everything, hash, id, payload, revision, row, update, with};
use crate::supabase::parts::Supabase;

#[tokio::test]
async fn one_apply_creates_updates_deletes_adopts_and_audits() {
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
async fn a_repeated_apply_is_not_carried_out_again() {
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
async fn of_two_concurrent_applies_one_wins_and_the_other_is_refused() {
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
