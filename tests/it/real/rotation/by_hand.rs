//! What people see of rotated secrets and do with them.

use std::process::Stdio;
use std::time::Duration;

use super::Rotating;
use crate::project::{Project, wait};
use crate::secrets::identity;

/// The rotated values of a project that are in spile's own folder, encrypted.
fn stored(project: &Project) -> String {
    let entries = std::fs::read_dir(project.path().join(".spile/rotated_secrets")).into_iter().flatten().flatten();
    entries.map(|entry| std::fs::read_to_string(entry.path()).unwrap()).collect()
}

/// Encrypts for the project's own key, and for others.
fn allow(rotating: &Rotating, recipients: &[&str]) {
    let rules = format!("creation_rules:\n  - age: [{}]\n", recipients.join(", "));
    rotating.project.write(".sops.yaml", &rules);
}

fn own_recipient(rotating: &Rotating) -> String {
    let rules = rotating.project.read(".sops.yaml");
    let line = rules.lines().find(|line| line.trim().starts_with("- age1")).unwrap();
    line.trim().trim_start_matches("- ").to_owned()
}

#[test]
fn a_rotated_secret_is_shown_without_its_value_and_pulled_into_the_file() {
    let rotating = Rotating::new();
    let project = &rotating.project;
    assert!(!project.spile(&["secrets", "list"]).succeeds().stdout().contains("rotated"));
    rotating.run(&["sync", "things"]).succeeds();
    let token = rotating.current();
    for words in [&["secrets", "list"][..], &["plan"], &["plan", "--format", "markdown"]] {
        let told = project.spile(words).succeeds().stdout();
        assert!(told.contains("oauth.refresh_token") && told.contains("otated by the"), "{told}");
        assert!(!told.contains(&token), "{told}");
    }
    let listed = project.json(&["secrets", "list", "things"]);
    assert_eq!(listed["integrations"][0]["rotated"][0]["name"], "oauth.refresh_token", "{listed}");
    let planned = project.json(&["plan"]);
    assert_eq!(planned["rotated"].as_array().unwrap().len(), 2, "{planned}");
    let before = project.read("integrations/things.toml");
    let told = project.spile(&["pull", "things"]).succeeds().stdout();
    assert!(told.contains("oauth.refresh_token") && told.contains("spile apply"), "{told}");
    let values = project.json(&["secrets", "view", "things", "--yes"]);
    assert_eq!(values["oauth.refresh_token"], token);
    assert_eq!(values["session"], format!("session-of-{token}"));
    assert_ne!(project.read("integrations/things.toml"), before);
    assert_eq!(stored(project), "", "the file has it now");
    assert!(!project.spile(&["secrets", "list"]).succeeds().stdout().contains("rotated"));
    project.spile(&["apply", "--yes"]).succeeds();
    let told = project.spile(&["pull", "things"]).succeeds().stdout();
    assert!(told.contains("already matches"), "{told}");
    rotating.run(&["sync", "things"]).succeeds();
    rotating.run(&["sync", "things"]).succeeds();
    assert!(!rotating.was_refused());
}

#[test]
fn nothing_is_pulled_while_a_run_may_rotate_it() {
    let rotating = Rotating::new();
    rotating.run(&["sync", "things"]).succeeds();
    let file = rotating.project.read("integrations/things.toml");
    let mut command = rotating.command(&["sync", "things", "-q"]);
    command.env("TAP_ROTATING_PAUSE", "3").stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    crate::project::wait_for_the_tap(&rotating.project);
    let told = rotating.project.spile(&["pull", "things"]).fails().stderr();
    assert!(told.contains("spile::secrets::rotation_busy"), "{told}");
    assert!(wait(&mut child, Duration::from_mins(2)).success());
    assert_eq!(rotating.project.read("integrations/things.toml"), file);
    rotating.run(&["sync", "things"]).succeeds();
    assert!(!rotating.was_refused());
}

#[test]
fn a_removed_recipient_cannot_decrypt_a_rotated_secret_afterwards() {
    let rotating = Rotating::new();
    let (mine, (_, theirs)) = (own_recipient(&rotating), identity());
    rotating.run(&["sync", "things"]).succeeds();
    // A new recipient can decrypt it at once.
    allow(&rotating, &[&mine, &theirs]);
    let told = rotating.project.spile(&["secrets", "updatekeys"]).succeeds().stdout();
    assert!(told.contains("2 rotated secrets in `dev`"), "{told}");
    assert!(stored(&rotating.project).contains(&theirs));
    rotating.run(&["sync", "things"]).succeeds();
    allow(&rotating, &[&mine]);
    rotating.project.spile(&["secrets", "updatekeys"]).succeeds();
    let kept = stored(&rotating.project);
    assert!(kept.contains("sealed") && !kept.contains(&theirs), "{kept}");
    rotating.run(&["sync", "things"]).succeeds();
    assert!(!rotating.was_refused());
    let told = rotating.project.spile(&["secrets", "updatekeys"]).succeeds().stdout();
    assert!(told.contains("every file matches") && !told.contains("rotated secret"), "{told}");
}

#[test]
fn a_rotated_secret_that_only_a_removed_recipient_decrypts_is_dropped_with_a_warning() {
    let rotating = Rotating::new();
    rotating.run(&["sync", "things"]).succeeds();
    // Whoever is left has another key than the run had.
    let (key, theirs) = identity();
    allow(&rotating, &[&theirs]);
    let told = rotating.project.spile(&["secrets", "updatekeys"]).succeeds().stderr();
    assert!(told.contains("spile::secrets::rotation_dropped") && told.contains("warning"), "{told}");
    assert_eq!(stored(&rotating.project), "");
    let mut listed = rotating.command(&["secrets", "list"]);
    let listed = listed.env("SOPS_AGE_KEY", key).output().unwrap();
    assert!(!String::from_utf8_lossy(&listed.stdout).contains("rotated"), "{listed:?}");
}
