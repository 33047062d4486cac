//! Requests and responses of HTTP/1.1.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use serde_json::{Value, json};
use url::form_urlencoded;

/// A request.
pub struct Request {
    pub host: String,
    pub method: String,
    /// The path without the query.
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// The headers, by name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Request {
    /// Reads a request; `None` at the end of the connection.
    pub fn read(stream: &mut impl BufRead, host: &str) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        Ok(Some(Self {
            host: host.to_owned(),
            method,
            path: path.to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers,
            body: String::from_utf8(body).unwrap(),
        }))
    }
}

/// Reads the head of a request byte by byte, so that nothing after it is taken from the stream.
pub fn head(stream: &mut impl Read) -> io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? > 0 {
        head.push(byte[0]);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

/// A response.
#[derive(Debug, Clone)]
pub struct Response {
    status: u16,
    kind: &'static str,
    body: String,
    location: Option<String>,
    /// The value of `Sforce-Limit-Info`, which every response of the REST API has.
    pub limit: Option<String>,
}

impl Response {
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, kind: "application/json;charset=UTF-8", body: body.to_string(), location: None, limit: None }
    }

    pub fn xml(status: u16, body: &str) -> Self {
        let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{body}");
        Self { status, kind: "application/xml", body, location: None, limit: None }
    }

    pub fn csv(body: String) -> Self {
        Self { status: 200, kind: "text/csv; charset=UTF-8", body, location: None, limit: None }
    }

    pub fn html(status: u16, body: &str) -> Self {
        Self { status, kind: "text/html; charset=UTF-8", body: body.to_owned(), location: None, limit: None }
    }

    /// Sends a browser to an address.
    pub fn redirect(location: &str) -> Self {
        Self { location: Some(location.to_owned()), ..Self::html(302, "") }
    }

    /// An error of the REST API.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!([{ "message": message, "errorCode": code }]))
    }

    /// Changes the status to that of a new resource.
    pub fn created(self) -> Self {
        Self { status: 201, ..self }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let limit = self.limit.as_ref().map(|limit| format!("Sforce-Limit-Info: {limit}\r\n")).unwrap_or_default();
        let location = self.location.as_ref().map(|to| format!("Location: {to}\r\n")).unwrap_or_default();
        let (status, kind, length) = (self.status, self.kind, self.body.len());
        let reason = match status {
            200 => "OK",
            201 => "Created",
            302 => "Found",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            429 => "Too Many Requests",
            503 => "Service Unavailable",
            _ => panic!("a status without a reason: {status}"),
        };
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\n{limit}{location}Content-Length: {length}\r\n\r\n"
        );
        [head.as_bytes(), self.body.as_bytes()].concat()
    }
}
