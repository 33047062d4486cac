//! Problems of a hosted registry, each with its code, a message and the next step; none changes anything.

use std::time::Duration;

use serde_json::json;
use spile_core::name::IntegrationId;
use spile_core::plan::{State, Step};
use spile_core::record::Row;
use spile_world::stores::supabase::VERSION;
use spile_world::{Supabase, Target};
use uuid::Uuid;

use super::hosted::{HostedRows, said};
use super::parts::address;
use super::proxy::{Fault, Proxy};
use crate::contract::harness::{Subject, id, row};
use crate::folder::origin;

/// Demands that reading is refused with a code, and with words in the message and the help.
async fn refused(target: &Supabase, code: &str, words: [&str; 2]) {
    told(&said(&target.read().await.unwrap_err()), code, words);
}

/// Demands that writing records is refused in the same way, and changes nothing.
async fn write_refused(subject: &HostedRows, target: &Supabase, numbers: &[u8], code: &str, words: [&str; 2]) {
    let step = subject.step(&subject.target().read().await.unwrap(), numbers);
    let before = subject.everything();
    told(&said(&target.write(&step, &origin("p")).await.unwrap_err()), code, words);
    assert_eq!(subject.everything(), before);
}

#[track_caller]
fn told(told: &str, code: &str, [sentence, help]: [&str; 2]) {
    assert!(told.starts_with(&format!("{code}: ")), "{told}");
    let (said, next) = told.strip_prefix(code).unwrap().rsplit_once(": ").map_or((told, ""), |parts| parts);
    assert!(told.contains(sentence) && told.contains(help) && !next.is_empty() && !said.is_empty(), "{told}");
    for secret in ["hunter2", "eyJ", "page_size", "Row 20"] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[tokio::test]
async fn a_key_of_another_project() {
    let Some(subject) = HostedRows::start() else { return };
    let forged = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.hunter2";
    let words = ["rejects the key", "copy a secret key"];
    refused(&subject.at(subject.address(forged)), "spile::supabase::key", words).await;
}

#[tokio::test]
async fn a_key_that_has_expired() {
    let Some(subject) = HostedRows::start() else { return };
    let expired = subject.database.token(&json!({ "role": "service_role", "exp": 1_700_000_000 }));
    let target = subject.at(subject.address(&expired));
    refused(&target, "spile::supabase::key", ["JWT expired", "copy a secret key"]).await;
    write_refused(&subject, &target, &[10], "spile::supabase::key", ["JWT expired", "copy a secret key"]).await;
}

#[tokio::test]
async fn a_key_for_visitors() {
    let Some(subject) = HostedRows::start() else { return };
    for role in ["anon", "authenticated"] {
        let target = subject.with_role(role);
        let words = ["does not have permission", "needs a secret or service_role key"];
        refused(&target, "spile::supabase::forbidden", words).await;
        write_refused(&subject, &target, &[10], "spile::supabase::forbidden", words).await;
    }
}

#[tokio::test]
async fn an_address_where_nothing_listens() {
    let Some(subject) = HostedRows::start() else { return };
    let words = ["cannot be reached", "restore it in the dashboard"];
    refused(&subject.behind("http://127.0.0.1:9"), "spile::supabase::unreached", words).await;
}

#[tokio::test]
async fn an_address_of_another_server() {
    let Some(subject) = HostedRows::start() else { return };
    let key = subject.database.key("service_role");
    let below = address(&subject.database.url, "/rest/v1", &key);
    refused(&subject.at(below), "spile::supabase::answer", ["no REST API at this path", "`rest_path`"]).await;
    let proxy = Proxy::before(&subject.database.url).await;
    let target = subject.behind(&proxy.url);
    for (status, what) in [(404, "with status 404"), (200, "not JSON"), (301, "with status 301")] {
        proxy.after(0, Fault::Says(status, "<html>a shop that sells hunter2</html>"));
        refused(&target, "spile::supabase::answer", [what, "check the address"]).await;
    }
}

#[tokio::test]
async fn a_gateway_without_its_server() {
    let Some(subject) = HostedRows::start() else { return };
    let proxy = Proxy::before(&subject.database.url).await;
    let target = subject.behind(&proxy.url);
    for (fault, why) in [(Fault::PAGE, "with status 502"), (Fault::Unavailable, "with status 503")] {
        proxy.after(0, fault);
        proxy.seen();
        refused(&target, "spile::supabase::unavailable", [why, "status.supabase.com"]).await;
        assert_eq!(proxy.seen().len(), 4, "the request was tried again, three times");
        write_refused(&subject, &target, &[10], "spile::supabase::unavailable", [why, "No change is half-applied"])
            .await;
    }
}

#[tokio::test]
async fn a_paused_project() {
    let Some(subject) = HostedRows::start() else { return };
    let proxy = Proxy::before(&subject.database.url).await;
    let target = subject.behind(&proxy.url);
    for body in ["", "<html>hunter2</html>", r#"{"message": "project paused"}"#] {
        proxy.after(0, Fault::Says(540, body));
        proxy.seen();
        refused(&target, "spile::supabase::paused", ["is paused", "in the dashboard"]).await;
        assert_eq!(proxy.seen().len(), 1, "it does not wake up by itself");
        write_refused(&subject, &target, &[10], "spile::supabase::paused", ["is paused", "in the dashboard"]).await;
    }
}

#[tokio::test]
async fn missing_tables_and_functions() {
    let gone = [
        "drop function public.spile_version(), public.spile_state(jsonb)",
        "drop function public.spile_state(jsonb)",
        "drop table public.integrations cascade",
        "alter table public.integrations drop column environment cascade",
    ];
    for gone in gone {
        let Some(subject) = HostedRows::start() else { return };
        subject.holds(&[10]).await;
        subject.database.sql(gone);
        let words = ["is not set up", "spile migrate"];
        refused(&subject.of("acme", "dev"), "spile::supabase::not_migrated", words).await;
    }
    let Some(subject) = HostedRows::start() else { return };
    let step = subject.step(&subject.target().read().await.unwrap(), &[10]);
    subject.database.sql("drop function public.spile_apply(jsonb)");
    let error = subject.target().write(&step, &origin("p")).await.unwrap_err();
    told(&said(&error), "spile::supabase::not_migrated", ["is not set up", "spile migrate"]);
}

#[tokio::test]
async fn migrations_of_other_programs() {
    let Some(subject) = HostedRows::start() else { return };
    let newer = VERSION + 1;
    let old = format!("has version 1, but this program needs {VERSION}");
    let new = format!("has version {newer}, but this program supports only {VERSION}");
    let versions = [
        (1, "spile::supabase::old", [old.as_str(), "run the migration"]),
        (newer, "spile::supabase::new", [new.as_str(), "use a newer version of spile"]),
    ];
    for otherwise in ["", "drop function public.spile_state(jsonb)"] {
        subject.database.sql(otherwise);
        for (number, code, words) in versions {
            subject.database.sql(&format!(
                "create or replace function public.spile_version() returns integer language sql as 'select {number}'"
            ));
            refused(&subject.of("acme", "dev"), code, words).await;
        }
    }
}

#[test]
fn an_apply_beside_another_that_hangs() {
    let Some(subject) = HostedRows::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let target = subject.of("acme", "dev");
    let step = subject.step(&runtime.block_on(target.read()).unwrap(), &[10]);
    let before = subject.everything();
    std::thread::scope(|scope| {
        let holder = "select pg_advisory_xact_lock(hashtextextended('spile_apply', 0)), pg_sleep(60)";
        let held = scope.spawn(|| subject.database.sql_as("postgres", holder));
        std::thread::sleep(Duration::from_millis(500));
        let error = runtime.block_on(target.write(&step, &origin("p"))).unwrap_err();
        told(&said(&error), "spile::supabase::locked", ["another apply is running", "wait until it ends"]);
        assert_eq!(subject.everything(), before);
        subject.database.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(60)' and usename = 'postgres'");
        held.join().unwrap().unwrap_err();
    });
    runtime.block_on(target.write(&step, &origin("p"))).unwrap();
}

#[tokio::test]
async fn a_plan_that_is_stale() {
    let Some(subject) = HostedRows::start() else { return };
    subject.holds(&[10, 20]).await;
    let target = subject.of("acme", "dev");
    let hands = [
        "update public.integrations set name = 'by hand' where slug = 'row-1'",
        "update public.integrations set name = 'by hand' where slug = 'row-2'",
        "delete from public.integrations where slug = 'row-1'",
    ];
    for hand in hands {
        let step = subject.step(&target.read().await.unwrap(), &[11, 20]);
        subject.database.sql(hand);
        let before = subject.everything();
        let error = target.write(&step, &origin("p")).await.unwrap_err();
        told(&said(&error), "spile::plan::stale", ["has changed since the plan was made", "run `spile plan` again"]);
        assert_eq!(subject.everything(), before);
        subject.holds(&[10, 20]).await;
    }
}

#[tokio::test]
async fn a_row_of_another_project_and_an_unmanaged_row() {
    let Some(subject) = HostedRows::start() else { return };
    let other = subject.of("other", "dev");
    let step = subject.step(&other.read().await.unwrap(), &[20]);
    other.write(&step, &origin("p")).await.unwrap();
    subject.database.sql(&format!("insert into public.integrations (id, type, name) values ('{}', 'y', 'z')", id(30)));
    let target = subject.of("acme", "dev");
    for (numbers, owner) in [([10, 20], "the project `other (dev)`"), ([10, 30], "an unmanaged row")] {
        let words = [owner, "another `id`"];
        write_refused(&subject, &target, &numbers, "spile::registry::owned", words).await;
    }
}

#[tokio::test]
async fn a_users_own_constraint() {
    let rules = [
        ("add constraint own check (name <> 'Row 20')", "own"),
        ("add column owner text not null", "owner"),
        ("add constraint one_name unique (type)", "one_name"),
    ];
    for (rule, name) in rules {
        let Some(subject) = HostedRows::start() else { return };
        subject.database.sql(&format!("alter table public.integrations {rule}"));
        let target = subject.of("acme", "dev");
        let words = [name, "nothing was applied"];
        write_refused(&subject, &target, &[10, 20], "spile::supabase::constraint", words).await;
    }
}

#[tokio::test]
async fn a_database_that_takes_too_long() {
    let Some(subject) = HostedRows::start() else { return };
    subject.database.sql(
        "create function public.slow() returns trigger language plpgsql as 'begin perform pg_sleep(9); return new; end';
         create trigger slow before insert on public.integrations for each statement execute function public.slow()",
    );
    let words = ["longer than the database's statement timeout", "--only SLUG"];
    write_refused(&subject, &subject.of("acme", "dev"), &[10], "spile::supabase::timeout", words).await;
}

/// Rows of one megabyte each.
fn megabytes(count: u8) -> State<Row> {
    let config = [("note".to_owned(), json!("x".repeat(1024 * 1024)))];
    let row = |number: u8| Row { config: config.clone().into(), ..row(number) };
    (0..count).map(|number| (IntegrationId(Uuid::from_u128(u128::from(number) + 1)), row(10))).collect()
}

#[tokio::test]
async fn oversized_changes_are_not_sent_and_ten_megabytes_are() {
    let Some(subject) = HostedRows::start() else { return };
    let proxy = Proxy::before(&subject.database.url).await;
    let target = subject.behind(&proxy.url);
    let read = target.read().await.unwrap();
    let before = subject.everything();
    proxy.seen();
    let error = target.write(&Step::between(&read, &megabytes(20), ()), &origin("p")).await.unwrap_err();
    let words = ["20.0 MB, but only 16 MB fit", "apply in parts"];
    told(&said(&error), "spile::supabase::too_large", words);
    assert!(proxy.seen().is_empty(), "nothing was sent");
    assert_eq!(subject.everything(), before);
    let wanted = megabytes(10);
    target.write(&Step::between(&read, &wanted, ()), &origin("p")).await.unwrap();
    let fresh = subject.of("acme", "dev");
    assert_eq!(fresh.read().await.unwrap().state, wanted, "an answer of ten megabytes");
}

#[tokio::test]
async fn an_invalid_response_of_ten_megabytes() {
    let Some(subject) = HostedRows::start() else { return };
    let proxy = Proxy::before(&subject.database.url).await;
    let page: &'static str = Box::leak(format!("<html>{}</html>", "hunter2 ".repeat(1_300_000)).into_boxed_str());
    for (status, what) in [(200, "not JSON"), (404, "with status 404")] {
        proxy.after(0, Fault::Says(status, page));
        refused(&subject.behind(&proxy.url), "spile::supabase::answer", [what, "check the address"]).await;
    }
}

#[tokio::test]
async fn a_key_that_does_not_fit_a_header() {
    let Some(subject) = HostedRows::start() else { return };
    let address = subject.address("sb_secret_two\nlines");
    let error = Supabase::new(address, "acme", &"dev".parse().unwrap(), subject.folder.path()).unwrap_err();
    told(&said(&error.into()), "spile::supabase::key_form", ["an HTTP header cannot contain", "copy it again"]);
}
