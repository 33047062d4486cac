//! A proxy that interferes with requests like networks and gateways do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A fault at one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No fault.
    None,
    /// Closes the connection before the request gets through.
    CutBefore,
    /// Closes the connection after half of the request.
    CutWithin,
    /// Forwards the request, and drops the response.
    CutAfter,
    /// Forwards the request, and drops the end of the response.
    Truncated,
    /// Forwards the request twice, and returns the second response.
    Twice,
    /// Forwards the request twice at the same time, and returns the second response.
    TwiceAtOnce,
    /// Neither forwards nor answers the request until the proxy releases it; then closes the connection.
    HeldBefore,
    /// Forwards the request, but does not answer until the proxy releases it; then closes the connection.
    HeldAfter,
    /// Delays the request.
    Slow,
    /// Answers like a gateway without a server behind it.
    Unavailable,
    /// Answers like a gateway: a status, and an HTML page unless it is a success.
    Says(u16, &'static str),
}

impl Script {
    /// Returns the fault for a request.
    fn fault(&mut self, line: &str) -> Fault {
        match self.at.take() {
            Some((named, 0, fault)) if named == line => fault,
            Some((named, before, fault)) => {
                let before = before - usize::from(named == line);
                self.at = Some((named, before, fault));
                Fault::None
            }
            None => self.faults.pop().or(self.then).unwrap_or(Fault::None),
        }
    }
}

impl Fault {
    /// A gateway's error page.
    pub const PAGE: Self = Self::Says(502, "<html>hunter2</html>");

    pub const ALL: [Self; 10] = [
        Self::None,
        Self::CutBefore,
        Self::CutWithin,
        Self::CutAfter,
        Self::Truncated,
        Self::Twice,
        Self::TwiceAtOnce,
        Self::Slow,
        Self::Unavailable,
        Self::PAGE,
    ];
}

/// A request that arrived.
pub struct Seen {
    /// Its method and path, like `POST /rpc/spile_apply`.
    pub line: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Seen {
    fn read(request: &[u8]) -> Self {
        let line = request.split(|byte| matches!(byte, b'\r' | b'?')).next().unwrap_or_default();
        let head = request.windows(4).position(|four| four == b"\r\n\r\n").map_or(request.len(), |end| end + 4);
        let line = String::from_utf8_lossy(line).trim_end_matches(" HTTP/1.1").to_owned();
        Self { line, body: request[head..].to_vec() }
    }
}

/// The faults of future requests.
#[derive(Default)]
struct Script {
    /// The next faults, in reverse: the last one comes next.
    faults: Vec<Fault>,
    /// The fault after them.
    then: Option<Fault>,
    /// The fault of a named request, and how many like it come before.
    at: Option<(String, usize, Fault)>,
    /// The requests in order of arrival.
    seen: Vec<Seen>,
    /// Whether a request is held.
    holds: bool,
}

/// A proxy in front of a server; it lives as long as the runtime that started it.
pub struct Proxy {
    pub url: String,
    script: Arc<Mutex<Script>>,
}

impl Proxy {
    /// Starts a proxy on its own thread, so that it works even while the caller blocks.
    pub fn beside(server: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let proxy = runtime.block_on(Self::before(server));
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        proxy
    }

    /// Starts a proxy on a free loopback port, at first without faults.
    pub async fn before(server: &str) -> Self {
        let server = server.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let told = script.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (told, server) = (told.clone(), server.clone());
                tokio::spawn(async move {
                    // A client that disconnects is fine.
                    let _ = serve(client, &server, &told).await;
                });
            }
        });
        Self { url, script }
    }

    /// Sets the faults of the next requests, one after the other; then none.
    pub fn next(&self, faults: &[Fault]) {
        let mut script = self.script.lock().unwrap();
        script.faults = faults.iter().rev().copied().collect();
        (script.then, script.at) = (None, None);
    }

    /// Sets the fault of a request like `line`, after `before` others like it; other requests have none.
    pub fn at(&self, line: &str, before: usize, fault: Fault) {
        self.next(&[]);
        self.script.lock().unwrap().at = Some((line.to_owned(), before, fault));
    }

    /// Demands that the named request has arrived.
    pub fn was_met(&self) {
        let left = &self.script.lock().unwrap().at;
        assert!(left.is_none(), "{left:?} never came");
    }

    /// Sets the fault of every request after the next `count`.
    pub fn after(&self, count: usize, fault: Fault) {
        self.next(&vec![Fault::None; count]);
        self.script.lock().unwrap().then = Some(fault);
    }

    /// Tells whether a request is held.
    pub fn holds(&self) -> bool {
        self.script.lock().unwrap().holds
    }

    /// Releases the held request.
    pub fn let_go(&self) {
        self.script.lock().unwrap().holds = false;
    }

    /// Returns the requests since the last call.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.script.lock().unwrap().seen)
    }
}

async fn serve(mut client: TcpStream, server: &str, script: &Mutex<Script>) -> std::io::Result<()> {
    let request = message(&mut client).await?;
    if request.is_empty() {
        return Ok(());
    }
    let fault = {
        let mut script = script.lock().unwrap();
        let seen = Seen::read(&request);
        let fault = script.fault(&seen.line);
        script.seen.push(seen);
        fault
    };
    if fault == Fault::HeldAfter {
        forward(server, &request).await?;
    }
    if matches!(fault, Fault::HeldBefore | Fault::HeldAfter) {
        script.lock().unwrap().holds = true;
        while script.lock().unwrap().holds {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    if let Some(answer) = answer(fault, server, &request).await? {
        client.write_all(&answer).await?;
    }
    client.shutdown().await
}

/// Forwards a request with a fault; `None` if there is no response.
async fn answer(fault: Fault, server: &str, request: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
    Ok(match fault {
        Fault::CutBefore | Fault::HeldBefore | Fault::HeldAfter => None,
        Fault::CutWithin => {
            let mut server = TcpStream::connect(server).await?;
            server.write_all(&request[..request.len() / 2]).await?;
            server.shutdown().await?;
            None
        }
        Fault::Unavailable => Some(said(503, "retry-after: 0\r\n", "")),
        Fault::Says(status, body) => Some(said(status, "content-type: text/html\r\n", body)),
        Fault::None => Some(forward(server, request).await?),
        Fault::Slow => {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some(forward(server, request).await?)
        }
        Fault::Twice => {
            forward(server, request).await?;
            Some(forward(server, request).await?)
        }
        Fault::TwiceAtOnce => Some(tokio::try_join!(forward(server, request), forward(server, request))?.1),
        Fault::CutAfter => {
            forward(server, request).await?;
            None
        }
        Fault::Truncated => {
            let answer = forward(server, request).await?;
            Some(answer[..answer.len() - answer.len().min(3)].to_vec())
        }
    })
}

/// Returns a response of the gateway itself.
fn said(status: u16, header: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} -\r\n{header}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).into()
}

/// Forwards a request, and returns the whole response.
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

/// Reads one message: its head, and the body of the length that it states.
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
