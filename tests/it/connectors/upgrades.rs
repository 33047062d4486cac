//! `spile connectors update` and `upgrade`, against a test hub: a small server with the API of Meltano's hub.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::cli::schemas::holds;
use crate::folder::Folder;
use crate::http::Server;

/// The hub's responses by path, and the requested paths.
#[derive(Default)]
struct Said {
    answers: BTreeMap<String, String>,
    asked: Vec<String>,
    unchanged: usize,
}

/// A hub that serves until the program ends.
struct Hub {
    address: SocketAddr,
    said: Arc<Mutex<Said>>,
}

impl Hub {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let said = Arc::new(Mutex::new(Said::default()));
        let known = said.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let known = known.clone();
                std::thread::spawn(move || answer(stream.unwrap(), &known));
            }
        });
        Self { address, said }
    }

    /// Publishes definitions, and the indexes that list them.
    fn publish(&self, plugins: &[Value]) {
        let mut answers = BTreeMap::new();
        let mut indexes: BTreeMap<&str, Value> = BTreeMap::from([("extractors", json!({})), ("loaders", json!({}))]);
        for plugin in plugins {
            let (name, variant) = (plugin["name"].as_str().unwrap(), plugin["variant"].as_str().unwrap());
            let role = if name.starts_with("target-") { "loaders" } else { "extractors" };
            let one = &mut indexes.get_mut(role).unwrap()[name];
            if one.is_null() {
                *one = json!({"default_variant": variant, "logo_url": null, "variants": {}});
            }
            one["variants"][variant] = json!({"ref": "http://elsewhere.invalid/"});
            answers.insert(format!("/meltano/api/v1/plugins/{role}/{name}--{variant}"), plugin.to_string());
        }
        for (role, index) in indexes {
            answers.insert(format!("/meltano/api/v1/plugins/{role}/index"), index.to_string());
        }
        self.said.lock().unwrap().answers = answers;
    }

    fn say(&self, path: &str, text: &str) {
        self.said.lock().unwrap().answers.insert(format!("/meltano/api/v1/plugins/{path}"), text.to_owned());
    }

    fn update(&self) -> String {
        format!("connectors update --hub http://{}", self.address)
    }
}

fn answer(mut stream: TcpStream, said: &Mutex<Said>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let Some(path) = head.split_whitespace().nth(1) else { return };
    let mut said = said.lock().unwrap();
    said.asked.push(path.to_owned());
    let found = said.answers.get(path).cloned();
    let etag = found.as_ref().map(|text| format!("\"{}\"", spile_core::digest::hash(text.as_bytes())));
    let is_known = etag.as_ref().is_some_and(|etag| head.to_lowercase().contains(&format!("if-none-match: {etag}")));
    said.unchanged += usize::from(is_known);
    let (status, body) = match found {
        Some(_) if is_known => ("304 Not Modified", String::new()),
        Some(text) => ("200 OK", text),
        None => ("404 Not Found", "<html>not here".to_owned()),
    };
    let (etag, length) = (etag.unwrap_or_default(), body.len());
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nETag: {etag}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

fn tap(version: &str, settings: &Value) -> Value {
    json!({
        "name": "tap-weather", "variant": "meltanolabs", "namespace": "tap_weather", "label": "Weather",
        "description": "Measurements of stations", "pip_url": format!("tap-weather=={version}"),
        "capabilities": ["catalog", "discover"], "keywords": ["api"], "settings": settings,
    })
}

fn target() -> Value {
    json!({"name": "target-lake", "variant": "acme", "namespace": "target_lake", "pip_url": "target-lake==1", "label": "Lake"})
}

#[test]
fn the_downloaded_hub_is_searched_without_a_network() {
    let (folder, hub) = (Folder::project(), Hub::start());
    hub.publish(&[tap("1.0", &json!([{"name": "station"}])), target()]);
    let json = folder.spile(&format!("{} --format json", hub.update())).exits(0).json();
    holds("connectors-update", &json);
    assert_eq!(
        (json["plugins"].clone(), json["added"].clone()),
        (json!(2), json!(["tap-weather--meltanolabs", "target-lake--acme"]))
    );
    drop(hub);
    let found = folder.spile("connectors search stations measurements --format json").exits(0).json();
    holds("connectors-list", &found);
    assert_eq!(found["connectors"][0]["name"], "hub:tap-weather");
    assert_eq!(folder.spile("connectors list --kind loader").exits(0).out.matches("hub:").count(), 0);
    assert_eq!(folder.spile("connectors list --hub --kind loader").exits(0).out.matches("hub:target-lake").count(), 1);
    let shown = folder.spile("connectors show hub:tap-weather").exits(0).out;
    assert!(shown.contains("station") && shown.contains("spile connectors import hub:tap-weather"), "{shown}");
    folder.spile("connectors import hub:tap-weather").exits(0);
    folder.spile("connectors import hub:target-lake--acme").exits(0);
    let text = folder.read("connectors/weather.toml");
    assert!(text.contains("[lock]\nfrom = \"hub:tap-weather--meltanolabs\"\nsha256 = \""), "{text}");
    folder.spile("check").exits(0);
    let unknown = folder.spile("connectors import hub:tap-wether --format json").exits(1).json();
    assert_eq!(unknown["error"]["code"], "spile::hub::unknown");
    assert_eq!(unknown["error"]["help"], "did you mean `tap-weather`?");
}

#[test]
fn only_changed_definitions_are_downloaded_again() {
    let (folder, hub) = (Folder::project(), Hub::start());
    hub.publish(&[tap("1.0", &json!([])), target()]);
    folder.spile(&hub.update()).exits(0);
    folder.spile("connectors import hub:tap-weather").exits(0);
    hub.publish(&[tap("2.0", &json!([]))]);
    let json = folder.spile(&format!("{} --format json", hub.update())).exits(0).json();
    let said = ["added", "changed", "gone", "upgradable"].map(|key| json[key].clone());
    let expected = [json!([]), json!(["tap-weather--meltanolabs"]), json!(["target-lake--acme"]), json!(["weather"])];
    assert_eq!(said, expected);
    assert!(!folder.join(".spile/hub/loaders/target-lake--acme.json").exists());
    let text = folder.spile(&hub.update()).exits(0).out;
    assert!(text.contains("1 definition") && text.contains("spile connectors upgrade NAME"), "{text}");
    assert_eq!(hub.said.lock().unwrap().unchanged, 1);
    // A damaged definition is downloaded again.
    folder.write(".spile/hub/extractors/tap-weather--meltanolabs.json", "{}");
    let damaged = folder.spile("connectors import hub:tap-weather --name w --format json").exits(1).json();
    assert_eq!(damaged["error"]["code"], "spile::hub::unknown");
    folder.spile(&hub.update()).exits(0);
    folder.spile("connectors import hub:tap-weather --name w").exits(0);
}

#[test]
fn a_hub_with_invalid_responses_changes_nothing() {
    let (folder, hub) = (Folder::project(), Hub::start());
    hub.publish(&[tap("1.0", &json!([]))]);
    folder.spile(&hub.update()).exits(0);
    let before = folder.files();
    let code = |line: &str| {
        let json = folder.spile(&format!("{line} --format json")).exits(1).json();
        json["error"]["problems"][0]["code"].as_str().or(json["error"]["code"].as_str()).unwrap().to_owned()
    };
    for (index, expected) in [
        ("<!DOCTYPE html><html>", "spile::definition::web_page"),
        ("{\"tap-", "spile::definition::json"),
        ("{\"../../x\": {\"variants\": {}}}", "spile::definition::no_index"),
    ] {
        hub.say("loaders/index", index);
        assert_eq!(code(&hub.update()), expected);
        assert_eq!(folder.files(), before);
    }
    hub.said.lock().unwrap().answers.clear();
    assert_eq!(code(&hub.update()), "spile::hub::refused");
    assert_eq!(code("connectors update --hub http://127.0.0.1:1"), "spile::hub::unreached");
    assert_eq!(code("connectors update --hub nonsense"), "spile::hub::address");
    assert_eq!(folder.files(), before);
    folder.spile("connectors show hub:tap-weather").exits(0);
}

#[test]
fn one_invalid_definition_is_reported_and_the_others_are_stored() {
    let (folder, hub) = (Folder::project(), Hub::start());
    hub.publish(&[tap("1.0", &json!([])), target()]);
    hub.say("loaders/target-lake--acme", "<html>");
    let text = folder.spile(&hub.update()).exits(0).out;
    assert!(text.contains("target-lake--acme cannot be imported: this is a web page"), "{text}");
    folder.spile("connectors show hub:tap-weather").exits(0);
    hub.said.lock().unwrap().answers.retain(|path, _| !path.contains("tap-weather"));
    let text = folder.spile(&hub.update()).exits(1).out;
    assert!(text.contains("tap-weather--meltanolabs could not be downloaded: ") && text.contains("404"), "{text}");
    folder.spile("connectors show hub:tap-weather").exits(0);
}

/// An applied project with an integration that uses a connector from the hub.
fn applied(hub: &Hub) -> Folder {
    let folder = Folder::project();
    let settings =
        json!([{"name": "station", "kind": "string"}, {"name": "token", "sensitive": true}, {"name": "old"}]);
    hub.publish(&[tap("1.0", &settings)]);
    folder.spile(&hub.update()).exits(0);
    folder.spile("connectors import hub:tap-weather").exits(0);
    folder.write("integrations/vienna.toml", "type = \"weather\"\n[config]\nstation = \"11035\"\n");
    folder.spile("apply --yes").exits(0);
    folder
}

#[test]
fn an_upgrade_is_shown_before_it_is_written_and_again_by_plan() {
    let hub = Hub::start();
    let folder = applied(&hub);
    let none = folder.spile("connectors upgrade weather").exits(0).out;
    assert!(none.contains("is up to date"), "{none}");
    // The new definition no longer marks the token as secret, but it stays one.
    hub.publish(&[tap(
        "2.0",
        &json!([{"name": "station", "kind": "string", "value": "1"}, {"name": "token"}, {"name": "region"}]),
    )]);
    folder.spile(&hub.update()).exits(0);
    let before = folder.files();
    let json = folder.spile("connectors upgrade weather --dry-run --format json").exits(0).json();
    holds("connectors-upgrade", &json);
    let expected = json!({
        "version": {"from": "tap-weather==1.0", "to": "tap-weather==2.0"},
        "capabilities": {"added": [], "removed": []},
        "settings": {"added": ["region"], "removed": ["old"]},
        "changed": {"station": ["value"]}, "keys": [],
    });
    assert_eq!((json["upgrade"].clone(), json["integrations"].clone()), (expected, json!(["vienna"])));
    let refused = folder.spile("connectors upgrade weather").exits(1);
    assert!(refused.notes.contains("nothing was written"), "{}", refused.notes);
    assert_eq!(folder.files(), before);
    let text = folder.spile("connectors upgrade weather --yes").exits(0).out;
    for said in [
        "installed from `tap-weather==2.0`, was `tap-weather==1.0`",
        "settings that are new: `region`",
        "settings that are gone: `old`",
        "settings that change: `station` (default)",
        "used by `vienna`",
        "`token`",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(folder.read("connectors/weather.toml").contains("secret = true"));
    let plan = folder.spile("plan").exits(0).out;
    assert!(
        plan.contains("upgrade: the definition of `tap-weather-base` changes for `vienna`")
            || plan.contains("upgrade: the definition of `tap-weather` changes for `vienna`"),
        "{plan}"
    );
    assert!(plan.contains("settings that are new: `region`"), "{plan}");
    let plan = folder.spile("plan --format json").exits(0).json();
    holds("plan", &plan);
    assert_eq!(plan["upgrades"][0]["settings"]["removed"], json!(["old"]));
    assert!(folder.spile("plan --format markdown").exits(0).out.contains("settings that are gone"));
    folder.spile("apply --yes").exits(0);
    assert!(folder.spile("plan --format json").exits(0).json()["upgrades"].is_null());
}

#[test]
fn an_upgrade_that_breaks_files_is_refused() {
    let hub = Hub::start();
    let folder = applied(&hub);
    hub.publish(&[tap("2.0", &json!([{"name": "place", "kind": "string"}]))]);
    folder.spile(&hub.update()).exits(0);
    let before = folder.files();
    let refused = folder.spile("connectors upgrade weather --yes").exits(1);
    assert!(refused.out.contains("station") && refused.out.contains("vienna.toml"), "{}", refused.out);
    assert!(refused.notes.contains("with the newer `weather`"), "{}", refused.notes);
    assert_eq!(folder.files(), before);
    folder.spile("connectors upgrade weather --yes --force").exits(0);
    folder.spile("check").exits(1);
}

#[test]
fn a_connector_that_cannot_be_upgraded_is_reported_with_the_next_step() {
    let (folder, hub) = (Folder::project(), Hub::start());
    hub.publish(&[tap("1.0", &json!([]))]);
    folder.write("own.json", &tap("1.0", &json!([])).to_string());
    folder.spile("connectors import own.json").exits(0);
    let code = |line: &str| folder.spile(&format!("{line} --format json")).exits(1).json()["error"]["code"].clone();
    assert_eq!(code("connectors upgrade salesforce"), "spile::connector::built_in");
    assert_eq!(code("connectors upgrade weathr"), "spile::connector::unknown");
    assert_eq!(code("connectors upgrade weather"), "spile::hub::unknown");
    folder.write("other.json", &target().to_string());
    assert_eq!(code("connectors upgrade weather --from other.json"), "spile::connector::other_plugin");
    folder.write("own.json", &tap("1.1", &json!([])).to_string());
    folder.spile("connectors upgrade weather --from own.json --yes").exits(0);
    assert!(folder.read("connectors/weather.toml").contains("tap-weather==1.1"));
    folder.spile(&hub.update()).exits(0);
    folder.spile("connectors upgrade weather --yes").exits(0);
    assert!(folder.read("connectors/weather.toml").contains("tap-weather==1.0"));
}

#[test]
fn a_loader_that_loses_rows_is_reported_and_upgraded_to_the_built_in_one() {
    let folder = Folder::project();
    folder.write("hub.yml", include_str!("../../connectors/hub/loaders_target-duckdb_jwills.yml"));
    folder.spile("connectors import hub.yml").exits(0);
    // `filepath` is an alias that the built-in definition does not list.
    let lake = "kind = \"loader\"\ntype = \"duckdb\"\n[config]\nfilepath = \"lake.duckdb\"\ndefault_target_schema = \"main\"\n";
    folder.write("integrations/lake.toml", lake);
    let warned = folder.spile("check --format json").exits(0).json();
    assert_eq!(warned["problems"][0]["code"], "spile::connector::loses_rows", "{warned:#}");
    let text = folder.spile("check").exits(0).out;
    assert!(text.contains("`target-duckdb~=0.8` loses rows") && text.contains("connectors upgrade duckdb"), "{text}");
    folder.spile("apply --yes").exits(0);
    folder.spile("connectors upgrade duckdb --yes").exits(0);
    let own = folder.read("connectors/duckdb.toml");
    assert!(own.contains("pip_url = \"./.spile/plugins/spile_target_duckdb-"), "{own}");
    assert!(own.contains("from = \"builtin:duckdb\"") && own.contains("\"filepath\""), "{own}");
    assert_eq!(folder.spile("check --format json").exits(0).json()["problems"], json!([]));
    let before = folder.read("meltano.yml");
    folder.spile("apply --yes").exits(0);
    assert!(before.contains("target-duckdb~=0.8") && !folder.read("meltano.yml").contains("target-duckdb~=0.8"));
    let name = |text: &str| text.lines().find(|line| line.contains("target-duckdb--lake")).map(str::to_owned);
    assert_eq!(
        name(&before),
        name(&folder.read("meltano.yml")),
        "the plugin keeps its name, and its bookmarks with it"
    );
    assert!(
        folder.join(".spile/plugins/spile_target_duckdb-1.1.0-py3-none-any.whl").exists(),
        "Meltano by itself finds it"
    );
    assert!(folder.spile("connectors upgrade duckdb --from builtin:duckdb").exits(0).out.contains("is up to date"));
}

#[test]
fn what_the_hub_has_is_found_without_a_network_and_one_definition_is_downloaded() {
    let (folder, hub) = (Folder::project(), Hub::start());
    let found = folder.spile("connectors search workable --format json").exits(0).json();
    holds("connectors-list", &found);
    assert_eq!(found["connectors"][0]["name"], "hub:tap-workable", "{found:#}");
    let unknown = folder.spile("connectors show hub:tap-workable --format json").exits(1).json();
    assert!(unknown["error"]["help"].as_str().unwrap().contains("spile connectors import hub:tap-workable"));
    assert_eq!(folder.spile("connectors list").exits(0).out.matches("hub:").count(), 0);

    let facts = spile_core::connector::hub_facts::hub_facts();
    let fact = facts.iter().find(|fact| fact.head.name == "hub:tap-workable").unwrap();
    let mut definition = tap("1.0", &json!([{"name": "subdomain"}]));
    (definition["name"], definition["variant"]) = (json!("tap-workable"), json!(fact.variant));
    hub.publish(&[definition]);
    let import = |name: &str| {
        let mut command = folder.command(&format!("connectors import {name} --format json"));
        crate::cli::program::Came::of(
            &command.env("MELTANO_HUB_URL", format!("http://{}", hub.address)).output().unwrap(),
        )
    };
    import("hub:tap-workable").exits(0);
    assert_eq!(hub.said.lock().unwrap().asked.len(), 1);
    let text = folder.read("connectors/workable.toml");
    assert!(text.contains(&format!("from = \"hub:tap-workable--{}\"", fact.variant)), "{text}");
    let near = import("hub:tap-workabel").exits(1).json();
    assert_eq!(near["error"]["help"], "did you mean `tap-workable`?");
    let gone = import("hub:tap-youtube-analytics").exits(1).json();
    assert_eq!(gone["error"]["code"], "spile::hub::refused", "{gone:#}");
}

#[tokio::test]
async fn a_page_adds_a_connector_from_the_hub_like_any_other_change() {
    let (folder, hub) = (Folder::project(), Hub::start());
    let facts = spile_core::connector::hub_facts::hub_facts();
    let fact = facts.iter().find(|fact| fact.head.name == "hub:tap-workable").unwrap();
    let server = Server::start(
        |words| {
            let mut command = folder.command(&words.join(" "));
            command.env("MELTANO_HUB_URL", format!("http://{}", hub.address));
            command
        },
        &[],
    );
    let browser = server.browser().await;
    let page = browser.page("/marketplace?q=workable").await;
    assert!(
        page.contains("Add from Meltano Hub") && page.contains("marketplace&#x2f;hub&#x2f;extractor&#x2f;tap-workable"),
        "{page}"
    );
    let address = "/marketplace/hub/extractor/tap-workable";
    let page = browser.page(address).await;
    assert!(page.contains(&fact.variant) && page.contains("a program by other people"));
    // The hub does not have it yet, or does not answer with a definition: nothing is written.
    let refused = browser.post(address, &[]).await;
    assert!(refused.status().is_client_error() || refused.status().is_server_error(), "{}", refused.status());
    assert!(!folder.join("connectors/workable.toml").exists());

    let mut definition =
        tap("1.0", &json!([{"name": "subdomain", "required": true}, {"name": "token", "sensitive": true}]));
    (definition["name"], definition["variant"]) = (json!("tap-workable"), json!(fact.variant));
    hub.publish(&[definition]);
    assert_eq!(browser.goes(address, &[]).await, "/marketplace/extractor/workable?did=connector");
    assert!(
        folder.read("connectors/workable.toml").contains(&format!("from = \"hub:tap-workable--{}\"", fact.variant))
    );
    let page = browser.page("/marketplace/extractor/workable").await;
    for shown in ["What you need", "subdomain", "token", "secret", "/new/extractor/workable"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(browser.goes("/new/extractor/workable", &[]).await.ends_with("/settings"));
    assert!(folder.read(".spile/audit.jsonl").contains("add a connector"));
    // A second time it exists.
    assert_eq!(browser.post(address, &[]).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    // One that would be called like a built-in connector would change the plugin of all that use it.
    let named = facts.iter().find(|fact| fact.head.name.starts_with("hub:tap-postgres--")).unwrap();
    let mut other = tap("1.0", &json!([]));
    (other["name"], other["variant"]) = (json!("tap-postgres"), json!(named.variant));
    hub.publish(&[other]);
    let taken = format!("/marketplace/hub/extractor/tap-postgres--{}", named.variant);
    assert_eq!(browser.post(&taken, &[]).await.status(), StatusCode::CONFLICT);
    assert!(!folder.join("connectors/postgres.toml").exists());
    for path in
        ["/marketplace/extractor/nothing", "/marketplace/hub/loader/tap-workable", "/marketplace/other/postgres"]
    {
        assert!(browser.get(path).await.status().is_client_error(), "{path}");
    }
    assert!(browser.page("/marketplace/loader/postgres").await.contains("destination"));

    let viewer = folder.spile("tokens new viewer --role viewer").exits(0).out.trim().to_owned();
    let refused = server.bare(Method::POST, address).bearer_auth(viewer).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}
