//! The streams that real taps offer, compared with what integrations select.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::sources::{orders, password, shop};
use crate::cli::schemas::holds;
use crate::project::{CONNECTOR, FRUIT, LOADER, Project, leftovers, processes_of, signal, things, wait, with_sources};
use crate::supabase::postgres::Postgres;

fn files(folder: &Path) -> Vec<PathBuf> {
    let items = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|item| item.path());
    items.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_source_is_only_discovered_again_after_a_change_or_on_request() {
    let project = Project::with_fault("well");
    project.write("data/fruit.singer.jsonl", include_str!("../../../crates/spile-ops/src/init/fruit.singer.jsonl"));
    project.write("integrations/fruit.toml", FRUIT);
    let asks = |words: &[&str]| project.spile(words).succeeds().stderr().contains("Discovering");
    assert!(asks(&["discover", "fruit"]));
    assert!(!asks(&["discover", "fruit"]), "the saved discovery is still valid");
    assert!(asks(&["discover", "fruit", "--refresh"]));
    project.write("integrations/fruit.toml", &FRUIT.replace("loader", "schedule = '@daily'\nloader"));
    assert!(!asks(&["discover", "fruit"]), "a schedule changes nothing of the source");
    project.write("integrations/fruit.toml", &FRUIT.replace("['data']", "['data', 'data']"));
    assert!(asks(&["discover", "fruit"]), "a setting has changed");
    let offer = project.json(&["discover", "fruit"]);
    holds("discover", &offer);
    assert_eq!(offer["streams"][0]["stream"], "fruit");
    assert_eq!(offer["streams"][0]["primary_key"], json!(["id"]));
    let kept = project.path().join(".spile/catalogs/fruit.dev.json");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&kept), mode(kept.parent().unwrap())), (0o600, 0o700));
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
}

#[test]
fn a_failed_discovery_is_reported_with_the_reason() {
    let project = Project::with_fault("well");
    for (mode, why) in [
        ("offer-fail", "discovery of `things` failed: PermissionError: the account may not list its tables"),
        ("offer-silent", "exited with code 3 and gave no reason"),
        ("offer-garbage", "its output is not JSON: it starts with `Welcome to this tap!`"),
        ("offer-nothing", "its output is empty"),
        ("offer-other", "its output has no `streams`"),
        ("offer-flood", "its output is larger than 256 MiB"),
    ] {
        project.write("integrations/things.toml", &things(mode));
        let told = project.spile(&["discover", "things"]).fails().stderr();
        assert!(told.contains(why) && told.contains(".spile/logs/things/discover/"), "{mode}: {told}");
    }
    assert!(project.json(&["discover", "things"])["error"]["code"].as_str().unwrap().starts_with("spile::discover::"));
    project.write("integrations/things.toml", &things("offer-hang"));
    let told = project.spile(&["discover", "things", "--timeout", "4"]).fails().stderr();
    assert!(told.contains("did not finish within 4 seconds"), "{told}");
    assert_eq!(processes_of(&project), Vec::<String>::new());
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
    assert_eq!(files(&project.path().join(".spile/catalogs")), Vec::<PathBuf>::new());
    assert!(files(&project.path().join(".spile/logs/things/discover")).len() <= 5);
    assert_eq!(project.json(&["runs"])["runs"], json!([]), "a discovery is no run");
}

#[test]
fn loaders_are_not_discovered() {
    let project = Project::with_fault("well");
    let told = project.spile(&["discover", "files"]).fails().stderr();
    assert!(told.contains("`files` is a loader"), "{told}");
    project.write("connectors/fault.toml", &CONNECTOR.replace("\"discover\", ", ""));
    let told = project.spile(&["discover", "things"]).fails().stderr();
    assert!(told.contains("`fault` does not have the capability `discover`"), "{told}");
    let told = project.spile(&["discover", "thngs"]).fails().stderr();
    assert!(told.contains("did you mean `things`?"), "{told}");
}

#[test]
fn ctrl_c_stops_a_discovery() {
    let project = Project::with_fault("offer-hang");
    let mut command = project.command(&["discover", "things"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = std::time::Instant::now();
    while !processes_of(&project).iter().any(|line| line.contains("bin/tap-fault")) {
        assert!(begun.elapsed() < Duration::from_mins(2), "the tap does not start");
        std::thread::sleep(Duration::from_millis(100));
    }
    signal("-INT", &child);
    assert_eq!(wait(&mut child, Duration::from_mins(1)).code(), Some(1));
    assert_eq!(processes_of(&project), Vec::<String>::new());
    assert!(leftovers(&project).is_empty(), "{:?}", leftovers(&project));
}

#[test]
fn no_secret_is_in_a_saved_discovery_its_log_or_its_output() {
    let canary = "canary-\u{e9}\"secret";
    let project = Project::with_fault("offer-secret");
    project.spile(&["secrets", "init"]).succeeds();
    project.spile_with(&["secrets", "set", "things", "token", "--stdin"], canary).succeeds();
    let shown = project.spile(&["discover", "things"]).succeeds();
    let fields = project.spile(&["discover", "things", "*"]).succeeds();
    let data = project.spile(&["discover", "things", "--format", "json"]).succeeds();
    assert!(shown.stdout().contains("of (secret)"), "{}", shown.stdout());
    let mut all: Vec<(String, Vec<u8>)> = files(&project.path().join(".spile"))
        .into_iter()
        .filter(|path| !path.starts_with(project.path().join(".spile/meltano")))
        .map(|path| (path.display().to_string(), std::fs::read(path).unwrap()))
        .collect();
    assert!(all.iter().any(|(name, _)| name.ends_with("things.dev.json")));
    assert!(all.iter().any(|(name, bytes)| name.contains("/discover/") && !bytes.is_empty()));
    all.extend([shown, fields, data].map(|ran| ("output".to_owned(), [ran.0.stdout, ran.0.stderr].concat())));
    for (name, bytes) in all {
        let text = String::from_utf8_lossy(&bytes);
        for form in ["canary-", "Y2FuYXJ5"] {
            assert!(!text.contains(form), "{name}: {text}");
        }
    }
}

#[test]
fn postgres_reports_its_tables_whatever_an_earlier_sync_selected() {
    let Some(postgres) = Postgres::shared() else { return };
    orders(postgres, "orders_offered");
    let project = with_sources();
    project.spile(&["secrets", "init"]).succeeds();
    shop(&project, postgres.port, "orders_offered", "public-orders.updated_at");
    password(&project, "hunter2");
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "shop"]).succeeds();
    // Meltano's own catalog of that sync contains the selection, which the tap would repeat.
    postgres.sql("orders_offered", "create table fresh(id int); grant select on fresh to shop").unwrap();
    let offer = project.json(&["discover", "shop"]);
    holds("discover", &offer);
    let stream = |name: &str| {
        let streams = offer["streams"].as_array().unwrap();
        streams.iter().find(|stream| stream["stream"] == name).unwrap_or_else(|| panic!("{name}: {offer:#}"))
    };
    assert_eq!(stream("public-fresh")["selected"], false);
    let orders = stream("public-orders");
    assert_eq!((&orders["primary_key"], &orders["selected"]), (&json!(["id"]), &json!(true)));
    let told: Vec<_> = orders["fields"].as_array().unwrap().iter().map(field_of).collect();
    let wanted = [("customer", "available", false), ("id", "automatic", true), ("updated_at", "available", true)];
    assert_eq!(told, wanted, "{orders:#}");
    let record: Value =
        serde_json::from_str(project.read("output/public-orders.jsonl").lines().next().unwrap()).unwrap();
    let read: Vec<&String> = record.as_object().unwrap().keys().collect();
    let taken: Vec<&str> = told.iter().filter(|(_, _, selected)| *selected).map(|(name, _, _)| *name).collect();
    assert_eq!(read, taken, "the predicted selection differs from the real one");
    let shown = project.spile(&["discover", "shop", "public-orders"]).succeeds().stdout();
    assert!(shown.contains("customer") && shown.contains("string (date-time)"), "{shown}");
    let told = project.spile(&["discover", "shop", "public-order"]).fails().stderr();
    assert!(told.contains("did you mean `public-orders`?"), "{told}");
    password(&project, "wrong");
    let told = project.spile(&["discover", "shop"]).fails().stderr();
    assert!(told.contains("password authentication failed for user \"shop\""), "{told}");
    assert!(!told.contains("Traceback") && !told.contains("hunter2"), "{told}");
}

fn field_of(field: &Value) -> (&str, &str, bool) {
    (field["field"].as_str().unwrap(), field["inclusion"].as_str().unwrap(), field["selected"].as_bool().unwrap())
}

#[test]
fn selections_are_checked_against_the_source() {
    let Some(postgres) = Postgres::shared() else { return };
    orders(postgres, "orders_checked");
    let project = with_sources();
    project.write("spile.toml", "[project]\nname = 'real'\n[environments.dev]\n[environments.prod]\n");
    project.spile(&["secrets", "init"]).succeeds();
    shop(&project, postgres.port, "orders_checked", "public-orders.*', '!public-orders.custmer', 'public.orders");
    project.write("integrations/shop.prod.toml", "select = ['public-orderz.*']\n");
    password(&project, "hunter2");
    let ran = project.spile(&["check", "--discover"]).succeeds();
    let note = "it is not known what the source of `shop` offers: run `spile discover shop` and `spile discover shop --env prod`";
    assert!(ran.stderr().contains(note), "{}", ran.stderr());
    let checked = project.json(&["check", "--discover"]);
    holds("check", &checked);
    assert_eq!(checked["undiscovered"], json!([{ "slug": "shop", "environments": ["dev", "prod"] }]));
    project.spile(&["check", "--discover", "--strict"]).fails();
    project.spile(&["discover", "shop"]).succeeds();
    project.spile(&["discover", "shop", "--env", "prod"]).succeeds();
    // No key is needed.
    std::fs::rename(project.path().join("config"), project.path().join("away")).unwrap();
    let report = project.json(&["check", "--discover"]);
    let problems = report["error"]["problems"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    let told: Vec<_> = problems
        .iter()
        .map(|problem| {
            let text = |key: &str| problem[key].as_str().unwrap().to_owned();
            (text("file"), text("code"), text("help"))
        })
        .collect();
    let said = |file: &str, code: &str, near: &str| {
        (format!("integrations/{file}"), format!("spile::select::{code}"), format!("did you mean `{near}`?"))
    };
    assert_eq!(
        told,
        [
            said("shop.prod.toml", "no_stream", "public-orders"),
            said("shop.toml", "no_field", "customer"),
            said("shop.toml", "no_stream", "public-orders"),
        ]
    );
    assert!(problems[0]["message"].as_str().unwrap().contains("in `prod`"), "{report:#}");
    let dev = project.json(&["check", "--discover", "--env", "dev"]);
    assert_eq!(dev["error"]["problems"].as_array().unwrap().len(), 2, "{dev:#}");
    assert!(project.spile(&["check"]).succeeds().stdout().contains("no problems"));
}

/// Reproduces a real failure: the tap ends with `KeyError: 'updated_at'`.
#[test]
fn an_unselected_replication_key_is_reported_before_the_tap_fails() {
    let Some(postgres) = Postgres::shared() else { return };
    orders(postgres, "orders_keyless");
    let project = with_sources();
    project.spile(&["secrets", "init"]).succeeds();
    shop(&project, postgres.port, "orders_keyless", "public-orders.customer");
    password(&project, "hunter2");
    project.spile(&["discover", "shop"]).succeeds();
    let checked = project.json(&["check", "--discover"]);
    let problems = checked["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{checked:#}");
    assert_eq!(problems[0]["code"], "spile::select::replication_key_left_out");
    project.spile(&["apply", "--yes"]).succeeds();
    let ran = project.spile(&["sync", "shop", "--retries", "0"]).fails();
    assert!(ran.stdout().contains("'updated_at'"), "{}", ran.stdout());
}

/// Meltano writes `selected: false` for such a field, and the tap reads it anyway.
#[test]
fn excluding_a_field_that_is_always_read_is_reported() {
    let Some(postgres) = Postgres::shared() else { return };
    orders(postgres, "orders_automatic");
    let project = with_sources();
    project.spile(&["secrets", "init"]).succeeds();
    shop(&project, postgres.port, "orders_automatic", "public-orders.*', '!public-orders.id");
    password(&project, "hunter2");
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["discover", "shop"]).succeeds();
    let checked = project.json(&["check", "--discover"]);
    holds("check", &checked);
    let problems = checked["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{checked:#}");
    assert_eq!(
        (&problems[0]["code"], &problems[0]["severity"]),
        (&json!("spile::select::always_read"), &json!("warning"))
    );
    project.spile(&["sync", "shop"]).succeeds();
    let record = project.read("output/public-orders.jsonl").lines().next().unwrap().to_owned();
    assert!(record.contains("\"id\": 1"), "{record}");
}

#[test]
fn a_tap_that_ignores_selections_is_reported() {
    let project = Project::with_fault("well");
    project.write("data/fruit.singer.jsonl", include_str!("../../../crates/spile-ops/src/init/fruit.singer.jsonl"));
    project.write("integrations/fruit.toml", &format!("select = ['fruit.*', '!fruit.name']\n{FRUIT}"));
    project.write("integrations/files.toml", LOADER);
    let checked = project.json(&["check"]);
    let problem = &checked["error"]["problems"][0];
    assert_eq!(
        (&problem["code"], &problem["line"]),
        (&json!("spile::integration::no_selection"), &json!(1)),
        "{checked:#}"
    );
    project.spile(&["sync", "fruit"]).fails();
    project.write("integrations/fruit.toml", FRUIT);
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "fruit"]).succeeds();
    assert!(project.read("output/fruit.jsonl").contains("\"name\": \"apple\""), "all of it is read");
    let offer = project.json(&["discover", "fruit", "fruit"]);
    let fields = offer["streams"][0]["fields"].as_array().unwrap();
    assert!(fields.iter().all(|field| field["selected"] == true), "{offer:#}");
}
