//! The contract of targets over a real Postgres behind a PostgREST-compatible server, and what only this one promises.

use std::path::PathBuf;
use std::sync::Arc;

use miette::Diagnostic;
use spile::plan::{Foreign, Last, State, Step};
use spile::record::Row;
use spile::run::{Run, RunKind, RunStatus};
use spile::secret::Secret;
use spile::world::supabase::Address;
use spile::world::{Runs, Supabase, Target, TargetError};

use super::parts;
use super::proxy::{Fault, Proxy};
use crate::contract::harness::{Subject, id, row};
use crate::contract::promises;
use crate::contract::registries::{self, Kept};
use crate::folder::{Folder, origin};

/// The registry of a project in a database of its own.
pub struct HostedRows {
    database: parts::Supabase,
    folder: Folder,
}

impl HostedRows {
    /// `None` where the parts cannot be had, which is said loudly.
    fn start() -> Option<Self> {
        let database = parts::Supabase::migrated()?;
        Some(Self { database, folder: Folder::new() })
    }

    fn at(&self, url: &str, role: &str, (project, environment): (&str, &str)) -> Supabase {
        let key = Secret::new(self.database.key(role));
        let address = Address { url: url.to_owned(), rest_path: String::new(), schema: "public".to_owned(), key };
        Supabase::new(address, (project, &environment.parse().unwrap()), self.folder.path()).unwrap()
    }

    fn of(&self, project: &str, environment: &str) -> Supabase {
        self.at(&self.database.url, "service_role", (project, environment))
    }

    fn with_role(&self, role: &str) -> Supabase {
        self.at(&self.database.url, role, ("acme", "dev"))
    }

    /// Everything that an apply may change, as one text.
    fn everything(&self) -> String {
        self.database.sql(
            "select coalesce(string_agg(t, '' order by t), '') from (select i::text as t from public.integrations i \
             union all select c::text from public.integration_changes c) all_of_it",
        )
    }
}

impl Subject for HostedRows {
    type Record = Row;

    fn target(&self) -> Arc<dyn Target<Record = Row>> {
        Arc::new(self.of("acme", "dev"))
    }

    fn record(&self, number: u8) -> Row {
        row(number)
    }

    fn document(&self, _: &State<Row>) {}

    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    fn add_foreign(&self) -> Vec<Foreign> {
        self.database.sql(
            "insert into public.integrations (id, type, name, slug, environment, managed_by) values \
             ('by-hand', 'y', 'By hand', null, null, null), ('elsewhere', 'y', 'Elsewhere', 'x', 'dev', 'other')",
        );
        let foreign = |id: &str, name: &str, managed_by: Option<&str>| Foreign {
            id: id.to_owned(),
            name: name.to_owned(),
            managed_by: managed_by.map(str::to_owned),
        };
        vec![foreign("by-hand", "By hand", None), foreign("elsewhere", "Elsewhere", Some("other"))]
    }
}

fn said(error: &(impl Diagnostic + ?Sized)) -> String {
    let code = error.code().map(|code| code.to_string()).unwrap_or_default();
    format!("{code}: {error}: {}", error.help().map(|help| help.to_string()).unwrap_or_default())
}

async fn refused(target: &Supabase) -> String {
    said(&target.read().await.unwrap_err())
}

fn step(subject: &HostedRows, read: &spile::plan::Snapshot<Row>, numbers: &[u8]) -> Step<Row> {
    subject.step(read, numbers)
}

macro_rules! hosted {
    ($($promise:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $promise() {
                let Some(subject) = HostedRows::start() else { return };
                promises::$promise(&subject).await;
            }
        )+
    };
}

hosted![
    reading_nothing_makes_nothing,
    what_is_written_is_read,
    a_stale_step_changes_nothing,
    an_empty_step_is_harmless,
    records_of_others_are_listed_and_not_touched,
    of_two_writers_one_wins,
];

#[tokio::test]
async fn what_every_apply_left_is_remembered() {
    let Some(subject) = HostedRows::start() else { return };
    let registry = Arc::new(subject.of("acme", "dev"));
    registries::what_every_apply_left_is_remembered(Kept { registry, add_unmanaged: &|_, _| () }).await;
}

#[tokio::test]
async fn rows_of_nobodys_are_adopted_as_they_were_shown_or_not_at_all() {
    let Some(subject) = HostedRows::start() else { return };
    let add = |id: spile::name::IntegrationId, row: &Row| {
        let row = serde_json::json!({"id": id, "slug": row.slug, "type": row.connector, "name": row.name,
            "enabled": row.enabled, "config": row.config, "secrets": row.secrets.as_ref().map_or_else(
                || serde_json::json!({}), |sealed| serde_json::json!(sealed))});
        let quoted = row.to_string().replace('\'', "''");
        subject.database.sql(&format!(
            "insert into public.integrations (id, slug, type, name, enabled, config, secrets) select id, slug, type, name, \
             enabled, config, secrets from jsonb_populate_record(null::public.integrations, '{quoted}')"
        ));
    };
    let registry = Arc::new(subject.of("acme", "dev"));
    registries::rows_of_nobodys_are_adopted_as_they_were_shown_or_not_at_all(Kept { registry, add_unmanaged: &add })
        .await;
}

#[tokio::test]
async fn more_rows_than_a_page_are_read_and_written() {
    let Some(subject) = HostedRows::start() else { return };
    let target = subject.of("acme", "dev");
    let wanted: State<Row> = (0..2500_u16)
        .map(|number| {
            let id = spile::name::IntegrationId(uuid::Uuid::from_u128(u128::from(number) + 1));
            (id, Row { slug: format!("row-{number}").parse().unwrap(), ..row(10) })
        })
        .collect();
    let read = target.read().await.unwrap();
    target.write(&Step::between(&read, &wanted, ()), &origin("p")).await.unwrap();
    for _ in 0..2 {
        assert_eq!(target.read().await.unwrap().state, wanted, "whole, then by hashes");
    }
    let read = target.read().await.unwrap();
    subject.database.sql("update public.integrations set name = 'changed' where slug = 'row-7'");
    let after = subject.of("acme", "dev").read().await.unwrap();
    assert_ne!(after.revision, read.revision);
    assert_eq!(after.state.iter().filter(|(_, row)| row.name == "changed").count(), 1);
}

#[tokio::test]
async fn projects_and_environments_share_a_table_and_nothing_else() {
    let Some(subject) = HostedRows::start() else { return };
    let (dev, prod, other) = (subject.of("acme", "dev"), subject.of("acme", "prod"), subject.of("other", "dev"));
    dev.write(&step(&subject, &dev.read().await.unwrap(), &[10]), &origin("p")).await.unwrap();
    assert!(prod.read().await.unwrap().state.is_empty());
    assert_eq!(other.read().await.unwrap().foreign.len(), 1);
    for target in [prod, other] {
        let read = target.read().await.unwrap();
        let error = target.write(&step(&subject, &read, &[11]), &origin("p")).await.unwrap_err();
        assert!(matches!(&error, TargetError::Owned { id: taken, .. } if *taken == id(10)), "{}", said(&error));
        assert!(said(&error).contains("acme"), "{}", said(&error));
    }
    assert_eq!(dev.read().await.unwrap().state, subject.state(&[10]));
}

#[tokio::test]
async fn each_key_may_do_what_it_is_for() {
    let Some(subject) = HostedRows::start() else { return };
    let service = subject.with_role("service_role");
    service.write(&step(&subject, &service.read().await.unwrap(), &[10]), &origin("p")).await.unwrap();
    let planner = subject.with_role("spile_planner");
    let read = planner.read().await.unwrap();
    assert_eq!(read.state, subject.state(&[10]), "who plans reads hashes and ciphertext");
    let before = subject.everything();
    let error = planner.write(&step(&subject, &read, &[20]), &origin("p")).await.unwrap_err();
    assert!(said(&error).starts_with("spile::supabase::forbidden"), "{}", said(&error));
    for role in ["anon", "authenticated"] {
        let told = refused(&subject.with_role(role)).await;
        assert!(
            told.starts_with("spile::supabase::forbidden") || told.starts_with("spile::supabase::not_migrated"),
            "{told}"
        );
    }
    assert_eq!(subject.everything(), before);
}

#[tokio::test]
async fn a_table_that_visitors_can_read_is_told() {
    let Some(subject) = HostedRows::start() else { return };
    let target = subject.of("acme", "dev");
    assert_eq!(target.exposure().await.unwrap(), Vec::<String>::new());
    subject.database.sql("grant select, delete on public.integrations to anon");
    let told = target.exposure().await.unwrap();
    assert_eq!(told, ["`anon` may delete `integrations`", "`anon` may select `integrations`"]);
}

#[tokio::test]
async fn what_others_change_is_drift_until_the_next_apply() {
    let Some(subject) = HostedRows::start() else { return };
    let target = subject.of("acme", "dev");
    target.write(&step(&subject, &target.read().await.unwrap(), &[10, 20, 30]), &origin("p")).await.unwrap();
    subject.database.sql("update public.integrations set status = 'active'");
    assert!(target.read().await.unwrap().drifted.is_empty(), "the status is not the files'");
    subject.database.sql("update public.integrations set name = 'by hand' where slug = 'row-1'");
    subject.database.sql("delete from public.integrations where slug = 'row-2'");
    let read = target.read().await.unwrap();
    assert_eq!(read.drifted, [(id(10), Last::Held(row(10))), (id(20), Last::Held(row(20)))].into());
    target.write(&step(&subject, &read, &[10, 20, 30]), &origin("p")).await.unwrap();
    assert!(target.read().await.unwrap().drifted.is_empty());
}

#[tokio::test]
async fn runs_are_kept_while_the_registry_is_down_and_sent_later() {
    let Some(subject) = HostedRows::start() else { return };
    let target = subject.of("acme", "dev");
    target.write(&step(&subject, &target.read().await.unwrap(), &[10]), &origin("p")).await.unwrap();
    let down = subject.at("http://127.0.0.1:9", "service_role", ("acme", "dev"));
    down.record(&run(1, RunStatus::Running)).await.unwrap();
    down.record(&run(1, RunStatus::Failed)).await.unwrap();
    assert!(target.newest(None, 10).await.unwrap().is_empty());
    target.record(&run(2, RunStatus::Running)).await.unwrap();
    assert_eq!(target.standings().await.unwrap()[&id(10)].status, "error", "the kept one came first");
    target.record(&run(2, RunStatus::Ok)).await.unwrap();
    let found = target.newest(Some(id(10)), 10).await.unwrap();
    assert_eq!(found, [run(2, RunStatus::Ok), run(1, RunStatus::Failed)]);
    assert_eq!(target.newest_of_each().await.unwrap()[&id(10)], run(2, RunStatus::Ok));
    assert_eq!(target.get(run(1, RunStatus::Ok).id).await.unwrap().unwrap().status, RunStatus::Failed);
    assert_eq!(target.standings().await.unwrap()[&id(10)].status, "active");
}

fn run(number: u8, status: RunStatus) -> Run {
    let at = |second: u8| jiff::Timestamp::from_second(i64::from(number) * 100 + i64::from(second)).unwrap();
    Run {
        id: uuid::Uuid::from_u128(u128::from(number)),
        integration: id(10),
        slug: "row-1".parse().unwrap(),
        environment: "dev".parse().unwrap(),
        kind: RunKind::Sync,
        status,
        state_id: Some("dev:a-to-b".to_owned()),
        loader: Some(id(30)),
        started_at: at(0),
        finished_at: (status != RunStatus::Running).then(|| at(5)),
        records: Some(7),
        error: (status == RunStatus::Failed).then(|| "it failed".to_owned()),
        log: ".spile/logs/x.log".into(),
    }
}

#[tokio::test]
async fn the_program_plans_applies_and_tells_how_things_stand() {
    let Some(subject) = HostedRows::start() else { return };
    let folder = Folder::project();
    let text = folder.read("spile.toml")
        + "\n[registry]\nkind = \"supabase\"\nurl = \"${TEST_URL}\"\nkey = \"${TEST_KEY}\"\nrest_path = \"\"\n";
    folder.write("spile.toml", &text);
    let run = |line: &str, role: &str| {
        let mut command = folder.command(line);
        command.env("TEST_URL", &subject.database.url).env("TEST_KEY", subject.database.key(role));
        crate::cli::program::run(&mut command)
    };
    assert!(run("migrate --check", "service_role").exits(0).out.contains("version 2"));
    run("plan --exit-code", "spile_planner").exits(2);
    let refused = run("apply --yes", "spile_planner").exits(1);
    assert!(refused.notes.contains("apply needs a secret or service_role key"), "{}", refused.notes);
    run("apply --yes", "service_role").exits(0);
    run("plan --exit-code", "spile_planner").exits(0);
    assert_eq!(run("status --format json", "service_role").exits(0).json()["integrations"][0]["status"], "pending");
    subject.database.sql("update public.integrations set name = 'by hand'");
    let planned = run("plan", "service_role").exits(0);
    assert!(planned.out.contains("fruit has changed in the registry"), "{}", planned.out);
    assert!(run("doctor", "service_role").out.contains("no table is open to visitors"));
}

#[tokio::test]
async fn what_is_wrong_with_the_connection_is_said_with_the_next_step() {
    let Some(subject) = HostedRows::start() else { return };
    let nobody = subject.at("http://127.0.0.1:9", "service_role", ("acme", "dev"));
    let told = refused(&nobody).await;
    assert!(told.starts_with("spile::supabase::unreached") && told.contains("wake it in the dashboard"), "{told}");
    let mut address = Address {
        url: subject.database.url.clone(),
        rest_path: String::new(),
        schema: "public".to_owned(),
        key: Secret::new("eyJhbGciOiJIUzI1NiJ9.e30.hunter2"),
    };
    let environment = "dev".parse().unwrap();
    let wrong = Supabase::new(address.clone(), ("acme", &environment), subject.folder.path()).unwrap();
    let told = refused(&wrong).await;
    assert!(told.starts_with("spile::supabase::key") && !told.contains("hunter2"), "{told}");
    address.rest_path = "/rest/v1".to_owned();
    address.key = Secret::new(subject.database.key("service_role"));
    let elsewhere = Supabase::new(address, ("acme", &environment), subject.folder.path()).unwrap();
    let told = refused(&elsewhere).await;
    assert!(told.contains("rest_path") || told.contains("migration"), "{told}");
    subject.database.sql("drop function public.spile_version()");
    let told = refused(&subject.of("acme", "dev")).await;
    assert!(told.starts_with("spile::supabase::not_migrated"), "{told}");
}

#[tokio::test]
async fn a_rule_of_the_users_own_refuses_everything_and_shows_no_row() {
    let Some(subject) = HostedRows::start() else { return };
    subject.database.sql("alter table public.integrations add constraint own check (name <> 'Row 20')");
    let target = subject.of("acme", "dev");
    let before = subject.everything();
    let error =
        target.write(&step(&subject, &target.read().await.unwrap(), &[10, 20]), &origin("p")).await.unwrap_err();
    let told = said(&error);
    assert!(told.starts_with("spile::supabase::constraint") && told.contains("own"), "{told}");
    assert!(!told.contains("Row 20") && !told.contains("page_size"), "{told}");
    assert_eq!(subject.everything(), before);
}

/// Whatever happens to whichever request: everything is before or after, and the next plan is true.
#[tokio::test]
async fn faults_on_the_way_leave_everything_before_or_after() {
    let Some(subject) = HostedRows::start() else { return };
    let proxy = Proxy::before(&subject.database.url).await;
    let direct = subject.of("acme", "dev");
    let mut seed = 7_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for round in 0..20_u8 {
        let (before, untouched) = (direct.read().await.unwrap(), subject.everything());
        let numbers: Vec<u8> = (0..6).filter(|_| random(2) == 0).map(|index| index * 10 + round % 10).collect();
        let wanted = step(&subject, &before, &numbers);
        let faults: Vec<Fault> = (0..6).map(|_| Fault::ALL[random(Fault::ALL.len())]).collect();
        proxy.next(&faults);
        let through = subject.at(&proxy.url, "service_role", ("acme", "dev"));
        let written = through.write(&wanted, &origin("p")).await;
        proxy.next(&[]);
        let after = direct.read().await.unwrap();
        if written.is_ok() {
            assert_eq!(after.state, wanted.applied_to(before.state), "round {round}: {faults:?}");
        } else if after.state == before.state {
            assert_eq!(subject.everything(), untouched, "round {round}: {faults:?}");
        } else {
            assert_eq!(after.state, wanted.applied_to(before.state), "round {round}: {faults:?} {written:?}");
        }
        assert!(step(&subject, &after, &[]).changes.len() == after.state.len(), "the next plan is true");
    }
    assert!(proxy.seen() > 40);
}
