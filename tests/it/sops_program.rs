//! Delegation to the official sops: keys that only it can use, and whole files.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use age::secrecy::ExposeSecret;
use miette::Diagnostic;
use spile_core::secret::Secret;
use spile_core::sops::node::Node;
use spile_core::sops::{DataKey, Document, PlainKind};
use spile_world::files::door::replace;
use spile_world::keys::{Keys, Places, wrap};
use spile_world::processes::sops_program::{Format, Program, WholeFile};

use crate::executable::write_script;
use crate::tools;

/// A folder with a `.sops.yaml`, an identity and the official program.
struct Site {
    folder: tempfile::TempDir,
    program: Program,
    keys: Arc<Keys>,
    public: String,
}

impl Site {
    /// Returns `None` if there is no official sops, and reports it loudly.
    fn new(rule: &str) -> Option<Self> {
        let key = age::x25519::Identity::generate();
        let public = key.to_public().to_string();
        let secret = Secret::new(key.to_string().expose_secret());
        let exports = format!("export SOPS_AGE_KEY={}", secret.expose());
        Self::around(&exports, &public, rule, Some(secret))
    }

    /// Wraps the real program in a script, because keys come from its environment.
    fn around(exports: &str, public: &str, rule: &str, age_key: Option<Secret>) -> Option<Self> {
        let real = tools::sops()?.display().to_string();
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("sops");
        write_script(&script, &format!("#!/bin/sh\n{exports}\nexec {real} \"$@\"\n"));
        replace(&folder.path().join(".sops.yaml"), rule.replace("OWN", public).as_bytes()).unwrap();
        let path: OsString = format!("{}:/usr/bin:/bin", folder.path().display()).into();
        let keys = Keys::new(Places { age_key, path: path.clone(), ..Places::default() });
        Some(Self { folder, program: Program::new(path), keys: Arc::new(keys), public: public.to_owned() })
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join(".sops.yaml")
    }

    async fn encrypt(&self, values: &[(&str, &str)]) -> Document {
        let values: Vec<_> = values.iter().map(|(k, v)| ((*k).to_owned(), Secret::new(*v))).collect();
        self.program.encrypt(&values, &self.config(), Path::new("integrations/shop.toml")).await.unwrap()
    }

    /// Decrypts with the program and natively; both must agree.
    async fn opened(&self, document: &Document) -> Vec<(String, String)> {
        let official = self.program.decrypt(document).await.unwrap();
        assert_eq!(official, self.keys.open(document).await.unwrap());
        official.iter().map(|leaf| (leaf.path.join("."), leaf.value.expose().to_owned())).collect()
    }
}

const RULE: &str = "creation_rules:\n  - path_regex: ^integrations/\n    age: OWN\n    unencrypted_suffix: _x\n";

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[tokio::test]
async fn documents_of_the_program_fit_the_profile_and_change_value_by_value() {
    let Some(site) = Site::new(RULE) else { return };
    let made = site.encrypt(&[("password", "hunter2\n\"x\""), ("empty", ""), ("c a.b", "ü")]).await;
    assert!(made.metadata.is_profile());
    let all = [("secrets.password", "hunter2\n\"x\""), ("secrets.empty", ""), ("secrets.c a.b", "ü")];
    assert_eq!(site.opened(&made).await, pairs(&all));

    let mut whole = made.clone();
    whole.tree.insert(0, ("config".into(), Node::Map(vec![("port".into(), Node::Integer(5432))])));
    let set = site.program.set(&whole, "token", Some(&Secret::new("t\"[0]"))).await.unwrap();
    assert_eq!(set.secrets()[..3], whole.secrets()[..3], "the others keep their ciphertexts");
    assert_eq!(set.tree[0], whole.tree[0]);
    let unset = site.program.set(&set, "password", None).await.unwrap();
    let left = [("config.port", "5432"), ("secrets.empty", ""), ("secrets.c a.b", "ü"), ("secrets.token", "t\"[0]")];
    assert_eq!(site.opened(&unset).await, pairs(&left));

    let rotated = site.program.rotate(&unset).await.unwrap();
    assert_ne!(rotated.secrets()[2], unset.secrets()[2]);
    assert_eq!(site.opened(&rotated).await, pairs(&left));
}

#[tokio::test]
async fn keys_are_updated_for_the_rule_of_the_real_file() {
    let Some(site) = Site::new(RULE) else { return };
    let made = site.encrypt(&[("a", "1")]).await;
    let other = age::x25519::Identity::generate().to_public().to_string();
    let rule = RULE.replace("OWN", &format!("{},{other}", site.public));
    replace(&site.config(), rule.as_bytes()).unwrap();
    let file = site.folder.path().join("integrations/shop.toml");
    let updated = site.program.updatekeys(&made, &site.config(), &file).await.unwrap();
    let recipients: Vec<_> = updated.metadata.age().unwrap().into_iter().map(|w| w.recipient).collect();
    assert_eq!(recipients, [site.public.clone(), other]);
    assert_eq!(updated.tree, made.tree);
    assert_eq!(site.opened(&updated).await, pairs(&[("secrets.a", "1")]));
    let no_rule = site.program.updatekeys(&made, &site.config(), Path::new("elsewhere.toml")).await.unwrap_err();
    assert_eq!(no_rule.to_string(), "`.sops.yaml` has no rule for `elsewhere.toml`");
}

#[tokio::test]
async fn a_whole_file_keeps_its_indent_and_its_kinds() {
    let Some(site) = Site::new("creation_rules:\n  - age: OWN\nstores: {yaml: {indent: 2}}\n") else { return };
    let plain =
        "a:\n  # a comment\n  port: 5432\n  ratio: 25.4\n  whole: 3.0\n  on: true\n  none: null\n  list: [x, 2]\n";
    let source = site.folder.path().join("plain.yaml");
    replace(&source, plain.as_bytes()).unwrap();
    let text = site.encrypt_file(&source);
    let document = Document::from_yaml(&text).unwrap();
    let native = site.keys.open(&document).await.unwrap();
    let official = site.program.decrypt_text(&document, &text, Format::Yaml).await.unwrap();
    assert_eq!(official, native);
    let kinds: Vec<_> = official.iter().map(|leaf| (leaf.kind, leaf.value.expose())).collect();
    let expected = [
        (PlainKind::Int, "5432"),
        (PlainKind::Float, "25.4"),
        (PlainKind::Float, "3"),
        (PlainKind::Bool, "True"),
        (PlainKind::Str, "x"),
        (PlainKind::Int, "2"),
    ];
    assert_eq!(kinds, expected);

    let config = site.config();
    let file = WholeFile { text: &text, format: Format::Yaml, config: Some(&config) };
    let set = site.program.set_in_file(file, &["a", "name"], Some(&Secret::new("bob"))).await.unwrap();
    let kept = text.lines().filter(|line| set.contains(line)).count();
    assert!(text.lines().count() - kept <= 2, "only lastmodified and mac change:\n{text}\n{set}");
    let rotated = site.program.rotate_file(WholeFile { text: &set, ..file }).await.unwrap();
    let opened = site.keys.open(&Document::from_yaml(&rotated).unwrap()).await.unwrap();
    assert_eq!(opened.last().unwrap().value.expose(), "bob");
    let other = age::x25519::Identity::generate().to_public().to_string();
    replace(&config, format!("creation_rules:\n  - age: [{}, {other}]\n", site.public).as_bytes()).unwrap();
    let updated =
        site.program.updatekeys_file(WholeFile { text: &rotated, ..file }, Path::new("x.yaml")).await.unwrap();
    assert!(updated.contains(&other));
    let json = site.encrypt_json().await;
    let file = WholeFile { text: &json, format: Format::Json, config: None };
    let set = site.program.set_in_file(file, &["secrets", "a"], None).await.unwrap();
    assert!(Document::from_json(&set).unwrap().secrets().is_empty());
}

impl Site {
    /// Encrypts a whole file as a user would.
    fn encrypt_file(&self, plain: &Path) -> String {
        let mut command = Command::new(self.folder.path().join("sops"));
        let output = command.arg("--config").arg(self.config()).arg("encrypt").arg(plain).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    async fn encrypt_json(&self) -> String {
        self.encrypt(&[("a", "1")]).await.to_json()
    }
}

#[tokio::test]
async fn comments_only_decide_within_the_whole_file() {
    let Some(site) = Site::new("creation_rules:\n  - age: OWN\n    encrypted_comment_regex: secret\n") else { return };
    let source = site.folder.path().join("plain.yaml");
    replace(&source, b"a: 1\n# secret\nb: two\n").unwrap();
    let text = site.encrypt_file(&source);
    let document = Document::from_yaml(&text).unwrap();
    let error = site.keys.open(&document).await.unwrap_err();
    assert_eq!(error.code().unwrap().to_string(), "spile::secrets::comments");
    let leaves = site.program.decrypt_text(&document, &text, Format::Yaml).await.unwrap();
    let said: Vec<_> = leaves.iter().map(|leaf| (leaf.was_encrypted, leaf.value.expose())).collect();
    assert_eq!(said, [(false, "1"), (true, "two")]);
}

#[tokio::test]
async fn key_groups_go_to_the_program_and_its_error_is_part_of_ours() {
    let Some(site) =
        Site::new("creation_rules:\n  - shamir_threshold: 2\n    key_groups: [{age: [OWN]}, {age: [OWN]}]\n")
    else {
        return;
    };
    let made = site.encrypt(&[("a", "one"), ("b", "")]).await;
    assert!(made.metadata.has_groups() && made.metadata.is_profile());
    assert_eq!(site.opened(&made).await, pairs(&[("secrets.a", "one"), ("secrets.b", "")]));
    let set = site.program.set(&made, "a", Some(&Secret::new("two"))).await.unwrap();
    assert_eq!(site.opened(&set).await, pairs(&[("secrets.a", "two"), ("secrets.b", "")]));
    let error = Site::new(RULE).unwrap().keys.open(&made).await.unwrap_err();
    assert_eq!(error.code().unwrap().to_string(), "spile::secrets::no_key");
    let help = error.help().unwrap().to_string();
    assert!(help.contains(&format!("group 2: {}", site.public)), "{help}");
    assert!(help.contains("the official `sops` could not get the data key either"), "{help}");
}

#[tokio::test]
async fn a_document_for_pgp_goes_to_the_program() {
    let home = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o700)).tempdir().unwrap();
    let gpg = || Command::new("gpg");
    let made = ["--batch", "--passphrase", "", "--quick-gen-key", "alice@example.com"];
    assert!(gpg().env("GNUPGHOME", home.path()).args(made).output().unwrap().status.success());
    let listed = gpg().env("GNUPGHOME", home.path()).args(["--list-keys", "--with-colons"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let print = listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")?.split(':').next()).unwrap();
    let exports = format!("export GNUPGHOME={}", home.path().display());
    let Some(site) = Site::around(&exports, print, "creation_rules:\n  - pgp: OWN\n", None) else { return };
    let document = site.encrypt(&[("a", "one")]).await;
    assert_eq!(document.metadata.foreign_kinds(), ["PGP"]);
    assert_eq!(site.opened(&document).await, pairs(&[("secrets.a", "one")]));
    let Some(without) = Site::around("export GNUPGHOME=/nowhere", print, RULE, None) else { return };
    let error = without.keys.open(&document).await.unwrap_err();
    let said = format!("{error} {}", error.help().unwrap());
    assert!(said.contains("could not get the data key either") || said.contains("GnuPG has no private key"), "{said}");
}

#[tokio::test]
async fn the_program_decrypts_what_spile_encrypts() {
    let Some(site) = Site::new(RULE) else { return };
    let key = DataKey::generate();
    let mut document = Document::profile(&[wrap(&key, &site.public).unwrap()]);
    document.set("a", &Secret::new("one"), &key);
    document.seal(&key, jiff::Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(site.opened(&document).await, pairs(&[("secrets.a", "one")]));
}

#[tokio::test]
async fn failures_have_messages_of_our_own() {
    let Some(site) = Site::new(RULE) else { return };
    let made = site.encrypt(&[("a", "1")]).await;
    let key = DataKey::generate();
    let other = wrap(&key, &age::x25519::Identity::generate().to_public().to_string()).unwrap();
    let mut foreign = Document::profile(&[other]);
    foreign.set("a", &Secret::new("x"), &key);
    foreign.seal(&key, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let said = site.program.decrypt(&foreign).await.unwrap_err().to_string();
    assert_eq!(
        said,
        "the official `sops` could not decrypt: it could not use any of the document's keys (exit code 128)"
    );
    let mut plain = made.clone();
    plain.tree[0].1 = Node::Map(vec![("a".into(), Node::Text("hunter2".into()))]);
    let error = site.program.decrypt(&plain).await.unwrap_err();
    let all = format!("{error:?} {error} {}", error.help().unwrap());
    assert!(all.contains("a value that should be encrypted is not (exit code 25)"), "{all}");
    assert!(!all.contains("hunter2"));
    let mut moved = made.clone();
    moved.tree[0].1 = Node::Map(Vec::new());
    let said = site.program.decrypt(&moved).await.unwrap_err().to_string();
    assert_eq!(said, "the official `sops` could not decrypt: the MAC does not match (exit code 51)");
}

#[tokio::test]
async fn a_missing_program_is_reported_with_the_searched_path() {
    let program = Program::new("/nowhere".into());
    let error = program.decrypt(&Document::profile(&[])).await.unwrap_err();
    assert_eq!(error.code().unwrap().to_string(), "spile::sops::missing");
    assert!(error.help().unwrap().to_string().ends_with("spile looked for it in /nowhere"));
}
