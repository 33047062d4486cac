use super::*;
use crate::alert::tests::{at, id, run};

/// What is known after runs, one per second: `s` and `t` succeeded, `w` succeeded with a warning, `S` and `T` failed,
/// `c` was canceled.
fn after(runs: &str) -> Option<(char, usize)> {
    let told = runs.chars().enumerate().map(|(second, c)| {
        let kind = if c.eq_ignore_ascii_case(&'t') { RunKind::Test } else { RunKind::Sync };
        let status = match c {
            'c' => RunStatus::Cancelled,
            'w' => RunStatus::Warning,
            c if c.is_uppercase() => RunStatus::Failed,
            _ => RunStatus::Ok,
        };
        run(kind, status, i64::try_from(second).unwrap())
    });
    let mut all: Vec<Run> = told.collect();
    all.reverse();
    let all: AllEnds = all.into_iter().collect();
    let ends = all.of(&id(1))?;
    let second = |run: &Run| usize::try_from(run.started_at.as_second() - at(0).as_second()).unwrap();
    match (ends.failing(), ends.successes().max_by_key(|run| run.started_at)) {
        (Some(run), _) => Some(('!', second(run))),
        (None, Some(_)) if ends.warning().is_some() => Some(('~', second(ends.warning()?))),
        (None, Some(run)) => Some(('.', second(run))),
        (None, None) => None,
    }
}

#[test]
fn the_newest_failure_lasts_until_a_success_of_its_kind() {
    for (runs, known) in [
        ("", None),
        ("c", None),
        ("S", Some(('!', 0))),
        ("SSc", Some(('!', 1))),
        ("Ss", Some(('.', 1))),
        ("sS", Some(('!', 1))),
        ("St", Some(('!', 0))),
        ("STt", Some(('!', 0))),
        ("Tt", Some(('.', 1))),
        ("Ts", Some(('.', 1))),
        ("sTtc", Some(('.', 2))),
        ("SsT", Some(('!', 2))),
        ("Sw", Some(('~', 1))),
        ("wS", Some(('!', 1))),
        ("ws", Some(('.', 1))),
        ("swt", Some(('~', 1))),
    ] {
        assert_eq!(after(runs), known, "{runs}");
    }
}

#[test]
fn the_newest_sync_counts_whatever_its_status() {
    let runs = [
        run(RunKind::Test, RunStatus::Ok, 9),
        run(RunKind::Sync, RunStatus::Failed, 8),
        run(RunKind::Sync, RunStatus::Ok, 3),
    ];
    let all: AllEnds = runs.into_iter().collect();
    let ends = all.of(&id(1)).unwrap();
    assert_eq!(ends.last_ended_sync().unwrap().started_at, at(8));
    assert_eq!(ends.last_sync().unwrap().started_at, at(3));
    assert_eq!(ends.last().unwrap().started_at, at(9));
}

#[test]
fn an_alert_starts_when_its_run_ends() {
    let mut failed = run(RunKind::Sync, RunStatus::Failed, 5);
    assert_eq!(ended_at(&failed), at(6));
    failed.finished_at = None;
    assert_eq!(ended_at(&failed), at(5), "a run whose end was never recorded");
}
