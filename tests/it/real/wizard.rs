//! `spile new` and `spile edit` in a real terminal.

use portable_pty::CommandBuilder;

use crate::project::{FRUIT, LOADER, Project};
use crate::terminal::Terminal;

fn terminal(project: &Project, words: &[&str]) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_spile"));
    command.args(words);
    command.cwd(project.path());
    command.env("XDG_CONFIG_HOME", project.path().join("config"));
    command.env("TERM", "xterm-256color");
    command.env_remove("NO_COLOR");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SOPS_")) {
        command.env_remove(name);
    }
    Terminal::start(command)
}

#[test]
fn salesforce_is_connected_by_prompts_despite_a_wrong_answer() {
    let project = Project::new();
    project.write("integrations/files.toml", LOADER);
    let mut terminal = terminal(&project, &["new"]);
    terminal.shows("What do you want to connect?").answers("salesforce");
    terminal.shows("Name").answers("My CRM");
    terminal.shows("is not a valid name").erases(6).answers("crm");
    terminal.shows("There is no `.sops.yaml` yet").answers("y");
    terminal.shows("Consumer key").answers("key-of-the-app");
    terminal.shows("Consumer secret").answers("hunter2-app");
    terminal.shows("Refresh token").answers("hunter2-token");
    terminal.shows("Start date").answers("yesterday");
    terminal.shows("for example 2024-01-01").erases(9).answers("2024-01-01");
    terminal.shows("API").answers("bulk");
    terminal.shows("Which optional settings do you want to set?").presses("\r");
    terminal.shows("Which advanced settings do you want to set?").presses("\r");
    terminal.shows("Where should its records go?").answers("files");
    terminal.shows("When should it sync?").answers("@houry");
    terminal.shows("not one of Meltano's presets").erases(6).answers("@hourly");
    terminal.shows("Test the connection before writing the file?").answers("n");
    terminal.shows("Write `integrations/crm.toml`?").answers("y");
    assert_eq!(terminal.ends(), 0, "{}", terminal.text());
    let text = project.read("integrations/crm.toml");
    for line in ["type = \"salesforce\"", "start_date = 2024-01-01", "api_type = \"BULK\"", "schedule = \"@hourly\""] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}: {text}");
    }
    let shown = terminal.text();
    assert!(!format!("{shown}{text}").contains("hunter2"), "{shown}");
    assert!(shown.contains("client_secret = \"ENC[") && shown.contains("+ crm"), "{shown}");
    project.spile(&["check"]).succeeds();
    let view = project.spile(&["secrets", "view", "crm", "--yes"]).succeeds().stdout();
    assert!(view.contains("hunter2-app") && view.contains("hunter2-token"), "{view}");
}

#[test]
fn a_connection_is_tested_before_it_is_written_and_can_be_fixed() {
    let project = Project::new();
    project.write("integrations/files.toml", LOADER);
    project.write("data/fruit.singer.jsonl", FRUIT_RECORDS);
    let words = ["new", "--type", "singer-jsonl", "--loader", "files", "--schedule", "@daily"];
    let mut terminal = terminal(&project, &words);
    terminal.shows("Name").answers("fruit");
    // The settings of the only group, or the other settings: each is prompted for by its label.
    terminal.shows("How do you want to connect?").answers("");
    terminal.shows("Folders").answers("nowhere");
    terminal.shows("Which optional settings do you want to set?").presses("\r");
    terminal.shows("Which advanced settings do you want to set?").presses("\r");
    terminal.shows("Test the connection").answers("y");
    terminal.shows("The test failed:").answers("change");
    terminal.shows("Which setting do you want to change?").answers("local.folders");
    terminal.shows("Folders").answers("data");
    terminal.shows("Test the connection").answers("y");
    // Its tap reads everything it finds, so there are no streams to choose.
    terminal.shows("Write `integrations/fruit.toml`?").answers("y");
    assert_eq!(terminal.ends(), 0, "{}", terminal.text());
    let text = project.read("integrations/fruit.toml");
    assert!(text.contains("local.folders = [\"data\"]") && !text.contains("select"), "{text}");
    assert!(
        project.json(&["runs"])["runs"].as_array().unwrap().is_empty(),
        "tests of an unsaved file are not in the history"
    );
}

const FRUIT_RECORDS: &str = concat!(
    r#"{"type":"SCHEMA","stream":"fruit","key_properties":["id"],"schema":{"properties":{"id":{"type":"integer"}}}}"#,
    "\n",
    r#"{"type":"RECORD","stream":"fruit","record":{"id":1}}"#,
    "\n"
);

#[test]
fn leaving_a_prompt_unanswered_writes_nothing() {
    let project = Project::new();
    project.write("integrations/fruit.toml", FRUIT);
    project.write("integrations/files.toml", LOADER);
    let mut made = terminal(&project, &["new"]);
    made.shows("What do you want to connect?").presses("\u{3}");
    assert_eq!(made.ends(), 1);
    assert!(made.text().contains("nothing was written"), "{}", made.text());
    let mut edited = terminal(&project, &["edit", "fruit"]);
    edited.shows("Which setting do you want to change?").presses("\u{1b}");
    assert_eq!(edited.ends(), 1);
    assert_eq!(project.read("integrations/fruit.toml"), FRUIT);
}
