//! Backfills of a tap that has neither a start nor an end, from a real `MariaDB`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::project::{Project, Ran, with_sources};
use crate::supabase::hosted::HostedRows;
use crate::supabase::server::{Server, free_port, wait_for, watched};
use crate::tools::{installed, said, succeeds};

/// The packages of Debian's and Ubuntu's `MariaDB`.
const PACKAGES: [&str; 2] = ["mariadb-server-core", "mariadb-client-core"];

/// A running `MariaDB` that lets everybody in, and stops with the program.
struct MariaDb {
    port: u16,
    folder: PathBuf,
    _server: Server,
}

fn install(folder: &Path) {
    let downloaded = tempfile::tempdir().unwrap();
    let mut apt = Command::new("apt-get");
    succeeds(apt.args(["download", "-q"]).args(missing_packages()).current_dir(downloaded.path()));
    for package in std::fs::read_dir(downloaded.path()).unwrap().flatten() {
        succeeds(Command::new("dpkg").arg("-x").arg(package.path()).arg(folder));
    }
}

/// Returns the packages, and all that they depend on and the machine does not have.
fn missing_packages() -> Vec<String> {
    let mut depends = Command::new("apt-cache");
    depends.args(["depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks"]);
    depends.args(["--no-replaces", "--no-enhances"]).args(PACKAGES);
    let found = said(&mut depends, "").stdout;
    let is_missing = |name: &&str| {
        if PACKAGES.contains(name) {
            return true;
        }
        let mut query = Command::new("dpkg-query");
        let status = said(query.args(["-W", "-f", "${db:Status-Status}", name]), "").stdout;
        status != "installed"
    };
    // What is indented is the kind of a dependency, and what is in angle brackets is no package.
    let names = found.lines().filter(|line| !line.starts_with([' ', '<']));
    names.filter(is_missing).map(str::to_owned).collect()
}

/// Returns a program of `MariaDB`, which finds its libraries.
fn with_libraries(folder: &Path, mut command: Command) -> Command {
    let below = ["usr/lib", "lib"].map(|path| std::fs::read_dir(folder.join(path)));
    let folders = below.into_iter().flatten().flatten().flatten().map(|entry| entry.path());
    let libraries = folders.filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    command.env("LD_LIBRARY_PATH", std::env::join_paths(libraries).unwrap());
    command
}

impl MariaDb {
    /// Starts it; `None`, reported loudly, if it is unavailable.
    fn start() -> Option<Self> {
        let folder = installed("mariadb", "apt-get", install)?;
        let home = tempfile::Builder::new().prefix("spile-mariadb-").tempdir().unwrap().keep();
        let port = free_port();
        let (data, share) = (home.display(), folder.join("usr/share/mysql"));
        let words = [
            "--no-defaults".to_owned(),
            "--skip-grant-tables".to_owned(),
            "--user=root".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            "--innodb-flush-log-at-trx-commit=0".to_owned(),
            "--default-time-zone=+00:00".to_owned(),
            format!("--port={port}"),
            format!("--datadir={data}"),
            format!("--socket={data}/socket"),
            format!("--pid-file={data}/pid"),
            format!("--lc-messages-dir={}", share.join("english").display()),
            format!("--character-sets-dir={}", share.join("charsets").display()),
        ];
        let mut command = with_libraries(&folder, watched(&folder.join("usr/sbin/mariadbd"), &words));
        command.env("ENDING", "KILL").env("LEFTOVERS", &home).current_dir(&home);
        let server = Self { port, folder, _server: Server::start(command) };
        wait_for("MariaDB", || server.sql("select 1").is_ok());
        Some(server)
    }

    fn sql(&self, text: &str) -> Result<String, String> {
        let mut client = Command::new(self.folder.join("usr/bin/mariadb"));
        client.args(["--no-defaults", "-h127.0.0.1", "-uroot", "--batch", "--skip-column-names"]);
        client.arg(format!("-P{}", self.port));
        let said = said(&mut with_libraries(&self.folder, client), text);
        if said.code == Some(0) { Ok(said.stdout.trim_end().to_owned()) } else { Err(said.stderr) }
    }
}

/// A shop with a hundred orders, an hour apart.
fn shop(server: &MariaDb) -> Project {
    let tables = "create database shop;
        create table shop.orders(id int primary key, customer text, updated_at datetime not null);
        insert into shop.orders select seq, concat('c', seq), '2026-01-01' + interval seq hour from shop.seq_1_to_100;
        create table shop.stores(id int primary key);";
    server.sql(tables).unwrap();
    let project = with_sources();
    let text = format!(
        "type = 'mysql'\nkind = 'extractor'\nloader = 'files'\nselect = ['shop-orders.*']\n\n[config]\n\
         host = '127.0.0.1'\nport = {}\nuser = 'root'\ndatabase = 'shop'\n\n\
         [metadata.shop-orders]\nreplication-method = 'INCREMENTAL'\nreplication-key = 'updated_at'\n",
        server.port
    );
    project.write("integrations/shop.toml", &text);
    project.spile(&["secrets", "init"]).succeeds();
    project.spile_with(&["secrets", "set", "shop", "password", "--stdin"], "hunter2").succeeds();
    project.spile(&["apply", "--yes"]).succeeds();
    project
}

/// How many orders a run has read. The tap names them without their database.
fn read(run: &Value) -> u64 {
    run["streams"]["orders"].as_u64().unwrap_or_default()
}

/// What a state holds of the orders.
fn bookmark<'a>(run: &'a Value, state: &str) -> &'a Value {
    &run[state]["bookmarks"]["shop-orders"]
}

#[test]
fn a_tap_without_a_start_setting_is_backfilled_by_a_copy_of_its_state() {
    let Some(server) = MariaDb::start() else { return };
    let project = shop(&server);
    let backfill = ["sync", "shop", "--from", "2026-01-03", "--to", "2026-01-04", "--step", "6h"];
    let refused = project.spile(&backfill).fails().stderr();
    assert!(refused.contains("run `spile discover shop`"), "{refused}");
    project.spile(&["discover", "shop"]).succeeds();
    let refused = project.spile(&backfill).fails().stderr();
    assert!(refused.contains("spile::state::none"), "{refused}");

    project.spile(&["sync", "shop"]).succeeds();
    let live = project.newest_run();
    assert_eq!(read(&live), 100, "{live:#}");
    let state = project.json(&["state", "export", "shop"]);

    // It has no end, and that is said before it begins.
    let refused = project.spile(&backfill).fails().stderr();
    assert!(refused.contains("reads everything since 2026-01-03T00:00:00Z, also what is later than"), "{refused}");
    assert_eq!(project.newest_run()["id"], live["id"]);
    project.spile(&[&backfill[..], &["--yes"]].concat()).succeeds();
    let piece = project.newest_run();
    assert_eq!((read(&piece), &piece["details"]["range"]["from"]), (53, &json!("2026-01-03T00:00:00Z")), "{piece:#}");
    assert_eq!(piece["state_id"], format!("{}:backfill", live["state_id"].as_str().unwrap()));
    // With another version of the table, a loader would remove all other rows.
    let [before, after] = [bookmark(&live, "bookmark_after"), bookmark(&piece, "bookmark_after")];
    assert!(before["version"].is_number() && before["version"] == after["version"], "{before} {after}");

    // The live pipeline has not noticed: its last row comes again, as always.
    assert_eq!(project.json(&["state", "export", "shop"]), state);
    project.spile(&["sync", "shop"]).succeeds();
    assert_eq!(read(&project.newest_run()), 1);

    // It is done; and a second time it begins at the start of the range again.
    let done = project.spile(&backfill).succeeds().stderr();
    assert!(done.contains("has been read already"), "{done}");
    project.spile(&[&backfill[..], &["--again", "--yes"]].concat()).succeeds();
    assert_eq!(read(&project.newest_run()), 53);

    let later = ["sync", "shop", "--from", "2026-02-01", "--to", "2026-02-02", "--yes"];
    let refused = project.spile(&later).fails().stderr();
    assert!(refused.contains("which is earlier than the backfill date `2026-02-01T00:00:00Z`"), "{refused}");
    let text = project.read("integrations/shop.toml");
    project.write("integrations/shop.toml", &text.replace("'shop-orders.*'", "'shop-orders.*', 'shop-stores.*'"));
    let refused = project.spile(&[&backfill[..], &["--again", "--yes"]].concat()).fails().stderr();
    assert!(refused.contains("has no replication key for `shop-stores`"), "{refused}");
}

#[test]
fn with_a_hosted_registry_the_copy_and_the_choices_are_there() {
    let (Some(server), Some(hosted)) = (MariaDb::start(), HostedRows::start()) else { return };
    let project = shop(&server);
    let registry = "[project]\nname = 'real'\n[registry]\nkind = 'supabase'\nurl = '${SUPABASE_URL}'\n\
                    key = '${SUPABASE_SECRET_KEY}'\nrest_path = ''\n";
    project.write("spile.toml", registry);
    let spile = |words: &[&str]| {
        let mut command = project.command(words);
        command.env("SUPABASE_URL", &hosted.database.url);
        command.env("SUPABASE_SECRET_KEY", hosted.database.key("service_role"));
        Ran(command.output().unwrap()).succeeds().stdout()
    };
    let newest = || serde_json::from_str::<Value>(&spile(&["runs", "--format", "json"])).unwrap()["runs"][0].clone();
    for words in [&["apply", "--yes"][..], &["discover", "shop"], &["sync", "shop"]] {
        spile(words);
    }
    let states =
        |like: &str| hosted.database.sql(&format!("select state from integration_states where state_id like '{like}'"));
    let live = states("%--files");
    spile(&["sync", "shop", "--from", "2026-01-03", "--to", "2026-01-04", "--yes"]);
    assert_eq!(read(&newest()), 53);
    assert_eq!((states("%--files"), states("%:backfill").is_empty()), (live, false));

    let text = project.read("integrations/shop.toml");
    project.write("integrations/shop.toml", &text.replace("database = 'shop'\n", ""));
    spile(&["apply", "--yes", "--forward-only", "shop-orders"]);
    spile(&["sync", "shop"]);
    let run = newest();
    let choice = &run["details"]["choices"][0];
    assert_eq!((read(&run), &choice["kind"]), (1, &json!("forward_only")), "{run:#}");
    assert_eq!(choice["streams"], json!(["shop-orders"]));
}
