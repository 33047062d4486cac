//! Recipients: keys in every place, recipients that are added and removed, plans with and without a key.

use serde_json::{Value, json};

use super::{Desk, SHOP, identity};

#[test]
fn without_a_key_the_error_names_every_place_its_content_and_the_recipients() {
    let desk = Desk::new();
    desk.set("api_key", "hunter2");
    let reader = desk.public_key();
    let (other, public) = identity();
    std::fs::write(desk.key_file(), format!("# mine\n{other}\n")).unwrap();
    let desk = desk.with("SOPS_AGE_KEY", "hunter3").with("SOPS_AGE_KEY_FILE", "/no/such/file");
    let said = desk.run(&["secrets", "view", "shop", "--yes"]).fails("cannot be decrypted").stderr;
    let expected = [
        "they are encrypted for:",
        &reader,
        "SOPS_AGE_SSH_PRIVATE_KEY_FILE: not set",
        "SOPS_AGE_SSH_PRIVATE_KEY_CMD: not set",
        ".ssh/id_ed25519: no such file",
        "SOPS_AGE_KEY: line 1 is not an age identity",
        "SOPS_AGE_KEY_FILE (/no/such/file)",
        "SOPS_AGE_KEY_CMD: not set",
        ".config/sops/age/keys.txt",
        &public,
        "fix SOPS_AGE_KEY first",
    ];
    for part in expected {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }
    assert!(!said.contains("hunter3") && !said.contains(&other), "{said}");
}

#[test]
fn a_newcomer_gets_a_key_and_learns_which_recipient_to_ask() {
    let desk = Desk::without_a_key();
    desk.folder.write(".sops.yaml", &format!("creation_rules:\n  - age: {}\n", identity().1));
    let told = desk.run(&["secrets", "init"]).succeeds().stdout;
    assert!(told.contains("created your key") && told.contains(&desk.public_key()), "{told}");
    assert!(told.contains("add your public key to") && told.contains("spile secrets updatekeys"), "{told}");
    let rules = format!("creation_rules:\n  - age: {}\n", desk.public_key());
    desk.folder.write(".sops.yaml", &rules);
    assert!(desk.run(&["secrets", "init"]).succeeds().stdout.contains("next: spile secrets set SLUG SETTING"));
}

#[test]
fn keys_are_found_in_every_place_that_sops_looks_in() {
    let desk = Desk::new();
    desk.set("api_key", "hunter2");
    let key = std::fs::read_to_string(desk.key_file()).unwrap();
    std::fs::remove_file(desk.key_file()).unwrap();
    let file = desk.folder.join("key.txt").display().to_string();
    std::fs::write(&file, &key).unwrap();
    desk.run(&["secrets", "view", "shop", "--yes"]).fails("none of your keys can decrypt the secrets");
    for (name, value) in [
        ("SOPS_AGE_KEY", key.clone()),
        ("SOPS_AGE_KEY_FILE", file.clone()),
        ("SOPS_AGE_KEY_CMD", format!("cat '{file}'")),
    ] {
        let mut command = desk.command(&["secrets", "view", "shop", "--yes"]);
        let output = command.env(name, value).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("hunter2"), "{name}: {output:?}");
    }
    // An SSH key as a recipient, with its private half where SSH usually has it.
    let ssh = include_str!("../../sops/ssh_ed25519.pub");
    desk.folder.write(".sops.yaml", &format!("creation_rules:\n  - age: '{}'\n", ssh.trim()));
    desk.folder.write("integrations/shop.toml", SHOP);
    desk.set("api_key", "hunter4");
    desk.run(&["secrets", "view", "shop", "--yes"]).fails("ssh-ed25519");
    desk.folder.write("home/.ssh/id_ed25519", include_str!("../../sops/ssh_ed25519"));
    assert_eq!(desk.values("shop"), json!({"api_key": "hunter4"}));
}

#[test]
fn a_recipient_is_added_by_wrapping_and_removed_by_a_new_data_key() {
    let desk = Desk::new();
    desk.set("api_key", "hunter2");
    desk.run(&["apply", "--yes"]).succeeds();
    let (mine, (other, public)) = (desk.public_key(), identity());
    let rules = desk.folder.read(".sops.yaml");
    desk.folder.write(".sops.yaml", &rules.replace(&format!("- {mine}\n"), &format!("- {mine}\n      - {public}\n")));
    let check = desk.run(&["secrets", "updatekeys", "--check"]);
    assert_eq!(check.code, 2, "{}", check.stdout);
    assert!(check.stdout.contains(&format!("+ {public} can read")), "{}", check.stdout);
    let before = desk.shop();
    desk.run(&["secrets", "updatekeys"]).succeeds();
    assert!(desk.shop().starts_with(&before), "one more table, and nothing else");
    desk.run(&["secrets", "updatekeys", "--check"]).succeeds();
    let planned = desk.run(&["plan"]).succeeds().stdout;
    assert!(planned.contains(&format!("gives {public} access to 1 secret")), "{planned}");
    let desk = desk.with("SOPS_AGE_KEY", &other);
    std::fs::remove_file(desk.key_file()).unwrap();
    assert_eq!(desk.values("shop"), json!({"api_key": "hunter2"}));
    // The first recipient is removed: a remaining one encrypts everything again.
    desk.folder.write(".sops.yaml", &rules.replace(&mine, &public));
    let done = desk.run(&["secrets", "updatekeys"]).succeeds().stdout;
    assert!(done.contains("rotate these secrets"), "{done}");
    assert!(!desk.shop().contains(&mine));
    let line = |text: &str| text.lines().find(|line| line.starts_with("api_key")).unwrap().to_owned();
    assert_ne!(line(&desk.shop()), line(&before), "the old data key is known");
    assert_eq!(desk.values("shop"), json!({"api_key": "hunter2"}));
}

#[test]
fn rules_are_searched_from_the_file_upwards_within_the_project() {
    let desk = Desk::new();
    let (other, public) = identity();
    desk.folder
        .write("integrations/.sops.yaml", &format!("creation_rules:\n  - path_regex: ^shop\n    age: {public}\n"));
    desk.set("api_key", "hunter2");
    assert!(desk.shop().contains(&public));
    desk.run(&["secrets", "view", "shop", "--yes"]).fails(&public);
    desk.folder.write("integrations/.sops.yaml", "creation_rules:\n  - path_regex: ^other\n    age: x\n");
    desk.folder.write("integrations/shop.toml", SHOP);
    desk.run_with(&["secrets", "set", "shop", "api_key", "--stdin"], "x").fails("no creation rule in");
    desk.folder.write("integrations/.sops.yaml", "creation_rules:\n  - path_regex: '('\n");
    desk.run_with(&["secrets", "set", "shop", "api_key", "--stdin"], "x")
        .fails("the `path_regex` of rule 1 is not a valid pattern");
    desk.folder.remove("integrations/.sops.yaml");
    desk.folder.remove(".sops.yaml");
    desk.run_with(&["secrets", "set", "shop", "api_key", "--stdin"], "x").fails("run `spile secrets init`");
    desk.folder.write(".sops.yaml", &format!("creation_rules:\n  - age: {other}\n"));
    let said =
        desk.run_with(&["secrets", "set", "shop", "api_key", "--stdin"], "x").fails("it is a private key").stderr;
    assert!(!said.contains(&other), "{said}");
}

#[test]
fn each_environment_has_its_own_document_and_recipients() {
    let desk = Desk::new();
    let (_, public) = identity();
    desk.folder.write("integrations/shop.prod.toml", "name = \"Production\"\n");
    let rules = format!(
        "creation_rules:\n  - path_regex: \\.prod\\.toml$\n    age: {public}\n  - age: {}\n",
        desk.public_key()
    );
    desk.folder.write(".sops.yaml", &rules);
    desk.set("api_key", "of dev");
    desk.run_with(&["secrets", "set", "shop", "auth.token", "--stdin", "--env", "prod"], "of prod").succeeds();
    let paths = |environment: &str| -> Vec<String> {
        let plan: Value =
            serde_json::from_str(&desk.run(&["plan", "--env", environment, "--format", "json"]).succeeds().stdout)
                .unwrap();
        let changes = plan["changes"].as_array().unwrap().iter().filter(|change| change["target"] == "registry");
        let fields = changes.flat_map(|change| change["fields"].as_array().unwrap().clone());
        fields
            .filter(|field| field["secret"] == "added")
            .map(|field| field["path"].as_str().unwrap().to_owned())
            .filter(|path| path != "sops")
            .collect()
    };
    assert_eq!(paths("dev"), ["secrets.api_key"]);
    assert_eq!(paths("prod"), ["secrets.auth.token"], "replaced as a whole, never merged");
    desk.run(&["secrets", "view", "shop", "--yes", "--env", "prod"]).fails(&public);
    assert_eq!(desk.values("shop"), json!({"api_key": "of dev"}));
}

#[test]
fn no_key_is_read_where_none_is_needed() {
    let desk = Desk::new();
    desk.set("api_key", "hunter2");
    let touched = desk.folder.join("touched");
    let key = desk.key_file().display().to_string();
    let script = desk.folder.join("key.sh");
    std::fs::write(&script, format!("touch {}\ncat {key}.moved\n", touched.display())).unwrap();
    std::fs::rename(&key, format!("{key}.moved")).unwrap();
    let desk = desk.with("SOPS_AGE_KEY_CMD", &format!("sh {}", script.display()));
    for words in [
        &["check"][..],
        &["plan"],
        &["apply", "--yes"],
        &["plan"],
        &["status"],
        &["secrets", "updatekeys", "--check"],
        &["secrets", "export", "shop"],
    ] {
        desk.run(words).succeeds();
        assert!(!touched.exists(), "{words:?} asked for a key");
    }
    desk.set("api_key", "hunter3");
    std::fs::remove_file(&touched).unwrap();
    let planned = desk.run(&["plan"]).succeeds().stdout;
    assert!(touched.exists() && planned.contains("secrets.api_key (secret, its value changes)"), "{planned}");
}

#[test]
fn a_plan_is_the_same_one_with_and_without_a_key() {
    let desk = Desk::new();
    desk.set("api_key", "hunter2");
    desk.run(&["apply", "--yes"]).succeeds();
    desk.set("api_key", "hunter3");
    let key = std::fs::read_to_string(desk.key_file()).unwrap();
    std::fs::remove_file(desk.key_file()).unwrap();
    let planned = desk.run(&["plan", "--out", "plan.json"]).succeeds().stdout;
    assert!(planned.contains("secrets.api_key (the ciphertext changes; not verified, no key available)"), "{planned}");
    let saved: Value = serde_json::from_str(&desk.folder.read("plan.json")).unwrap();
    let field = json!({"path": "secrets.api_key", "secret": "unverified"});
    assert!(saved["changes"][0]["fields"].as_array().unwrap().contains(&field), "{saved}");
    let desk = desk.with("SOPS_AGE_KEY", &key);
    let planned = desk.run(&["apply", "plan.json", "--yes"]).succeeds();
    assert!(planned.stdout.contains("its value changes"), "{}", planned.stdout);
    assert_eq!(desk.run(&["plan", "--exit-code"]).code, 0);
}

#[test]
fn a_rotation_converts_a_document_to_our_profile() {
    let desk = Desk::new();
    let key = spile_core::sops::DataKey::generate();
    let wrapped = spile_world::keys::wrap(&key, &desk.public_key()).unwrap();
    let mut document = spile_core::sops::Document::profile(&[wrapped]);
    document.set("api_key", &spile_core::secret::Secret::new("hunter2"), &key);
    document.seal(&key, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let text = spile_core::sops::rewrite(SHOP, &document).unwrap().replace("version = \"3.9.0\"\n", "");
    desk.folder.write("integrations/shop.toml", &text);
    desk.run(&["check"]).fails("or run `spile secrets rotate shop`");
    desk.run(&["secrets", "rotate", "shop"]).succeeds();
    desk.run(&["check"]).succeeds();
    assert_eq!(desk.values("shop"), json!({"api_key": "hunter2"}));
}
