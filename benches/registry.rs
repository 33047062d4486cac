//! The time that the hosted registry takes, over a real Postgres behind a PostgREST-compatible server, and its ratio to
//! the floor: the same requests sent by `curl`, which discards the responses. For whole programs, the floor includes
//! reading and parsing the files. `cargo bench --bench registry`; the two take turns.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files, reads the environment and starts programs")]
#![allow(dead_code, unreachable_pub, reason = "the parts are those of the tests, which use more of them")]

#[path = "parts/mod.rs"]
mod bench;
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

use spile_core::name::IntegrationId;
use spile_core::plan::{State, Step};
use spile_core::record::Row;
use spile_world::{Origin, Target};
use tokio::runtime::Runtime;
use uuid::Uuid;

use bench::{Against, Took, in_turns, once, project, row, table, write};
use parts::Supabase;
use proxy::{Fault, Proxy};

const COUNTS: [usize; 4] = [10, 100, 1_000, 10_000];

const ROWS: usize = 10_000;

const RUNS: usize = 7;

fn main() {
    table("A project as it grows, hosted registry on the same machine");
    for count in COUNTS {
        let Some(supabase) = Supabase::migrated() else { return };
        let project = Project { folder: tempfile::tempdir().unwrap(), supabase: &supabase };
        project::make(project.folder.path(), count, SETTINGS);
        grown(&project, count);
    }
    let Some(supabase) = Supabase::migrated() else { return };
    let proxy = Proxy::beside(&supabase.url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let project = Project { folder: tempfile::tempdir().unwrap(), supabase: &supabase };
    project::make(project.folder.path(), ROWS + 1, SETTINGS);
    table("The registry client's share");
    project.apply(&proxy.url);
    plans(&project, &proxy, &runtime);
    applies(&project, &proxy, &runtime);
    let state = runtime.block_on(project.target(&supabase.url).read()).unwrap().state;
    for count in [1_000, ROWS] {
        create(count, &state, &runtime);
    }
}

const SETTINGS: &str = "[project]\nname = \"bench\"\n\n[registry]\nkind = \"supabase\"\nurl = \"${SUPABASE_URL}\"\n\
                        key = \"${SUPABASE_KEY}\"\nrest_path = \"\"\n";

/// Compares whole programs with reading and parsing the same files and fetching ids and hashes with `curl`.
fn grown(project: &Project, count: usize) {
    let (url, root) = (project.supabase.url.as_str(), project.folder.path());
    let whole = |act: &dyn Fn()| once(act);
    let created = once(|| project.apply(url));
    let floor = || {
        once(|| {
            project::read_and_parse(root);
            project.curl(&project.pages(url));
        })
    };
    let against = "read, parse, curl ids and hashes";
    let [planned, floor_of_plan] = in_turns(RUNS, [&|| whole(&|| project.plan(url)), &floor]);
    row("apply, all new", count, Took::wall(created), Against(against, floor_of_plan), "");
    row("plan, nothing changed", count, Took::wall(planned), Against(against, floor_of_plan), "");
    project::change(root, count, 100, "second");
    let [planned, floor_of_plan] = in_turns(RUNS, [&|| whole(&|| project.plan_changes(url)), &floor]);
    row("plan, 1 % changed", count, Took::wall(planned), Against(against, floor_of_plan), "");
    let applied = once(|| project.apply(url));
    row("apply, 1 % changed", count, Took::wall(applied), Against(against, floor_of_plan), "");
}

/// Plans without changes: the requests, and the client's own cost for them.
fn plans(project: &Project, proxy: &Proxy, runtime: &Runtime) {
    let (here, far) = (project.supabase.url.as_str(), proxy.url.as_str());
    proxy.seen();
    project.plan(far);
    let kinds = proxy.seen().into_iter().fold(BTreeMap::<_, usize>::new(), |mut kinds, seen| {
        *kinds.entry(seen.line).or_default() += 1;
        kinds
    });
    let target = project.target(here);
    let read = || once(|| drop(runtime.block_on(target.read()).unwrap()));
    let pages = |url: &str| project.curl(&project.pages(url));
    let [read, curl] = in_turns(RUNS, [&read, &|| pages(here)]);
    row("reads rows of which none has changed", ROWS, Took::wall(read), Against("curl ids and hashes", curl), "1.5");
    proxy.after(0, Fault::Slow);
    let [planned, curl] = in_turns(RUNS, [&|| once(|| project.plan(far)), &|| pages(far)]);
    row("plan, 50 ms away", ROWS, Took::wall(planned), Against("curl ids and hashes", curl), "");
    proxy.next(&[]);
    println!("\nRequests of a plan where nothing has changed: {kinds:?}\n");
}

/// Applies the same changes back and forth, while `curl` sends the same requests as spile.
fn applies(project: &Project, proxy: &Proxy, runtime: &Runtime) {
    let (here, far) = (project.supabase.url.as_str(), proxy.url.as_str());
    let target = project.target(here);
    let changed = project.change("second");
    project.apply(far);
    let second = runtime.block_on(target.read()).unwrap().state;
    project.change("first");
    project.apply(far);
    let back = sent(proxy);
    let writing = || {
        project.change("first");
        project.apply(here);
        let step = Step::between(&runtime.block_on(target.read()).unwrap(), &second, ());
        assert_eq!(step.changes.len(), changed);
        once(|| runtime.block_on(target.write(&step, &origin())).unwrap())
    };
    let [wrote, curl] = in_turns(RUNS, [&writing, &|| project.send(&back)]);
    row("writes changed rows", changed, Took::wall(wrote), Against("curl sends the same", curl), "2");
}

/// Creates many rows at once in an empty registry.
fn create(count: usize, like: &State<Row>, runtime: &Runtime) {
    let Some(empty) = Supabase::migrated() else { return };
    let proxy = Proxy::beside(&empty.url);
    let wanted = like.iter().take(count).map(|(_, row)| (IntegrationId(Uuid::new_v4()), row.clone())).collect();
    let project = Project { folder: tempfile::tempdir().unwrap(), supabase: &empty };
    let target = project.target(&proxy.url);
    let step = Step::between(&runtime.block_on(target.read()).unwrap(), &wanted, ());
    let took = once(|| runtime.block_on(target.write(&step, &origin())).unwrap());
    let body = sent(&proxy);
    let what = format!("creates rows in one transaction, {:.1} MB", megabytes(&body));
    let Some(other) = Supabase::migrated() else { return };
    let curl = Project { folder: tempfile::tempdir().unwrap(), supabase: &other }.send(&body);
    row(&what, count, Took::wall(took), Against("curl sends the same", curl), "");
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

/// A project with secrets and a Supabase registry.
struct Project<'a> {
    folder: tempfile::TempDir,
    supabase: &'a Supabase,
}

impl Project<'_> {
    /// Changes the host in some of the files; returns how many.
    fn change(&self, host: &str) -> usize {
        project::change(self.folder.path(), ROWS + 1, 10, host)
    }

    /// Runs the program, which must exit with this code.
    fn spile(&self, url: &str, words: &[&str], code: i32) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
        command.current_dir(self.folder.path()).args(words);
        command.env("SUPABASE_URL", url).env("SUPABASE_KEY", self.supabase.key("service_role"));
        let output = command.output().expect("spile starts");
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Plans without changes.
    fn plan(&self, url: &str) {
        self.spile(url, &["plan", "--exit-code"], 0);
    }

    /// Plans with changes.
    fn plan_changes(&self, url: &str) {
        self.spile(url, &["plan", "--exit-code"], 2);
    }

    fn apply(&self, url: &str) {
        self.spile(url, &["apply", "--yes"], 0);
    }

    /// Returns the registry client, without the rest of the program.
    fn target(&self, url: &str) -> spile_world::Supabase {
        let address = parts::address(url, "", &self.supabase.key("service_role"));
        let environment = "dev".parse().unwrap();
        spile_world::Supabase::new(address, "bench", &environment, &self.folder.path().join(".spile")).unwrap()
    }

    /// Returns the addresses of the pages of ids and hashes.
    fn pages(&self, url: &str) -> String {
        let every_thousandth = "select string_agg(id, ' ' order by id) from (select id, row_number() over (order by id) \
                                from integrations) i where row_number % 1000 = 0";
        let last = self.supabase.sql(every_thousandth);
        let base = format!("{url}/integrations?select=id,content_hash&order=id.asc&limit=1000");
        let later = last.split(' ').filter(|id| !id.is_empty()).map(|id| format!("{base}&id=gt.{id}"));
        let urls = std::iter::once(base.clone()).chain(later);
        urls.map(|url| format!("url = \"{url}\"\noutput = \"/dev/null\"\n")).collect::<Vec<_>>().concat()
    }

    /// Sends the body of an apply with a new id.
    fn send(&self, body: &[u8]) -> f64 {
        let mut body: serde_json::Value = serde_json::from_slice(body).unwrap();
        body["payload"]["apply_id"] = Uuid::new_v4().to_string().into();
        write(self.folder.path(), "body.json", &body.to_string());
        let (url, file) = (&self.supabase.url, self.folder.path().join("body.json"));
        self.curl(&format!(
            "url = \"{url}/rpc/spile_apply\"\noutput = \"/dev/null\"\nheader = \"Content-Type: application/json\"\n\
             header = \"Expect:\"\ndata-binary = \"@{}\"\n",
            file.display()
        ))
    }

    /// Runs one `curl` over one connection. The key is in a file, because every user can see command lines.
    fn curl(&self, words: &str) -> f64 {
        let key = self.supabase.key("service_role");
        write(
            self.folder.path(),
            "curl.conf",
            &format!("silent\nfail\nheader = \"Authorization: Bearer {key}\"\n{words}"),
        );
        let mut command = Command::new("curl");
        command.arg("-K").arg(self.folder.path().join("curl.conf"));
        once(|| assert!(command.status().expect("curl starts").success()))
    }
}
