//! What happens to rows that are already loaded, when a change would have their stream read again: it is chosen, in a file
//! or on the command line, and the rows show it.

use serde_json::{Value, json};

use super::loaders::shop_by_change;
use crate::project::Project;
use crate::supabase::postgres::Postgres;

const SHOP: &str = "
    create table orders(id bigint primary key, customer text, updated_at timestamptz not null);
    insert into orders select g, 'c' || g, '2026-01-01'::timestamptz + g * interval '1 minute' from generate_series(1, 400) g;
    grant select on orders to shop;";

/// Everything of `orders`.
const ALL: &str = "'public-orders.*'";

/// `orders` without its customers.
const PART: &str = "'public-orders.id', 'public-orders.updated_at'";

/// A shop whose orders were synced without their customers, and ten later orders that were not synced.
fn shop(server: &Postgres, database: &str) -> Project {
    let project = shop_by_change(server, database, SHOP, PART);
    let settings = project.read("spile.toml");
    project.write("spile.toml", &format!("{settings}\n[guard]\nmax_resync_rows = 100\n"));
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "shop"]).succeeds();
    let later = "insert into orders select g, 'c' || g, '2026-02-01'::timestamptz + g * interval '1 minute' \
                 from generate_series(401, 410) g";
    server.sql(database, later).unwrap();
    project
}

fn replace(project: &Project, from: &str, to: &str) {
    let text = project.read("integrations/shop.toml");
    assert!(text.contains(from), "{text}");
    project.write("integrations/shop.toml", &text.replace(from, to));
}

/// The choices of applies that the newest run carried out, and the sentences about them.
fn carried_out(project: &Project) -> (Value, String) {
    let shown = project.json(&["runs", "show", "shop"]);
    crate::cli::schemas::holds("run", &shown);
    let text = project.spile(&["runs", "show", "shop"]).succeeds().stdout();
    let sentences: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("choice")).map(str::trim).collect();
    (shown["run"]["details"]["choices"].clone(), sentences.join("\n"))
}

/// How many rows arrived, how many of them with their customer, and how many records the last sync has read.
fn rows(server: &Postgres, project: &Project, database: &str) -> (String, u64) {
    let counted = server.sql(database, "select count(*), count(customer) from raw.orders").unwrap();
    (counted, project.newest_run()["streams"]["public-orders"].as_u64().unwrap())
}

#[test]
fn a_change_that_goes_forward_leaves_older_rows_and_is_used_up_by_its_apply() {
    let Some(server) = Postgres::shared() else { return };
    let database = "forward";
    let project = shop(server, database);
    replace(&project, PART, ALL);
    assert_eq!(project.spile(&["apply", "--yes"]).0.status.code(), Some(4), "the guard refuses to read 400 rows again");
    let text = project.read("integrations/shop.toml");
    project.write("integrations/shop.toml", &format!("forward_only = ['public-orders']\n{text}"));
    let plan = project.json(&["plan"]);
    crate::cli::schemas::holds("plan", &plan);
    let changes = plan["changes"].as_array().unwrap();
    let change = changes.iter().find(|change| change["slug"] == "shop").unwrap();
    assert_eq!((&change["consequence"], &change["forward_only"][0]), (&"none".into(), &"public-orders".into()));
    assert!(change["price"].is_null() && plan["guards"].as_array().unwrap().is_empty(), "{plan:#}");
    let shown = project.spile(&["plan"]).succeeds().stdout();
    let wanted = "older rows of `public-orders` keep the old value: newly selected streams are read from the start";
    assert!(shown.contains(wanted) && shown.contains("forward_only"), "{shown}");
    assert!(project.spile(&["plan", "--format", "markdown"]).succeeds().stdout().contains("keep the old value"));

    let applied = project.spile(&["apply", "--yes"]).succeeds();
    assert!(
        applied.stderr().contains("the bookmarks of `public-orders` in `shop`: older rows keep"),
        "{}",
        applied.stderr()
    );
    project.spile(&["sync", "shop"]).succeeds();
    assert_eq!(rows(server, &project, database), ("410|11".to_owned(), 11), "the last row of before comes again");
    let history = project.spile(&["state", "history", "shop"]).succeeds().stdout();
    assert!(history.contains("forward-only public-orders"), "{history}");
    let (choices, sentences) = carried_out(&project);
    assert_eq!((&choices[0]["kind"], &choices[0]["streams"]), (&json!("forward_only"), &json!(["public-orders"])));
    assert_eq!(choices[0]["plan"], project.json(&["history"])["applies"][0]["plan"]);
    assert!(history.contains(choices[0]["change"].as_str().unwrap()), "{history} {choices}");
    let wanted = "older rows of public-orders keep the old value: forward only, chosen by ";
    assert!(sentences.starts_with(wanted) && sentences.contains(" in the apply of "), "{sentences}");
    project.spile(&["sync", "shop"]).succeeds();
    assert_eq!(carried_out(&project), (Value::Null, String::new()), "the sync before has carried it out");

    // The file still says it, and it means nothing for the next change.
    let said = project.spile(&["plan", "--exit-code"]).succeeds().stderr();
    assert!(said.contains("`forward_only` of `shop` was used by an earlier apply"), "{said}");
    replace(&project, ALL, PART);
    project.spile(&["apply", "--yes"]).succeeds();
    replace(&project, PART, ALL);
    assert_eq!(project.spile(&["apply", "--yes"]).0.status.code(), Some(4), "used up");
    let refused = project.spile(&["apply", "--yes", "--forward-only", "public-customers"]).fails();
    assert!(refused.stderr().contains("the plan does not read this stream again"), "{}", refused.stderr());
    let refused =
        project.spile(&["apply", "--yes", "--resync=public-orders", "--forward-only", "public-orders"]).fails();
    assert!(refused.stderr().contains("more than one choice was made for `public-orders`"), "{}", refused.stderr());
    project.spile(&["apply", "--yes", "--forward-only", "public-orders"]).succeeds();
    project.spile(&["plan", "--exit-code"]).succeeds();

    // A choice without a change has no effect, and the plan says so.
    replace(&project, "forward_only = ['public-orders']\n", "forward_only = ['public-order']\n");
    let said = project.spile(&["plan"]).succeeds().stderr();
    assert!(said.contains("`forward_only` of `shop` has no effect on `public-order`"), "{said}");
}

#[test]
fn a_change_is_read_again_from_a_date_and_older_rows_stay() {
    let Some(server) = Postgres::shared() else { return };
    let database = "from_a_date";
    let project = shop(server, database);
    replace(&project, PART, ALL);
    let text = project.read("integrations/shop.toml");
    let of = |date: &str| format!("{text}\n[backfill]\npublic-orders = {date}\n");
    project.write("integrations/shop.toml", &of("2026-03-01"));
    let refused = project.spile(&["apply", "--yes", "--allow", "resync=1"]).fails();
    assert!(refused.stderr().contains("which is earlier than the backfill date `2026-03-01`"), "{}", refused.stderr());
    assert!(refused.stderr().contains("spile::choice::later"), "{}", refused.stderr());
    project.write("integrations/shop.toml", &of("'yesterday'"));
    let refused = project.spile(&["plan"]).fails();
    assert!(refused.stderr().contains("the backfill date `yesterday`, which is not a date"), "{}", refused.stderr());

    // The order of 2026-01-01T05:00Z has the number 300.
    project.write("integrations/shop.toml", &of("2026-01-01T05:00:00Z"));
    let plan = project.json(&["plan"]);
    crate::cli::schemas::holds("plan", &plan);
    let change = plan["changes"].as_array().unwrap().iter().find(|change| change["slug"] == "shop").unwrap().clone();
    assert_eq!(change["backfill"]["public-orders"], "2026-01-01T05:00:00Z", "{change:#}");
    let applied = project.spile(&["apply", "--yes", "--allow", "resync=1"]).succeeds();
    assert!(applied.stderr().contains("`public-orders` to 2026-01-01T05:00:00Z"), "{}", applied.stderr());
    project.spile(&["sync", "shop"]).succeeds();
    assert_eq!(rows(server, &project, database), ("410|111".to_owned(), 111));
    let history = project.spile(&["state", "history", "shop"]).succeeds().stdout();
    assert!(history.contains("backfill public-orders=2026-01-01T05:00:00Z"), "{history}");
    let (choices, sentences) = carried_out(&project);
    assert_eq!(choices[0]["since"], json!({ "public-orders": "2026-01-01T05:00:00Z" }));
    assert!(sentences.starts_with("reads again public-orders since 2026-01-01T05:00:00Z: backfill"), "{sentences}");

    // A saved plan with a choice of the command line is applied with it.
    let text = project.read("integrations/shop.toml");
    project.write("integrations/shop.toml", text.split("\n[backfill]").next().unwrap());
    replace(&project, ALL, PART);
    project.spile(&["apply", "--yes"]).succeeds();
    replace(&project, PART, ALL);
    project.spile(&["plan", "--backfill", "public-orders=2026-01-01T06:00:00Z", "--out", "plan.json"]).succeeds();
    project.spile(&["apply", "--yes", "--allow", "resync=1", "plan.json"]).succeeds();
    project.spile(&["sync", "shop"]).succeeds();
    assert_eq!(rows(server, &project, database).1, 51);

    // A resync is a choice too; one that was undone before the sync is not carried out.
    replace(&project, ALL, PART);
    project.spile(&["apply", "--yes"]).succeeds();
    replace(&project, PART, ALL);
    let resync = ["apply", "--yes", "--allow", "resync=1", "--resync"];
    let said = project.spile(&resync).succeeds().stderr();
    assert!(
        said.contains("the bookmarks of `public-orders` in `shop`: the next sync reads them from the start"),
        "{said}"
    );
    let change = project.json(&["state", "history", "shop"])["history"][0].clone();
    assert_eq!((&change["choice"]["kind"], &change["action"]), (&json!("resync"), &json!("resync public-orders")));
    project.spile(&["sync", "shop"]).succeeds();
    let (choices, sentences) = carried_out(&project);
    assert_eq!((&choices[0]["kind"], rows(server, &project, database).1), (&json!("resync"), 410), "{choices:#}");
    assert!(sentences.starts_with("reads public-orders again from the start: resync"), "{sentences}");
    replace(&project, ALL, PART);
    project.spile(&["apply", "--yes"]).succeeds();
    replace(&project, PART, ALL);
    project.spile(&resync).succeeds();
    let change = project.json(&["state", "history", "shop"])["history"][0]["id"].clone();
    project.spile(&["state", "restore", "shop", "--before", change.as_str().unwrap(), "--yes"]).succeeds();
    project.spile(&["sync", "shop"]).succeeds();
    assert_eq!(carried_out(&project), (Value::Null, String::new()));

    // So does a run that was started to read everything again.
    project.spile(&["sync", "shop", "--full-refresh=public-orders"]).succeeds();
    assert_eq!(
        carried_out(&project),
        (Value::Null, "reads public-orders again from the start: full refresh".to_owned())
    );
}
