//! Keys with a period reach a plugin unchanged: from files, from secrets, and through stock Meltano.

use crate::project::{CONNECTOR, Project, things};

#[test]
fn a_key_with_a_period_reaches_the_tap_unchanged() {
    let project = Project::new();
    project.add_fault("tell");
    project
        .write("connectors/fault.toml", &format!("{CONNECTOR}\n[[settings]]\nname = 'stream_maps'\nkind = 'object'\n"));
    let maps = "[config.stream_maps.'main.orders']\n'a.b' = 'x.y'\n[config.stream_maps.users]\nid = 'c.d'\n";
    project.write("integrations/things.toml", &format!("{}{maps}", things("tell")));
    project.spile(&["secrets", "init"]).succeeds();
    for (name, value) in [("token", "of-the-tap-Zx81"), ("extra", r#"{"abc.xyz": "of-the-object-Qy72", "n": 7}"#)] {
        project.spile_with(&["secrets", "set", "things", name, "--stdin"], value).succeeds();
    }
    project.spile(&["apply", "--yes"]).succeeds();
    project.spile(&["plan", "--exit-code"]).succeeds();
    // The tap prints its settings and fails.
    project.spile(&["sync", "things", "--retries", "0"]).fails();
    let log = project.spile(&["logs", "things"]).succeeds().stdout();
    // Meltano sorts such keys after the others of their table.
    for whole in ["'stream_maps': {'users': {'id': 'c.d'}, 'main.orders': {'a.b': 'x.y'}}", "'abc.xyz': '(secret)'"] {
        assert!(log.contains(whole), "{whole}\nis not in\n{log}");
    }
    let dumped =
        project.meltano(&["--environment", "dev", "invoke", "--no-install", "--dump=config", "tap-fault--things"]);
    let text = String::from_utf8_lossy(&dumped.stdout);
    let config: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {dumped:?}"));
    let wanted = serde_json::json!({"main.orders": {"a.b": "x.y"}, "users": {"id": "c.d"}});
    assert_eq!(config["stream_maps"], wanted, "stock Meltano");
}
