//! A proxy that does to requests what networks and gateways do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The connection is cut before the request gets through.
    CutBefore,
    /// The request gets through, and its answer is lost.
    CutAfter,
    /// The request gets through, and half of its answer comes back.
    Truncated,
    /// The request gets through twice; the second answer comes back.
    Twice,
    /// It takes a while.
    Slow,
    /// A gateway without a server behind it.
    Unavailable,
    /// A gateway's page for people.
    Page,
}

impl Fault {
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::CutBefore,
        Self::CutAfter,
        Self::Truncated,
        Self::Twice,
        Self::Slow,
        Self::Unavailable,
        Self::Page,
    ];
}

/// A proxy before a server; it lives as long as the runtime that started it.
pub struct Proxy {
    pub url: String,
    faults: Arc<Mutex<Vec<Fault>>>,
    seen: Arc<AtomicUsize>,
}

impl Proxy {
    /// Starts one on a free port of the loopback; without faults until it is told some.
    pub async fn before(server: &str) -> Self {
        let server = server.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (faults, seen) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (told, counted) = (faults.clone(), seen.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (told, counted, server) = (told.clone(), counted.clone(), server.clone());
                tokio::spawn(async move {
                    // A client that goes away has seen enough.
                    let _ = serve(client, &server, &told, &counted).await;
                });
            }
        });
        Self { url, faults, seen }
    }

    /// Tells what happens to the next requests, one after the other; after them nothing does.
    pub fn next(&self, faults: &[Fault]) {
        *self.faults.lock().unwrap() = faults.iter().rev().copied().collect();
    }

    /// Returns how many requests there were.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut client: TcpStream,
    server: &str,
    faults: &Mutex<Vec<Fault>>,
    seen: &AtomicUsize,
) -> std::io::Result<()> {
    let request = message(&mut client).await?;
    if request.is_empty() {
        return Ok(());
    }
    seen.fetch_add(1, Ordering::SeqCst);
    let fault = faults.lock().unwrap().pop().unwrap_or(Fault::None);
    let answer = match fault {
        Fault::CutBefore => return Ok(()),
        Fault::Unavailable => {
            b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n".to_vec()
        }
        Fault::Page => {
            b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 19\r\n\r\n<html>hunter2</html>"[..]
                .strip_suffix(b">")
                .unwrap()
                .to_vec()
        }
        Fault::None => forward(server, &request).await?,
        Fault::Slow => {
            tokio::time::sleep(Duration::from_millis(50)).await;
            forward(server, &request).await?
        }
        Fault::Twice => {
            forward(server, &request).await?;
            forward(server, &request).await?
        }
        Fault::CutAfter => {
            forward(server, &request).await?;
            return Ok(());
        }
        Fault::Truncated => {
            let answer = forward(server, &request).await?;
            answer[..answer.len() - answer.len().min(3)].to_vec()
        }
    };
    client.write_all(&answer).await?;
    client.shutdown().await
}

/// Sends a request on, and returns the whole answer.
async fn forward(server: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(server).await?;
    server.write_all(&closing(request)).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    Ok(closing(&answer))
}

/// Makes a message the last one of its connection.
fn closing(message: &[u8]) -> Vec<u8> {
    let end = message.windows(2).position(|two| two == b"\r\n").unwrap_or(0) + 2;
    let (first, rest) = message.split_at(end.min(message.len()));
    [first, b"connection: close\r\n", rest].concat()
}

/// Reads one message: its head, and as much of a body as that says.
async fn message(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            if read.len() >= end + 4 + length.unwrap_or(0) {
                return Ok(read);
            }
        }
        if from.read_buf(&mut read).await? == 0 {
            return Ok(read);
        }
    }
}
