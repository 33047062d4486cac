//! What the hosted registry guarantees beyond the contract.

use std::sync::Arc;

use serde_json::json;
use spile_core::name::IntegrationId;
use spile_core::plan::{Last, State, Step};
use spile_core::record::Row;
use spile_world::{Target, TargetError};
use uuid::Uuid;

use super::hosted::{HostedRows, said};
use crate::contract::harness::{Subject, id, row};
use crate::contract::registries::{self, Kept};
use crate::folder::origin;

#[tokio::test]
async fn every_last_applied_state_is_stored() {
    let Some(subject) = HostedRows::start() else { return };
    let registry = Arc::new(subject.of("acme", "dev"));
    registries::every_last_applied_state_is_stored(Kept { registry, add_unmanaged: &|_, _| () }).await;
}

/// Inserts an unmanaged row into a hosted registry.
fn insert(subject: &HostedRows, id: IntegrationId, row: &Row) {
    let secrets = row.secrets.as_ref().map_or_else(|| json!({}), |sealed| json!(sealed));
    let row = json!({"id": id, "slug": row.slug, "type": row.connector, "name": row.name, "enabled": row.enabled,
            "config": row.config, "secrets": secrets});
    let quoted = row.to_string().replace('\'', "''");
    subject.database.sql(&format!(
        "insert into public.integrations (id, slug, type, name, enabled, config, secrets) select id, slug, type, name, \
             enabled, config, secrets from jsonb_populate_record(null::public.integrations, '{quoted}')"
    ));
}

#[tokio::test]
async fn rows_adopted_since_are_released_unchanged() {
    let Some(subject) = HostedRows::start() else { return };
    let (registry, add) = (Arc::new(subject.of("acme", "dev")), |id, row: &Row| insert(&subject, id, row));
    registries::rows_adopted_since_are_released_unchanged(Kept { registry, add_unmanaged: &add }).await;
    let row = "select managed_by is null, environment is null, slug from integrations where managed_by is null";
    assert!(subject.database.sql(row).starts_with("t|t|"), "{}", subject.database.sql(row));
}

#[tokio::test]
async fn unmanaged_rows_are_adopted_as_they_were_shown_or_not_at_all() {
    let Some(subject) = HostedRows::start() else { return };
    let add = |id: IntegrationId, row: &Row| insert(&subject, id, row);
    let registry = Arc::new(subject.of("acme", "dev"));
    registries::unmanaged_rows_are_adopted_as_they_were_shown_or_not_at_all(Kept { registry, add_unmanaged: &add })
        .await;
}

#[tokio::test]
async fn more_rows_than_a_page_are_read_and_written() {
    let Some(subject) = HostedRows::start() else { return };
    let target = subject.of("acme", "dev");
    let wanted: State<Row> = (0..2500_u16)
        .map(|number| {
            let id = IntegrationId(Uuid::from_u128(u128::from(number) + 1));
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
async fn the_cache_of_the_last_read_may_be_damaged_or_outdated() {
    let Some(subject) = HostedRows::start() else { return };
    subject.holds(&[10, 20]).await;
    let target = subject.of("acme", "dev");
    target.read().await.unwrap();
    let files = subject.folder.files().into_keys().map(|path| path.to_string_lossy().into_owned());
    let kept: Vec<String> = files.filter(|path| path.starts_with("cache/")).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let old = subject.folder.read(&kept[0]);
    subject.holds(&[11, 30]).await;
    for text in ["", "{", "[]", &old] {
        subject.folder.write(&kept[0], text);
        assert_eq!(target.read().await.unwrap().state, subject.state(&[11, 30]), "{text:.20}");
    }
}

#[tokio::test]
async fn projects_and_environments_share_a_table_and_nothing_else() {
    let Some(subject) = HostedRows::start() else { return };
    let (dev, prod, other) = (subject.of("acme", "dev"), subject.of("acme", "prod"), subject.of("other", "dev"));
    subject.holds(&[10]).await;
    assert!(prod.read().await.unwrap().state.is_empty());
    assert_eq!(other.read().await.unwrap().foreign.len(), 1);
    for target in [prod, other] {
        let read = target.read().await.unwrap();
        let error = target.write(&subject.step(&read, &[11]), &origin("p")).await.unwrap_err();
        assert!(matches!(&error, TargetError::Owned { id: taken, .. } if *taken == id(10)), "{}", said(&error));
        assert!(said(&error).contains("acme"), "{}", said(&error));
    }
    assert_eq!(dev.read().await.unwrap().state, subject.state(&[10]));
}

#[tokio::test]
async fn each_key_may_do_what_it_is_for() {
    let Some(subject) = HostedRows::start() else { return };
    subject.holds(&[10]).await;
    let planner = subject.with_role("spile_planner");
    let read = planner.read().await.unwrap();
    assert_eq!(read.state, subject.state(&[10]), "a planner reads hashes and ciphertext");
    for project in [None, Some("other")] {
        let stranger = subject.at(subject.address(&subject.database.planner_key(project)));
        let told = said(&stranger.read().await.unwrap_err());
        assert!(told.starts_with("spile::supabase::planner"), "{told}");
        assert!(told.contains("the planner's key is for") && told.contains("spile_project"), "{told}");
    }
    let before = subject.everything();
    let error = planner.write(&subject.step(&read, &[20]), &origin("p")).await.unwrap_err();
    assert!(said(&error).starts_with("spile::supabase::forbidden"), "{}", said(&error));
    for role in ["anon", "authenticated"] {
        let told = said(&subject.with_role(role).read().await.unwrap_err());
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
    assert_eq!(told, ["`anon` can delete `integrations`", "`anon` can select `integrations`"]);
}

#[tokio::test]
async fn what_others_change_is_drift_until_the_next_apply() {
    let Some(subject) = HostedRows::start() else { return };
    let target = subject.of("acme", "dev");
    subject.holds(&[10, 20, 30]).await;
    subject.database.sql("update public.integrations set status = 'active'");
    assert!(target.read().await.unwrap().drifted.is_empty(), "the status is not the files'");
    subject.database.sql("update public.integrations set name = 'by hand' where slug = 'row-1'");
    subject.database.sql("delete from public.integrations where slug = 'row-2'");
    let read = target.read().await.unwrap();
    assert_eq!(read.drifted, [(id(10), Last::Held(row(10))), (id(20), Last::Held(row(20)))].into());
    target.write(&subject.step(&read, &[10, 20, 30]), &origin("p")).await.unwrap();
    assert!(target.read().await.unwrap().drifted.is_empty());
}
