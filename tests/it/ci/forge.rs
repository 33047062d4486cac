//! A fake server of comments, merges and code scanning, as GitHub and GitLab are.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A comment and its author.
pub(super) struct Comment {
    author: &'static str,
    pub(super) body: String,
}

impl Comment {
    pub(super) fn by(author: &'static str, body: &str) -> Self {
        Self { author, body: body.to_owned() }
    }

    /// Shows the comment as both servers do.
    fn shown(&self, id: u64) -> Value {
        json!({"id": id, "body": self.body, "user": {"login": self.author}, "author": {"id": number(self.author)}})
    }
}

/// The user of the token: on GitHub the workflow's own token, which has no user.
pub(super) const BOT: &str = "github-actions[bot]";

fn number(author: &str) -> usize {
    author.len()
}

/// The server's comments, by number.
pub(super) type Comments = Arc<Mutex<BTreeMap<u64, Comment>>>;

/// Serves comments as GitHub and GitLab do: lists of two per page, creating and updating.
pub(super) fn server(comments: &Comments) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (comments, base) = (comments.clone(), address.clone());
    // The thread ends with the test program.
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            answer(connection.unwrap(), &comments, &base);
        }
    });
    address
}

fn answer(mut connection: TcpStream, comments: &Comments, base: &str) {
    let (head, body) = request(&mut connection);
    let mut words = head.lines().next().unwrap().split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let is_signed = head.contains("Bearer gh-token") || head.to_lowercase().contains("private-token: gl-token");
    let mut comments = comments.lock().unwrap();
    let last = path.split('?').next().unwrap().rsplit('/').next().unwrap();
    let (status, link, result) = match (is_signed, method) {
        (false, _) => ("403 Forbidden", String::new(), json!({"message": "no"})),
        (true, "GET") if path == "/user" => {
            ("403 Forbidden", String::new(), json!({"message": "Resource not accessible by integration"}))
        }
        (true, "GET") if path.contains("/commits/") => ("200 OK", String::new(), merged(last, path)),
        (true, "POST") if last == "sarifs" => {
            comments.insert(900, Comment::by(BOT, &body.to_string()));
            ("202 Accepted", String::new(), json!({}))
        }
        (true, "GET") if path == "/api/v4/user" => ("200 OK", String::new(), json!({"id": number(BOT)})),
        (true, "GET") => {
            let page: usize = path.split("page=").last().and_then(|n| n.parse().ok()).filter(|n| *n < 50).unwrap_or(1);
            let shown = comments.iter().skip((page - 1) * 2).take(2);
            let shown: Vec<Value> = shown.map(|(id, comment)| comment.shown(*id)).collect();
            let address = format!("{base}{}?per_page=100&page={}", path.split('?').next().unwrap(), page + 1);
            let more = comments.len() > page * 2;
            (
                ("200 OK"),
                if more { format!("Link: <{address}>; rel=\"next\"\r\n") } else { String::new() },
                json!(shown),
            )
        }
        (true, "POST") => {
            let id = comments.len() as u64 + 1;
            comments.insert(id, Comment::by(BOT, body["body"].as_str().unwrap()));
            ("201 Created", String::new(), json!({"id": id}))
        }
        (true, _) => {
            body["body"].as_str().unwrap().clone_into(&mut comments.get_mut(&last.parse().unwrap()).unwrap().body);
            ("200 OK", String::new(), json!({}))
        }
    };
    let text = result.to_string();
    let answer =
        format!("HTTP/1.1 {status}\r\n{link}Content-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len());
    connection.write_all(answer.as_bytes()).unwrap();
}

/// Shows the requests of a commit as each server does: `c0ffee` is the merge of request 7, and other commits were pushed.
fn merged(last: &str, path: &str) -> Value {
    let commit = path.split("/commits/").nth(1).unwrap().split('/').next().unwrap();
    match last {
        _ if commit == "0ddba11" => json!([]),
        "pulls" => json!([
            {"number": 3, "merge_commit_sha": "0ther", "merged_at": "2026-01-01T00:00:00Z"},
            {"number": 7, "merge_commit_sha": "c0ffee", "merged_at": "2026-01-02T00:00:00Z"},
        ]),
        _ => {
            json!([{"iid": 7, "state": "merged", "merge_commit_sha": "c0ffee", "squash_commit_sha": null, "sha": "5ha"}])
        }
    }
}

fn request(connection: &mut TcpStream) -> (String, Value) {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return (head.to_owned(), serde_json::from_str(body).unwrap_or_default());
            }
        }
        let count = connection.read(&mut chunk).unwrap();
        read.extend_from_slice(&chunk[..count]);
    }
}
