//! Responses of a server in place of PostgREST, to every request of a hosted registry.
//!
//! The first byte is the status, the rest the body. Responses that would only be retried after a while are skipped.
#![no_main]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, OnceLock};

use jiff::Timestamp;
use spile_core::secret::Secret;
use spile_world::stores::supabase::Address;
use spile_world::{Alerts, Registry, Runs, Supabase, Target};

const STATUSES: [u16; 8] = [200, 201, 204, 400, 401, 404, 409, 500];

static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else { return };
    // A truncated response is retried; `3.` is truncated for a reader of numbers, and invalid for one that ignores
    // values.
    let ignored = serde_json::from_slice::<serde::de::IgnoredAny>(body).err();
    let wanted = serde_json::from_slice::<serde_json::Value>(body).err();
    if ignored.into_iter().chain(wanted).any(|error| error.is_eof()) {
        return;
    }
    let status = STATUSES[usize::from(first % 8)];
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    *ANSWER.lock().expect("nobody panics with it") = [head.as_bytes(), body].concat();
    let (runtime, registry) = world();
    runtime.block_on(async {
        let _ = (registry.version().await, registry.exposure().await);
        let _ = (registry.read().await, registry.unmanaged().await, registry.applies(2).await);
        let _ = (registry.newest(None, 2).await, registry.newest_of_each().await, registry.standings().await);
        let _ = registry.tries(Timestamp::UNIX_EPOCH).await;
        let _ = (registry.told(&"chat".parse().expect("a name")).await, registry.ends(None).await);
    });
});

fn world() -> &'static (tokio::runtime::Runtime, Supabase) {
    static WORLD: OnceLock<(tokio::runtime::Runtime, Supabase)> = OnceLock::new();
    WORLD.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            listener.incoming().flatten().for_each(|stream| drop(std::thread::spawn(|| serve(stream))))
        });
        let address =
            Address { url, rest_path: String::new(), schema: "public".to_owned(), key: Secret::new("sb_secret_x") };
        let folder = std::env::temp_dir().join(format!("spile-fuzz-{}", std::process::id()));
        let environment = "dev".parse().expect("a name");
        let registry = Supabase::new(address, "fuzz", &environment, &folder).expect("a client");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        (runtime, registry)
    })
}

/// Gives the same response to every request.
fn serve(mut stream: TcpStream) {
    let (mut asked, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        asked.extend_from_slice(&piece[..count]);
        let Some(end) = asked.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&asked[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
        if asked.len() < end + 4 + length.unwrap_or(0) {
            continue;
        }
        asked.clear();
        let answer = ANSWER.lock().expect("nobody panics with it").clone();
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}
