//! `spile notify`: what it tests, sends and shows.

use serde_json::json;
use spile_core::name::IntegrationId;
use spile_core::run::{Run, RunKind, RunStatus};
use spile_world::{Local, Runs};

use super::receiver::{Answer, Receiver};
use crate::cli::program::{Came, run};
use crate::cli::schemas::holds;
use crate::executable::write_script;
use crate::folder::Folder;
use crate::supabase::runs::run as run_of;

const HEAD: &str = "[project]\nname = 'acme'\nurl = 'https://spile.example.com'\n";

/// A project whose channel is a local webhook; `more` are keys of that channel.
pub fn project(receiver: &Receiver, more: &str) -> Folder {
    let folder = Folder::project();
    let channel = format!("[[notify]]\nname = 'ops'\nkind = 'webhook'\nurl = '{}/hook'\n{more}", receiver.url);
    folder.write("spile.toml", &format!("{HEAD}[environments.dev]\n[environments.prod]\n{channel}"));
    folder
}

/// Stores a run of `fruit` that ended this many minutes ago.
pub fn remember(folder: &Folder, minutes: i64, status: RunStatus) {
    let began = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
    let run = Run {
        id: uuid::Uuid::new_v4(),
        integration: IntegrationId::derived("acme", &"fruit".parse().unwrap()),
        slug: "fruit".parse().unwrap(),
        kind: RunKind::Sync,
        started_at: began,
        finished_at: Some(began),
        ..run_of(1, status)
    };
    let local = Local::new(folder.join(".spile/registry.db"), "acme", &"dev".parse().unwrap());
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(local.record(&run)).unwrap();
}

pub fn send(folder: &Folder) -> Came {
    folder.spile("notify send")
}

#[test]
fn a_test_shows_the_response_of_each_channel() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "");
    let text = folder.read("spile.toml");
    folder.write("spile.toml", &format!("{text}[[notify]]\nname = 'me'\nkind = 'desktop'\n"));
    std::fs::create_dir(folder.join("bin")).unwrap();
    write_script(&folder.join("bin/notify-send"), "#!/bin/sh\nprintf '%s\\n' \"$@\" > shown.txt\n");
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    let came = run(folder.command("notify test").env("PATH", path)).exits(0);
    assert_eq!(came.out, "ok: ops (webhook): status 200\nok: me (desktop): shown\n");
    assert_eq!(
        folder.read("shown.txt"),
        "--app-name=spile\n--\nacme: a test\nthis is a test: nothing is wrong, and this channel receives notifications\n"
    );
    let body = receiver.take()[0].json();
    assert_eq!((&body["kind"], &body["environment"], &body["version"]), (&json!("test"), &json!("dev"), &json!(1)));
    receiver.answers(&[], Answer::Says(403, "", "invalid_token"));
    let came = folder.spile("notify test ops").exits(1);
    assert!(
        came.out.starts_with("failed: ops (webhook): it rejected the message: status 403, `invalid_token`\n  help: "),
        "{}",
        came.out
    );
    let data = folder.spile("notify test ops --format json").exits(1).json();
    assert_eq!(data["channels"][0]["error"], "it rejected the message: status 403, `invalid_token`");
    let came = folder.spile("notify test opps").exits(1);
    assert!(
        came.notes.contains("this environment has no channel `opps`") && came.notes.contains("did you mean `ops`?"),
        "{}",
        came.notes
    );
}

#[test]
fn a_test_needs_no_registry_and_no_valid_files() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "");
    let hosted = "[registry]\nkind = 'supabase'\nurl = '${SUPABASE_NOT_SET_URL}'\nkey = '${SUPABASE_NOT_SET_KEY}'\n";
    folder.write("spile.toml", &format!("{}{hosted}", folder.read("spile.toml")));
    folder.write("integrations/fruit.toml", "typ = 1\n");
    folder.spile("notify test").exits(0);
    assert_eq!(receiver.titles(), ["acme: a test"]);
}

#[test]
fn a_failure_is_sent_once_and_then_its_recovery() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "");
    folder.spile("apply --yes").exits(0);
    assert_eq!(send(&folder).exits(0).out, "0 alerts now, 0 messages sent\n");
    remember(&folder, 30, RunStatus::Failed);
    let came = send(&folder).exits(0);
    assert_eq!(came.out, "1 alert now, 1 message sent\n");
    assert!(came.notes.contains("Notified `ops`: fruit: the sync failed"), "{}", came.notes);
    let [body] = &receiver.take()[..] else { panic!("one") };
    let body = body.json();
    assert_eq!((&body["kind"], &body["sentence"]), (&json!("failure"), &json!("it failed")));
    assert_eq!(body["help"], spile_core::run::Cause::Network.help());
    assert_eq!((&body["file"], &body["command"]), (&json!("integrations/fruit.toml"), &json!("spile logs fruit")));
    assert_eq!(body["url"], "https://spile.example.com/integrations/fruit");
    assert_eq!((&body["run"]["kind"], &body["run"]["cause"]), (&json!("sync"), &json!("network")));
    remember(&folder, 20, RunStatus::Failed);
    assert_eq!(send(&folder).exits(0).out, "1 alert now, 0 messages sent\n");
    remember(&folder, 10, RunStatus::Ok);
    send(&folder).exits(0);
    send(&folder).exits(0);
    assert_eq!(receiver.titles(), ["fruit: works again"]);
}

#[test]
fn a_message_that_cannot_be_sent_is_a_warning_and_is_sent_next_time() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "");
    folder.spile("apply --yes").exits(0);
    remember(&folder, 30, RunStatus::Failed);
    receiver.answers(&[], Answer::Says(410, "", ""));
    let came = folder.spile("notify send -q").exits(1);
    assert!(
        came.notes.contains("Warning `ops`: not sent: it rejected the message: status 410"),
        "also when quiet: {}",
        came.notes
    );
    let shown = folder.spile("notify list").exits(0).out;
    assert!(shown.contains("ops not yet") && shown.contains("0 of 20"), "{shown}");
    receiver.answers(&[], Answer::OK);
    receiver.take();
    send(&folder).exits(0);
    assert_eq!(receiver.titles(), ["fruit: the sync failed"]);
}

#[test]
fn a_custom_template_is_checked_and_without_it_the_built_in_one_is_used() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "template = 'templates/hook.j2'\n");
    folder.write("templates/hook.j2", "{\"title\": \"{{ title }}\"}");
    let came = folder.spile("check").exits(1);
    assert!(came.notes.contains("spile::notify::template_json"), "{}", came.notes);
    folder.write("templates/hook.j2", "{\"title\": {{ title }}, \"mine\": {{ nothing }}}");
    assert!(folder.spile("check").exits(1).notes.contains("spile::notify::template\n"));
    folder.write("templates/hook.j2", "{\"title\": {{ title }}, \"mine\": true}");
    folder.spile("check").exits(0);
    folder.spile("notify test").exits(0);
    assert_eq!(receiver.take()[0].body, "{\"title\": \"acme: a test\", \"mine\": true}");
    folder.remove("templates/hook.j2");
    folder.spile("check").exits(1);
    let came = folder.spile("notify test").exits(0);
    assert!(came.out.contains("template: the template `templates/hook.j2` cannot be read"), "{}", came.out);
    assert_eq!(receiver.take()[0].json()["version"], 1);
}

#[test]
fn selectors_in_only_are_checked_against_the_files() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "only = ['fruit', '#crm', 'Not A Name']\n");
    let came = folder.spile("check --format json").exits(1).json();
    let found: Vec<_> =
        came["error"]["problems"].as_array().unwrap().iter().map(|one| (&one["code"], &one["severity"])).collect();
    assert_eq!(
        found,
        [(&json!("spile::notify::names_nothing"), &json!("warning")), (&json!("spile::notify::only"), &json!("error")),]
    );
}

#[test]
fn alerts_are_listed_with_their_deliveries() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "on = ['failure']\nrepeat = 'never'\n");
    folder.spile("apply --yes").exits(0);
    assert!(folder.spile("notify list").exits(0).out.ends_with("nothing is wrong\n"));
    remember(&folder, 30, RunStatus::Failed);
    let alert = |data: &serde_json::Value| data["alerts"][0].clone();
    let data = folder.spile("notify list --format json").exits(0).json();
    assert_eq!(alert(&data)["told"], json!([{ "channel": "ops", "at": null }]));
    send(&folder).exits(0);
    let data = folder.spile("notify list --format json").exits(0).json();
    holds("notify-list", &data);
    assert!(alert(&data)["told"][0]["at"].is_string(), "{data}");
    assert_eq!(data["channels"][0]["sent_last_hour"], 1);
    assert_eq!(data["channels"][0]["repeat_seconds"], json!(null));
    let came = receiver.take();
    assert_eq!(came.len(), 1, "listing sends nothing");
    holds("notification", &came[0].json());
    holds("notify-send", &folder.spile("notify send --format json").exits(0).json());
    holds("notify-test", &folder.spile("notify test --format json").exits(0).json());
    holds("notification", &receiver.take()[0].json());
    receiver.answers(&[], Answer::Says(500, "retry-after: 99\r\n", ""));
    holds("notify-test", &folder.spile("notify test --format json").exits(1).json());
    folder.write("integrations/fruit.toml", "typ = 1\n");
    folder.write("spile.toml", &folder.read("spile.toml").replace("on = ['failure']\n", ""));
    let data = folder.spile("notify send --format json").exits(1).json();
    assert!(!data["problems"].as_array().unwrap().is_empty(), "{data}");
    holds("notify-send", &data);
}
