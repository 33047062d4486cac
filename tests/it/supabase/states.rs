//! Bookmarks in the hosted registry, and the broker between it and Meltano.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;

use serde_json::{Value, json};
use spile_world::stores::bookmarks::Broker;
use spile_world::stores::supabase::{NotKept, Writer};
use uuid::Uuid;

use super::hosted::HostedRows;
use super::proxy::{Fault, Proxy};
use crate::contract::harness::id;

const ID: &str = "dev:tap-a--b-to-target-c--d:x.y,z";

fn writer(number: u128) -> Writer {
    Writer { integration: id(10), run: Uuid::from_u128(number), host: format!("machine-{number}") }
}

#[tokio::test]
async fn only_the_lease_holder_writes_bookmarks_over_the_version_it_read() {
    let Some(subject) = HostedRows::start() else { return };
    let (target, one, other) = (subject.of("acme", "dev"), writer(1), writer(2));
    assert_eq!(target.state(ID).await.unwrap(), None);
    let refused = target.keep_state(&one, ID, 0, Some("{}")).await.unwrap_err();
    assert!(matches!(refused, NotKept::Lease), "{refused}");
    assert!(target.lease(id(10), one.run, "a").await.unwrap().granted);
    // Byte for byte: no number is rounded, and no keys are sorted.
    let text = "{\"z\": 123456789012345678901234567890.10, \"a\": \"\\u0000\"}";
    assert_eq!(target.keep_state(&one, ID, 0, Some(text)).await.unwrap(), 1);
    let kept = target.state(ID).await.unwrap().unwrap();
    assert_eq!((kept.version, kept.state.as_deref(), kept.run, &*kept.host), (1, Some(text), one.run, "machine-1"));
    assert_eq!(
        target.keep_state(&one, ID, 0, Some(text)).await.unwrap(),
        2,
        "the answer was lost, and it is sent again"
    );
    let stale = target.keep_state(&one, ID, 0, Some("{}")).await.unwrap_err();
    assert!(matches!(&stale, NotKept::Version { id } if id == ID), "{stale}");
    assert_eq!(target.keep_state(&one, ID, 2, None).await.unwrap(), 3);
    assert_eq!(target.state(ID).await.unwrap().unwrap().state, None, "cleared, and stored as cleared");
    // The lease ends, and passes to another machine.
    subject.database.sql("update integration_leases set expires_at = now() - interval '1 second'");
    assert!(target.lease(id(10), other.run, "b").await.unwrap().granted);
    let late = target.keep_state(&one, ID, 3, Some("{}")).await.unwrap_err();
    assert!(matches!(late, NotKept::Lease), "{late}");
    assert_eq!(target.keep_state(&other, ID, 3, Some("{}")).await.unwrap(), 4);
    for (project, environment) in [("acme", "prod"), ("other", "dev")] {
        assert_eq!(subject.of(project, environment).state(ID).await.unwrap(), None, "{project} {environment}");
    }
}

#[tokio::test]
async fn a_registry_without_the_table_is_reported_by_its_version() {
    let Some(subject) = HostedRows::start() else { return };
    subject.database.sql(
        "drop table integration_states;
         create or replace function spile_version() returns integer language sql as 'select 5';
         notify pgrst, 'reload schema';",
    );
    let error = subject.of("acme", "dev").state(ID).await.unwrap_err();
    assert_eq!(error.to_string(), "the registry has version 5, but this program needs 6");
}

/// Sends a request as the add-on does.
fn ask(connection: &Value, question: &Value) -> Value {
    let mut asked = json!({ "token": connection["token"], "state_id": ID });
    asked.as_object_mut().unwrap().extend(question.as_object().unwrap().clone());
    let port = u16::try_from(connection["port"].as_u64().unwrap()).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    writeln!(stream, "{asked}").unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_only_answers_its_run_and_buffers_while_the_registry_is_down() {
    let Some(subject) = HostedRows::start() else { return };
    let proxy = Proxy::before(&subject.database.url).await;
    let (registry, writer) = (Arc::new(subject.behind(&proxy.url)), writer(1));
    let target = subject.of("acme", "dev");
    assert!(target.lease(id(10), writer.run, "a").await.unwrap().granted);
    let broker = Broker::start(registry, writer, ID, None).await.unwrap();
    let connection = broker.connection();
    let error = |question: Value| ask(&connection, &question)["error"].as_str().unwrap_or_default().to_owned();
    assert_eq!(ask(&connection, &json!({ "do": "get" })), json!({ "state": null }));
    assert!(error(json!({ "do": "get", "token": "other" })).contains("belongs to another run"));
    assert!(error(json!({ "do": "set", "state": "{}", "token": "" })).contains("belongs to another run"));
    assert!(error(json!({ "do": "get", "state_id": "dev:other" })).contains("stores only the bookmarks of"));
    assert!(error(json!({ "do": "drop" })).contains("is not valid"));
    assert_eq!(target.state(ID).await.unwrap(), None);
    assert_eq!(ask(&connection, &json!({ "do": "set", "state": "{\"a\": 1}" })), json!({}));
    assert_eq!(target.state(ID).await.unwrap().unwrap().state.as_deref(), Some("{\"a\": 1}"));
    proxy.after(0, Fault::Unavailable);
    assert_eq!(
        ask(&connection, &json!({ "do": "set", "state": "{\"a\": 2}" })),
        json!({}),
        "a run continues meanwhile"
    );
    assert_eq!(ask(&connection, &json!({ "do": "get" })), json!({ "state": "{\"a\": 2}" }));
    let lost = broker.finish().await.unwrap_err();
    assert!(matches!(lost, NotKept::Registry(_)), "{lost}");
    assert_eq!(target.state(ID).await.unwrap().unwrap().state.as_deref(), Some("{\"a\": 1}"));
    proxy.next(&[]);
    broker.finish().await.unwrap();
    assert_eq!(target.state(ID).await.unwrap().unwrap().state.as_deref(), Some("{\"a\": 2}"));
}
