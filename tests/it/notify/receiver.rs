//! A server that accepts webhooks, answers as scripted, and records the requests.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// A received request.
#[derive(Debug, Clone)]
pub struct Came {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Came {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The answer to a request.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// A status, headers and a body.
    Says(u16, &'static str, &'static str),
    /// The same, after a delay.
    Late(Duration),
    /// No answer: the connection is closed.
    Cut,
}

impl Answer {
    pub const OK: Self = Self::Says(200, "", "ok");
}

#[derive(Default)]
struct Script {
    /// In reverse: the last one comes next.
    answers: Vec<Answer>,
    then: Option<Answer>,
    came: Vec<Came>,
}

/// A server on a free loopback port; it runs as long as the test program.
pub struct Receiver {
    pub url: String,
    script: Arc<Mutex<Script>>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let told = script.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let told = told.clone();
                // A client that disconnects is fine.
                std::thread::spawn(move || drop(serve(stream, &told)));
            }
        });
        Self { url, script }
    }

    /// Sets the answers to the next requests, and then to all others.
    pub fn answers(&self, next: &[Answer], then: Answer) {
        let mut script = self.script.lock().unwrap();
        script.answers = next.iter().rev().copied().collect();
        script.then = Some(then);
    }

    /// Returns the requests since the last call.
    pub fn take(&self) -> Vec<Came> {
        std::mem::take(&mut self.script.lock().unwrap().came)
    }

    /// Returns the titles of the requests since the last call.
    pub fn titles(&self) -> Vec<String> {
        let title = |came: &Came| came.json()["title"].as_str().unwrap().to_owned();
        self.take().iter().map(title).collect()
    }
}

fn serve(stream: TcpStream, script: &Mutex<Script>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let answer = {
        let mut script = script.lock().unwrap();
        script.came.push(Came { path, headers, body: String::from_utf8(body).unwrap() });
        script.answers.pop().or(script.then).unwrap_or(Answer::OK)
    };
    let (status, headers, body) = match answer {
        Answer::Cut => return Ok(()),
        Answer::Late(wait) => {
            std::thread::sleep(wait);
            (200, "", "ok")
        }
        Answer::Says(status, headers, body) => (status, headers, body),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} -\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
    reader.get_mut().write_all(format!("{head}{body}").as_bytes())
}
