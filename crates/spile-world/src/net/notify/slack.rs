//! Slack's incoming webhooks, which Mattermost and others support too.

use reqwest::header::HeaderMap;

use super::http::{Post, post};
use super::{Means, NotSent, Parcel};
use spile_core::secret::Secret;

pub(super) async fn send(url: &Secret, parcel: &Parcel, means: &Means<'_>) -> Result<String, NotSent> {
    let body = serde_json::json!({ "text": parcel.text, "unfurl_links": false }).to_string();
    post(url, &Post { headers: HeaderMap::new(), body }, means).await
}
