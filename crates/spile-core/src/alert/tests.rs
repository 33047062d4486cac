use super::*;
use crate::run::{RunKind, RunStatus, Start};

#[test]
fn a_key_is_read_back() {
    let key = Key::new(AlertKind::ActionRequired, "a:b/drift");
    assert_eq!(key.to_string(), "action_required:a:b/drift");
    assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
    assert!("nothing:x".parse::<Key>().is_err() && "failure".parse::<Key>().is_err());
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub(crate) fn id(number: u128) -> IntegrationId {
    IntegrationId(uuid::Uuid::from_u128(number))
}

pub(crate) fn alert(kind: AlertKind, number: u128, since: i64) -> Alert {
    let slug = format!("shop-{number}").parse().unwrap();
    Alert {
        key: Key::new(kind, id(number)),
        integration: Some(Subject { id: Some(id(number)), slug, tags: Some(["crm".to_owned()].into()) }),
        since: at(since),
        sentence: format!("{} of {number}", kind.word()),
        help: None,
        file: None,
        command: None,
        run: None,
    }
}

pub(crate) fn run(kind: RunKind, status: RunStatus, second: i64) -> Run {
    let number = u128::try_from(second + 1_000_000).unwrap();
    let start = Start {
        id: uuid::Uuid::from_u128(number),
        integration: id(1),
        slug: "shop".parse().unwrap(),
        environment: "dev".parse().unwrap(),
        kind,
        at: at(second),
    };
    Run { status, finished_at: Some(at(second + 1)), ..Run::start(start) }
}
