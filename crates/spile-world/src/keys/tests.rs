use std::io::Write;
use std::path::{Path, PathBuf};

use age::secrecy::{ExposeSecret, SecretString};
use age::x25519;
use miette::Diagnostic;
use tempfile::TempDir;

use super::*;
use crate::files::door::replace;
use spile_core::secret::Secret;
use spile_core::sops::node::Node;

fn identity() -> (x25519::Identity, Secret, String) {
    let key = x25519::Identity::generate();
    let (secret, public) = (Secret::new(key.to_string().expose_secret()), key.to_public().to_string());
    (key, secret, public)
}

/// Places below an empty home folder.
fn places(home: &TempDir) -> Places {
    Places { home: Some(home.path().to_owned()), path: "/usr/bin:/bin".into(), ..Places::default() }
}

fn write(home: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = home.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    replace(&path, text.as_bytes()).unwrap();
    path
}

fn metadata(key: &DataKey, recipients: &[&str]) -> Metadata {
    let wrapped: Vec<_> = recipients.iter().map(|recipient| wrap(key, recipient).unwrap()).collect();
    Metadata::profile(&wrapped)
}

fn opens(places: Places, recipients: &[&str]) -> bool {
    let key = DataKey::generate();
    let opened = Keys::new(places).data_key(&metadata(&key, recipients));
    opened.is_ok_and(|opened| opened.expose() == key.expose())
}

fn ssh_key(home: &TempDir, name: &str, kind: &str, passphrase: &str) -> String {
    let path = home.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test makes its own SSH key")]
    let mut command = std::process::Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", passphrase, "-C", "alice@laptop", "-f"]).arg(&path);
    assert!(command.status().unwrap().success());
    std::fs::read_to_string(path.with_extension("pub")).unwrap().trim().to_owned()
}

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn any_recipient_can_unwrap_a_key_wrapped_for_several() {
    let (_, _, public) = identity();
    let (_, secret, own) = identity();
    let home = home();
    let mine = || Places { age_key: Some(secret.clone()), ..places(&home) };
    assert!(opens(mine(), &[&public, &own]) && opens(mine(), &[&own]) && !opens(mine(), &[&public]));
}

#[test]
fn a_wrapped_key_is_an_armored_file_of_64_columns_with_a_newline_at_its_end() {
    let (_, _, public) = identity();
    let wrapped = wrap(&DataKey::generate(), &format!(" {public} ")).unwrap();
    assert_eq!(wrapped.recipient, public);
    assert!(wrapped.enc.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    assert!(wrapped.enc.ends_with("\n-----END AGE ENCRYPTED FILE-----\n"));
    assert_eq!(wrapped.enc.lines().map(str::len).max(), Some(64));
}

#[test]
fn every_place_is_searched() {
    let home = home();
    let (_, secret, public) = identity();
    let file = write(&home, "keys", &format!("# mine\n\n{}\n", secret.expose()));
    let print = format!("cat {}", file.display());
    let of: [Places; 4] = [
        Places { age_key: Some(Secret::new(format!("  {}\n", secret.expose()))), ..places(&home) },
        Places { age_key_file: Some(file.clone()), ..places(&home) },
        Places { age_key_cmd: Some(print), ..places(&home) },
        Places { xdg_config_home: Some(home.path().join("xdg")), ..places(&home) },
    ];
    write(&home, "xdg/sops/age/keys.txt", secret.expose());
    for places in of {
        assert!(opens(places.clone(), &[&public]), "{places:?}");
    }
    assert!(!opens(places(&home), &[&public]));
    write(&home, ".config/sops/age/keys.txt", secret.expose());
    assert!(opens(places(&home), &[&public]));
}

#[test]
fn ssh_keys_work_from_every_place_whatever_the_recipients_comment() {
    let (named, default) = (home(), home());
    for (kind, name) in [("ed25519", ".ssh/id_ed25519"), ("rsa", ".ssh/id_rsa")] {
        let public = ssh_key(&default, name, kind, "");
        assert!(public.ends_with("alice@laptop") && opens(places(&default), &[&public]));
    }
    let public = ssh_key(&named, "key", "ed25519", "");
    let path = named.path().join("key");
    assert!(opens(Places { ssh_private_key_file: Some(path.clone()), ..places(&named) }, &[&public]));
    let command = Some(format!("cat '{}'", path.display()));
    assert!(opens(Places { ssh_private_key_cmd: command, ..places(&named) }, &[&public]));
}

#[test]
fn a_locked_ssh_key_prompts_only_if_it_is_a_recipient() {
    let home = home();
    let public = ssh_key(&home, ".ssh/id_ed25519", "ed25519", "open sesame");
    let (_, _, other) = identity();
    let right = Places { ask: Some(|_| Some(Secret::new("open sesame"))), ..places(&home) };
    assert!(opens(right, &[&public]));
    let never = Places { ask: Some(|_| panic!("it belongs to somebody else")), ..places(&home) };
    assert!(!opens(never, &[&other]));
    let wrong = Keys::new(Places { ask: Some(|_| Some(Secret::new("wrong"))), ..places(&home) });
    let error = wrong.data_key(&metadata(&DataKey::generate(), &[&public])).err().unwrap();
    let help = error.help().unwrap().to_string();
    assert!(help.contains("(cannot be opened with that passphrase)"), "{help}");
}

fn locked(text: &str, passphrase: &str) -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase));
    recipient.set_work_factor(2);
    let mut bytes = Vec::new();
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
    let mut writer = encryptor.wrap_output(&mut bytes).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn a_passphrase_protected_file_prompts_last_and_once() {
    static ASKED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let home = home();
    let ((_, secret, public), (_, plain, own)) = (identity(), identity());
    let path = home.path().join("locked");
    replace(&path, &locked(secret.expose(), "open sesame")).unwrap();
    let ask = |place: &str| {
        assert!(place.starts_with("passphrase for SOPS_AGE_KEY_FILE ("), "{place}");
        ASKED.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Some(Secret::new("open sesame"))
    };
    let keys = Keys::new(Places { ask: Some(ask), age_key_file: Some(path), age_key: Some(plain), ..places(&home) });
    let key = DataKey::generate();
    let asked = || ASKED.load(std::sync::atomic::Ordering::SeqCst);
    assert!(keys.data_key(&metadata(&key, &[&public, &own])).is_ok() && asked() == 0);
    for _ in 0..2 {
        assert!(keys.data_key(&metadata(&key, &[&public])).is_ok() && asked() == 1);
    }
}

#[test]
fn a_command_runs_again_for_another_recipient() {
    let home = home();
    let ((_, first, one), (_, second, two)) = (identity(), identity());
    write(&home, &one, first.expose());
    write(&home, &two, second.expose());
    let command = format!("sh -c 'cat \"{}/$SOPS_AGE_RECIPIENT\"'", home.path().display());
    let places = Places { age_key_cmd: Some(command), ..places(&home) };
    let (_, _, other) = identity();
    assert!(opens(places.clone(), &[&one]) && opens(places.clone(), &[&two]) && opens(places.clone(), &[&other, &two]));
    let keys = Keys::new(places);
    let key = DataKey::generate();
    assert!(keys.data_key(&metadata(&key, &[&one])).is_ok());
    assert!(keys.data_key(&metadata(&key, &[&two])).is_ok(), "the second document's first recipient");
}

#[test]
fn a_bad_line_rejects_its_place_and_is_never_shown() {
    let home = home();
    let (_, secret, public) = identity();
    let places = Places { age_key: Some(Secret::new(format!("{0}\nhunter2 {0}", secret.expose()))), ..places(&home) };
    let keys = Keys::new(places);
    let error = keys.data_key(&metadata(&DataKey::generate(), &[&public])).err().unwrap();
    let all = format!("{error:?} {error} {} {keys:?}", error.help().unwrap());
    assert!(all.contains("SOPS_AGE_KEY: line 2 is not an age identity, so nothing in it is used"), "{all}");
    assert!(all.contains("fix SOPS_AGE_KEY first"), "{all}");
    assert!(!all.contains("hunter2") && !all.contains("AGE-SECRET-KEY-1"), "{all}");
}

#[test]
fn a_key_that_appears_later_is_found() {
    let home = home();
    let (_, secret, public) = identity();
    let (wanted, keys) = (DataKey::generate(), Keys::new(places(&home)));
    let metadata = metadata(&wanted, &[&public]);
    assert!(keys.data_key(&metadata).is_err());
    write(&home, ".config/sops/age/keys.txt", secret.expose());
    assert!(keys.data_key(&metadata).is_err(), "not before a while has passed");
    let opened = keys.data_key_after(&metadata, Duration::ZERO).ok().unwrap();
    assert_eq!(opened.expose(), wanted.expose());
}

#[test]
fn debug_output_contains_no_keys() {
    let home = home();
    let (_, secret, public) = identity();
    let places = Places { age_key: Some(secret.clone()), ..places(&home) };
    let keys = Keys::new(places.clone());
    assert_eq!(keys.found().public_keys().collect::<Vec<_>>(), [public.as_str()]);
    let all = format!("{places:?} {keys:?}");
    assert!(all.contains(&public) && !all.contains(secret.expose()), "{all}");
}

#[test]
fn the_error_lists_every_place_and_the_next_step() {
    let home = home();
    let (_, _, other) = identity();
    let (_, secret, own) = identity();
    write(&home, ".config/sops/age/keys.txt", "# no key in here\n");
    let missing = home.path().join("missing");
    let keys = Keys::new(Places {
        age_key: Some(Secret::new(format!("{} AGE-SECRET-KEY-PQ-1QQQ", secret.expose()))),
        age_key_cmd: Some("sh -c 'exit 3'".into()),
        ..places(&home)
    });
    let error = keys.data_key(&metadata(&DataKey::generate(), &[&other])).err().unwrap();
    assert_eq!(error.to_string(), "none of your keys can decrypt the secrets");
    let shown = |error: &NoKey| error.help().unwrap().to_string().replace(&home.path().display().to_string(), "~");
    let expected = format!(
        "they are encrypted for:
  {other}
spile looked for keys in:
  SOPS_AGE_SSH_PRIVATE_KEY_FILE: not set
  SOPS_AGE_SSH_PRIVATE_KEY_CMD: not set
  ~/.ssh/id_ed25519: no such file
  ~/.ssh/id_rsa: no such file
  SOPS_AGE_KEY: 2 keys:
    {own}
    a post-quantum identity, which only the official `sops` supports
  SOPS_AGE_KEY_FILE: not set
  SOPS_AGE_KEY_CMD: its command ended with exit code 3
  ~/.config/sops/age/keys.txt: contains no key
fix SOPS_AGE_KEY_CMD first, if your key is there"
    );
    assert_eq!(shown(&error), expected);
    let next = |places: Places| {
        let error = Keys::new(places).data_key(&metadata(&DataKey::generate(), &[&other])).err().unwrap();
        shown(&error).lines().last().unwrap().to_owned()
    };
    assert_eq!(
        next(places(&home)),
        "put a recipient's private key into ~/.config/sops/age/keys.txt, or set SOPS_AGE_KEY_FILE to its file"
    );
    assert_eq!(
        next(Places { age_key: Some(secret), ..places(&home) }),
        format!("ask a recipient to add your public key `{own}` to `.sops.yaml` and run `spile secrets updatekeys`")
    );
    assert_eq!(
        next(Places { age_key_file: Some(missing), ..places(&home) }),
        "fix SOPS_AGE_KEY_FILE (~/missing) first, if your key is there"
    );
}

#[test]
fn a_damaged_wrapping_is_distinguished_from_a_missing_key() {
    let home = home();
    let (_, secret, public) = identity();
    let bad = Wrapped { recipient: public.clone(), enc: "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n".into() };
    let keys = Keys::new(Places { age_key: Some(secret), ..places(&home) });
    let error = keys.data_key(&Metadata::profile(&[bad])).err().unwrap();
    assert_eq!(error.damaged, [public]);
    assert!(error.help().unwrap().to_string().contains("is damaged: restore the file from git"));
}

#[test]
fn bad_recipients_are_refused_with_reasons_and_private_keys_are_not_shown() {
    let (_, secret, _) = identity();
    let key = DataKey::generate();
    let said = |recipient: &str| wrap(&key, recipient).unwrap_err();
    assert_eq!(said("alice").to_string(), "cannot encrypt for the recipient `alice`: it is not an age recipient");
    assert_eq!(said("age1pq1qqq").reason, Reason::PostQuantum);
    assert_eq!(said("ssh-dss AAAA").reason, Reason::Ssh);
    let private = said(secret.expose());
    assert_eq!(private.reason, Reason::Private);
    assert!(!format!("{private:?} {private}").contains(secret.expose()));
}

#[test]
fn places_are_read_from_the_environment_once() {
    let places = Places::from_environment(|name| match name {
        "HOME" => Some("/home/alice".into()),
        "SOPS_AGE_KEY_FILE" => Some("".into()),
        "SOPS_AGE_KEY_CMD" => Some("pass age".into()),
        "PATH" => Some("/bin".into()),
        _ => None,
    });
    assert_eq!((places.age_key_file.as_deref(), places.age_key_cmd.as_deref()), (None, Some("pass age")));
    assert!(places.home.as_deref() == Some(Path::new("/home/alice")) && places.path == "/bin");
}

#[tokio::test]
async fn a_missing_program_is_a_hint_if_it_might_help_and_an_error_if_it_is_needed() {
    let home = home();
    let key = DataKey::generate();
    let (_, _, other) = identity();
    let age = spile_core::sops::node::find(metadata(&key, &[&other]).members(), "age").cloned().unwrap();
    let document = |age: Option<Node>| {
        let kms = r#"{"sops": {"kms": [{"arn": "arn:aws:kms:x", "enc": "eA=="}]}}"#;
        let mut members = Document::from_json(kms).unwrap().metadata.members().clone();
        members.extend(age.map(|age| ("age".to_owned(), age)));
        Document { tree: Vec::new(), metadata: Metadata::new(members) }
    };
    let keys = || Keys::new(Places { path: "/nowhere".into(), ..places(&home) });
    let both = keys().open(&document(Some(age))).await.unwrap_err();
    assert_eq!(both.code().unwrap().to_string(), "spile::secrets::no_key");
    let help = both.help().unwrap().to_string();
    assert!(help.contains("AWS KMS arn:aws:kms:x") && help.contains("supports more kinds of keys"), "{help}");
    let only = keys().open(&document(None)).await.unwrap_err();
    assert_eq!(only.code().unwrap().to_string(), "spile::sops::missing");
}

#[test]
fn keys_can_be_shared_by_threads() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    shared(&Keys::new(Places::default()));
}
