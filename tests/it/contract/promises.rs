//! The guarantees, each tested for every target.

use std::sync::{Arc, Barrier};

use spile_core::plan::Step;
use spile_world::{Memory, Target, TargetError};

use super::harness::{File, LocalRows, MemoryEntries, MemoryRows, Sample, Subject, id};
use crate::folder::{Folder, origin};
use crate::supabase::hosted::HostedRows;

/// How often two writers compete by default; set `SPILE_ROUNDS` for more.
const ROUNDS: u16 = 100;

fn rounds() -> u16 {
    std::env::var("SPILE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

async fn reading_nothing_makes_nothing(subject: &impl Subject) {
    let files = subject.files();
    let read = subject.target().read().await.unwrap();
    assert!(read.state.is_empty() && read.foreign.is_empty());
    assert_eq!(subject.files(), files);
}

async fn what_is_written_is_read(subject: &impl Subject) {
    let target = subject.target();
    for numbers in [[10, 20].as_slice(), &[10, 21, 30], &[31], &[]] {
        let read = target.read().await.unwrap();
        let step = subject.step(&read, numbers);
        assert!(!step.is_empty());
        target.write(&step, &origin("p")).await.unwrap();
        let after = subject.target().read().await.unwrap();
        assert_eq!(after.state, subject.state(numbers));
        assert_eq!(after.state, step.applied_to(read.state));
        assert_eq!(after.document, step.after);
        assert_ne!(after.revision, read.revision, "{numbers:?}");
        assert!(subject.step(&after, numbers).is_empty(), "the same again is nothing");
    }
}

/// The desired state may or may not equal the live one.
async fn a_write_of_the_live_state_changes_nothing(subject: &impl Subject) {
    let target = subject.target();
    target.write(&subject.step(&target.read().await.unwrap(), &[10, 20, 33]), &origin("p")).await.unwrap();
    let read = subject.target().read().await.unwrap();
    for told in [[10, 20, 33].as_slice(), &[10, 21, 30], &[40], &[]] {
        let target = subject.target();
        let holds = subject.state(told);
        target.learn(&subject.step(&read, told).after, &holds);
        let again = target.read().await.unwrap();
        assert_eq!((again.state, again.document), (read.state.clone(), read.document.clone()), "{told:?}");
        assert_eq!((again.revision, again.drifted), (read.revision.clone(), read.drifted.clone()), "{told:?}");
    }
}

async fn a_stale_step_changes_nothing(subject: &impl Subject) {
    let target = subject.target();
    let old = target.read().await.unwrap();
    let mine = subject.step(&old, &[10]);
    target.write(&subject.step(&old, &[20, 30]), &origin("theirs")).await.unwrap();
    let before = target.read().await.unwrap();
    let refused = target.write(&mine, &origin("mine")).await;
    assert!(matches!(refused, Err(TargetError::Stale { .. })), "{refused:?}");
    let after = target.read().await.unwrap();
    assert_eq!((after.state, after.document), (before.state, before.document));
    assert_eq!(after.revision, before.revision);
}

async fn an_empty_step_is_harmless(subject: &impl Subject) {
    let target = subject.target();
    target.write(&subject.step(&target.read().await.unwrap(), &[10]), &origin("p")).await.unwrap();
    let before = target.read().await.unwrap();
    let step = subject.step(&before, &[10]);
    assert!(step.is_empty());
    target.write(&step, &origin("p")).await.unwrap();
    let after = target.read().await.unwrap();
    assert_eq!((after.state, after.document), (before.state, before.document));
}

async fn records_of_others_are_listed_and_not_touched(subject: &impl Subject) {
    let target = subject.target();
    target.write(&subject.step(&target.read().await.unwrap(), &[10]), &origin("p")).await.unwrap();
    let foreign = subject.add_foreign();
    let read = target.read().await.unwrap();
    assert_eq!(read.foreign, foreign);
    assert_eq!(read.state.ids().copied().collect::<Vec<_>>(), [id(10)]);
    for numbers in [[11, 20].as_slice(), &[]] {
        target.write(&subject.step(&target.read().await.unwrap(), numbers), &origin("p")).await.unwrap();
        assert_eq!(target.read().await.unwrap().foreign, foreign);
    }
}

async fn of_two_writers_one_wins(subject: &impl Subject) {
    for round in 0..rounds() {
        let number = if round % 2 == 0 { 10 } else { 30 };
        one_wins(subject, [&[number], &[number + 10, 50]]).await;
    }
}

/// The two writers share no record, yet the second would overwrite what it has not seen.
async fn of_two_writers_with_nothing_in_common_one_wins(subject: &impl Subject) {
    let target = subject.target();
    target.write(&subject.step(&target.read().await.unwrap(), &[10, 20]), &origin("p")).await.unwrap();
    let mut held = [10, 20];
    for _ in 0..rounds() / 5 {
        let next = held.map(|number| number / 10 * 10 + (number + 1) % 10);
        let wanted = [[next[0], held[1]], [held[0], next[1]]];
        held = wanted[one_wins(subject, [&wanted[0], &wanted[1]]).await];
    }
}

/// Both writers plan from the same snapshot and write at the same time. Returns the winner.
async fn one_wins(subject: &impl Subject, wanted: [&[u8]; 2]) -> usize {
    let read = subject.target().read().await.unwrap();
    let steps = wanted.map(|numbers| subject.step(&read, numbers));
    let results = at_once(subject, &steps);
    let won: Vec<usize> = (0..2).filter(|index| results[*index].is_ok()).collect();
    let stale = results.iter().filter(|result| matches!(result, Err(TargetError::Stale { .. }))).count();
    assert_eq!((won.len(), stale), (1, 1), "{wanted:?}: {results:?}");
    let after = subject.target().read().await.unwrap();
    assert_eq!(after.state, subject.state(wanted[won[0]]));
    assert_eq!(after.state, steps[won[0]].applied_to(read.state));
    won[0]
}

fn at_once<R: Sample>(subject: &impl Subject<Record = R>, steps: &[Step<R>; 2]) -> Vec<Result<(), TargetError>> {
    let barrier = Arc::new(Barrier::new(steps.len()));
    std::thread::scope(|scope| {
        let writers: Vec<_> = steps
            .iter()
            .map(|step| {
                let (target, barrier): (Arc<dyn Target<Record = R>>, _) = (subject.target(), barrier.clone());
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    barrier.wait();
                    runtime.block_on(target.write(step, &origin("p")))
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    })
}

/// Tests every guarantee for every target; the only list of both. The constructor returns `None` if a target is
/// unavailable.
macro_rules! contract {
    ($target:ident, $make:expr, [$($promise:ident),+ $(,)?]) => {
        mod $target {
            use super::*;
            $(
                #[tokio::test]
                async fn $promise() {
                    let Some(subject) = $make else { return };
                    super::$promise(&subject).await;
                }
            )+
        }
    };
    ($($target:ident = $make:expr;)+) => {
        $(contract!($target, $make, [
            reading_nothing_makes_nothing,
            what_is_written_is_read,
            a_write_of_the_live_state_changes_nothing,
            a_stale_step_changes_nothing,
            an_empty_step_is_harmless,
            records_of_others_are_listed_and_not_touched,
            of_two_writers_one_wins,
            of_two_writers_with_nothing_in_common_one_wins,
        ]);)+
    };
}

contract! {
    rows_in_memory = Some(MemoryRows(Arc::new(Memory::default())));
    entries_in_memory = Some(MemoryEntries(Arc::new(Memory::default())));
    rows_in_sqlite = Some(LocalRows(Folder::new()));
    rows_in_supabase = HostedRows::start();
    entries_in_a_file = Some(File(Folder::new()));
}

#[tokio::test]
async fn a_target_with_a_scripted_failure_does_nothing() {
    let subject = MemoryRows(Arc::new(Memory::default()));
    let step = subject.step(&subject.0.read().await.unwrap(), &[10]);
    subject.0.fail_once();
    assert!(matches!(subject.0.write(&step, &origin("p")).await, Err(TargetError::Told)));
    assert!(subject.0.read().await.unwrap().state.is_empty());
    subject.0.write(&step, &origin("p")).await.unwrap();
}
