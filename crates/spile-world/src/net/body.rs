//! The bodies of answers, which may be longer than anyone expects.

use reqwest::Response;

/// Reads a body until it ends or is longer than `most` bytes. A longer one is cut soon after that.
///
/// # Errors
/// When the connection is lost.
pub(super) async fn up_to(response: &mut Response, most: usize) -> reqwest::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > most {
            break;
        }
    }
    Ok(bytes)
}
