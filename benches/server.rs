//! The server under load: 200 clients that list integrations for a minute, and a page with 1,000 of them, compared with
//! the network alone: a response of the server that needs no project. `cargo bench --bench server [SECONDS]`.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints, and may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files and starts the program")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: usize = 200;
const INTEGRATIONS: usize = 1_000;

/// The pages, with one user who asks for each again and again.
const PAGES: [&str; 21] = [
    "/overview",
    "/integrations",
    "/integrations?q=i09&sort=last",
    "/integrations/i0001",
    "/integrations/i0001/streams",
    "/integrations/i0001/settings",
    "/integrations/i0001/history",
    "/marketplace",
    "/marketplace?q=shopify",
    "/marketplace/extractor/postgres",
    "/search?q=i00",
    "/runs",
    "/runs?slug=i0001",
    "/changes",
    "/changes/drift",
    "/changes/history",
    "/activity",
    "/notifications",
    "/settings",
    "/settings/access",
    "/settings/keys",
];

/// A server that stops with the bench.
struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn main() {
    let seconds = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(60);
    let folder = tempfile::tempdir().expect("a temporary folder");
    project(folder.path());
    let server = serve(folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    println!("\n### The server: {INTEGRATIONS} integrations, {CLIENTS} clients, {seconds} s each; asked p99 50 ms\n");
    println!("| request | clients | answers | errors | per s | p50 ms | p95 ms | p99 ms | max ms |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for path in ["/api/health", "/api/integrations?limit=20", "/api/integrations?limit=100"] {
        let lasts = Duration::from_secs(if path == "/api/health" { seconds.min(10) } else { seconds });
        runtime.block_on(load(&server.address, path, CLIENTS, lasts));
    }
    for path in PAGES {
        runtime.block_on(load(&server.address, path, 1, Duration::from_secs(seconds.min(5))));
    }
}

/// Keeps runs of each integration: an hour apart, and a failed one now and then.
fn runs(root: &Path) {
    let registry = rusqlite::Connection::open(root.join(".spile/registry.db")).expect("a registry");
    let sql = "with recursive back(hours) as (select 1 union all select hours + 1 from back where hours < 20) \
               insert into integration_runs (id, integration_id, slug, environment, kind, status, started_at, finished_at, records, log) \
               select lower(hex(randomblob(4))) || '-0000-4000-8000-' || lower(hex(randomblob(6))), id, slug, 'dev', 'sync', \
               iif(random() % 50 = 0, 'failed', 'ok'), strftime('%Y-%m-%dT%H:%M:%S.000000000Z', 'now', '-' || hours || ' hours'), \
               strftime('%Y-%m-%dT%H:%M:%S.000000000Z', 'now', '-' || hours || ' hours', '+9 seconds'), 1200, '' from integrations, back";
    registry.execute(sql, ()).expect("runs");
}

fn project(root: &Path) {
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        std::fs::write(path, text).expect("a file is written");
    };
    write("spile.toml", "[project]\nname = \"bench\"\n");
    write("integrations/lake.toml", "type = \"jsonl\"\nkind = \"loader\"\n");
    for number in 1..INTEGRATIONS {
        let text =
            "type = \"singer-jsonl\"\nloader = \"lake\"\nschedule = \"@daily\"\n[config]\nlocal.folders = [\"data\"]\n";
        write(&format!("integrations/i{number:04}.toml"), text);
    }
    let applied = spile(root, &["apply", "--yes"]).output().expect("spile starts");
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    runs(root);
}

fn spile(root: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
    command.current_dir(root).args(words);
    command
}

fn serve(root: &Path) -> Server {
    let mut command = spile(root, &["serve", "--bind", "127.0.0.1:0", "--no-login"]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("spile starts");
    let mut line = String::new();
    BufReader::new(child.stderr.take().expect("stderr")).read_line(&mut line).expect("a line");
    let address = line.trim().strip_prefix("Serving http://").expect("an address").trim_end_matches('/').to_owned();
    Server { child, address }
}

/// Sends requests from this many clients, each as soon as it has its response, and prints a row.
async fn load(address: &str, path: &str, clients: usize, lasts: Duration) {
    // Another client may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().pool_max_idle_per_host(clients).build().expect("a client");
    let url = format!("http://{address}{path}");
    let (ended, errors) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (client, url, ended, errors) = (client.clone(), url.clone(), ended.clone(), errors.clone());
            tokio::spawn(async move {
                let mut took = Vec::new();
                while !ended.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    match read(&client, &url).await {
                        Ok(()) => took.push(asked.elapsed()),
                        Err(_) => drop(errors.fetch_add(1, Ordering::Relaxed)),
                    }
                }
                took
            })
        })
        .collect();
    tokio::time::sleep(lasts).await;
    ended.store(true, Ordering::Relaxed);
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.expect("a client"));
    }
    let whole = begun.elapsed();
    took.sort_unstable();
    let at = |share: usize| millis(took[(took.len() * share / 1_000).min(took.len() - 1)]);
    #[allow(clippy::cast_precision_loss, reason = "counts of answers")]
    let per_second = took.len() as f64 / whole.as_secs_f64();
    println!(
        "| GET {path} | {clients} | {} | {} | {per_second:.0} | {:.1} | {:.1} | {:.1} | {:.1} |",
        took.len(),
        errors.load(Ordering::Relaxed),
        at(500),
        at(950),
        at(990),
        at(1_000)
    );
}

/// Reads a response to its end and discards it: the client's own work is not measured, but uses the same cores.
async fn read(client: &reqwest::Client, url: &str) -> reqwest::Result<()> {
    let mut answer = client.get(url).send().await?.error_for_status()?;
    while answer.chunk().await?.is_some() {}
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
