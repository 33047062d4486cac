use super::*;
use crate::run::{Details, RunKind, RunStatus};

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
    Run {
        id: uuid::Uuid::from_u128(u128::try_from(second + 1_000_000).unwrap()),
        integration: id(1),
        slug: "shop".parse().unwrap(),
        environment: "dev".parse().unwrap(),
        kind,
        status,
        state_id: None,
        loader: None,
        started_at: at(second),
        finished_at: Some(at(second + 1)),
        records: None,
        streams: std::collections::BTreeMap::new(),
        error: None,
        cause: None,
        attempts: 1,
        full_refresh: false,
        bookmark_before: None,
        bookmark_after: None,
        scheduled_for: None,
        host: None,
        details: Details::default(),
        log: "x.log".into(),
    }
}
