//! Sources compared with their destinations: arrived, lost and changed rows.

use serde_json::{Value, json};

use super::loaders::{postgres, with_loaders};
use crate::project::{Project, Ran, with_sources};
use crate::supabase::postgres::Postgres;

/// Every type whose values read differently on both sides, with nulls and empty texts, a table without a key and a
/// view.
const SHOP: &str = "
    create table orders(
        id bigint primary key, customer text, note varchar, paid boolean, price numeric(12, 2), weight double precision,
        day date, at timestamp, facts jsonb, updated_at timestamptz not null);
    insert into orders select g, 'c' || g, case g % 3 when 0 then null when 1 then '' else 'ünï' end, g % 2 = 0, g * 1.10,
        g / 3.0, date '2026-01-01' + g, timestamp '2026-01-01 00:00:00.5' + g * interval '1 hour',
        jsonb_build_object('b', g, 'a', array[1.0, 2]), '2026-01-01 00:00+02'::timestamptz + g * interval '1 hour'
        from generate_series(1, 50) g;
    create table events(what text); insert into events values ('a'), ('a'), (null);
    create view customers as select customer from orders where id < 5;
    create table refunds(id uuid primary key, reason text);
    insert into refunds select md5(g::text)::uuid, 'late' from generate_series(1, 7) g;
    create schema hidden; create table hidden.secrets(id int primary key);
    grant select on orders, events, customers, refunds to shop;";

/// A project with a Postgres source and a loader.
fn shop(server: &Postgres, database: &str, loader: &str) -> Project {
    server.sql("postgres", &format!("create database {database}")).unwrap();
    server.sql(database, SHOP).unwrap();
    server.sql(database, &format!("grant create on database {database} to shop")).unwrap();
    drop(with_loaders());
    let project = with_sources();
    project.write("integrations/lake.toml", &postgres(server.port, database));
    let duck = "type = 'duckdb'\nkind = 'loader'\n[config]\npath = 'w.duckdb'\ndefault_target_schema = 'raw'\nprimary_key_required = false\n";
    project.write("integrations/duck.toml", duck);
    let text = format!(
        "type = 'postgres'\nkind = 'extractor'\nloader = '{loader}'\n\
         select = ['public-orders.*', 'public-events.*', 'public-customers.*', 'public-refunds.*', '!public-orders.weight']\n\n\
         [config]\nhost = '127.0.0.1'\nport = {}\nuser = 'shop'\ndatabase = '{database}'\nfilter_schemas = ['public']\n\n\
         [metadata.public-orders]\nreplication-method = 'INCREMENTAL'\nreplication-key = 'updated_at'\n",
        server.port
    );
    project.write("integrations/shop.toml", &text);
    project.spile(&["secrets", "init"]).succeeds();
    for slug in ["shop", "lake"] {
        project.spile_with(&["secrets", "set", slug, "password", "--stdin"], "hunter2").succeeds();
    }
    project.spile(&["apply", "--yes"]).succeeds();
    project
}

/// Compares, and returns the result of each stream, by its name without the schema.
fn verified(project: &Project, words: &[&str]) -> (Option<i32>, Value, Value) {
    let ran = project.spile(&[&["verify", "shop"], words, &["--format", "json"]].concat());
    let found: Value = serde_json::from_str(&ran.stdout()).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr()));
    crate::cli::schemas::holds("verify", &found);
    let streams = found["streams"].as_array().unwrap_or_else(|| panic!("{found:#}")).iter();
    let name = |stream: &Value| stream["stream"].as_str().unwrap().trim_start_matches("public-").to_owned();
    let streams: serde_json::Map<_, _> = streams.map(|stream| (name(stream), stream.clone())).collect();
    (ran.0.status.code(), streams.into(), found["error"].clone())
}

fn verdicts(streams: &Value) -> Value {
    let streams = streams.as_object().unwrap().iter();
    streams.map(|(name, stream)| (name.clone(), stream["verdict"].clone())).collect::<serde_json::Map<_, _>>().into()
}

fn told(Ran(output): Ran) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_database_is_compared_with_its_source() {
    let Some(server) = Postgres::shared() else { return };
    let project = shop(server, "verified", "lake");
    project.spile(&["sync", "shop"]).succeeds();
    let sql = |text: &str| server.sql("verified", text).unwrap();
    let all_equal = json!({ "orders": "equal", "events": "equal", "customers": "equal", "refunds": "equal" });
    let (code, streams, error) = verified(&project, &[]);
    assert_eq!((code, verdicts(&streams), &error), (Some(0), all_equal, &Value::Null), "{streams:#}");
    let orders = &streams["orders"];
    assert_eq!((&orders["sample"]["rows"], &orders["table"]), (&json!(50), &json!("raw.orders")), "{orders:#}");
    assert_eq!(orders["ranges"]["id"]["destination"], json!({ "least": "1", "greatest": "50" }));
    assert_eq!(orders["ranges"]["updated_at"]["source"]["greatest"], "2026-01-03T00:00:00Z");
    for keyless in ["events", "customers"] {
        assert_eq!(streams[keyless]["notes"], json!(["no key: only rows are counted"]), "{streams:#}");
    }

    // Rows that are newer than the last sync, one of which changed since; a lost row; an extra row; a changed value.
    sql("insert into orders(id, updated_at) values (51, '2026-03-01'); update orders set updated_at = '2026-03-02' where id = 7;
         delete from raw.events where what is null; insert into raw.customers values ('c9');
         update raw.refunds set reason = '' where id = (select min(id::text) from raw.refunds)");
    let (code, streams, error) = verified(&project, &[]);
    let expected = json!({ "orders": "equal", "events": "fewer", "customers": "more", "refunds": "different_values" });
    assert_eq!((code, verdicts(&streams)), (Some(1), expected), "{streams:#}");
    assert_eq!(streams["orders"]["source"], json!({ "newer": 2, "rows_at_least": 49, "rows_at_most": 51 }));
    assert_eq!(streams["refunds"]["sample"]["columns"], json!({ "reason": 1 }));
    let message = "the destination of `shop` differs from its source: `public-events`, `public-refunds`";
    assert_eq!(error["message"], message);
    sql("delete from raw.orders where id in (3, 4); update raw.orders set customer = '' where id = 9");
    let text = told(project.spile(&["verify", "shop", "public-orders"]).fails());
    assert!(text.contains("fewer") && text.contains("2 of 49 rows missing"), "{text}");
    assert!(text.contains("1 of 49 rows different in `customer`, including `9`"), "{text}");
    assert!(text.contains("spile::verify::differs") && text.contains("spile sync shop --full-refresh"), "{text}");

    let text = told(project.spile(&["verify", "shop", "public-order"]).fails());
    assert!(text.contains("has no stream `public-order`") && text.contains("did you mean `public-orders`?"), "{text}");
    let text = told(project.spile(&["verify", "lake"]).fails());
    assert!(text.contains("`lake` is a loader, and loaders run with their extractors"), "{text}");
    let runs = project.json(&["runs"])["runs"].as_array().unwrap().len();
    assert_eq!(runs, 1, "a comparison is no run");
    assert!(crate::project::leftovers(&project).is_empty());
    for log in std::fs::read_dir(project.path().join(".spile/logs/shop/verify")).unwrap() {
        assert!(!std::fs::read_to_string(log.unwrap().path()).unwrap().contains("hunter2"));
    }
}

#[test]
fn duckdb_and_files_are_compared_with_their_source() {
    let Some(server) = Postgres::shared() else { return };
    let project = shop(server, "verified_duck", "duck");
    let (code, streams, _) = verified(&project, &["public-refunds", "--sample", "0"]);
    assert_eq!((code, verdicts(&streams)), (Some(1), json!({ "refunds": "fewer" })), "nothing arrived: {streams:#}");
    project.spile(&["sync", "shop"]).succeeds();
    server.sql("verified_duck", "update orders set price = price + 0.01 where id = 3").unwrap();
    let (code, streams, _) = verified(&project, &[]);
    let expected = json!({ "orders": "different_values", "events": "equal", "customers": "equal", "refunds": "equal" });
    assert_eq!((code, verdicts(&streams)), (Some(1), expected), "{streams:#}");
    assert_eq!(streams["orders"]["sample"]["columns"], json!({ "price": 1 }), "all others are equal: {streams:#}");

    // Files grow with each full read, and are compared by their keys.
    let text = project.read("integrations/shop.toml").replace("loader = 'duck'", "loader = 'files'");
    project.write("integrations/shop.toml", &text);
    project.spile(&["sync", "shop"]).succeeds();
    let kept: Vec<String> = project.read("output/public-refunds.jsonl").lines().skip(1).map(str::to_owned).collect();
    project.write("output/public-refunds.jsonl", &format!("{0}\n{0}\n", kept.join("\n")));
    let (code, streams, _) = verified(&project, &[]);
    let expected = json!({ "orders": "equal", "events": "equal", "customers": "equal", "refunds": "fewer" });
    assert_eq!((code, verdicts(&streams)), (Some(1), expected), "{streams:#}");
    assert_eq!(streams["refunds"]["destination"], json!({ "rows": 12, "keys": 6 }));

    server.sql("verified_duck", "revoke select on refunds from shop").unwrap();
    let text = told(project.spile(&["verify", "shop", "public-refunds"]).fails());
    assert!(text.contains("permission denied for table refunds") && text.contains("spile::verify::failed"), "{text}");
}

#[test]
fn a_source_that_cannot_be_compared_is_reported_with_those_that_can() {
    let project = Project::with_fault("well");
    let text = told(project.spile(&["verify", "things"]).fails());
    assert!(text.contains("does not support `fault`") && text.contains("supports `postgres` and `mysql`"), "{text}");
}
