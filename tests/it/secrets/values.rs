//! Setting, editing, importing, showing and exporting secrets.

use std::time::Duration;

use serde_json::json;

use super::{Desk, SHOP, changed_lines};
use crate::executable::write_script;
use crate::tools;

#[test]
fn secrets_are_set_beside_everything_else_and_changing_one_changes_three_lines() {
    let desk = Desk::new();
    desk.set("api_key", "hunter2\n");
    desk.set("auth.token", "two\nlines\n\n");
    let before = desk.shop();
    assert!(before.starts_with(SHOP), "{before}");
    assert_eq!(desk.values("shop"), json!({"api_key": "hunter2", "auth.token": "two\nlines\n"}));
    // `lastmodified` counts seconds.
    std::thread::sleep(Duration::from_millis(1100));
    desk.set("api_key", "hunter3");
    assert_eq!(changed_lines(&before, &desk.shop()), 3);
    let same = desk.shop();
    assert!(
        desk.run_with(&["secrets", "set", "shop", "api_key", "--stdin"], "hunter3")
            .succeeds()
            .stdout
            .contains("is unchanged")
    );
    assert_eq!(desk.shop(), same, "an equal value is no change");
    desk.run(&["secrets", "unset", "shop", "auth.token"]).succeeds();
    desk.run(&["secrets", "unset", "shop", "auth.token"]).fails("its secrets are `api_key`");
    desk.run(&["secrets", "unset", "shop", "api_key"]).succeeds();
    assert_eq!(desk.shop(), SHOP);
    desk.run(&["check"]).succeeds();
}

#[test]
fn unknown_settings_and_invalid_values_are_refused_before_anything_is_written() {
    let desk = Desk::new();
    desk.run(&["secrets", "set", "shop", "api_kay", "--stdin"]).fails("did you mean `api_key`?");
    desk.run_with(&["secrets", "set", "shop", "scopes", "--stdin"], "hunter2").fails("expected an array");
    desk.run(&["secrets", "set", "shopp", "api_key", "--stdin"]).fails("did you mean `shop`?");
    desk.run(&["secrets", "set", "shop", "api_key"]).fails("cannot prompt for `api_key` without a terminal");
    desk.run(&["secrets", "set", "shop", "api_key", "--stdin", "--env", "prod"]).fails("add `shop.prod.toml`");
    desk.run(&["secrets", "view", "shop"]).fails("run `spile secrets set shop KEY`");
    assert_eq!(desk.shop(), SHOP);
    desk.set("api_key", "hunter2");
    desk.run(&["secrets", "view", "shop"]).fails("use `--yes` to skip the question");
}

#[test]
fn an_empty_value_and_one_already_in_plain_text_are_refused() {
    let desk = Desk::new();
    desk.set("api_key", "hunter2");
    let before = desk.shop();
    desk.run(&["secrets", "set", "shop", "api_key", "--stdin"]).fails("the value of `api_key` is empty");
    desk.run_with(&["secrets", "set", "shop", "page_size", "--stdin"], "8").fails("`page_size` is under `[config]`");
    assert_eq!(desk.shop(), before);
}

#[test]
fn a_value_on_the_command_line_is_not_shown() {
    let desk = Desk::new();
    for line in [
        "secrets set shop api_key Hunter2!",
        "secrets set shop api_key=Hunter2! --stdin",
        "secrets set shop Hunter2! --stdin",
        "secrets set shop api_key --stdin=Hunter2!",
        "new x --type shop --secret api_key Hunter2!",
        "edit shop --secret api_key Hunter2!",
        "edit shop --set api_key Hunter2!",
    ] {
        let done = desk.run_with(&line.split(' ').collect::<Vec<_>>(), "x");
        assert!(matches!(done.code, 1 | 64), "{line}: {}", done.code);
        assert!(
            !format!("{}{}", done.stdout, done.stderr).contains("Hunter2"),
            "{line}: {}{}",
            done.stdout,
            done.stderr
        );
    }
}

#[test]
fn edit_can_remove_a_secret() {
    let desk = Desk::new();
    desk.set("api_key", "hunter2");
    desk.run(&["edit", "shop", "--unset", "api_key", "page_size"]).succeeds();
    assert_eq!(desk.shop(), SHOP.replace("page_size =   7\n", ""));
    desk.run(&["edit", "shop"]).fails("missing changes");
}

#[test]
fn plain_text_secrets_are_encrypted_in_place() {
    let desk = Desk::new();
    let plain = SHOP
        .replace("page_size", "api_key = \"hunter2\" # oops\nscopes = [\"a\", 'b']\nauth = { token = 't' }\npage_size");
    desk.folder.write("integrations/shop.toml", &plain);
    desk.run(&["check"]).fails("run `spile secrets encrypt shop`");
    desk.run(&["secrets", "encrypt", "shop"]).succeeds();
    assert!(desk.shop().starts_with(SHOP), "{}", desk.shop());
    assert_eq!(desk.values("shop"), json!({"api_key": "hunter2", "auth.token": "t", "scopes": "[\"a\",\"b\"]"}));
    desk.run(&["check"]).succeeds();
    let again = desk
        .shop()
        .replace("[secrets]\n", "[secrets]\nstart_date = \"2025-01-01\"\n")
        .replace("start_date = 2024-01-01 # the beginning\n", "");
    desk.folder.write("integrations/shop.toml", &again);
    desk.run(&["check"]).fails("`start_date` is in plain text under `[secrets]`");
    desk.run(&["secrets", "encrypt", "shop"]).succeeds();
    assert_eq!(desk.values("shop")["start_date"], "2025-01-01");
    assert!(desk.run(&["secrets", "encrypt", "shop"]).succeeds().stderr.contains("no secrets are in plain text"));
}

#[test]
fn secrets_are_imported_from_env_files_and_json() {
    let desk = Desk::new();
    let env = "OTHER=1\nexport TAP_SHOP__SHOP_API_KEY='pa$$w#rd'\nAUTH_TOKEN=\"a\\nb\"\n";
    desk.folder.write(".env", env);
    let done = desk.run(&["secrets", "import", "shop", ".env"]).succeeds();
    assert!(done.stderr.contains("skipped: `OTHER`"), "{}", done.stderr);
    assert_eq!(desk.values("shop"), json!({"api_key": "pa$$w#rd", "auth.token": "a\nb"}));
    let json = "{\"auth\": {\"token\": \"c\"}, \"scopes\": [1, 2]}";
    desk.run_with(&["secrets", "import", "shop", "-"], json).succeeds();
    assert_eq!(desk.values("shop"), json!({"api_key": "pa$$w#rd", "auth.token": "c", "scopes": "[1,2]"}));
    desk.run_with(&["secrets", "import", "shop", "-"], "{\"scopes\": hunter2}").fails("as JSON: line 1, column 12");
}

#[test]
fn an_editor_gets_a_private_file_and_only_changes_are_encrypted_again() {
    let desk = Desk::new();
    desk.set("api_key", "hunter2");
    desk.set("auth.token", "t");
    let before = desk.shop();
    let editor = desk.folder.join("editor.sh");
    let script = format!(
        "#!/bin/sh\nls -ld \"$1\" \"$(dirname \"$1\")\" > {}\nsed -i 's/hunter2/hunter3/' \"$1\"\n",
        desk.folder.join("seen").display()
    );
    write_script(&editor, &script);
    let desk = desk.with("EDITOR", &editor.display().to_string());
    std::thread::sleep(Duration::from_millis(1100));
    desk.run(&["secrets", "edit", "shop"]).succeeds();
    assert_eq!(changed_lines(&before, &desk.shop()), 3);
    assert_eq!(desk.values("shop"), json!({"api_key": "hunter3", "auth.token": "t"}));
    let seen = desk.folder.read("seen");
    assert!(seen.contains("-rw------- ") && seen.contains("drwx------ "), "{seen}");
    let same = desk.shop();
    assert!(desk.run(&["secrets", "edit", "shop"]).succeeds().stdout.contains("is unchanged"));
    assert_eq!(desk.shop(), same);
    write_script(&editor, "#!/bin/sh\necho 'api_key = hunter4' > \"$1\"\n");
    let done = desk.run(&["secrets", "edit", "shop"]).fails("line 1 is not TOML");
    assert!(!done.stderr.contains("hunter4"), "{}", done.stderr);
    write_script(&editor, "#!/bin/sh\nexit 3\n");
    desk.run(&["secrets", "edit", "shop"]).fails("exit status: 3");
    assert_eq!(desk.shop(), same);
    assert_eq!(std::fs::read_dir(desk.folder.join(".spile/edit")).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn the_official_sops_and_another_reader_decrypt_exports() {
    let desk = Desk::new();
    desk.set("api_key", "h\u{fc}nter\n2");
    desk.set("auth.token", "t");
    let document = desk.run(&["secrets", "export", "shop"]).succeeds().stdout;
    let wanted = json!({"secrets": {"api_key": "h\u{fc}nter\n2", "auth.token": "t"}});
    if let Some(decrypted) = tools::sops_decrypt(&document, "json", &desk.key_file()) {
        assert_eq!(serde_json::from_str::<serde_json::Value>(&decrypted.unwrap()).unwrap(), wanted);
    }
    if let Some(decrypted) = tools::sops_age_decrypt(&document, &desk.key_file()) {
        assert_eq!(decrypted, wanted);
    }
}

#[test]
fn a_command_gets_the_settings_as_meltano_reads_them_and_its_exit_code_is_ours() {
    let desk = Desk::new().with("TAP_SHOP_API_KEY", "of every sibling").with("KEPT", "yes");
    desk.set("api_key", "hunter2 $HOME");
    let script = "echo \"$TAP_SHOP__SHOP_API_KEY/$TAP_SHOP__SHOP_PAGE_SIZE/$TAP_SHOP_API_KEY/$KEPT\"; exit 7";
    let done = desk.run(&["exec", "shop", "--", "sh", "-c", script]);
    assert_eq!((done.code, done.stdout.as_str()), (7, "hunter2 $HOME/7//yes\n"));
    assert_eq!(desk.run(&["exec", "shop", "--", "sh", "-c", "kill -TERM $$"]).code, 143);
    desk.run(&["exec", "shop", "--", "no-such-program"]).fails("`no-such-program` cannot be started");
}

#[test]
fn the_official_sops_reads_and_changes_a_sidecar() {
    let desk = Desk::new();
    let recipient = desk.public_key();
    let plain = "# kept\napi_key: hunter2\nauth:\n    token: t # tail\n";
    let Some(sealed) = tools::sops_encrypt(plain, "yaml", &[&recipient], &[]) else { return };
    desk.folder.write("integrations/shop.secrets.yaml", &sealed.unwrap());
    let desk = desk.with_sops();
    desk.run(&["check"]).succeeds();
    assert_eq!(desk.values("shop"), json!({"api_key": "hunter2", "auth.token": "t"}));
    let planned = desk.run(&["plan"]).succeeds().stdout;
    assert!(planned.contains("+ secrets.auth.token") && planned.contains(&recipient), "{planned}");
    desk.set("api_key", "hunter3");
    desk.run(&["secrets", "rotate", "shop"]).succeeds();
    assert_eq!(desk.values("shop")["api_key"], "hunter3");
    assert_eq!(desk.shop(), SHOP, "the integration's file is not touched");
    desk.run(&["secrets", "edit", "shop"]).fails("run `sops edit integrations/shop.secrets.yaml`");
    desk.run(&["secrets", "set", "shop", "api_key", "--stdin"]).fails("the value of `api_key` is empty");
    let script = "echo $TAP_SHOP__SHOP_API_KEY $TAP_SHOP__SHOP_AUTH_TOKEN";
    assert_eq!(desk.run(&["exec", "shop", "--", "sh", "-c", script]).stdout, "hunter3 t\n");
}

#[test]
fn a_text_that_yaml_reads_as_a_number_is_a_warning() {
    let desk = Desk::new();
    let plain = "api_key: 0123\nauth:\n    token: '0123'\n";
    let Some(sealed) = tools::sops_encrypt(plain, "yaml", &[&desk.public_key()], &[]) else { return };
    desk.folder.write("integrations/shop.secrets.yaml", &sealed.unwrap());
    assert_eq!(desk.values("shop"), json!({"api_key": "83", "auth.token": "0123"}), "the output of sops");
    let checked = desk.run(&["check", "--format", "json"]).succeeds().stdout;
    let checked: serde_json::Value = serde_json::from_str(&checked).unwrap();
    let found: Vec<_> =
        checked["problems"].as_array().unwrap().iter().map(|one| (&one["code"], &one["file"], &one["line"])).collect();
    let file = json!("integrations/shop.secrets.yaml");
    assert_eq!(found, [(&json!("spile::secrets::not_written_as_text"), &file, &json!(1))], "{checked}");
    let message = checked["problems"][0]["message"].as_str().unwrap();
    assert_eq!(message, "`api_key` is text, and was encrypted as a whole number");
}

impl Desk {
    /// Puts the official sops on the path.
    fn with_sops(self) -> Self {
        let folder = tools::sops().unwrap().parent().unwrap().display().to_string();
        self.with("PATH", &format!("{folder}:/usr/bin:/bin"))
    }
}

#[test]
fn a_killed_rewrite_leaves_the_old_file_or_the_new_one() {
    let desk = Desk::new();
    desk.set("api_key", "hunter0");
    let mut seen = std::collections::BTreeSet::new();
    for number in 1..40_u32 {
        let before = desk.shop();
        let value = format!("hunter{number}");
        let words = ["secrets", "set", "shop", "api_key", "--stdin"];
        let mut child = desk
            .command(&words)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // A program that is killed early reads nothing.
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), value.as_bytes());
        std::thread::sleep(Duration::from_micros(u64::from(number) * 700));
        let _ = child.kill();
        child.wait().unwrap();
        let is_new = desk.shop() != before;
        let shown = desk.values("shop")["api_key"].as_str().unwrap().to_owned();
        assert_eq!(shown == value, is_new, "{shown}");
        seen.insert(is_new);
    }
    assert!(seen.contains(&false), "every kill came too late");
    desk.set("api_key", "last");
    desk.run(&["check"]).succeeds();
}

#[test]
fn a_pull_writes_secrets_as_ciphertext() {
    let desk = Desk::new();
    desk.set("api_key", "hunter2");
    let before = desk.shop();
    desk.set("api_key", "hunter3");
    desk.set("auth.token", "t");
    desk.run(&["apply", "--yes"]).succeeds();
    let applied = desk.shop();
    desk.folder.write("integrations/shop.toml", &before.replace("[secrets]", "# ours\n[secrets]"));
    let planned = desk.run(&["plan"]).succeeds();
    assert!(planned.stdout.contains("secrets.api_key"), "{}", planned.stdout);
    let pulled = desk.run(&["pull", "shop"]).succeeds();
    assert!(!(pulled.stdout + &pulled.stderr).contains("hunter"));
    assert_eq!(desk.shop(), applied.replace("[secrets]", "# ours\n[secrets]"));
    assert_eq!(desk.values("shop"), json!({"api_key": "hunter3", "auth.token": "t"}));
    desk.run(&["plan", "--exit-code"]).succeeds();
    desk.folder.write("integrations/shop.toml", SHOP);
    desk.run(&["pull", "shop"]).succeeds();
    assert_eq!(desk.values("shop"), json!({"api_key": "hunter3", "auth.token": "t"}));
}

#[test]
fn a_secret_is_pulled_from_meltano_yml_whatever_its_setting_is_called() {
    let desk = Desk::new();
    let connector = desk.folder.read("connectors/shop.toml");
    let setting = "\n[[settings]]\nname = \"s3_config.password\"\nsecret = true\n";
    desk.folder.write("connectors/shop.toml", &(connector + setting));
    desk.run(&["secrets", "init"]).succeeds();
    desk.run(&["apply", "--yes"]).succeeds();
    let rendered = desk.folder.read("meltano.yml");
    let line = rendered.lines().find(|line| line.ends_with(" page_size: 7")).unwrap();
    let with_secret = format!("{line}\n{}", line.replace("page_size: 7", "s3_config.password: hunter2"));
    desk.folder.write("meltano.yml", &rendered.replace(line, &with_secret));
    let pulled = desk.run(&["pull"]).succeeds();
    assert!(!(pulled.stdout + &pulled.stderr).contains("hunter"));
    assert_eq!(desk.values("shop"), json!({"s3_config.password": "hunter2"}));
}

/// Rows as dashboards have them today: with secrets in plain text, in both columns.
#[test]
fn unmanaged_rows_become_files_with_their_secrets_encrypted() {
    let desk = Desk::new();
    desk.set("api_key", "x");
    desk.run(&["apply", "--yes"]).succeeds();
    let row = |id: &str, connector: &str, config: &str, secrets: &str| {
        format!(
            "insert into integrations (environment, id, slug, type, name, config, secrets, created_at, updated_at) values \
             ('dev', '{id}', 'store', '{connector}', 'The Store', '{config}', '{secrets}', '', '');"
        )
    };
    let id = "6f1c0a52-6d0e-4c6e-9a53-0b4f7c1d2e3f";
    let rows = [
        row(id, "shop", r#"{"page_size": 7, "api_key": "hunter2"}"#, r#"{"auth.token": "hunter3"}"#),
        row("7f1c0a52-6d0e-4c6e-9a53-0b4f7c1d2e3f", "unheard-of", "{}", "{}"),
        row("by-hand", "shop", "{}", "{}"),
    ];
    let registry = rusqlite::Connection::open(desk.folder.join(".spile/registry.db")).unwrap();
    registry.execute_batch(&rows.concat()).unwrap();
    desk.run(&["import", "--registry"]).fails("use `--yes` to skip the question");
    assert!(!desk.folder.join("integrations/store.toml").exists());
    let done = desk.run(&["import", "--registry", "--yes"]).succeeds();
    assert!(done.stdout.contains("integrations/store.toml, with `api_key`, `auth.token` encrypted"), "{}", done.stdout);
    assert!(done.stdout.contains("no connector is named `unheard-of`"), "{}", done.stdout);
    assert!(done.stderr.contains("spile plan --adopt store"), "{}", done.stderr);
    let text = desk.folder.read("integrations/store.toml");
    assert!(!(done.stdout + &done.stderr + &text).contains("hunter"));
    assert!(text.starts_with(&format!("id = \"{id}\"\ntype = \"shop\"\nname = \"The Store\"\n")), "{text}");
    assert_eq!(desk.values("store"), json!({"api_key": "hunter2", "auth.token": "hunter3"}));
    desk.run(&["apply", "--yes", "--adopt", "store"]).succeeds();
    desk.run(&["plan", "--exit-code"]).succeeds();
    let held: String =
        registry.query_row("select config || secrets from integrations where id = ?1", [id], |row| row.get(0)).unwrap();
    assert!(!held.contains("hunter"), "{held}");
    let again = desk.run(&["import", "--registry", "--yes"]).succeeds();
    assert!(!again.stdout.contains("store.toml"), "{}", again.stdout);
    desk.run(&["import", "--registry", "nothing"]).fails("no integration is named `nothing`");
}

/// A connector that marks no setting as secret.
const UNSUSPECTING: &str = "[plugin]\nname = \"tap-x\"\nnamespace = \"tap_x\"\n[[settings]]\nname = \"dsn_of_source\"\n\
                            [[settings]]\nname = \"options\"\nkind = \"object\"\n[[settings]]\nname = \"user_key\"\n";

#[test]
fn a_value_that_is_a_secret_is_refused_hidden_and_encrypted_by_the_command_that_is_named() {
    let desk = Desk::new();
    desk.folder.write("connectors/x.toml", UNSUSPECTING);
    let text = "type = \"x\"\nloader = \"lake\"\n\n[config]\ndsn_of_source = \"host=db password=hunter2\"\n\
                user_key = \"hunter2\"\n\n[config.options]\nurl = \"https://me:hunter2@db\"\n";
    desk.folder.write("integrations/shop.toml", text);
    let check = desk.run(&["check"]).fails("`dsn_of_source` contains a connection string with a password");
    let told: String = check.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("`options` contains an address with a password") && told.contains("`user_key` is a secret"),
        "{told}"
    );
    assert!(told.contains("spile secrets set shop dsn_of_source") && !told.contains("hunter2"), "{told}");
    desk.run(&["secrets", "encrypt", "shop"]).succeeds();
    desk.run(&["check"]).succeeds();
    assert!(!desk.shop().contains("hunter2"), "{}", desk.shop());
    let options = "{\"url\":\"https://me:hunter2@db\"}";
    let wanted =
        serde_json::json!({"dsn_of_source": "host=db password=hunter2", "options": options, "user_key": "hunter2"});
    assert_eq!(desk.values("shop"), wanted);
}

#[test]
fn a_setting_declared_as_not_secret_is_not_guessed_to_be_one() {
    let desk = Desk::new();
    let open = UNSUSPECTING
        .replace("\"user_key\"", "\"user_key\"\nsecret = false")
        .replace("\"dsn_of_source\"", "\"dsn_of_source\"\nsecret = false");
    desk.folder.write("connectors/x.toml", &open);
    let text = "type = \"x\"\nloader = \"lake\"\n[config]\ndsn_of_source = \"password=hunter2\"\nuser_key = \"abc\"\n";
    desk.folder.write("integrations/shop.toml", text);
    desk.run(&["check"]).succeeds();
}

#[test]
fn a_secret_anywhere_else_in_a_file_is_told_and_hidden() {
    let desk = Desk::new();
    let key = concat!("ghp_", "0123456789abcdefghijklmnopqrstuvwxyz");
    desk.folder.write("integrations/shop.toml", &format!("description = \"ask for {key}\"\n{SHOP}"));
    let told = desk.run(&["check"]).fails("`description` contains a GitHub token").stderr;
    assert!(!told.contains(key), "{told}");
    desk.folder.write("integrations/shop.toml", SHOP);
    desk.folder.write("integrations/shop.prod.toml", &format!("tags = [\"{key}\"]\n"));
    let told = desk.run(&["check"]).fails("`tags` contains a GitHub token").stderr;
    assert!(!told.contains(key), "{told}");
}

#[test]
fn a_secret_for_a_plain_setting_is_refused_on_the_command_line() {
    let desk = Desk::new();
    desk.folder.write("connectors/x.toml", UNSUSPECTING);
    let words = ["new", "mine", "--type", "x", "--no-input", "--set", "dsn_of_source=postgres://me:hunter2@db"];
    let told = desk.run(&words).fails("`dsn_of_source` contains an address with a password").stderr;
    assert!(!told.contains("hunter2") && !desk.folder.join("integrations/mine.toml").exists(), "{told}");
}

#[test]
fn no_value_is_added_to_the_secrets_without_a_key() {
    let desk = Desk::new();
    desk.set("api_key", "hunter2");
    let shop = desk.shop();
    let added = shop.replace("[secrets]\n", "[secrets]\n\"auth.token\" = \"\"\n");
    assert_ne!(added, shop);
    desk.folder.write("integrations/shop.toml", &added);
    desk.run(&["check"]).fails("`auth.token` is an empty string, which sops does not encrypt");
    desk.run(&["plan", "--offline"]).fails("`auth.token` is an empty string");
}

#[test]
fn other_line_endings_are_not_a_change() {
    let desk = Desk::new();
    desk.folder.write("integrations/shop.toml", &format!("description = \"\"\"\none\ntwo\"\"\"\n{SHOP}"));
    desk.set("api_key", "hunter2");
    desk.run(&["apply", "--yes"]).succeeds();
    desk.run(&["plan", "--exit-code"]).succeeds();
    let unix = desk.shop();
    desk.folder.write("integrations/shop.toml", &unix.replace('\n', "\r\n"));
    let plan = desk.run(&["plan", "--exit-code"]);
    assert_eq!(plan.code, 0, "{}{}", plan.stdout, plan.stderr);
    assert_eq!(desk.values("shop")["api_key"], "hunter2");
}

#[test]
fn a_problem_in_another_file_stops_no_command_on_secrets() {
    let desk = Desk::new().with("EDITOR", "true");
    desk.set("api_key", "hunter2");
    desk.folder.write("integrations/broken.toml", "type = [\n");
    desk.folder.write("integrations/broken.secrets.yaml", "a: [\n");
    desk.folder.write("connectors/broken.toml", "= no");
    desk.set("api_key", "hunter3");
    assert_eq!(desk.values("shop")["api_key"], "hunter3");
    for words in [
        ["secrets", "edit", "shop"].as_slice(),
        &["secrets", "rotate", "shop"],
        &["secrets", "updatekeys", "shop"],
        &["secrets", "updatekeys", "shop", "--check"],
        &["secrets", "encrypt", "shop"],
        &["secrets", "export", "shop"],
        &["secrets", "unset", "shop", "api_key"],
    ] {
        desk.run(words).succeeds();
    }
    desk.run_with(&["secrets", "import", "shop", "-"], "{\"api_key\": \"hunter4\"}").succeeds();
    assert_eq!(desk.values("shop")["api_key"], "hunter4");
    let told = desk.run(&["secrets", "view", "broken", "--yes"]).fails("TOML").stderr;
    assert!(told.contains("integrations/broken.toml"), "{told}");
    // Whether it has secrets is unknown.
    desk.run(&["secrets", "rotate", "--all"]).fails("integrations/broken.toml");
}
