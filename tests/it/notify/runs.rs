//! Runs of the real Meltano, and the notifications about them.

use std::process::Output;

use spile_core::run::{RunKind, RunStatus};
use spile_ops as ops;

use super::receiver::{Answer, Receiver};
use crate::project::{Opened, Project, Ran, things};

const HOOK: &str = "canary-Vt55-hook";
const PATH: &str = "canary-Vt55-path";

/// Adds a webhook and a Slack channel, whose secrets are canaries.
fn with_channels(project: &Project, receiver: &Receiver) {
    let text = format!(
        "{}[[notify]]\nname = 'ops'\nkind = 'webhook'\nurl = '{}/hook'\nsecret = '${{SPILE_HOOK}}'\n\
         [[notify]]\nname = 'team'\nkind = 'slack'\nurl = '${{SPILE_SLACK}}'\n",
        project.read("spile.toml"),
        receiver.url
    );
    project.write("spile.toml", &text);
}

fn spile(project: &Project, receiver: &Receiver, words: &[&str]) -> Ran {
    let mut command = project.command(words);
    command.env("SPILE_HOOK", HOOK).env("SPILE_SLACK", format!("{}/{PATH}", receiver.url));
    let output = command.output().unwrap();
    nothing_of_a_canary("the output", &[output.stdout.as_slice(), &output.stderr].concat());
    Ran(output)
}

fn nothing_of_a_canary(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(!text.contains("canary-Vt55"), "{what}: {text}");
}

/// Returns the titles at the webhook, and the number of messages to Slack.
fn came(receiver: &Receiver) -> (Vec<String>, usize) {
    let came = receiver.take();
    for one in &came {
        nothing_of_a_canary("a body", one.body.as_bytes());
    }
    let (hook, slack): (Vec<_>, Vec<_>) = came.iter().partition(|one| one.path == "/hook");
    (hook.iter().map(|one| one.json()["title"].as_str().unwrap().to_owned()).collect(), slack.len())
}

#[test]
fn a_failed_sync_and_its_recovery_are_each_notified_once() {
    let receiver = Receiver::start();
    let project = Project::with_fault("fail");
    with_channels(&project, &receiver);
    let ran = spile(&project, &receiver, &["sync"]).fails();
    assert!(ran.stderr().contains("Notified `ops`: things: the sync failed"), "{}", ran.stderr());
    let one = receiver.take();
    let body = one.iter().find(|one| one.path == "/hook").unwrap().json();
    assert!(body["sentence"].as_str().unwrap().contains("access token has expired"), "{body}");
    assert_eq!(one.len(), 2);
    spile(&project, &receiver, &["sync"]).fails();
    assert_eq!(came(&receiver), (vec![], 0), "again is nothing new");
    project.write("integrations/things.toml", &things("well"));
    spile(&project, &receiver, &["test"]).succeeds();
    assert_eq!(came(&receiver), (vec![], 0), "a test shows nothing of a sync");
    spile(&project, &receiver, &["sync"]).succeeds();
    assert_eq!(came(&receiver), (vec!["things: works again".to_owned()], 1));
    spile(&project, &receiver, &["sync"]).succeeds();
    assert_eq!(came(&receiver), (vec![], 0));
    for file in walkdir::WalkDir::new(project.path()).into_iter().flatten().filter(|file| file.file_type().is_file()) {
        nothing_of_a_canary(&file.path().display().to_string(), &std::fs::read(file.path()).unwrap());
    }
}

#[tokio::test]
async fn a_face_that_only_asks_for_runs_has_people_notified() {
    for (title, kind) in [("things: the test failed", RunKind::Test), ("things: the sync failed", RunKind::Sync)] {
        let receiver = Receiver::start();
        let project = Project::with_fault("fail");
        let channel = format!("[[notify]]\nname = 'ops'\nkind = 'webhook'\nurl = '{}/hook'\n", receiver.url);
        project.write("spile.toml", &format!("{}{channel}", project.read("spile.toml")));
        let Opened { loaded, world, run } = Opened::of(&project);
        let ran = match kind {
            RunKind::Test => ops::test(&world, &loaded, &run, &mut drop).await,
            RunKind::Sync => ops::sync(&world, &loaded, &run, &mut drop).await,
        };
        assert_eq!(ran.unwrap().ran[0].status, RunStatus::Failed);
        assert_eq!(receiver.titles(), [title]);
    }
}

#[test]
fn a_run_does_not_depend_on_its_channels() {
    let receiver = Receiver::start();
    let project = Project::with_fault("well");
    with_channels(&project, &receiver);
    receiver.answers(&[], Answer::Says(500, "", ""));
    spile(&project, &receiver, &["sync"]).succeeds();
    project.write("integrations/things.toml", &things("fail"));
    let Ran(Output { status, stderr, .. }) = spile(&project, &receiver, &["sync"]);
    assert_eq!(status.code(), Some(1), "it failed, and not for the webhook");
    let told = String::from_utf8_lossy(&stderr);
    assert!(told.contains("Warning `ops`: not sent: it responded with status 500"), "{told}");
    project.write("integrations/things.toml", &things("well"));
    let ran = spile(&project, &receiver, &["sync"]).succeeds();
    assert!(!ran.stderr().contains("Notified"), "nobody was notified of the failure: {}", ran.stderr());
}
