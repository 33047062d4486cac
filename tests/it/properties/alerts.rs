//! Properties of notifications, for any events in any order.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use spile_core::alert::due::{self, Outcome};
use spile_core::alert::{Alert, Key, Policy, Seen, Subject, Told};
use spile_core::name::IntegrationId;
use spile_core::settings::AlertKind;
use uuid::Uuid;

const MOST: usize = 3;

/// An event: of an integration, of the network, or the passing of time.
#[derive(Debug, Clone)]
enum Happens {
    Fails(u8),
    Succeeds(u8),
    Minutes(u8),
    NetworkIs(Outcome),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        3 => (0..12_u8).prop_map(Happens::Fails),
        2 => (0..12_u8).prop_map(Happens::Succeeds),
        4 => (1..50_u8).prop_map(Happens::Minutes),
        1 => prop_oneof![Just(Outcome::Sent), Just(Outcome::NotSent)].prop_map(Happens::NetworkIs),
    ]
}

fn alert(kind: AlertKind, number: u8, since: Timestamp) -> Alert {
    let id = IntegrationId(Uuid::from_u128(u128::from(number)));
    let slug = format!("shop-{number}").parse().unwrap();
    Alert {
        key: Key::new(kind, id),
        integration: Some(Subject { id: Some(id), slug, tags: None }),
        since,
        sentence: String::new(),
        help: None,
        file: None,
        command: None,
        run: None,
    }
}

/// The world, and what the channel knows about it.
struct World {
    now: Timestamp,
    network: Outcome,
    /// Whether each integration fails, and since when.
    known: BTreeMap<u8, (bool, Timestamp)>,
    told: Told,
    /// Whether the channel was last notified that each fails.
    believed: BTreeMap<String, bool>,
    sent: Vec<Timestamp>,
    names: u128,
}

impl World {
    fn new() -> Self {
        Self {
            now: Timestamp::from_second(1_700_000_000).unwrap(),
            network: Outcome::Sent,
            known: BTreeMap::new(),
            told: Told::default(),
            believed: BTreeMap::new(),
            sent: Vec::new(),
            names: 0,
        }
    }

    /// Returns the alerts that `watch` sees, or those of one run.
    fn seen(&self, only: Option<u8>) -> Seen {
        let mut seen = Seen::default();
        for (number, (fails, since)) in self.known.iter().filter(|(number, _)| only.is_none_or(|only| only == **number))
        {
            if *fails {
                seen.alerts.push(alert(AlertKind::Failure, *number, *since));
            } else {
                seen.well.push(alert(AlertKind::Recovery, *number, *since));
            }
        }
        if only.is_none() {
            seen.whole = [AlertKind::Failure].into();
        }
        seen
    }

    fn tell(&mut self, only: Option<u8>) -> Result<(), TestCaseError> {
        let policy = Policy {
            on: [AlertKind::Failure, AlertKind::Recovery].into(),
            only: Vec::new(),
            repeat: Some(Duration::from_hours(24)),
            most_per_hour: MOST,
        };
        self.names += 1000;
        let told = std::mem::take(&mut self.told);
        let decision = due::decide(&self.seen(only), &policy, told, self.now, Uuid::from_u128(self.names));
        self.told = decision.told;
        for message in &decision.messages {
            due::settle(&mut self.told, message, self.network, self.now);
            if self.network == Outcome::NotSent {
                continue;
            }
            self.sent.push(self.now);
            for one in std::iter::once(&message.alert).chain(&message.more) {
                let was = self.believed.insert(one.key.about.clone(), one.kind() == AlertKind::Failure);
                prop_assert!(
                    one.kind() == AlertKind::Failure || was == Some(true),
                    "a recovery without a notified failure"
                );
            }
        }
        // The round trip through a registry.
        let kept = serde_json::to_string(&self.told).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Told>(&kept).unwrap(), &self.told);
        Ok(())
    }

    fn happens(&mut self, what: &Happens) -> Result<(), TestCaseError> {
        match what {
            Happens::Minutes(minutes) => {
                self.now += SignedDuration::from_mins(i64::from(*minutes));
                self.tell(None)
            }
            Happens::NetworkIs(outcome) => {
                self.network = *outcome;
                Ok(())
            }
            Happens::Fails(number) | Happens::Succeeds(number) => {
                self.now += SignedDuration::from_secs(1);
                let fails = matches!(what, Happens::Fails(_));
                if self.known.get(number).is_none_or(|(was, _)| *was != fails) {
                    self.known.insert(*number, (fails, self.now));
                }
                self.tell(Some(*number))
            }
        }
    }
}

proptest! {
    #[test]
    fn a_channel_eventually_knows_the_truth_and_is_never_flooded(story in prop::collection::vec(happens(), 1..80)) {
        let mut world = World::new();
        for what in &story {
            world.happens(what)?;
        }
        // With no more events and a working network, everything pending is sent within the hour.
        world.network = Outcome::Sent;
        world.now += SignedDuration::from_mins(61);
        world.tell(None)?;
        for (number, (fails, _)) in &world.known {
            let about = IntegrationId(Uuid::from_u128(u128::from(*number))).to_string();
            prop_assert_eq!(world.believed.get(&about).copied().unwrap_or(false), *fails, "shop-{}", number);
        }
        let hour = SignedDuration::from_hours(1);
        for (at, first) in world.sent.iter().enumerate() {
            let within = world.sent[at..].iter().filter(|sent| sent.duration_since(*first) < hour).count();
            prop_assert!(within <= MOST, "{} messages within an hour", within);
        }
        let again = world.sent.len();
        world.tell(None)?;
        prop_assert_eq!(world.sent.len(), again, "the same again is nothing");
    }
}
