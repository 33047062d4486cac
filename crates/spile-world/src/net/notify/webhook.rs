//! Webhooks: JSON with a signature over the time and the raw body, so that the receiver can verify the sender and the
//! time.

use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

use super::http::{Post, post};
use super::{Means, NotSent, Parcel};
use spile_core::digest::hex;
use spile_core::secret::Secret;

/// The id of the message. It stays the same if the message is sent again.
const DELIVERY: HeaderName = HeaderName::from_static("x-spile-delivery");

/// The signed time, in seconds since 1970.
const TIMESTAMP: HeaderName = HeaderName::from_static("x-spile-timestamp");

/// `sha256=` and the HMAC-SHA256 of `<timestamp>.<body>` in hexadecimal.
const SIGNATURE: HeaderName = HeaderName::from_static("x-spile-signature");

pub(super) async fn send(
    url: &Secret,
    secret: Option<&Secret>,
    parcel: &Parcel,
    means: &Means<'_>,
) -> Result<String, NotSent> {
    let timestamp = parcel.at.as_second().to_string();
    let mut headers = HeaderMap::new();
    // Digits, hexadecimal digits and dashes are always valid in headers.
    let mut set = |name, value: &str| HeaderValue::from_str(value).map(|value| drop(headers.insert(name, value)));
    let is_set = set(DELIVERY, &parcel.id.to_string()).and_then(|()| set(TIMESTAMP, &timestamp));
    let is_signed = secret.map_or(Ok(()), |secret| {
        let signature = signature(secret, &timestamp, &parcel.text);
        set(SIGNATURE, &format!("sha256={signature}"))
    });
    is_set.and(is_signed).map_err(|_| NotSent::Value { key: "secret", what: "key" })?;
    post(url, &Post { headers, body: parcel.text.clone() }, means).await
}

/// Signs the time together with the body, as GitHub and Stripe do, so that an intercepted message cannot be sent again
/// later.
fn signature(secret: &Secret, timestamp: &str, body: &str) -> String {
    // HMAC accepts a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return String::new() };
    for part in [timestamp, ".", body] {
        mac.update(part.as_bytes());
    }
    hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_together_with_its_time() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac hunter2
        let signed = signature(&Secret::new("hunter2"), "1700000000", "{\"a\":1}");
        assert_eq!(signed, "56b25cbf563812b38800e5f4dd1febfde087d36841155e70b3aa285517e1570a");
    }
}
