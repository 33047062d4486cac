//! Merging and showing secrets with the real git.

use std::process::{Command, Output};

use serde_json::json;

use super::{Desk, SHOP, identity};

impl Desk {
    /// Makes the project a repository with this program as its drivers.
    fn in_git(self) -> Self {
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_spile")).parent().unwrap().display().to_string();
        let path = format!("{program}:{}", std::env::var("PATH").unwrap());
        let desk = self
            .with("PATH", &path)
            .with("GIT_CONFIG_NOSYSTEM", "1")
            .with("GIT_AUTHOR_NAME", "a")
            .with("GIT_AUTHOR_EMAIL", "a@b")
            .with("GIT_COMMITTER_NAME", "a")
            .with("GIT_COMMITTER_EMAIL", "a@b");
        desk.git(&["init", "-q", "-b", "main"]);
        desk.run(&["secrets", "init", "--git"]).succeeds();
        desk.folder.write(".gitignore", "/home/\n/.spile/\n");
        desk
    }

    fn try_git(&self, words: &[&str]) -> Output {
        let mut command = Command::new("git");
        command.current_dir(self.folder.path()).args(words).env_clear().envs(crate::tools::profile());
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).output().unwrap()
    }

    fn git(&self, words: &[&str]) -> String {
        let output = self.try_git(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", "a change"]);
    }

    /// Makes two branches from one commit, each with its own change; `main` is checked out.
    fn branches(ours: impl FnOnce(&Self), theirs: impl FnOnce(&Self)) -> Self {
        let desk = Self::new().in_git();
        desk.set("api_key", "hunter2");
        desk.set("auth.token", "t");
        desk.commit();
        desk.git(&["checkout", "-qb", "theirs"]);
        theirs(&desk);
        desk.commit();
        desk.git(&["checkout", "-q", "main"]);
        ours(&desk);
        desk.commit();
        desk
    }
}

#[test]
fn changes_of_different_secrets_and_lines_are_merged_under_one_new_mac() {
    let desk = Desk::branches(
        |desk| {
            desk.set("api_key", "ours");
            desk.folder.write("integrations/shop.toml", &desk.shop().replace("name = \"Shop\"", "name = \"The shop\""));
        },
        |desk| {
            desk.set("auth.token", "theirs");
            desk.set("scopes", "[1]");
            desk.folder.write("integrations/shop.toml", &desk.shop().replace("page_size =   7", "page_size =   8"));
        },
    );
    desk.git(&["merge", "-q", "theirs", "-m", "merged"]);
    assert_eq!(desk.values("shop"), json!({"api_key": "ours", "auth.token": "theirs", "scopes": "[1]"}));
    let shop = desk.shop();
    assert!(
        shop.starts_with(&SHOP.replace("name = \"Shop\"", "name = \"The shop\"").replace("=   7", "=   8")),
        "{shop}"
    );
    desk.run(&["check"]).succeeds();
}

#[test]
fn two_values_for_one_secret_are_a_named_conflict() {
    let desk = Desk::branches(
        |desk| desk.set("api_key", "ours"),
        |desk| {
            desk.set("api_key", "theirs");
            desk.run(&["secrets", "unset", "shop", "auth.token"]).succeeds();
        },
    );
    let output = desk.try_git(&["merge", "theirs"]);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!output.status.success() && said.contains("both sides changed `api_key`"), "{said}");
    assert!(!said.contains("theirs\n\n") || !said.contains("hunter2"), "{said}");
    assert_eq!(desk.values("shop"), json!({"api_key": "ours"}), "ours stays, and changes of only theirs are merged");
}

#[test]
fn conflicting_lines_are_marked_and_the_secrets_are_still_merged() {
    let desk = Desk::branches(
        |desk| {
            desk.set("api_key", "ours");
            desk.folder.write("integrations/shop.toml", &desk.shop().replace("=   7", "= 70"));
        },
        |desk| {
            desk.set("auth.token", "theirs");
            desk.folder.write("integrations/shop.toml", &desk.shop().replace("=   7", "= 700"));
        },
    );
    assert!(!desk.try_git(&["merge", "theirs"]).status.success());
    let shop = desk.shop();
    assert!(shop.contains("<<<<<<< ours\npage_size = 70\n"), "{shop}");
    let mut lines: Vec<&str> = shop.lines().collect();
    lines.retain(|line| {
        !["<<<<<<<", "=======", ">>>>>>>", "page_size = 700", "|||||||"].iter().any(|mark| line.starts_with(mark))
    });
    desk.folder.write("integrations/shop.toml", &(lines.join("\n") + "\n"));
    assert_eq!(desk.values("shop"), json!({"api_key": "ours", "auth.token": "theirs"}));
}

#[test]
fn a_recipient_removed_on_one_side_stays_removed_and_knows_no_data_key() {
    let (other, public) = identity();
    let desk = Desk::new().in_git();
    let (rules, mine) = (desk.folder.read(".sops.yaml"), desk.public_key());
    let both = rules.replace(&format!("- {mine}\n"), &format!("- {mine}\n      - {public}\n"));
    desk.folder.write(".sops.yaml", &both);
    desk.set("api_key", "hunter2");
    desk.commit();
    desk.git(&["checkout", "-qb", "theirs"]);
    desk.folder.write(".sops.yaml", &rules);
    desk.run(&["secrets", "updatekeys"]).succeeds();
    desk.commit();
    desk.git(&["checkout", "-q", "main"]);
    desk.set("auth.token", "ours");
    desk.commit();
    desk.git(&["merge", "-q", "theirs", "-m", "merged"]);
    assert!(!desk.shop().contains(&public), "{}", desk.shop());
    assert_eq!(desk.values("shop"), json!({"api_key": "hunter2", "auth.token": "ours"}));
    std::fs::write(desk.key_file(), other).unwrap();
    desk.run(&["secrets", "view", "shop", "--yes"]).fails("none of your keys");
}

#[test]
fn without_a_key_one_side_is_taken_and_two_sides_are_a_conflict() {
    let desk = Desk::branches(
        |desk| desk.folder.write("integrations/shop.toml", &desk.shop().replace("=   7", "= 70")),
        |desk| desk.set("auth.token", "theirs"),
    );
    let key = std::fs::read_to_string(desk.key_file()).unwrap();
    std::fs::remove_file(desk.key_file()).unwrap();
    desk.git(&["merge", "-q", "theirs", "-m", "merged"]);
    std::fs::write(desk.key_file(), key).unwrap();
    assert_eq!(desk.values("shop"), json!({"api_key": "hunter2", "auth.token": "theirs"}));

    let desk = Desk::branches(|desk| desk.set("api_key", "ours"), |desk| desk.set("auth.token", "theirs"));
    let before = desk.shop();
    std::fs::remove_file(desk.key_file()).unwrap();
    let output = desk.try_git(&["merge", "theirs"]);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!output.status.success() && said.contains("none of your keys can decrypt the secrets"), "{said}");
    assert_eq!(desk.shop(), before, "ours is left as it was");
}

#[test]
fn a_diff_shows_which_secrets_changed_and_no_value() {
    let desk = Desk::new().in_git();
    desk.set("api_key", "hunter2");
    desk.set("auth.token", "t");
    desk.commit();
    desk.set("api_key", "hunter3");
    std::fs::remove_file(desk.key_file()).unwrap();
    let diff = desk.git(&["diff", "integrations/shop.toml"]);
    let lines: Vec<&str> = diff
        .lines()
        .filter(|line| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---"))
        .collect();
    assert_eq!(lines.len(), 2, "{diff}");
    assert!(lines.iter().all(|line| line[1..].starts_with("api_key = <secret ")), "{diff}");
}
