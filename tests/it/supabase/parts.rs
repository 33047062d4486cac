//! A Supabase made of real parts: Postgres, from the Python package `pgserver`, and `postrust`, an independent
//! PostgREST-compatible server. Both are installed once under `target/`; one Postgres serves a test program, with a
//! database for each test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use spile_core::settings::{self, Allowed, Home, TextOrVariable, Variables};
use spile_core::source::{Placed, Source};
use spile_world::Outside;
use spile_world::stores::supabase::{Address, migration};

use super::postgres::Postgres;
use super::server::{Server, free_port, wait_for, watched};
use crate::tools::{installed, succeeds};

const POSTRUST: &str = "3.1.0";

/// The secret that signs tokens for the server.
const JWT_SECRET: &[u8] = b"a secret of the tests with at least 32 characters";

/// Returns an address from the user's own environment, as `spile.toml` names it by variables.
pub fn address(url: &str, rest_path: &str, key: &str) -> Address {
    let placed = |name: &str| Placed { value: name.to_owned(), place: Source::new("spile.toml", "").start() };
    let written = settings::Supabase {
        url: placed("SUPABASE_URL").map(|name| TextOrVariable::Variable(name.parse().unwrap())),
        key: placed("SUPABASE_KEY").map(|name| name.parse().unwrap()),
        rest_path: rest_path.to_owned(),
        home: Home::default(),
    };
    let (url, key) = (url.to_owned(), key.to_owned());
    let read = move |name: &str| Some(if name == "SUPABASE_URL" { url.clone() } else { key.clone() });
    let outside = Outside { variables: Variables::new(read, Allowed::default()), ..Outside::nothing() };
    Address::agreed(&written, &outside).unwrap()
}

/// One test's project. The REST interface is at `/`; Supabase has it at `/rest/v1`.
pub struct Supabase {
    pub url: String,
    database: String,
    postgres: &'static Postgres,
    _rest: Server,
}

impl Supabase {
    /// Starts a project without spile's tables; `None`, reported loudly, if its parts are unavailable.
    pub fn start() -> Option<Self> {
        Self::over(Postgres::shared()?)
    }

    /// Starts a project on a specific database server.
    pub fn over(postgres: &'static Postgres) -> Option<Self> {
        // Another one may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let program = postrust()?;
        let database = postgres.new_database();
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

    /// Runs the migration as a project's owner, who is not a superuser, and waits until the server knows the result.
    pub fn migrate(&self) {
        self.migrate_as(&Home::default()).unwrap();
    }

    /// Runs the migration with other table names; returns Postgres' message if it fails.
    pub fn migrate_as(&self, home: &Home) -> Result<(), String> {
        self.sql_as("postgres", &migration(home))?;
        self.is_known();
        Ok(())
    }

    /// Waits until the server knows the current schema.
    fn is_known(&self) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // The server may still have an older schema, or be about to read an intermediate one. If it knows a function
        // that was created since then, it has read the schema since then.
        let mark = format!("known_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!(
            "create function {mark}() returns integer stable language sql as 'select 1';
             grant execute on function {mark}() to service_role;"
        ));
        let key = self.key("service_role");
        wait_for("the server's schema", || {
            // postrust answers before it listens, so the migration's own notification may have been too early.
            self.sql("notify pgrst, 'reload schema'");
            std::thread::sleep(Duration::from_millis(50));
            request(&self.url, &format!("/rpc/{mark}"), &key).contains("200 OK")
        });
        self.sql(&format!("drop function {mark}()"));
    }

    /// Returns a token for `role` that is valid for an hour. A planner's token names the project `acme`.
    pub fn key(&self, role: &str) -> String {
        if role == "spile_planner" { self.planner_key(Some("acme")) } else { self.signed(json!({ "role": role })) }
    }

    /// Returns a planner's token that names this project, or none.
    pub fn planner_key(&self, project: Option<&str>) -> String {
        let claims = json!({ "role": "spile_planner" });
        let named = project.map(|project| json!({ "role": "spile_planner", "spile_project": project }));
        self.signed(named.unwrap_or(claims))
    }

    fn signed(&self, mut claims: Value) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        (claims["iss"], claims["iat"], claims["exp"]) = (json!("supabase"), json!(now), json!(now + 3600));
        self.token(&claims)
    }

    /// Signs `claims`.
    #[expect(clippy::unused_self, reason = "a key is a project's, though here all projects share a secret")]
    pub fn token(&self, claims: &Value) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(br#"{"alg":"HS256","typ":"JWT"}"#), encode(claims.to_string().as_bytes()));
        let signature = encode(&hmac_sha256(JWT_SECRET, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// Runs SQL as the superuser, in one transaction; returns the rows without headers.
    ///
    /// # Panics
    /// If Postgres refuses it.
    pub fn sql(&self, text: &str) -> String {
        self.postgres.sql(&self.database, text).unwrap()
    }

    /// Runs SQL as `user`, in one transaction; returns the rows, or Postgres' message.
    pub fn sql_as(&self, user: &str, text: &str) -> Result<String, String> {
        self.postgres.sql_as(user, &self.database, text)
    }

    /// Returns the database's address for the superuser.
    pub fn database_url(&self) -> String {
        format!("postgres://supabase_admin@127.0.0.1:{}/{}?sslmode=disable", self.postgres.port, self.database)
    }
}

fn is_healthy(port: u16) -> bool {
    request(&format!("http://127.0.0.1:{port}"), "/healthz", "").contains("200 OK")
}

/// Sends one GET, without an async runtime; empty if nothing listens.
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

/// Returns the HMAC of RFC 2104; the key must not be longer than a block.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let padded = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

/// Returns the REST server; `None` if it is unavailable.
pub fn postrust() -> Option<PathBuf> {
    static MADE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = MADE.get_or_init(|| installed(&format!("postrust-{POSTRUST}"), "cargo", install_postrust));
    made.as_ref().map(|folder| folder.join("bin/postrust"))
}

fn install_postrust(folder: &Path) {
    let build = tempfile::tempdir_in(folder.parent().unwrap()).unwrap();
    let mut cargo = Command::new("cargo");
    // Unoptimized, because that builds quickly, and Postgres does the work. Not `--locked`: its lock file names a
    // version of webpki-roots that a mirror of crates.io may not have yet.
    cargo.args(["install", "postrust-server", "--version", POSTRUST, "--debug", "--quiet", "--root"]).arg(folder);
    succeeds(cargo.arg("--target-dir").arg(build.path()).current_dir(folder));
}
