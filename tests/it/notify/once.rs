//! Of several programs, only one sends.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use spile_core::name::{EnvironmentName, IntegrationId};
use spile_core::run::{Run, RunStatus};
use spile_core::settings::{Allowed, Variables};
use spile_ops as ops;
use spile_ops::notify::{EndedRuns, WhenInterrupted};
use spile_world::{Outside, Project, World};
use tokio::sync::watch;

use super::commands::{project, remember};
use super::receiver::{Answer, Receiver};
use crate::folder::{Folder, Opened};
use crate::supabase::hosted::HostedRows;
use crate::supabase::runs::run;

#[test]
fn of_many_concurrent_programs_one_sends() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "");
    folder.spile("apply --yes").exits(0);
    remember(&folder, 30, RunStatus::Failed);
    // Slow enough that all of them are there before the first is done.
    receiver.answers(&[], Answer::Late(Duration::from_millis(500)));
    let command = || folder.command("notify send").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let children: Vec<_> = (0..6).map(|_| command()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(receiver.titles(), ["fruit: the sync failed"]);
}

#[test]
fn a_program_that_is_killed_while_it_sends_loses_nothing() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "");
    folder.spile("apply --yes").exits(0);
    remember(&folder, 30, RunStatus::Failed);
    receiver.answers(&[Answer::Late(Duration::from_mins(1))], Answer::OK);
    let mut child = folder.command("notify send").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = std::time::Instant::now();
    while receiver.take().is_empty() {
        assert!(begun.elapsed().as_secs() < 30, "it does not send");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    folder.spile("notify send").exits(0);
    assert!(receiver.take().is_empty(), "the message may be on its way");
    // Two minutes later.
    let sql = "update integration_alerts set told = replace(told, '\"until\":\"', '\"until\":\"1970-01-01T00:00:00Z\",\"was\":\"')";
    rusqlite::Connection::open(folder.join(".spile/registry.db")).unwrap().execute_batch(sql).unwrap();
    folder.spile("notify send").exits(0);
    assert_eq!(receiver.titles(), ["fruit: the sync failed"]);
}

const HOSTED: &str =
    "[registry]\nkind = 'supabase'\nurl = '${SUPABASE_URL}'\nkey = '${SUPABASE_KEY}'\nrest_path = ''\n";

fn failed_run() -> Run {
    let integration = IntegrationId::derived("acme", &"fruit".parse().unwrap());
    Run { integration, slug: "fruit".parse().unwrap(), ..run(1, RunStatus::Failed) }
}

/// Tells what a run has shown, as a machine of its own would; returns what was told.
async fn after(folder: &Folder, world: &World) -> Vec<ops::Event> {
    after_interrupt(folder, world, &watch::channel(false).1, WhenInterrupted::Notify).await
}

async fn after_interrupt(
    folder: &Folder,
    world: &World,
    interrupt: &watch::Receiver<bool>,
    when_interrupted: WhenInterrupted,
) -> Vec<ops::Event> {
    let loaded = ops::check(&Project::at(folder.path())).unwrap();
    let mut events = Vec::new();
    let environment: EnvironmentName = "dev".parse().unwrap();
    let runs = [failed_run()];
    let ended = EndedRuns { runs: &runs, environment: &environment, interrupt, when_interrupted };
    ops::notify::after(world, &loaded, ended, &mut |event| events.push(event)).await;
    events
}

#[tokio::test]
async fn an_interrupt_that_stopped_the_runs_stops_no_message_and_the_next_one_does() {
    let receiver = Receiver::start();
    let (interrupted, interrupt) = watch::channel(true);
    let notify = WhenInterrupted::Notify;
    let folder = project(&receiver, "");
    after_interrupt(&folder, &Opened::at(&folder, None).unwrap().world, &interrupt, notify).await;
    assert_eq!(receiver.titles(), ["fruit: the sync failed"]);

    let folder = project(&receiver, "");
    receiver.answers(&[], Answer::Late(Duration::from_mins(1)));
    let world = Opened::at(&folder, None).unwrap().world;
    let again = async {
        while receiver.take().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        interrupted.send_replace(true);
    };
    let both = async { tokio::join!(after_interrupt(&folder, &world, &interrupt, notify), again).0 };
    let events = tokio::time::timeout(Duration::from_secs(30), both).await.expect("it waits for a slow channel");
    assert_eq!(events, []);
}

#[tokio::test]
async fn a_scheduler_that_stops_leaves_messages_to_the_next_invocation() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "");
    let world = Opened::at(&folder, None).unwrap().world;
    let interrupt = |is_interrupted| watch::channel(is_interrupted).1;
    after_interrupt(&folder, &world, &interrupt(true), WhenInterrupted::Leave).await;
    assert_eq!(receiver.titles(), [""; 0]);
    after_interrupt(&folder, &world, &interrupt(false), WhenInterrupted::Leave).await;
    assert_eq!(receiver.titles(), ["fruit: the sync failed"]);
}

#[tokio::test]
async fn two_machines_with_one_hosted_registry_tell_once() {
    let Some(hosted) = HostedRows::start() else { return };
    let receiver = Receiver::start();
    let machines = [project(&receiver, ""), project(&receiver, "")];
    for folder in &machines {
        let opened = Opened::at(folder, None).unwrap();
        let registry = Arc::new(hosted.of("acme", "dev"));
        let world = World { alerts: registry.clone(), runs: registry, ..opened.world };
        after(folder, &world).await;
    }
    assert_eq!(receiver.titles(), ["fruit: the sync failed"]);
}

#[tokio::test]
async fn without_the_registry_channels_are_still_notified_once() {
    let receiver = Receiver::start();
    let folder = project(&receiver, "");
    folder.write("spile.toml", &format!("{}{HOSTED}", folder.read("spile.toml")));
    let variables = |name: &str| match name {
        "SUPABASE_URL" => Some("http://127.0.0.1:9".to_owned()),
        _ => Some("sb_secret_x".to_owned()),
    };
    let project = Project::at(folder.path());
    let loaded = ops::check(&project).unwrap();
    let outside = Outside { variables: Variables::new(variables, Allowed::default()), ..Outside::nothing() };
    let world = World::open(&project, &loaded.settings, &"dev".parse().unwrap(), &outside).unwrap();
    let (mut told, mut warned) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let events = after(&folder, &world).await;
        told.push(events.iter().filter(|event| matches!(event, ops::Event::Notified { .. })).count());
        warned.push(format!("{events:?}").contains("so other machines may send it again"));
    }
    assert_eq!((told, warned), (vec![1, 0], vec![true, false]));
    assert_eq!(receiver.titles(), ["fruit: the sync failed"]);
}
