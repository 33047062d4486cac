//! A project that has been in use for a month: runs, bookmarks, streams, drift and pending changes, made without a plugin.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use spile_core::discovered::{self, Discovered, key};
use spile_core::integration::Integration;
use spile_core::run::{Arrival, Cause, Run, RunKind, RunStatus, Start, Transfer};
use spile_world::files::discoveries::Discoveries;
use uuid::Uuid;

use super::RULES;
use crate::folder::{Folder, Opened};

/// How many days ago its first sync ran.
const DAYS: i64 = 30;

/// A name as people choose them.
const LONG: &str = "customer-subscriptions-and-invoices-of-the-european-web-shop";

/// The least number of streams that a source offers.
const STREAMS: usize = 8;

/// A project, and the runs that its pages link to.
pub struct LivedIn {
    pub folder: Folder,
    /// A sync that succeeded.
    pub succeeded: Uuid,
    /// A sync that failed.
    pub failed: Uuid,
}

impl LivedIn {
    /// Makes one with this many connections.
    pub async fn with(connections: usize) -> Self {
        let folder = files(connections);
        folder.spile("apply --yes").exits(0);
        folder.write("integrations/shop.toml", &folder.read("integrations/shop.toml").replace("Web shop", "Shop"));
        folder.spile("apply --yes").exits(0);
        let opened = Opened::at(&folder, None).unwrap();
        let one = |slug: &str| opened.loaded.integrations.find(slug).unwrap().clone();
        let now = Timestamp::now();
        let (shop, code, long) = (one("shop"), one("code"), one(LONG));
        for day in (1..DAYS).rev() {
            record(&opened, &synced(&shop, now - SignedDuration::from_hours(24 * day), day)).await;
        }
        let succeeded = synced(&shop, now - SignedDuration::from_hours(2), 0);
        let failed = failed(&code, now - SignedDuration::from_hours(1));
        record(&opened, &synced(&long, now - SignedDuration::from_hours(3), 3)).await;
        for run in [&succeeded, &failed] {
            record(&opened, run).await;
            folder.write(&run.log_path().display().to_string(), &log(run));
        }
        offer(&folder, &opened, &shop, connections);
        bookmark(&folder);
        change(&folder);
        Self { folder, succeeded: succeeded.id, failed: failed.id }
    }
}

/// A destination, a shop, a failing connection, and as many others as are missing.
fn files(connections: usize) -> Folder {
    let folder = Folder::new();
    folder.write("spile.toml", "[project]\nname = 'acme-analytics'\n\n[environments.dev]\n");
    folder.write(".sops.yaml", RULES);
    let file = |number: usize, rest: &str| format!("id = '00000000-0000-4000-8000-{number:012}'\n{rest}");
    folder.write("integrations/warehouse.toml", &file(1, "kind = 'loader'\ntype = 'jsonl'\nname = 'Warehouse'\n"));
    let source =
        |number: usize, rest: &str| file(number, &format!("loader = 'warehouse'\nschedule = '@daily'\n{rest}"));
    let shop = "type = 'singer-jsonl'\nname = 'Web shop'\ntags = ['sales']\n[config]\nlocal.folders = ['data']\n";
    folder.write("integrations/shop.toml", &source(2, shop));
    let code = "type = 'github'\nname = 'Engineering'\n[config]\nrepositories = ['acme/web']\n";
    folder.write("integrations/code.toml", &source(3, code));
    let rest = "type = 'singer-jsonl'\n[config]\nlocal.folders = ['data']\n";
    folder.write(&format!("integrations/{LONG}.toml"), &source(4, rest));
    for number in 5..=connections {
        folder.write(&format!("integrations/source-{number:04}.toml"), &source(number, rest));
    }
    folder
}

pub async fn record(opened: &Opened, run: &Run) {
    opened.world.runs.record(run).await.unwrap();
}

fn started(one: &Integration, at: Timestamp) -> Run {
    Run::start(Start {
        id: Uuid::new_v4(),
        integration: one.id,
        slug: one.slug.clone(),
        environment: "dev".parse().unwrap(),
        kind: RunKind::Sync,
        at,
    })
}

/// A sync that read more or less each day, and failed once.
pub fn synced(one: &Integration, at: Timestamp, day: i64) -> Run {
    let mut run = started(one, at);
    let orders = u64::try_from(1_200 + (day * 137) % 900).unwrap();
    run.status = if day == 9 { RunStatus::Failed } else { RunStatus::Ok };
    run.finished_at = Some(at + SignedDuration::from_secs(40 + (day * 7) % 50));
    run.records = Some(orders + 84);
    run.streams = [("orders".to_owned(), orders), ("customers".to_owned(), 84)].into();
    let arrival = Arrival { table: Some("shop.orders".to_owned()), ..Arrival::default() };
    run.details.arrivals =
        [("orders".to_owned(), Arrival { before: Some(1), after: Some(orders + 1), ..arrival })].into();
    run.details.transfer = Some(Transfer {
        bytes: orders * 640,
        until_first_byte_ms: 3_100,
        passing_ms: 21_000,
        waited_for_extractor_ms: 16_400,
        waited_for_loader_ms: 1_200,
        after_last_byte_ms: 900,
    });
    run.bookmark_after = Some(json!({ "bookmarks": { "orders": { "updated_at": "2026-11-30T02:00:00Z" } } }));
    run
}

fn failed(one: &Integration, at: Timestamp) -> Run {
    let finished_at = Some(at + SignedDuration::from_secs(12));
    let error = Some("401 Client Error: Bad credentials for url: https://api.github.com/repos/acme/web".to_owned());
    Run { status: RunStatus::Failed, finished_at, error, cause: Some(Cause::Credentials), ..started(one, at) }
}

/// A log with all levels and a traceback, as Meltano writes it.
fn log(run: &Run) -> String {
    let line = |level: &str, name: &str, event: &str| {
        let at = run.started_at.to_string();
        format!("{}\n", json!({ "timestamp": at, "level": level, "name": name, "event": event }))
    };
    let mut text = line("info", "meltano.core.runner", "Beginning full run of the pipeline");
    text += &line("debug", "meltano.core.plugin", "Created configuration at /tmp/config.json");
    text += &line("warning", "tap", "The API answers slowly: waiting 2 seconds before the next page");
    if run.status == RunStatus::Failed {
        for event in [
            "Traceback (most recent call last):",
            "  File \"/venv/lib/python3.11/site-packages/tap/client.py\", line 90, in request",
            "    response.raise_for_status()",
            "requests.exceptions.HTTPError: 401 Client Error: Bad credentials",
        ] {
            text += &line("error", "tap", event);
        }
    }
    text + &line("info", "target", &"Processed a batch of records with a long line. ".repeat(6))
}

/// Stores what the source of an integration offered: this many streams, or a few more.
fn offer(folder: &Folder, opened: &Opened, one: &Arc<Integration>, least: usize) {
    let environment = "dev".parse().unwrap();
    let stream = |name: String| {
        let field = |kind: &str| json!({ "type": [kind, "null"] });
        let properties = json!({ "id": field("integer"), "total": field("number"), "updated_at": field("string") });
        json!({ "tap_stream_id": name, "key_properties": ["id"], "schema": { "type": "object", "properties": properties },
            "replication_key": "updated_at" })
    };
    let names =
        ["customers", "orders", "order_items", "products", "refunds", "inventory_levels", "price_lists", "gift_cards"];
    let more = (STREAMS..least.max(STREAMS)).map(|number| format!("table_{number}"));
    let streams: Vec<_> = names.map(str::to_owned).into_iter().chain(more).map(stream).collect();
    let catalog = json!({ "streams": streams }).to_string();
    let streams = discovered::read(catalog.as_bytes()).unwrap();
    let key = key(one, &environment, &one.connector.plugin, "");
    let offered = Discovered { key, discovered_at: Timestamp::now() - SignedDuration::from_hours(5), streams };
    Discoveries::of(&folder.join(".spile")).keep(&one.slug, &environment, &offered).unwrap();
    assert!(spile_ops::discover::found(folder.path(), &opened.loaded, one, &environment).unwrap().is_some());
}

/// Stores a bookmark of the shop, as Meltano does.
fn bookmark(folder: &Folder) {
    spile_world::files::door::make_private(&folder.join(".meltano")).unwrap();
    let database = rusqlite::Connection::open(folder.join(".meltano/meltano.db")).unwrap();
    let tables = "create table runs (run_id, state, ended_at, payload); \
                  create table state (state_id primary key, partial_state, completed_state, updated_at)";
    database.execute_batch(tables).unwrap();
    let state = json!({ "singer_state": { "bookmarks": { "orders": { "updated_at": "2026-11-30T02:00:00Z" } } } });
    let id = "dev:tap-singer-jsonl--shop-to-target-jsonl--warehouse";
    database.execute("insert into state values (?1, '{}', ?2, 'then')", (id, state.to_string())).unwrap();
}

/// Has something to show under pending changes and drift.
fn change(folder: &Folder) {
    let shop = folder.read("integrations/shop.toml").replace("Shop", "Web shop");
    folder.write("integrations/shop.toml", &shop);
    let database = rusqlite::Connection::open(folder.join(".spile/registry.db")).unwrap();
    database.execute("UPDATE integrations SET name = 'Other' WHERE slug = 'code'", ()).unwrap();
}
