//! Real Postgres servers, each started once per test program: the one that tests use, and one with the extension that
//! Supabase's linter needs.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use spile_core::settings::Home;
use spile_world::stores::supabase::migration;

use super::server::{Server, free_port, wait_for, watched};
use crate::tools::{installed, said, skipped, succeeds};

/// Postgres 16.2 with its tools, relocatable.
const PGSERVER: &str = "0.1.4";

/// Postgres refuses to run as root, so root runs it as `nobody`.
const NOBODY: u32 = 65534;

/// A running Postgres that stops with the program.
pub struct Postgres {
    pub port: u16,
    psql: PathBuf,
    _server: Server,
}

impl Postgres {
    /// Returns the server that tests use; `None`, reported loudly, if it is unavailable.
    pub fn shared() -> Option<&'static Self> {
        static STARTED: OnceLock<Option<Postgres>> = OnceLock::new();
        STARTED.get_or_init(|| Some(Self::start(&pgserver()?.join("pgserver/pginstall"), "bin"))).as_ref()
    }

    /// Returns the server with `plpgsql_check`; `None`, reported loudly, if it is unavailable.
    pub fn linting() -> Option<&'static Self> {
        static STARTED: OnceLock<Option<Postgres>> = OnceLock::new();
        let start = || {
            let folder = debian()?;
            let version = std::fs::read_dir(folder.join("usr/lib/postgresql")).unwrap().next().unwrap().unwrap();
            let programs = format!("lib/postgresql/{}/bin", version.file_name().to_str().unwrap());
            Some(Self::start(&folder.join("usr"), &programs))
        };
        STARTED.get_or_init(start).as_ref()
    }

    /// Starts the server whose `programs` are somewhere below `installation`, which is relocatable.
    fn start(installation: &Path, programs: &str) -> Self {
        let psql = pgserver().unwrap().join("pgserver/pginstall/bin/psql");
        let home = tempfile::Builder::new().prefix("spile-postgres-").tempdir().unwrap().keep();
        let mut programs = installation.join(programs);
        if is_root() && !is_open_to_all(&programs) {
            succeeds(Command::new("cp").arg("-r").arg(installation).arg(home.join("installation")));
            programs = home.join("installation").join(programs.strip_prefix(installation).unwrap());
        }
        if is_root() {
            std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = home.join("data");
        let mut initdb = Command::new(programs.join("initdb"));
        initdb.args(["-U", "supabase_admin", "-A", "trust", "-E", "UTF8", "--no-locale", "-N", "-D"]).arg(&data);
        succeeds(unprivileged(initdb).current_dir(&home));
        // The user `shop` needs the password; all others are trusted.
        let rules = data.join("pg_hba.conf");
        let trusting = std::fs::read_to_string(&rules).unwrap();
        std::fs::write(&rules, format!("host all shop 127.0.0.1/32 scram-sha-256\n{trusting}")).unwrap();
        let port = free_port();
        let settings = ["fsync=off", "max_connections=400", "listen_addresses=127.0.0.1", "unix_socket_directories="];
        let words = settings.iter().flat_map(|setting| ["-c", setting]);
        let data = data.to_string_lossy();
        let words: Vec<String> =
            words.chain(["-D", &data, "-p"]).map(str::to_owned).chain([port.to_string()]).collect();
        let mut command = watched(&programs.join("postgres"), &words);
        // Immediately, without waiting for open connections.
        command.env("ENDING", "INT").env("LEFTOVERS", &home).current_dir(&home);
        let postgres = Self { port, psql, _server: Server::start(unprivileged(command)) };
        wait_for("Postgres", || postgres.sql("postgres", "select 1").is_ok());
        postgres.furnish();
        postgres
    }

    /// Creates what all databases share: the roles, including the one that the first migration creates.
    fn furnish(&self) {
        self.sql("postgres", include_str!("roles.sql")).unwrap();
        self.sql("postgres", "create role shop login password 'hunter2'").unwrap();
        self.sql("postgres", "create database spile_template").unwrap();
        self.sql("spile_template", include_str!("template.sql")).unwrap();
        self.sql("postgres", "create database first template spile_template").unwrap();
        self.sql_as("postgres", "first", &migration(&Home::default())).unwrap();
    }

    /// Creates a database as Supabase delivers it.
    pub fn new_database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Two concurrent copies would find the template in use.
        static COPYING: Mutex<()> = Mutex::new(());
        let database = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let _copying = COPYING.lock().unwrap_or_else(PoisonError::into_inner);
        self.sql("postgres", &format!("create database {database} template spile_template")).unwrap();
        database
    }

    pub fn sql(&self, database: &str, text: &str) -> Result<String, String> {
        self.sql_as("supabase_admin", database, text)
    }

    pub fn sql_as(&self, user: &str, database: &str, text: &str) -> Result<String, String> {
        let mut psql = Command::new(&self.psql);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", user]);
        psql.args(["-d", database, "-p", &self.port.to_string()]);
        psql.env("PGOPTIONS", "-c client_min_messages=warning");
        // A statement that creates a database cannot run in a transaction, and some texts have their own.
        if !text.starts_with("create database") && !text.contains("\nbegin transaction") {
            psql.arg("-1");
        }
        let said = said(&mut psql, text);
        if said.code == Some(0) { Ok(said.stdout.trim_end().to_owned()) } else { Err(said.stderr) }
    }
}

fn unprivileged(mut command: Command) -> Command {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn is_open_to_all(path: &Path) -> bool {
    path.ancestors().all(|folder| folder.metadata().is_ok_and(|found| found.mode() & 0o001 != 0))
}

/// Returns the folder of Postgres; `None` if it is unavailable.
pub fn pgserver() -> Option<PathBuf> {
    installed(&format!("pgserver-{PGSERVER}"), "python3", install_pgserver)
}

fn install_pgserver(folder: &Path) {
    let venv = tempfile::tempdir().unwrap();
    succeeds(Command::new("python3").args(["-m", "venv"]).arg(venv.path()));
    let mut pip = Command::new(venv.path().join("bin/pip"));
    // Only the programs in it are used, so the Python version of its extension does not matter.
    pip.args(["install", "-q", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]);
    pip.args(["--python-version=3.11", "--target"]).arg(folder).arg(format!("pgserver=={PGSERVER}"));
    succeeds(&mut pip);
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Returns the folder of Debian's or Ubuntu's Postgres with its `plpgsql_check`, unpacked but not installed; `None` if
/// it is unavailable.
pub fn debian() -> Option<PathBuf> {
    let name = "postgres-with-plpgsql-check";
    let folder = match newest_with_plpgsql_check() {
        Some(_) => installed(name, "apt-get", install_debian)?,
        None => return skipped(name, "apt-get` with `postgresql-*-plpgsql-check"),
    };
    let programs = std::fs::read_dir(folder.join("usr/lib/postgresql")).unwrap().flatten();
    let starts = |folder: PathBuf| {
        let version = Command::new(folder.join("bin/postgres")).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    let mut programs = programs.map(|version| version.path());
    if programs.all(starts) { Some(folder) } else { skipped(name, "library that Debian's Postgres needs") }
}

/// Returns the newest Postgres version with a package of the extension, as `15`.
fn newest_with_plpgsql_check() -> Option<String> {
    let mut search = Command::new("apt-cache");
    search.args(["--names-only", "search", "^postgresql-[0-9]+-plpgsql-check$"]);
    let found = String::from_utf8(search.output().ok()?.stdout).ok()?;
    let versions = found.lines().filter_map(|line| line.split('-').nth(1)?.parse::<u32>().ok());
    versions.filter(|version| *version >= 15).max().map(|version| version.to_string())
}

fn install_debian(folder: &Path) {
    let version = newest_with_plpgsql_check().unwrap();
    let downloaded = tempfile::tempdir().unwrap();
    let mut apt = Command::new("apt-get");
    apt.args(["download", "-q"]).arg(format!("postgresql-{version}"));
    succeeds(apt.arg(format!("postgresql-{version}-plpgsql-check")).current_dir(downloaded.path()));
    for package in std::fs::read_dir(downloaded.path()).unwrap().flatten() {
        succeeds(Command::new("dpkg").arg("-x").arg(package.path()).arg(folder));
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}
