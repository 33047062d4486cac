//! `up` as operations do it, whatever face asks.

use spile_core::plan::guard::Allowance;
use spile_core::run::{RunKind, RunStatus};
use spile_ops::{self as ops, Event};
use tokio::sync::watch;

use crate::folder;
use crate::project::{Opened, Project};

/// Does the whole job, interrupted when the runs begin if so asked. Returns the runs in order, and the stages.
async fn up(project: &Project, interrupts: bool) -> (Vec<(RunKind, RunStatus)>, Vec<&'static str>) {
    let Opened { loaded, world, mut run } = Opened::of(project);
    let options = ops::plan::Options::everything(run.environment.clone());
    let plan = ops::plan(&world, &loaded, &options).await.unwrap();
    let (interrupted, interrupt) = watch::channel(false);
    run.interrupt = interrupt;
    let apply = ops::apply::Options { allowance: Allowance::default(), origin: folder::origin(&plan.id()) };
    let mut stages = Vec::new();
    let mut tell = |event: Event| match event {
        Event::Applied(_) => stages.push("applied"),
        Event::StartingRuns => {
            interrupted.send_replace(interrupts);
            stages.push("starting runs");
        }
        Event::Began { kind: RunKind::Test, .. } => stages.push("testing"),
        Event::Began { kind: RunKind::Sync, .. } => stages.push("syncing"),
        _ => {}
    };
    let runs = ops::up(&world, &loaded, &plan, &ops::up::Options { apply, run }, &mut tell).await.unwrap();
    (runs.into_iter().map(|run| (run.kind, run.status)).collect(), stages)
}

#[tokio::test]
async fn a_test_that_does_not_succeed_stops_it_before_the_syncs() {
    let project = Project::new();
    project.add_fault("fail");
    let (runs, stages) = up(&project, false).await;
    assert_eq!(runs, [(RunKind::Test, RunStatus::Failed)]);
    assert_eq!(stages, ["applied", "starting runs", "testing"]);

    project.write("integrations/things.toml", &crate::project::things("well"));
    let (runs, stages) = up(&project, true).await;
    assert_eq!(runs, [(RunKind::Test, RunStatus::Cancelled)]);
    assert_eq!(stages, ["applied", "starting runs"], "the apply is done, and nothing begins");

    let (runs, stages) = up(&project, false).await;
    assert_eq!(runs, [(RunKind::Test, RunStatus::Ok), (RunKind::Sync, RunStatus::Ok)]);
    assert_eq!(stages, ["starting runs", "testing", "syncing"]);
}
