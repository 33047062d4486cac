//! The redirect address on this machine: RFC 8252, section 7.3.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// The path of the redirect address.
pub const CALLBACK: &str = "/callback";

/// How long a browser may take to send the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most bytes of a request's head.
const MOST_BYTES: usize = 16 * 1024;

/// What the browser shows after a person has signed in.
const PAGE: &str = "<!doctype html><meta charset=utf-8><title>spile</title><p>Thank you. spile continues in the terminal: \
                    you can close this tab.</p>";

/// Waits for the browser that comes back from a provider.
#[derive(Debug)]
pub struct Loopback(TcpListener);

impl Loopback {
    /// Listens on a port of 127.0.0.1, or on a free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn bind(port: Option<u16>) -> io::Result<Self> {
        Ok(Self(TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await?))
    }

    /// Returns the port.
    ///
    /// # Errors
    /// When the system does not know it.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.0.local_addr()?.port())
    }

    /// Returns the query of the first request for the redirect address. Browsers also open connections that they do not
    /// use, so one does not wait for another.
    ///
    /// # Errors
    /// When the system refuses connections.
    pub async fn query(&self) -> io::Result<String> {
        let (sender, mut queries) = mpsc::channel(1);
        loop {
            tokio::select! {
                accepted = self.0.accept() => {
                    let (stream, _) = accepted?;
                    let sender = sender.clone();
                    tokio::spawn(async move {
                        if let Ok(Ok(Some(query))) = tokio::time::timeout(PATIENCE, answered(stream)).await {
                            // Only the first one counts.
                            let _ = sender.try_send(query);
                        }
                    });
                }
                Some(query) = queries.recv() => return Ok(query),
            }
        }
    }
}

/// Answers one request, and returns its query if it is for the redirect address.
async fn answered(mut stream: TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut part = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut part).await?;
        if count == 0 || head.len() > MOST_BYTES {
            return Ok(None);
        }
        head.extend_from_slice(&part[..count]);
    }
    let head = String::from_utf8_lossy(&head);
    let query = query_of(head.lines().next().unwrap_or_default());
    let (status, page) = if query.is_some() { ("200 OK", PAGE) } else { ("404 Not Found", "") };
    let length = page.len();
    // The address contains the code, so that it goes nowhere else.
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {length}\r\ncache-control: no-store\r\n\
         referrer-policy: no-referrer\r\ncontent-security-policy: default-src 'none'\r\nconnection: close\r\n\r\n{page}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(query)
}

/// Returns the query of a request line for the redirect address.
fn query_of(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?')?;
    (method == "GET" && path == CALLBACK).then(|| query.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_request_for_the_redirect_address_has_a_query() {
        assert_eq!(query_of("GET /callback?code=a&state=b HTTP/1.1").as_deref(), Some("code=a&state=b"));
        for other in ["POST /callback?a HTTP/1.1", "GET /callback HTTP/1.1", "GET /favicon.ico?a HTTP/1.1", "GET", ""] {
            assert_eq!(query_of(other), None, "{other}");
        }
    }
}
