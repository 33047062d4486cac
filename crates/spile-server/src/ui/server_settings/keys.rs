//! Who can decrypt which secrets.

use std::collections::BTreeMap;

use axum::response::Response;
use serde_json::{Value, json};

use super::super::shell::{At, Trouble};
use super::{Part, page};
use spile_ops::secrets;

pub async fn show(at: At) -> Result<Response, Trouble> {
    let desk = &at.desk;
    let listed = secrets::list(&desk.world, &desk.loaded, &desk.environment, &[]).await?;
    let mut by_recipient: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in &listed {
        for recipient in &one.recipients {
            by_recipient.entry(recipient).or_default().push(one.slug.as_str());
        }
    }
    let total = listed.len();
    let row = |(recipient, slugs): (&str, Vec<&str>)| json!({ "recipient": recipient, "slugs": slugs, "reads_all": slugs.len() == total });
    let recipients: Vec<Value> = by_recipient.into_iter().map(row).collect();
    let files: Vec<Value> = listed
        .iter()
        .map(
            |one| json!({ "slug": one.slug, "file": one.path, "names": one.names, "recipients": one.recipients.len() }),
        )
        .collect();
    page(&at, Part::Keys, json!({ "recipients": recipients, "secrets": files, "total": total }), None).await
}
