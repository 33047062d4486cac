//! A local REST API that can be made to fail.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

/// A server that returns the same records at every path, until the test ends.
pub struct Api {
    port: u16,
    ill: Arc<AtomicUsize>,
}

impl Api {
    pub fn start(records: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ill = Arc::new(AtomicUsize::new(0));
        let is_ill = ill.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                // A client that disconnects does not concern the test.
                drop(answer(connection, &records, &is_ill));
            }
        });
        Self { port, ill }
    }

    /// Makes this many requests of the next runs fail with 404, which the tap does not retry by itself, unlike 503.
    pub fn fails_next(&self, requests: usize) {
        self.ill.store(requests, Ordering::SeqCst);
    }

    /// Returns the file of an integration that reads from it.
    pub fn integration(&self) -> String {
        format!(
            "type = 'rest-api'\nloader = 'files'\n[config]\napi_url = 'http://127.0.0.1:{}'\n\
             streams = [{{ name = 'fruits', path = '/fruits', primary_keys = ['id'], records_path = '$[*]' }}]\n",
            self.port
        )
    }
}

fn answer(mut connection: TcpStream, records: &Value, ill: &AtomicUsize) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let is_ill = ill.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    if is_ill {
        // It stops in the middle of the response.
        return Ok(());
    }
    let body = records.to_string();
    write!(
        connection,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
