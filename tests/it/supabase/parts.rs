//! A Supabase of real parts: Postgres, as the Python package `pgserver` brings it, and `postrust`, an independent
//! server that speaks PostgREST. Both are installed once under `target/`; one Postgres serves a test program, a
//! database each test.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::tools::{installed, said, succeeds};

/// Postgres 16.2 with its tools, relocatable.
const PGSERVER: &str = "0.1.4";

const POSTRUST: &str = "3.1.0";

const MIGRATION: &str = include_str!("../../../src/world/supabase/migration.sql");

/// What the server knows tokens by.
const JWT_SECRET: &[u8] = b"a secret of the tests with at least 32 characters";

/// Postgres refuses to run as root: there it runs as `nobody`.
const NOBODY: u32 = 65534;

/// One test's project. The REST interface is at `/`, where Supabase has it at `/rest/v1`.
pub struct Supabase {
    pub url: String,
    database: String,
    postgres: &'static Postgres,
    _rest: Server,
}

impl Supabase {
    /// Starts a project without spile's tables; `None`, said loudly, where its parts cannot be had.
    pub fn start() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Two at once would find the template in use.
        static COPYING: std::sync::Mutex<()> = std::sync::Mutex::new(());
        // A second one finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let program = postrust()?;
        let postgres = Postgres::shared()?;
        let database = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let copying = COPYING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        postgres.sql("postgres", &format!("create database {database} template spile_template")).unwrap();
        drop(copying);
        let port = free_port();
        let mut command = watched(&program, &[]);
        command.env("ENDING", "KILL");
        command.env("DATABASE_URL", format!("postgres://authenticator@127.0.0.1:{}/{database}", postgres.port));
        command.env("PGRST_DB_SCHEMAS", "public").env("PGRST_DB_ANON_ROLE", "anon").env("PGRST_DB_MAX_ROWS", "1000");
        command.env("PGRST_JWT_SECRET", std::str::from_utf8(JWT_SECRET).unwrap()).env("PGRST_COMPAT_MODE", "true");
        command.env("PGRST_SERVER_HOST", "127.0.0.1").env("PGRST_SERVER_PORT", port.to_string());
        command
            .env("PGRST_DB_CHANNEL_ENABLED", "true")
            .env("PGRST_MAX_BODY_SIZE", "67108864")
            .env("PGRST_LOG_LEVEL", "error");
        let rest = Server::start(command);
        wait_for("postrust", || is_healthy(port));
        Some(Self { url: format!("http://127.0.0.1:{port}"), database, postgres, _rest: rest })
    }

    /// Starts a project with spile's tables.
    pub fn migrated() -> Option<Self> {
        let supabase = Self::start()?;
        supabase.migrate();
        Some(supabase)
    }

    /// Runs the migration as a project's owner does, who is no superuser, and waits until the server knows it.
    pub fn migrate(&self) {
        self.sql_as("postgres", MIGRATION).unwrap();
        let key = self.key("service_role");
        wait_for("the server's schema", || {
            // postrust answers before it listens: the migration's own word may have been too early.
            self.sql("notify pgrst, 'reload schema'");
            std::thread::sleep(Duration::from_millis(50));
            request(&self.url, "/rpc/spile_version", &key).contains("200 OK")
        });
    }

    /// Returns a token that makes its bearer `role` for an hour.
    pub fn key(&self, role: &str) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        self.token(&json!({ "iss": "supabase", "role": role, "iat": now, "exp": now + 3600 }))
    }

    /// Signs `claims`.
    #[expect(clippy::unused_self, reason = "a key is a project's, though here all projects share a secret")]
    pub fn token(&self, claims: &Value) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(br#"{"alg":"HS256","typ":"JWT"}"#), encode(claims.to_string().as_bytes()));
        let signature = encode(&hmac_sha256(JWT_SECRET, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// Runs SQL as the superuser, in one transaction: the rows without headers.
    ///
    /// # Panics
    /// If Postgres refuses it.
    pub fn sql(&self, text: &str) -> String {
        self.postgres.sql(&self.database, text).unwrap()
    }

    /// Runs SQL as `user`, in one transaction: the rows, or what Postgres said.
    pub fn sql_as(&self, user: &str, text: &str) -> Result<String, String> {
        self.postgres.sql_as(user, &self.database, text)
    }

    /// The database's address for the superuser.
    pub fn database_url(&self) -> String {
        format!("postgres://supabase_admin@127.0.0.1:{}/{}?sslmode=disable", self.postgres.port, self.database)
    }
}

/// The Postgres of this test program; it ends with the program.
struct Postgres {
    port: u16,
    programs: PathBuf,
    _server: Server,
}

impl Postgres {
    fn shared() -> Option<&'static Self> {
        static STARTED: OnceLock<Option<Postgres>> = OnceLock::new();
        STARTED.get_or_init(|| pgserver().map(|folder| Self::start(&folder))).as_ref()
    }

    fn start(folder: &Path) -> Self {
        let home = tempfile::Builder::new().prefix("spile-postgres-").tempdir().unwrap().keep();
        let mut programs = folder.join("pgserver/pginstall/bin");
        if is_root() && !is_open_to_all(&programs) {
            succeeds(Command::new("cp").arg("-r").arg(folder.join("pgserver/pginstall")).arg(&home));
            programs = home.join("pginstall/bin");
        }
        if is_root() {
            std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = home.join("data");
        let mut initdb = Command::new(programs.join("initdb"));
        initdb.args(["-U", "supabase_admin", "-A", "trust", "-E", "UTF8", "--no-locale", "-N", "-D"]).arg(&data);
        succeeds(unprivileged(initdb).current_dir(&home));
        let port = free_port();
        let settings = ["fsync=off", "max_connections=400", "listen_addresses=127.0.0.1", "unix_socket_directories="];
        let words = settings.iter().flat_map(|setting| ["-c", setting]);
        let data = data.to_string_lossy();
        let words: Vec<String> =
            words.chain(["-D", &data, "-p"]).map(str::to_owned).chain([port.to_string()]).collect();
        let mut command = watched(&programs.join("postgres"), &words);
        // At once, without waiting for those who are connected.
        command.env("ENDING", "INT").env("LEFTOVERS", &home).current_dir(&home);
        let postgres = Self { port, programs, _server: Server::start(unprivileged(command)) };
        wait_for("Postgres", || postgres.sql("postgres", "select 1").is_ok());
        postgres.furnish();
        postgres
    }

    /// Makes what all databases share: the roles, also the one that the first migration makes.
    fn furnish(&self) {
        self.sql("postgres", include_str!("roles.sql")).unwrap();
        self.sql("postgres", "create database spile_template").unwrap();
        self.sql("spile_template", include_str!("template.sql")).unwrap();
        self.sql("postgres", "create database first template spile_template").unwrap();
        self.sql_as("postgres", "first", MIGRATION).unwrap();
    }

    fn sql(&self, database: &str, text: &str) -> Result<String, String> {
        self.sql_as("supabase_admin", database, text)
    }

    fn sql_as(&self, user: &str, database: &str, text: &str) -> Result<String, String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-U",
            user,
            "-d",
            database,
            "-p",
        ]);
        psql.arg(self.port.to_string()).env("PGOPTIONS", "-c client_min_messages=warning");
        // No statement that makes a database can be part of a transaction.
        if !text.starts_with("create database") {
            psql.arg("-1");
        }
        let said = said(&mut psql, text);
        if said.code == Some(0) { Ok(said.stdout.trim_end().to_owned()) } else { Err(said.stderr) }
    }
}

/// A child that ends when it is let go of, and when this program ends in whatever way.
struct Server(Child);

impl Server {
    fn start(mut command: Command) -> Self {
        Self(command.stdin(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

/// Returns `program` under a shell that ends it with `$ENDING`, and removes `$LEFTOVERS`, when its own standard
/// input is closed.
fn watched(program: &Path, words: &[String]) -> Command {
    let script = r#""$0" "$@" & child=$!
        trap '' INT TERM
        read -r _
        kill -s $ENDING $child; wait $child
        if [ -n "$LEFTOVERS" ]; then cd /; rm -rf "$LEFTOVERS"; fi"#;
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(program).args(words).stdout(Stdio::null());
    command.stderr(if std::env::var_os("SPILE_TEST_LOGS").is_some() { Stdio::inherit() } else { Stdio::null() });
    command
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

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what} does not come up; set SPILE_TEST_LOGS to see why");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_healthy(port: u16) -> bool {
    request(&format!("http://127.0.0.1:{port}"), "/healthz", "").contains("200 OK")
}

/// One GET, without a runtime; empty where nobody listens.
fn request(url: &str, path: &str, key: &str) -> String {
    let host = url.trim_start_matches("http://");
    let mut answer = String::new();
    let ask = || -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(host)?;
        let bearer = if key.is_empty() { String::new() } else { format!("Authorization: Bearer {key}\r\n") };
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{bearer}Connection: close\r\n\r\n")?;
        Ok(stream)
    };
    match ask().and_then(|mut stream| stream.read_to_string(&mut answer)) {
        Ok(_) => answer,
        Err(_) => String::new(),
    }
}

/// HMAC, as RFC 2104 has it; the key is no longer than a block.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let padded = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

/// Returns the folder of Postgres; `None` where it cannot be had.
pub fn pgserver() -> Option<PathBuf> {
    installed(&format!("pgserver-{PGSERVER}"), "python3", install_pgserver)
}

/// Returns the REST server; `None` where it cannot be had.
pub fn postrust() -> Option<PathBuf> {
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = MADE.get_or_init(|| installed(&format!("postrust-{POSTRUST}"), "cargo", install_postrust));
    made.as_ref().map(|folder| folder.join("bin/postrust"))
}

fn install_pgserver(folder: &Path) {
    let venv = tempfile::tempdir().unwrap();
    succeeds(Command::new("python3").args(["-m", "venv"]).arg(venv.path()));
    let mut pip = Command::new(venv.path().join("bin/pip"));
    // Only the programs in it are of use: which Python its extension is made for does not matter.
    pip.args(["install", "-q", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]);
    pip.args(["--python-version=3.11", "--target"]).arg(folder).arg(format!("pgserver=={PGSERVER}"));
    succeeds(&mut pip);
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn install_postrust(folder: &Path) {
    let build = tempfile::tempdir_in(folder.parent().unwrap()).unwrap();
    let mut cargo = Command::new("cargo");
    // Not `--locked`: its lock file names a version of webpki-roots that a mirror of crates.io may not have yet.
    cargo.args(["install", "postrust-server", "--version", POSTRUST, "--quiet", "--root"]).arg(folder);
    succeeds(cargo.arg("--target-dir").arg(build.path()).current_dir(folder));
}
