//! Which way records take from tap to loader in the tests' projects: through spile's relay, or through Meltano itself if
//! `SPILE_TEST_RELAY=off`. So one suite tests both.

/// What a project's settings say about it.
const OFF: &str = "relay = false # for the tests\n";

/// Tells whether records pass through the relay.
pub fn is_relayed() -> bool {
    match std::env::var("SPILE_TEST_RELAY").as_deref() {
        Err(_) | Ok("on") => true,
        Ok("off") => false,
        Ok(other) => panic!("`SPILE_TEST_RELAY` is `on` or `off`, not `{other}`"),
    }
}

/// Returns the text of a `spile.toml` with the way that records take. A text that chooses one itself stays as it is.
pub fn chosen(settings: &str) -> String {
    if is_relayed() { settings.to_owned() } else { without_relay(settings) }
}

fn without_relay(settings: &str) -> String {
    // A test may have read the settings and added a table.
    let settings = settings.replace(&format!("[sync]\n{OFF}\n"), "").replace(OFF, "");
    if settings.contains("relay = ") {
        return settings;
    }
    match settings.split_once("[sync]\n") {
        Some((before, after)) => format!("{before}[sync]\n{OFF}{after}"),
        // The empty line distinguishes this table from one that the test wrote.
        None => format!("{}\n\n[sync]\n{OFF}\n", settings.trim_end()),
    }
}

#[test]
fn settings_keep_what_they_say_besides_the_way_of_records() {
    let name = "[project]\nname = 'real'\n";
    let table = format!("{name}\n[sync]\n{OFF}\n");
    assert_eq!(without_relay(name), table);
    assert_eq!(without_relay(&format!("{table}[guard]\n")), format!("{name}\n[guard]\n\n[sync]\n{OFF}\n"));
    let jobs = format!("{name}[sync]\njobs = 1\n");
    assert_eq!(without_relay(&jobs), format!("{name}[sync]\n{OFF}jobs = 1\n"));
    assert_eq!(without_relay(&without_relay(&jobs)), without_relay(&jobs));
    assert_eq!(without_relay(&format!("{table}[sync]\njobs = 1\n")), format!("{name}\n[sync]\n{OFF}jobs = 1\n"));
    for own in ["relay = true\n", "relay = false\n"] {
        assert_eq!(without_relay(&format!("[sync]\n{own}")), format!("[sync]\n{own}"));
    }
}
