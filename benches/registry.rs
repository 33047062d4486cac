//! How long the hosted registry takes, over a real Postgres behind a server that speaks PostgREST, and how many times the
//! floor that is: the same requests, sent by `curl` and read by nobody. `cargo bench --bench registry`; the machine is
//! noisy, so both take turns, and medians and ratios of one run are printed.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files, reads the environment and starts programs")]
#![allow(dead_code, unreachable_pub, reason = "the parts are those of the tests, which use more of them")]

#[path = "../tests/it/supabase/parts.rs"]
mod parts;
#[path = "../tests/it/supabase/postgres.rs"]
mod postgres;
#[path = "../tests/it/supabase/proxy.rs"]
mod proxy;
#[path = "../tests/it/supabase/server.rs"]
mod server;
#[path = "../tests/it/tools.rs"]
mod tools;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use spile::name::IntegrationId;
use spile::plan::{State, Step};
use spile::record::Row;
use spile::secret::Secret;
use spile::sops::{DataKey, Document, Wrapped, rewrite};
use spile::world::supabase::Address;
use spile::world::{Origin, Target};
use tokio::runtime::Runtime;
use uuid::Uuid;

use parts::Supabase;
use proxy::{Fault, Proxy};

const ROWS: usize = 10_000;
const CHANGED: usize = 1_000;
const RUNS: usize = 7;

/// A wrapped data key, as long as age makes them; nothing here opens it.
const WRAPPED: &str = concat!(
    "-----BEGIN AGE ENCRYPTED FILE-----\n",
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBxdUZ1ZUlqN2ZXbUZkSjRN\n",
    "V1hQb3pEa1NqR2pXZ1pKbGJrVmRyT2dYRWdnCk1nb2xkY2p3dGJqZ3VxSWxOWHhn\n",
    "bFB6Z2tzTmRkVzZtUHlPS2RWb2dyUW8KLS0tIHJ2dUVrVXhHVDhEcHBOVlZGNGxi\n",
    "K2xvZFZsd1p0R3lTTXhQbHVqbXdGMm8KqyGNJm7TkXwHvDqjyxGJpWbmTjdJFwHu\n",
    "-----END AGE ENCRYPTED FILE-----\n",
);

fn main() {
    let Some(supabase) = Supabase::migrated() else { return };
    let proxy = Proxy::beside(&supabase.url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let project = Project { folder: tempfile::tempdir().unwrap(), supabase: &supabase };
    project.write_files();
    let created = timed(|| project.apply(&proxy.url));
    println!("apply of {ROWS} new integrations with secrets: {:.1} s", created.as_secs_f64());
    plans(&project, &proxy, &runtime);
    applies(&project, &proxy, &runtime);
    let state = runtime.block_on(project.target(&supabase.url).read()).unwrap().state;
    for count in [1_000, ROWS] {
        create(count, &state, &runtime);
    }
}

/// Nothing has changed: the whole program, and its parts.
fn plans(project: &Project, proxy: &Proxy, runtime: &Runtime) {
    let (here, far) = (project.supabase.url.as_str(), proxy.url.as_str());
    proxy.seen();
    project.plan(far);
    let kinds = proxy.seen().into_iter().fold(BTreeMap::<_, usize>::new(), |mut kinds, seen| {
        *kinds.entry(seen.line).or_default() += 1;
        kinds
    });
    println!("requests of a plan where nothing changed: {kinds:?}");
    let target = project.target(here);
    let read = || timed(|| drop(runtime.block_on(target.read()).unwrap()));
    let pages = |url: &str| project.curl(&project.pages(url));
    report("plan: the whole program", in_turns(&|| timed(|| project.plan(here)), &|| pages(here)));
    report("of it, what it reads", in_turns(&read, &|| pages(here)));
    report("of it, the files (check)", in_turns(&|| timed(|| project.spile(here, &["check"])), &|| pages(here)));
    proxy.after(0, Fault::Slow);
    report("plan, 50 ms away", in_turns(&|| timed(|| project.plan(far)), &|| pages(far)));
    proxy.next(&[]);
}

/// There and back again: the same changes every time, and `curl` sends what spile has sent.
fn applies(project: &Project, proxy: &Proxy, runtime: &Runtime) {
    let (here, far) = (project.supabase.url.as_str(), proxy.url.as_str());
    let target = project.target(here);
    project.change("second");
    project.apply(far);
    let second = runtime.block_on(target.read()).unwrap().state;
    project.change("first");
    project.apply(far);
    let back = sent(proxy);
    let whole = || {
        project.change("second");
        timed(|| project.apply(here))
    };
    let write = || {
        let step = Step::between(&runtime.block_on(target.read()).unwrap(), &second, ());
        assert_eq!(step.changes.len(), CHANGED);
        timed(|| runtime.block_on(target.write(&step, &origin())).unwrap())
    };
    report("apply: the whole program", in_turns(&whole, &|| project.send(&back)));
    report("of it, what it writes", in_turns(&write, &|| project.send(&back)));
}

/// Creates many rows at once, in an empty registry.
fn create(count: usize, like: &State<Row>, runtime: &Runtime) {
    let Some(empty) = Supabase::migrated() else { return };
    let proxy = Proxy::beside(&empty.url);
    let wanted = like.iter().take(count).map(|(_, row)| (IntegrationId(Uuid::new_v4()), row.clone())).collect();
    let target = Project { folder: tempfile::tempdir().unwrap(), supabase: &empty }.target(&proxy.url);
    let step = Step::between(&runtime.block_on(target.read()).unwrap(), &wanted, ());
    let took = timed(|| runtime.block_on(target.write(&step, &origin())).unwrap()).as_secs_f64();
    let size = megabytes(&sent(&proxy));
    println!("{count} rows created in one transaction: {size:.1} MB, {took:.1} s");
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn megabytes(bytes: &[u8]) -> f64 {
    bytes.len() as f64 / f64::from(1 << 20)
}

/// Returns the body of the last apply that went through a proxy.
fn sent(proxy: &Proxy) -> Vec<u8> {
    let applies = proxy.seen().into_iter().filter(|seen| seen.line == "POST /rpc/spile_apply");
    applies.map(|seen| seen.body).next_back().expect("it was applied")
}

fn origin() -> Origin {
    Origin {
        plan: "p".to_owned(),
        actor: "a bench".to_owned(),
        commit: None,
        at: jiff::Timestamp::UNIX_EPOCH,
        rendered: None,
    }
}

/// A project with secrets whose rows are in a Supabase.
struct Project<'a> {
    folder: tempfile::TempDir,
    supabase: &'a Supabase,
}

impl Project<'_> {
    fn write_files(&self) {
        let settings = "[project]\nname = \"bench\"\n\n[registry]\nkind = \"supabase\"\nurl = \"${BENCH_URL}\"\n\
                        key = \"${BENCH_KEY}\"\nrest_path = \"\"\n";
        self.file("spile.toml", settings);
        self.file("integrations/files.toml", "type = \"jsonl\"\nkind = \"loader\"\n");
        (0..ROWS).for_each(|number| self.integration(number));
    }

    /// Puts another host into some of the files; what is encrypted stays.
    fn change(&self, host: &str) {
        for number in 0..CHANGED {
            let path = format!("integrations/shop-{number:05}.toml");
            let text = std::fs::read_to_string(self.folder.path().join(&path)).unwrap();
            let other = if host == "first" { "second" } else { "first" };
            self.file(&path, &text.replace(&format!("{other}.example.com"), &format!("{host}.example.com")));
        }
    }

    fn integration(&self, number: usize) {
        let text = format!(
            "type = \"postgres\"\nname = \"Shop {number}\"\nloader = \"files\"\nschedule = \"@hourly\"\n\
             select = [\"public-orders.*\"]\n\n[config]\nhost = \"first.example.com\"\nuser = \"u{number}\"\n\
             database = \"shop\"\n\n"
        );
        let wrapped = Wrapped { recipient: "age1nobody".to_owned(), enc: WRAPPED.to_owned() };
        let (key, mut document) = (DataKey::generate(), Document::profile(&[wrapped]));
        document.set("password", &Secret::new(format!("the password of shop {number}")), &key);
        document.seal(&key, jiff::Timestamp::UNIX_EPOCH).expect("it is sealed");
        self.file(&format!("integrations/shop-{number:05}.toml"), &rewrite(&text, &document).expect("it is TOML"));
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        std::fs::write(path, text).expect("a file is written");
    }

    fn spile(&self, url: &str, words: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
        command.current_dir(self.folder.path()).args(words);
        command.env("BENCH_URL", url).env("BENCH_KEY", self.supabase.key("service_role"));
        let output = command.output().expect("spile starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn plan(&self, url: &str) {
        self.spile(url, &["plan", "--exit-code"]);
    }

    fn apply(&self, url: &str) {
        self.spile(url, &["apply", "--yes"]);
    }

    /// The registry, without the rest of the program.
    fn target(&self, url: &str) -> spile::world::Supabase {
        let (url, key) = (url.to_owned(), Secret::new(self.supabase.key("service_role")));
        let address = Address { url, rest_path: String::new(), schema: "public".to_owned(), key };
        let environment = "dev".parse().unwrap();
        spile::world::Supabase::new(address, ("bench", &environment), &self.folder.path().join(".spile")).unwrap()
    }

    /// Returns the addresses of the pages of ids and hashes.
    fn pages(&self, url: &str) -> String {
        let every_thousandth = "select string_agg(id, ' ' order by id) from (select id, row_number() over (order by id) \
                                from integrations) i where row_number % 1000 = 0";
        let last = self.supabase.sql(every_thousandth);
        let base = format!("{url}/integrations?select=id,content_hash&order=id.asc&limit=1000");
        let urls = std::iter::once(base.clone()).chain(last.split(' ').map(|id| format!("{base}&id=gt.{id}")));
        urls.map(|url| format!("url = \"{url}\"\noutput = \"/dev/null\"\n")).collect::<Vec<_>>().concat()
    }

    /// Sends the body of an apply, which is a new one.
    fn send(&self, body: &[u8]) -> Duration {
        let mut body: serde_json::Value = serde_json::from_slice(body).unwrap();
        body["payload"]["apply_id"] = Uuid::new_v4().to_string().into();
        self.file("body.json", &body.to_string());
        let (url, file) = (&self.supabase.url, self.folder.path().join("body.json"));
        self.curl(&format!(
            "url = \"{url}/rpc/spile_apply\"\noutput = \"/dev/null\"\nheader = \"Content-Type: application/json\"\n\
             header = \"Expect:\"\ndata-binary = \"@{}\"\n",
            file.display()
        ))
    }

    /// Runs one `curl` over one connection. The key is in a file, for anybody sees a command line.
    fn curl(&self, words: &str) -> Duration {
        let key = self.supabase.key("service_role");
        self.file("curl.conf", &format!("silent\nfail\nheader = \"Authorization: Bearer {key}\"\n{words}"));
        let mut command = Command::new("curl");
        command.arg("-K").arg(self.folder.path().join("curl.conf"));
        timed(|| assert!(command.status().expect("curl starts").success()))
    }
}

fn timed(act: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    act();
    begun.elapsed()
}

/// Runs both in turns, so that a slow minute of the machine slows both, and returns their medians.
fn in_turns(spile: &dyn Fn() -> Duration, curl: &dyn Fn() -> Duration) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        times[0].push(spile());
        times[1].push(curl());
    }
    times.map(|mut times| {
        times.sort();
        times[RUNS / 2]
    })
}

fn report(case: &str, [took, floor]: [Duration; 2]) {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let ratio = took.as_secs_f64() / floor.as_secs_f64();
    println!("{case:>26} {:>8.0} ms, curl {:>6.0} ms, ratio {ratio:>6.2}", millis(took), millis(floor));
}
