//! Plain-text secrets are encrypted by the import, and reach plugins as before.

use serde_json::Value;

use super::{lay, with};
use crate::project::Project;

/// Returns the settings that a plugin would get.
fn config(project: &Project, words: &[&str], environment: &str, plugin: &str) -> Value {
    let meltano = project.path().join(".spile/meltano/bin/meltano");
    let meltano = meltano.to_str().unwrap();
    let mut command = match words {
        [] => std::process::Command::new(meltano),
        words => {
            let mut command = project.command(words);
            command.arg(meltano);
            command
        }
    };
    command.args(["--environment", environment, "config", "--unsafe", "print", plugin]).current_dir(project.path());
    command.envs([("STAGE_PASSWORD", "of stage"), ("GRANDCHILD_PASSWORD", "of the child"), ("TOKEN", "abc")]);
    let output = command.env("MELTANO_SEND_ANONYMOUS_USAGE_STATS", "false").output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn no_secret_is_shown_and_only_reported_ones_stay_in_files() {
    let project = lay("secrets");
    let shown = project.spile(&["import", "--no-input"]).fails();
    let data = project.json(&["import"]).to_string();
    let ran = project.spile(&["import", "--yes"]).succeeds();
    for text in [shown.stdout(), shown.stderr(), data, ran.stdout(), ran.stderr()] {
        assert!(!text.contains("canary") && !text.contains("12345678"), "{text}");
    }
    assert!(
        ran.stdout().contains("integrations/tap-parent.toml: auth.client_secret, keys, password, pin, url"),
        "{}",
        ran.stdout()
    );
    for named in ["`X-Api-Key` looks like a secret", "`password` looks like a secret", "the comment on `password`"] {
        assert!(ran.stdout().contains(named), "{named}: {}", ran.stdout());
    }
    // One secret in a list, one of a utility, one in a comment.
    let known = ["canary-in-a-list", "canary-utility", "canary-old"];
    for file in walkdir::WalkDir::new(project.path()).into_iter().flatten().filter(|file| file.file_type().is_file()) {
        let text = std::fs::read(file.path()).unwrap();
        let text =
            known.iter().fold(String::from_utf8_lossy(&text).into_owned(), |text, known| text.replace(known, ""));
        assert!(!text.contains("canary"), "{}", file.path().display());
    }
}

#[test]
fn plugins_get_the_same_secrets_as_before_including_inherited_ones() {
    let (before, after) = (lay("secrets"), lay("secrets"));
    after.spile(&["import", "--yes"]).succeeds();
    let cases = [
        ("dev", "tap-child"),
        ("stage", "tap-child"),
        ("stage", "tap-parent"),
        ("prod", "tap-child"),
        ("prod", "tap-grandchild"),
    ];
    for (environment, plugin) in cases {
        let mut wanted = config(&before, &[], environment, plugin);
        // A variable is text unless a declaration says otherwise; import notes that.
        wanted["pin"] = Value::from("12345678");
        let words = ["--env", environment, "exec", plugin, "--"];
        assert_eq!(config(&after, &words, environment, plugin), wanted, "{environment} {plugin}");
    }
}

#[test]
fn no_copy_of_a_secret_is_left_in_a_file_or_shown() {
    let project = with(
        "shared: &pw hunter2xyz\nx-base: &base\n  url: 'postgres://me:hunter2xyz@db'\n# it is hunter2xyz\nplugins:\n  loaders:\n  \
         - name: target-a\n    namespace: a\n    config:\n      <<: *base\n      password: *pw\n      note: hunter2xyz too\n",
    );
    project.write("README.md", "# How to\n\nUse `hunter2xyz`.\n");
    project.write(".env", "A=1\nPASSWORD='hunter2xyz'\n");
    let shown = project.spile(&["import", "--no-input"]).fails();
    let data = project.json(&["import"]).to_string();
    let ran = project.spile(&["import", "--yes"]).succeeds();
    for text in [shown.stdout(), shown.stderr(), data, ran.stdout(), ran.stderr()] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    for named in [
        "`README.md:3` has a plain-text copy",
        "`.env:2` has a plain-text copy",
        "meltano.yml:1, 3, 4: a copy of an encrypted secret",
    ] {
        assert!(ran.stdout().contains(named), "{named}: {}", ran.stdout());
    }
    for file in walkdir::WalkDir::new(project.path()).into_iter().flatten().filter(|file| file.file_type().is_file()) {
        let name = file.file_name().to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).into_owned();
        assert!(["README.md", ".env"].contains(&name.as_str()) || !text.contains("hunter2xyz"), "{name}: {text}");
    }
}

#[test]
fn a_copy_that_may_be_in_use_stops_the_import_with_its_place() {
    let text = "env:\n  PGPASSWORD: hunter2xyz\nplugins:\n  loaders:\n  - name: target-a\n    namespace: a\n    config: {password: hunter2xyz}\n";
    let project = with(text);
    let refused = project.spile(&["import", "--yes"]).fails();
    let told = refused.stderr();
    assert!(told.contains("spile::import::secret_left") && told.contains("meltano.yml:2:15"), "{told}");
    assert!(!told.contains("hunter2") && !refused.stdout().contains("hunter2"));
    assert!(project.read("meltano.yml") == text && !project.path().join("integrations").exists());
}

/// Secrets in unexpected places: as the name of a variable, a plugin or a key.
#[test]
fn no_note_and_no_diff_of_an_import_shows_a_secret_with_a_known_format() {
    let token = "ghp_0123456789abcdefghijklmnopqrstuvwxAB";
    let plugin =
        "plugins:\n  extractors:\n  - name: tap-x\n    namespace: x\n    pip_url: x\n    config:\n      a: 1\n";
    for text in [
        format!("env:\n  {token}: {token}\n{plugin}"),
        plugin.replace("tap-x", token),
        plugin.replace("a: 1", &format!("{token}: [null]")),
        plugin.replace("a: 1", &format!("{token}: 1\n      password: hunter2xyz")),
    ] {
        for words in [["import", "--yes", "--format", "text"], ["import", "--yes", "--format", "json"]] {
            let ran = with(&format!("version: 1\n{text}")).spile(&words);
            let told = ran.stdout() + &ran.stderr();
            assert!(!told.contains(token), "{text}{told}");
        }
    }
}

const ONE: &str = "plugins:\n  loaders:\n  - {name: target-a, namespace: a, config: {password: hunter2}}\n";

#[test]
fn no_copy_is_shown_where_an_import_is_refused() {
    let plugins = "plugins:\n  loaders:\n  - name: target-xhunter2xyz\n    namespace: a # hunter2xyz\n    config: {password: hunter2xyz}\n";
    for text in [
        plugins.to_owned(),
        plugins.replace("target-xhunter2xyz", "target:a"),
        format!("environments:\n- name: xhunter2xyz\n  config: &c {{a: [1}}\n{plugins}"),
        format!("environments:\n- name: x-hunter2xyz\n  config: !!set {{a, b}}\n{plugins}"),
    ] {
        let refused = with(&text).spile(&["import", "--yes"]).fails();
        let told = refused.stderr() + &refused.stdout();
        assert!(!told.contains("hunter2xyz"), "{text}{told}");
    }
}

#[test]
fn recipients_come_from_the_rules_the_command_line_or_the_users_key() {
    let recipient = "age14ahrky60k25p7dn7uy8k923f7z90ljnqwau0ywhqugh2a45f55zqkjx38d";
    let project = with(ONE);
    project.spile(&["import", "--yes", "--age", recipient]).succeeds();
    assert!(project.read(".sops.yaml").contains(recipient));
    assert!(project.read("integrations/target-a.toml").contains(recipient));

    let project = with(ONE);
    let rules = format!("creation_rules:\n- age: {recipient}\n");
    project.write(".sops.yaml", &rules);
    project.spile(&["import", "--yes"]).succeeds();
    assert_eq!(project.read(".sops.yaml"), rules);
    assert!(project.read("integrations/target-a.toml").contains(recipient));

    let project = with(ONE);
    let ran = project.spile(&["import", "--yes"]).succeeds();
    assert!(ran.stderr().contains("your key"), "{}", ran.stderr());
    let echo = ["exec", "target-a", "--", "sh", "-c", "echo $TARGET_A_PASSWORD"];
    assert_eq!(project.spile(&echo).succeeds().stdout().trim(), "hunter2");

    let project = with(ONE);
    project.spile(&["import", "--yes", "--age", "age1nobody"]).fails();
    project.write(".sops.yaml", "creation_rules:\n- path_regex: ^elsewhere/\n  age: age1x\n");
    assert_eq!(project.json(&["import", "--yes"])["error"]["code"], "spile::secrets::no_rule");
    assert!(!project.path().join("integrations").exists() && project.read("meltano.yml") == ONE);
}
