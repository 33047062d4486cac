//! What a plan says a resync will cost, against what the resync then reads.

use serde_json::Value;

use super::loaders::{postgres, with_loaders};
use crate::project::{Project, with_sources};
use crate::supabase::postgres::Postgres;

const SHOP: &str = "
    create table orders(id bigint primary key, customer text, updated_at timestamptz not null);
    insert into orders select g, 'c' || g, '2026-01-01'::timestamptz + g * interval '1 minute' from generate_series(1, 4000) g;
    create table customers(id bigint primary key, name text);
    insert into customers select g, 'c' || g from generate_series(1, 300) g;
    grant select on orders, customers to shop;";

fn shop(server: &Postgres) -> Project {
    server.sql("postgres", "create database priced").unwrap();
    server.sql("priced", SHOP).unwrap();
    server.sql("priced", "grant create on database priced to shop").unwrap();
    drop(with_loaders());
    let project = with_sources();
    project.write("integrations/lake.toml", &postgres(server.port, "priced"));
    project.write("integrations/shop.toml", &file(server.port, "updated_at"));
    project.spile(&["secrets", "init"]).succeeds();
    for slug in ["shop", "lake"] {
        project.spile_with(&["secrets", "set", slug, "password", "--stdin"], "hunter2").succeeds();
    }
    project
}

fn file(port: u16, key: &str) -> String {
    format!(
        "type = 'postgres'\nkind = 'extractor'\nloader = 'lake'\nschedule = '0 3 * * *'\n\
         select = ['public-orders.*', 'public-customers.*']\n\n\
         [config]\nhost = '127.0.0.1'\nport = {port}\nuser = 'shop'\ndatabase = 'priced'\nfilter_schemas = ['public']\n\n\
         [metadata.public-orders]\nreplication-method = 'INCREMENTAL'\nreplication-key = '{key}'\n"
    )
}

/// Changes the replication of `orders`, keeping the secrets of the file.
fn replicate_by(project: &Project, key: &str) {
    let text = project.read("integrations/shop.toml");
    let changed = ["updated_at", "id"].into_iter().fold(text, |text, old| {
        text.replace(&format!("replication-key = '{old}'"), &format!("replication-key = '{key}'"))
    });
    project.write("integrations/shop.toml", &changed);
}

fn price(project: &Project) -> Value {
    let plan = project.json(&["plan"]);
    crate::cli::schemas::holds("plan", &plan);
    let changes = plan["changes"].as_array().unwrap();
    let of_shop = changes.iter().find(|change| change["slug"] == "shop").unwrap_or_else(|| panic!("{plan:#}"));
    of_shop["price"].clone()
}

#[test]
fn a_plan_says_how_much_a_resync_reads_again() {
    let Some(server) = Postgres::shared() else { return };
    let project = shop(server);
    assert_eq!(price(&project), Value::Null, "what is new has nothing to read again");
    project.spile(&["apply", "--yes"]).succeeds();

    replicate_by(&project, "id");
    let first = price(&project);
    assert_eq!((&first["rows"], &first["unknown"][0]), (&0.into(), &"public-orders".into()), "{first:#}");
    let text = project.spile(&["plan"]).succeeds().stdout();
    let unknown = "price unknown for `public-orders`: no run on record has read it in full; `spile sync shop --full-refresh` would find out";
    assert!(text.contains(unknown), "{text}");

    project.spile(&["apply", "--yes"]).succeeds();
    replicate_by(&project, "updated_at");
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["sync", "shop"]).succeeds();
    let changes = "insert into orders select g, 'c' || g, '2026-03-01'::timestamptz + g * interval '1 minute' \
                   from generate_series(4001, 4200) g; \
                   update orders set updated_at = '2026-04-01'::timestamptz + id * interval '1 minute' where id <= 600";
    server.sql("priced", changes).unwrap();
    project.spile(&["sync", "shop"]).succeeds();

    replicate_by(&project, "id");
    let priced = price(&project);
    let text = project.spile(&["plan"]).succeeds().stdout();
    assert!(text.contains("price: about 4,2") && text.contains("the next scheduled sync starts at"), "{text}");
    let markdown = project.spile(&["plan", "--format", "markdown"]).succeeds().stdout();
    assert!(markdown.contains("about 4,2"), "{markdown}");
    assert!(priced["done_by"].is_string() && priced["seconds"].as_f64().unwrap() > 0.0, "{priced:#}");

    // A guard refuses it until its number is acknowledged.
    let settings = project.read("spile.toml");
    project.write("spile.toml", &format!("{settings}\n[guard]\nmax_resync_rows = 4000\nmax_resync_time = '12h'\n"));
    let guarded = project.json(&["plan"]);
    crate::cli::schemas::holds("plan", &guarded);
    assert_eq!((&guarded["guards"][0]["rows"]["most"], &guarded["guards"][0]["resyncs"]), (&4000.into(), &1.into()));
    let refused = project.spile(&["apply", "--yes"]);
    assert_eq!(refused.0.status.code(), Some(4));
    let told = format!("the plan makes syncs read about {} rows; more than 4000 must be acknowledged", priced["rows"]);
    assert!(refused.stderr().contains(&told) && refused.stderr().contains("--allow resync=1"), "{}", refused.stderr());
    let words = ["apply", "--yes", "--allow", "resync=1"];
    let refused = project.spile(&[&words[..], &["--resync=public-customers"]].concat()).fails();
    assert!(refused.stderr().contains("the plan reads no stream `public-customers` again"), "{}", refused.stderr());

    // Without its bookmark, which is of another key, the stream is read again; the other one is not.
    let applied = project.spile(&[&words[..], &["--resync=public-orders"]].concat()).succeeds();
    let told = "the bookmarks of `public-orders` in `shop`: the next sync reads them from the start";
    assert!(applied.stderr().contains(told), "{}", applied.stderr());
    project.spile(&["sync", "shop"]).succeeds();
    let read = project.newest_run()["streams"]["public-orders"].as_u64().unwrap();
    let promised = priced["rows"].as_u64().unwrap();
    assert!(promised.abs_diff(read) * 20 <= read, "{promised} rows were promised, {read} were read");
}
