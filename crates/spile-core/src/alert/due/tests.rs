use std::time::Duration;

use super::*;
use crate::alert::tests::{alert, at, run};
use crate::run::RunStatus;

const HOUR: i64 = 3600;

/// A channel and what happened to it.
struct Story {
    policy: Policy,
    told: Told,
    names: u128,
}

impl Story {
    fn new(most_per_hour: usize) -> Self {
        let policy = Policy {
            on: AlertKind::WORDS.map(|(_, kind)| kind).into(),
            only: Vec::new(),
            repeat: Some(Duration::from_hours(24)),
            most_per_hour,
        };
        Self { policy, told: Told::default(), names: 0 }
    }

    fn decide(&mut self, seen: &Seen, second: i64) -> Vec<Sending> {
        self.names += 1000;
        let told = std::mem::take(&mut self.told);
        let decision = decide(seen, &self.policy, told, at(second), Uuid::from_u128(self.names));
        self.told = decision.told;
        decision.messages
    }

    /// Decides and sends; returns what was sent.
    fn tell(&mut self, seen: &Seen, second: i64) -> Vec<String> {
        let messages = self.decide(seen, second);
        for message in &messages {
            settle(&mut self.told, message, Outcome::Sent, at(second));
        }
        messages
            .iter()
            .map(|one| match one.more.len() {
                0 => one.alert.sentence.clone(),
                more => format!("{} and {more} more", one.alert.sentence),
            })
            .collect()
    }
}

fn wrong(kind: AlertKind, numbers: &[u128], since: i64) -> Seen {
    Seen { alerts: numbers.iter().map(|number| alert(kind, *number, since)).collect(), ..Seen::default() }
}

fn failing(number: u128, since: i64) -> Seen {
    wrong(AlertKind::Failure, &[number], since)
}

/// A sync or a test that succeeded, and took a second.
fn success(kind: RunKind, number: u128, since: i64) -> Seen {
    let run = Some(Box::new(run(kind, RunStatus::Ok, since - 1)));
    Seen { well: vec![Alert { run, ..alert(AlertKind::Recovery, number, since) }], ..Seen::default() }
}

fn well(number: u128, since: i64) -> Seen {
    success(RunKind::Sync, number, since)
}

#[test]
fn a_failure_is_told_once_and_again_after_a_day() {
    let mut story = Story::new(20);
    assert_eq!(story.tell(&failing(1, 0), 0), ["failure of 1"]);
    assert_eq!(story.tell(&failing(1, HOUR), HOUR), [""; 0]);
    assert_eq!(story.tell(&failing(1, 2 * HOUR), 24 * HOUR), ["failure of 1"]);
    assert_eq!(story.tell(&failing(1, 3 * HOUR), 25 * HOUR), [""; 0]);
    assert_eq!(story.told.alerts.values().next().unwrap().since, at(0), "since the first failure");
    story.policy.repeat = None;
    assert_eq!(story.tell(&failing(1, 0), 9000 * HOUR), [""; 0]);
}

#[test]
fn a_recovery_follows_what_was_told_and_nothing_else() {
    let mut story = Story::new(20);
    assert_eq!(story.tell(&well(1, 5), 5), [""; 0]);
    story.tell(&failing(1, 10), 10);
    assert_eq!(story.tell(&well(1, 5), 11), [""; 0], "it was well before it failed");
    assert_eq!(story.tell(&well(1, 20), 20), ["recovery of 1"]);
    assert_eq!(story.tell(&well(1, 20), 30), [""; 0]);
    assert_eq!(story.told.alerts.len(), 0);
    assert_eq!(story.tell(&failing(1, 40), 40), ["failure of 1"]);
}

#[test]
fn a_channel_that_wants_no_recoveries_forgets() {
    let mut story = Story::new(20);
    story.policy.on.remove(&AlertKind::Recovery);
    story.tell(&failing(1, 10), 10);
    assert_eq!(story.tell(&well(1, 20), 20), [""; 0]);
    assert_eq!(story.tell(&failing(1, 30), 30), ["failure of 1"]);
}

#[test]
fn what_was_not_looked_at_lasts_and_what_is_gone_is_forgotten() {
    let mut story = Story::new(20);
    story.tell(&wrong(AlertKind::Misconfigured, &[1], 0), 0);
    story.tell(&failing(2, 5), 5);
    assert_eq!(story.told.alerts.len(), 2);
    let mended = Seen { whole: [AlertKind::Misconfigured].into(), ..Seen::default() };
    assert_eq!(story.tell(&mended, 10), [""; 0], "no recovery for what people have mended");
    assert_eq!(story.told.alerts.len(), 1);
    story.tell(&Seen { whole: [AlertKind::Failure].into(), ..Seen::default() }, 10);
    assert_eq!(story.told, Told { sent: vec![at(0), at(5)], ..Told::default() });
}

#[test]
fn a_success_from_before_a_failure_neither_ends_it_nor_has_it_forgotten() {
    let mut story = Story::new(20);
    assert_eq!(story.tell(&failing(1, 10), 10), ["failure of 1"]);
    let before = Seen { whole: [AlertKind::Failure].into(), ..well(1, 5) };
    assert_eq!(story.tell(&before, 20), [""; 0]);
    assert_eq!(story.tell(&well(1, 30), 30), ["recovery of 1"]);
}

#[test]
fn one_that_fails_and_is_stale_is_told_once_and_recovers_once() {
    let mut story = Story::new(20);
    let mut both = failing(1, 10);
    both.alerts.push(alert(AlertKind::Stale, 1, 0));
    assert_eq!(story.tell(&both, 20), ["failure of 1"]);
    let mut story = Story::new(20);
    assert_eq!(story.tell(&wrong(AlertKind::Stale, &[1], 0), 5), ["stale of 1"]);
    assert_eq!(story.tell(&both, 20), ["failure of 1"]);
    assert_eq!(story.tell(&well(1, 30), 30), ["recovery of 1"]);
    assert_eq!(story.told.alerts.len(), 0);
}

#[test]
fn only_a_sync_makes_up_for_one_that_is_late() {
    let mut story = Story::new(20);
    story.tell(&wrong(AlertKind::Stale, &[1], 100), 200);
    assert_eq!(story.tell(&success(RunKind::Test, 1, 250), 250), [""; 0]);
    assert_eq!(story.tell(&well(1, 101), 260), [""; 0], "the last sync, since when it is late");
    assert_eq!(story.told.alerts.len(), 1);
    let rests = Seen { whole: [AlertKind::Stale].into(), ..well(1, 101) };
    assert_eq!(story.tell(&rests, 270), [""; 0], "it is not scheduled any more");
    assert_eq!(story.told.alerts.len(), 0);
}

#[test]
fn what_is_repeated_says_since_when_it_lasts() {
    let mut story = Story::new(20);
    story.tell(&failing(1, 0), 0);
    let again = story.decide(&failing(1, 24 * HOUR), 24 * HOUR);
    assert_eq!(again[0].alert.since, at(0));
}

#[test]
fn what_is_held_back_is_summed_up_in_the_last_that_passes() {
    let mut story = Story::new(3);
    let many: Vec<u128> = (1..=40).collect();
    let told = story.tell(&wrong(AlertKind::Failure, &many, 0), 0);
    assert_eq!(told, ["failure of 1", "failure of 2", "failure of 3 and 37 more"]);
    assert_eq!(story.tell(&wrong(AlertKind::Failure, &[41, 42], 1), 1), [""; 0], "the hour is full");
    let all: Vec<u128> = (1..=42).collect();
    let told = story.tell(&wrong(AlertKind::Failure, &all, 1), HOUR);
    assert_eq!(told, ["failure of 41", "failure of 42"], "they waited");
}

#[test]
fn what_could_not_be_sent_is_due_again_and_takes_no_place() {
    let mut story = Story::new(1);
    for second in [0, 1, 2] {
        let messages = story.decide(&failing(1, 0), second);
        assert_eq!(messages.len(), 1);
        settle(&mut story.told, &messages[0], Outcome::NotSent, at(second));
    }
    assert_eq!(story.tell(&failing(1, 0), 3), ["failure of 1"]);
}

#[test]
fn what_is_being_sent_is_nobody_elses_until_its_sender_is_given_up() {
    let mut story = Story::new(20);
    assert_eq!(story.decide(&failing(1, 0), 0).len(), 1);
    assert_eq!(story.decide(&failing(1, 0), 60).len(), 0);
    assert_eq!(story.decide(&well(1, 61), 61).len(), 0, "it may not have been told yet");
    let taken_over = story.decide(&failing(1, 0), 180);
    assert_eq!(taken_over.len(), 1);
    settle(&mut story.told, &taken_over[0], Outcome::Sent, at(181));
    assert_eq!(story.tell(&failing(1, 0), 182), [""; 0]);
}

#[test]
fn who_was_given_up_and_sends_after_all_leaves_the_other_its_claim() {
    let mut story = Story::new(20);
    let slow = story.decide(&failing(1, 0), 0);
    let other = story.decide(&failing(1, 0), 190);
    settle(&mut story.told, &slow[0], Outcome::NotSent, at(191));
    assert!(story.told.alerts.values().all(|entry| entry.claim == Some(other[0].claim)));
    settle(&mut story.told, &other[0], Outcome::Sent, at(192));
    assert_eq!(story.told.alerts.values().next().unwrap().told_at, Some(at(192)));
}

#[test]
fn a_clock_that_was_ahead_silences_nobody() {
    let year = 365 * 24 * HOUR;
    let mut story = Story::new(1);
    assert_eq!(story.tell(&failing(1, 0), year), ["failure of 1"]);
    assert_eq!(story.tell(&failing(2, 0), 0), ["failure of 2"], "it counted as of the last hour");
    assert_eq!(story.tell(&failing(1, 0), 25 * HOUR), ["failure of 1"], "it would be repeated in a year");
    let mut story = Story::new(20);
    assert_eq!(story.decide(&failing(1, 0), year).len(), 1);
    assert_eq!(story.tell(&failing(1, 0), 0), ["failure of 1"], "a claim of then holds up nothing now");
    let mut story = Story::new(20);
    assert_eq!(story.decide(&failing(1, 0), 60).len(), 1);
    assert_eq!(story.decide(&failing(1, 0), 0).len(), 0, "clocks differ by a minute");
}

#[test]
fn a_recovery_that_could_not_be_sent_is_due_again() {
    let mut story = Story::new(20);
    story.tell(&failing(1, 0), 0);
    let messages = story.decide(&well(1, 10), 10);
    settle(&mut story.told, &messages[0], Outcome::NotSent, at(10));
    assert_eq!(story.tell(&well(1, 10), 20), ["recovery of 1"]);
}
