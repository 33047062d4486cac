//! What `spile notify send` detects.

use serde_json::json;
use spile_core::run::RunStatus;

use super::commands::{project, remember, send};
use super::receiver::{Came, Receiver};
use crate::folder::with_secrets;

#[test]
fn invalid_files_are_an_alert_if_nothing_else_can_be_checked() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "only = ['fruit']\n");
    folder.write("integrations/fruit.prod.toml", "typ = 1\nenabled = 3\n");
    folder.write("integrations/other.toml", "typ = 1\n");
    send(&folder).exits(0);
    let [body] = &receiver.take()[..] else { panic!("one: `only` excludes the other") };
    let body = body.json();
    assert_eq!(
        (&body["kind"], &body["title"]),
        (&json!("misconfigured"), &json!("fruit: the project has invalid files"))
    );
    assert_eq!(body["integration"], json!({ "id": null, "slug": "fruit" }));
    let sentence = body["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("integrations/fruit.prod.toml:1: ") && sentence.ends_with("(and 1 more)"),
        "{sentence}"
    );
    assert_eq!((&body["file"], &body["command"]), (&json!("integrations/fruit.prod.toml"), &json!("spile check")));
    send(&folder).exits(0);
    folder.remove("integrations/fruit.prod.toml");
    folder.remove("integrations/other.toml");
    folder.spile("apply --yes").exits(0);
    send(&folder).exits(0);
    assert!(receiver.take().is_empty(), "once, and no recovery after a fix by people");
    folder.write("integrations/fruit.toml", "typ = 1\n");
    send(&folder).exits(0);
    assert_eq!(receiver.titles(), ["fruit: the project has invalid files"], "wrong again is new");
}

#[test]
fn drift_and_refused_plans_are_alerts() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "");
    for slug in ["a", "b"] {
        folder.integration(slug, "data");
    }
    folder.spile("apply --yes").exits(0);
    let hands = "update integrations set name = 'by hand' where slug = 'fruit'";
    rusqlite::Connection::open(folder.join(".spile/registry.db")).unwrap().execute_batch(hands).unwrap();
    folder.write("meltano.yml", &format!("{}# by hand\n", folder.read("meltano.yml")));
    for slug in ["a", "b"] {
        folder.remove(&format!("integrations/{slug}.toml"));
    }
    send(&folder).exits(0);
    let came: Vec<_> = receiver.take().iter().map(Came::json).collect();
    let told: Vec<_> =
        came.iter().map(|one| (one["title"].as_str().unwrap(), one["sentence"].as_str().unwrap())).collect();
    let refused = "the plan deletes 2 of 4 integrations; more than one, or 30 % must be acknowledged";
    assert_eq!(
        told,
        [
            ("acme: no plan can be applied", refused),
            ("fruit: action required", "its row was changed outside spile: `name`"),
            ("acme: action required", "`meltano.yml` was changed outside spile since the last apply"),
        ]
    );
}

#[test]
fn secrets_with_other_recipients_than_the_rules_are_an_alert() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "on = ['action_required']\n");
    let shop = "type = 'postgres'\nloader = 'lake'\n[config]\nhost = 'h'\nuser = 'u'\ndatabase = 'd'\n";
    folder.write("integrations/shop.toml", &with_secrets(shop, &["password"]));
    folder.spile("apply --yes").exits(0);
    assert_eq!(send(&folder).exits(0).out, "0 alerts now, 0 messages sent\n", "without rules nothing is known");
    folder.write(".sops.yaml", "creation_rules:\n  - age: age1nobody\n");
    assert_eq!(send(&folder).exits(0).out, "0 alerts now, 0 messages sent\n");
    folder.write(".sops.yaml", "creation_rules:\n  - age: age1somebody\n");
    send(&folder).exits(0);
    let [body] = &receiver.take()[..] else { panic!("one") };
    let body = body.json();
    let sentence = "1 recipient no longer in `.sops.yaml` can still read its secrets";
    assert_eq!((&body["title"], &body["sentence"]), (&json!("shop: action required"), &json!(sentence)));
    assert_eq!(
        (&body["file"], &body["command"]),
        (&json!("integrations/shop.toml"), &json!("spile secrets updatekeys --check"))
    );
}

#[test]
fn late_integrations_are_alerts_and_paused_ones_are_not() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "");
    let hourly = format!("schedule = '@hourly'\n{}", folder.read("integrations/fruit.toml"));
    folder.write("integrations/fruit.toml", &hourly);
    folder.spile("apply --yes").exits(0);
    remember(&folder, 5 * 60, RunStatus::Ok);
    send(&folder).exits(0);
    assert!(receiver.take().is_empty(), "its row was made just now: it may not have been scheduled before");
    let sql =
        |sql: &str| rusqlite::Connection::open(folder.join(".spile/registry.db")).unwrap().execute_batch(sql).unwrap();
    let long_ago = "update integrations set created_at = '2024-01-01T00:00:00Z', updated_at = '2024-01-01T00:00:00Z'";
    sql(&format!("{long_ago}, status = 'paused'"));
    send(&folder).exits(0);
    assert!(receiver.take().is_empty(), "it is paused");
    sql(&format!("{long_ago}, status = 'active'"));
    send(&folder).exits(0);
    let [body] = &receiver.take()[..] else { panic!("one") };
    let body = body.json();
    assert_eq!((&body["kind"], &body["title"]), (&json!("stale"), &json!("fruit: no sync for too long")));
    assert!(body["sentence"].as_str().unwrap().contains("the schedule is `@hourly`"), "{body}");
    remember(&folder, 1, RunStatus::Ok);
    send(&folder).exits(0);
    assert_eq!(receiver.titles(), ["fruit: works again"]);
}

#[test]
fn an_environment_without_channels_is_silent() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "");
    folder.write(
        "spile.toml",
        &folder.read("spile.toml").replace("[environments.dev]", "[environments.dev]\nnotify = []"),
    );
    folder.write("integrations/fruit.toml", "typ = 1\n");
    assert!(send(&folder).exits(0).out.starts_with("no channels in this environment"));
    folder.spile("notify send --env prod").exits(0);
    assert_eq!(receiver.titles(), ["fruit: the project has invalid files"]);
}
