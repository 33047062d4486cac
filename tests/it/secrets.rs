//! `spile secrets` and `spile exec` through the program, with real keys, the official sops and git.

mod access;
mod git;
pub mod sign_in;
mod values;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::folder::Folder;

const SHOP: &str = "# Our shop.\ntype = \"shop\"   # a tap of our own\nname = \"Shop\"\nloader = \"lake\"\n\n[config]\n\
                    start_date = 2024-01-01 # the beginning\npage_size =   7\n";

const CONNECTOR: &str = r#"
label = "Shop"
[plugin]
name = "tap-shop"
namespace = "tap_shop"
pip_url = "tap-shop==1.0"
[[settings]]
name = "start_date"
[[settings]]
name = "page_size"
kind = "integer"
[[settings]]
name = "api_key"
secret = true
[[settings]]
name = "auth.token"
secret = true
[[settings]]
name = "scopes"
kind = "array"
secret = true
"#;

/// A project with one integration, and a user with a key of their own.
pub struct Desk {
    pub folder: Folder,
    environment: Vec<(String, String)>,
}

/// The result of a command.
struct Done {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Done {
    fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }

    fn fails(self, with: &str) -> Self {
        assert_eq!(self.code, 1, "{}\n{}", self.stdout, self.stderr);
        let said: String = self.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(with), "{said}");
        self
    }
}

impl Desk {
    /// A project whose user has a key and a `.sops.yaml`.
    fn new() -> Self {
        let desk = Self::without_a_key();
        desk.run(&["secrets", "init"]).succeeds();
        desk
    }

    fn without_a_key() -> Self {
        let folder = Folder::new();
        folder.write("spile.toml", "[project]\nname = \"acme\"\n[environments.dev]\n[environments.prod]\n");
        folder.write("connectors/shop.toml", CONNECTOR);
        folder.write("integrations/lake.toml", "type = \"jsonl\"\nkind = \"loader\"\n");
        folder.write("integrations/shop.toml", SHOP);
        let home = folder.join("home").display().to_string();
        Self { folder, environment: vec![("HOME".to_owned(), home)] }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
        command.current_dir(self.folder.path()).args(words).env_clear().envs(crate::tools::profile());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run(&self, words: &[&str]) -> Done {
        self.run_with(words, "")
    }

    fn run_with(&self, words: &[&str], input: &str) -> Done {
        let mut command = self.command(words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that fails early reads nothing.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn set(&self, name: &str, value: &str) {
        self.run_with(&["secrets", "set", "shop", name, "--stdin"], value).succeeds();
    }

    /// Returns the secrets in plain text.
    pub fn values(&self, slug: &str) -> Value {
        let shown = self.run(&["secrets", "view", slug, "--yes", "--format", "json"]).succeeds();
        serde_json::from_str(&shown.stdout).unwrap()
    }

    pub fn shop(&self) -> String {
        self.folder.read("integrations/shop.toml")
    }

    fn key_file(&self) -> PathBuf {
        self.folder.join("home/.config/sops/age/keys.txt")
    }

    fn public_key(&self) -> String {
        let keys = std::fs::read_to_string(self.key_file()).unwrap();
        keys.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned()
    }
}

/// Returns a new identity and its public key.
pub fn identity() -> (String, String) {
    use age::secrecy::ExposeSecret;
    let key = age::x25519::Identity::generate();
    (key.to_string().expose_secret().to_owned(), key.to_public().to_string())
}

/// Counts the lines of one text that are not in another.
fn changed_lines(before: &str, after: &str) -> usize {
    let diff = similar::TextDiff::from_lines(before, after);
    diff.iter_all_changes().filter(|change| change.tag() == similar::ChangeTag::Insert).count()
}
