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

/// A sync or a test that succeeded after a second.
fn success(kind: RunKind, number: u128, since: i64) -> Seen {
    let run = Some(Box::new(run(kind, RunStatus::Ok, since - 1)));
    Seen { well: vec![Alert { run, ..alert(AlertKind::Recovery, number, since) }], ..Seen::default() }
}

fn well(number: u128, since: i64) -> Seen {
    success(RunKind::Sync, number, since)
}

#[test]
fn a_failure_is_sent_once_and_again_after_a_day() {
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
fn a_recovery_is_sent_only_after_an_alert_that_was_sent() {
    let mut story = Story::new(20);
    assert_eq!(story.tell(&well(1, 5), 5), [""; 0]);
    story.tell(&failing(1, 10), 10);
    assert_eq!(story.tell(&well(1, 5), 11), [""; 0], "the success came before the failure");
    assert_eq!(story.tell(&well(1, 20), 20), ["recovery of 1"]);
    assert_eq!(story.tell(&well(1, 20), 30), [""; 0]);
    assert_eq!(story.told.alerts.len(), 0);
    assert_eq!(story.tell(&failing(1, 40), 40), ["failure of 1"]);
}

#[test]
fn a_channel_without_recoveries_forgets_alerts_that_are_over() {
    let mut story = Story::new(20);
    story.policy.on.remove(&AlertKind::Recovery);
    story.tell(&failing(1, 10), 10);
    assert_eq!(story.tell(&well(1, 20), 20), [""; 0]);
    assert_eq!(story.tell(&failing(1, 30), 30), ["failure of 1"]);
}

#[test]
fn alerts_of_unchecked_kinds_last_and_missing_ones_are_forgotten() {
    let mut story = Story::new(20);
    story.tell(&wrong(AlertKind::Misconfigured, &[1], 0), 0);
    story.tell(&failing(2, 5), 5);
    assert_eq!(story.told.alerts.len(), 2);
    let mended = Seen { whole: [AlertKind::Misconfigured].into(), ..Seen::default() };
    assert_eq!(story.tell(&mended, 10), [""; 0], "no recovery for what people fixed themselves");
    assert_eq!(story.told.alerts.len(), 1);
    story.tell(&Seen { whole: [AlertKind::Failure].into(), ..Seen::default() }, 10);
    assert_eq!(story.told, Told { sent: vec![at(0), at(5)], ..Told::default() });
}

#[test]
fn a_success_from_before_a_failure_does_not_end_it() {
    let mut story = Story::new(20);
    assert_eq!(story.tell(&failing(1, 10), 10), ["failure of 1"]);
    let before = Seen { whole: [AlertKind::Failure].into(), ..well(1, 5) };
    assert_eq!(story.tell(&before, 20), [""; 0]);
    assert_eq!(story.tell(&well(1, 30), 30), ["recovery of 1"]);
}

#[test]
fn a_failing_and_stale_integration_alerts_once_and_recovers_once() {
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
fn only_a_sync_ends_a_stale_alert() {
    let mut story = Story::new(20);
    story.tell(&wrong(AlertKind::Stale, &[1], 100), 200);
    assert_eq!(story.tell(&success(RunKind::Test, 1, 250), 250), [""; 0]);
    assert_eq!(story.tell(&well(1, 101), 260), [""; 0], "the last sync, from before the alert");
    assert_eq!(story.told.alerts.len(), 1);
    let rests = Seen { whole: [AlertKind::Stale].into(), ..well(1, 101) };
    assert_eq!(story.tell(&rests, 270), [""; 0], "it is no longer scheduled");
    assert_eq!(story.told.alerts.len(), 0);
}

#[test]
fn a_repeated_alert_says_when_it_started() {
    let mut story = Story::new(20);
    story.tell(&failing(1, 0), 0);
    let again = story.decide(&failing(1, 24 * HOUR), 24 * HOUR);
    assert_eq!(again[0].alert.since, at(0));
}

#[test]
fn alerts_over_the_limit_are_summarized_in_the_last_message() {
    let mut story = Story::new(3);
    let many: Vec<u128> = (1..=40).collect();
    let told = story.tell(&wrong(AlertKind::Failure, &many, 0), 0);
    assert_eq!(told, ["failure of 1", "failure of 2", "failure of 3 and 37 more"]);
    assert_eq!(story.tell(&wrong(AlertKind::Failure, &[41, 42], 1), 1), [""; 0], "the hourly limit is reached");
    let all: Vec<u128> = (1..=42).collect();
    let told = story.tell(&wrong(AlertKind::Failure, &all, 1), HOUR);
    assert_eq!(told, ["failure of 41", "failure of 42"], "they are sent in the next hour");
}

#[test]
fn an_undelivered_message_is_due_again_and_does_not_count() {
    let mut story = Story::new(1);
    for second in [0, 1, 2] {
        let messages = story.decide(&failing(1, 0), second);
        assert_eq!(messages.len(), 1);
        settle(&mut story.told, &messages[0], Outcome::NotSent, at(second));
    }
    assert_eq!(story.tell(&failing(1, 0), 3), ["failure of 1"]);
}

#[test]
fn a_claimed_message_is_left_alone_until_its_claim_expires() {
    let mut story = Story::new(20);
    assert_eq!(story.decide(&failing(1, 0), 0).len(), 1);
    assert_eq!(story.decide(&failing(1, 0), 60).len(), 0);
    assert_eq!(story.decide(&well(1, 61), 61).len(), 0, "it may not have been sent yet");
    let taken_over = story.decide(&failing(1, 0), 180);
    assert_eq!(taken_over.len(), 1);
    settle(&mut story.told, &taken_over[0], Outcome::Sent, at(181));
    assert_eq!(story.tell(&failing(1, 0), 182), [""; 0]);
}

#[test]
fn a_late_sender_does_not_remove_the_claim_of_its_successor() {
    let mut story = Story::new(20);
    let slow = story.decide(&failing(1, 0), 0);
    let other = story.decide(&failing(1, 0), 190);
    settle(&mut story.told, &slow[0], Outcome::NotSent, at(191));
    assert!(story.told.alerts.values().all(|entry| entry.claim == Some(other[0].claim)));
    settle(&mut story.told, &other[0], Outcome::Sent, at(192));
    assert_eq!(story.told.alerts.values().next().unwrap().told_at, Some(at(192)));
}

#[test]
fn a_clock_that_was_ahead_silences_no_channel() {
    let year = 365 * 24 * HOUR;
    let mut story = Story::new(1);
    assert_eq!(story.tell(&failing(1, 0), year), ["failure of 1"]);
    assert_eq!(story.tell(&failing(2, 0), 0), ["failure of 2"], "a message from the future does not count");
    assert_eq!(story.tell(&failing(1, 0), 25 * HOUR), ["failure of 1"], "repeated after a day, not after a year");
    let mut story = Story::new(20);
    assert_eq!(story.decide(&failing(1, 0), year).len(), 1);
    assert_eq!(story.tell(&failing(1, 0), 0), ["failure of 1"], "a claim from the future blocks nothing");
    let mut story = Story::new(20);
    assert_eq!(story.decide(&failing(1, 0), 60).len(), 1);
    assert_eq!(story.decide(&failing(1, 0), 0).len(), 0, "clocks may differ by a minute");
}

#[test]
fn an_undelivered_recovery_is_due_again() {
    let mut story = Story::new(20);
    story.tell(&failing(1, 0), 0);
    let messages = story.decide(&well(1, 10), 10);
    settle(&mut story.told, &messages[0], Outcome::NotSent, at(10));
    assert_eq!(story.tell(&well(1, 10), 20), ["recovery of 1"]);
}
