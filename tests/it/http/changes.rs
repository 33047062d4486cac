//! The pages about changes: what apply would do, drift, guards, the way back, and branches.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::form::Form;
use super::lived::{record, synced};
use super::{Browser, Server};
use crate::folder::{Folder, Opened};

/// Returns the value of a hidden field.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap().split('"').next().unwrap()
}

fn applied() -> Folder {
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    folder
}

/// Renames an integration in its row, as something else would.
fn rename_row(folder: &Folder, name: &str) {
    let database = rusqlite::Connection::open(folder.join(".spile/registry.db")).unwrap();
    database.execute("UPDATE integrations SET name = ?1 WHERE slug = 'fruit'", [name]).unwrap();
}

async fn last_action(server: &Server) -> Value {
    server.get("/api/audit?limit=1").await["deeds"][0].clone()
}

async fn is_shown(browser: &Browser<'_>, path: &str, text: &str) {
    let page = browser.page(path).await;
    assert!(page.contains(text), "{path}: {page}");
}

#[tokio::test]
async fn what_something_else_changed_is_taken_into_the_file_or_put_back() {
    let folder = applied();
    rename_row(&folder, "Other");
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    is_shown(&browser, "/changes/drift", "fruit</a> <span class=\"quiet\">has changed in the registry").await;
    let question = browser.page("/changes/apply?only=fruit").await;
    assert!(question.contains("Apply these changes?") && hidden(&question, "only") == "fruit", "{question}");
    let form = [("plan", hidden(&question, "plan")), ("only", "fruit")];
    assert_eq!(browser.goes("/changes/apply", &form).await, "/integrations?did=applied");
    is_shown(&browser, "/changes/drift", "No drift").await;
    rename_row(&folder, "Other");
    assert_eq!(browser.goes("/changes/drift/fruit/take", &[]).await, "/changes/drift?did=taken");
    assert!(folder.read("integrations/fruit.toml").contains("name = \"Other\""));
    is_shown(&browser, "/changes/drift", "No drift").await;
    assert_eq!(last_action(&server).await["action"], "pull");
    is_shown(&browser, "/activity", "took drift into the file of").await;
}

#[tokio::test]
async fn an_earlier_apply_is_restored_after_a_summary() {
    let folder = applied();
    let before = folder.read("integrations/fruit.toml");
    folder.write("integrations/fruit.toml", &format!("name = 'Newer'\n{before}"));
    folder.spile("apply --yes").exits(0);
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let history = browser.page("/changes/history").await;
    let path = history.split("href=\"/changes/history/").nth(1).unwrap().split('"').next().unwrap();
    let path = format!("/changes/history/{path}");
    let question = browser.page(&path).await;
    assert!(question.contains("Roll back?") && question.contains("fruit"), "{question}");
    let stale = browser.refused(&path, &[("plan", "00000000")]).await;
    assert!(stale.contains("role=\"alert\""), "{stale}");
    let to = browser.goes(&path, &[("plan", hidden(&question, "plan"))]).await;
    assert_eq!(to, "/changes/history?did=rolled_back");
    assert_eq!(last_action(&server).await["action"], "rollback");
    is_shown(&browser, "/changes", "Newer").await;
}

#[tokio::test]
async fn a_guard_says_its_numbers_and_is_lifted_by_acknowledging_them() {
    let folder = Folder::project();
    for slug in ["one", "two"] {
        folder
            .write(&format!("integrations/{slug}.toml"), "type = 'singer-jsonl'\n[config]\nlocal.folders = ['data']\n");
    }
    folder.spile("apply --yes").exits(0);
    folder.remove("integrations/one.toml");
    folder.remove("integrations/two.toml");
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    is_shown(&browser, "/changes", "It deletes 2 of").await;
    let question = browser.page("/changes/apply").await;
    let plan = hidden(&question, "plan").to_owned();
    assert_eq!(hidden(&question, "allow.delete"), "2");
    browser.refused("/changes/apply", &[("plan", &plan)]).await;
    browser.refused("/changes/apply", &[("plan", &plan), ("allow.delete", "1")]).await;
    let form = [("plan", plan.as_str()), ("allow.delete", "2")];
    assert_eq!(browser.goes("/changes/apply", &form).await, "/integrations?did=applied");
}

#[tokio::test]
async fn branches_are_listed_with_their_state_where_the_server_writes_them() {
    let folder = applied();
    let git = |words: &[&str]| {
        let signed = ["-c", "user.name=x", "-c", "user.email=x@example.com"];
        let output = std::process::Command::new("git").current_dir(folder.path()).args(signed).args(words).output();
        assert!(output.unwrap().status.success(), "{words:?}");
    };
    folder.write(".gitignore", ".spile/\n");
    git(&["init", "--quiet", "--initial-branch", "main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "begin"]);
    let server = Server::of_folder(&folder, &["--write", "branch"]);
    let browser = server.browser().await;
    is_shown(&browser, "/changes/branches", "No branches").await;
    let to = browser.goes("/integrations/fruit/disable", &[]).await;
    assert_eq!(to, "/integrations/fruit?did=branch&branch=spile%2Fdisable-fruit");
    is_shown(&browser, &to, "<code>spile&#x2f;disable-fruit</code>").await;
    is_shown(&browser, "/changes/branches", "waits for review").await;
    git(&["merge", "--quiet", "spile/disable-fruit"]);
    is_shown(&browser, "/changes/branches", "merged").await;
    // Files stay as they are, so nothing can be taken into them.
    let refused = browser.post("/changes/drift/fruit/take", &[]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_next_change_goes_on_from_the_branch_that_waits_for_review() {
    let folder = applied();
    folder.integration("nuts", "nuts");
    let git = |words: &[&str]| {
        let signed = ["-c", "user.name=x", "-c", "user.email=x@example.com"];
        let output = std::process::Command::new("git").current_dir(folder.path()).args(signed).args(words).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    folder.write(".gitignore", ".spile/\n");
    git(&["init", "--quiet", "--initial-branch", "main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "begin"]);
    let before = folder.read("integrations/fruit.toml");
    let server = Server::of_folder(&folder, &["--write", "branch"]);
    let browser = server.browser().await;
    let page = "/integrations/fruit/settings";
    let on_branch = |branch: &str| git(&["show", &format!("spile/{branch}:integrations/fruit.toml")]);
    let branches = || git(&["branch", "--list", "spile/*", "--format=%(refname:short)"]);
    let form = Form::of(&browser.page(page).await, page).with("description", "All fruit");
    let to = browser.goes(page, &form.pairs()).await;
    assert_eq!(to, "/integrations/fruit/settings?did=branch&branch=spile%2Fchange-fruit");
    // The form shows the branch, and says so; the other pages only say so.
    let shown = browser.page(page).await;
    assert!(shown.contains("This form shows that branch") && shown.contains("\nAll fruit</textarea>"), "{shown}");
    let status = browser.page("/integrations/fruit").await;
    assert!(status.contains("waits for review") && !status.contains("This form shows"), "{status}");
    // A second change through the form, and a third through the API.
    let form = Form::of(&shown, page).with("schedule", "@daily");
    browser.goes(page, &form.pairs()).await;
    let address = "/api/integrations/fruit";
    let changed = server.send(Method::PUT, address, &json!({ "tags": ["red"] }), StatusCode::OK).await;
    assert_eq!(changed["change"]["branch"], "spile/change-fruit", "{changed}");
    let text = on_branch("change-fruit");
    assert!(["All fruit", "@daily", "red"].iter().all(|word| text.contains(word)), "{text}");
    assert_eq!(branches(), "spile/change-fruit\n");
    assert_eq!(git(&["rev-list", "--count", "main..spile/change-fruit"]).trim(), "3");
    assert_eq!(folder.read("integrations/fruit.toml"), before, "the files stay as they are");
    // A change of another integration is a proposal of its own.
    browser.goes("/integrations/nuts/disable", &[]).await;
    assert_eq!(branches(), "spile/change-fruit\nspile/disable-nuts\n");
    // What was squashed into the main branch cannot be continued.
    git(&["merge", "--quiet", "--squash", "spile/change-fruit"]);
    git(&["commit", "--quiet", "-m", "squashed"]);
    let shown = browser.page(page).await;
    assert!(!shown.contains("waits for review"), "{shown}");
    let form = Form::of(&shown, page).with("description", "Some fruit");
    let to = browser.goes(page, &form.pairs()).await;
    assert_eq!(to, "/integrations/fruit/settings?did=branch&branch=spile%2Fchange-fruit-2");
    assert!(on_branch("change-fruit-2").contains("Some fruit"));
}

#[tokio::test]
async fn what_is_not_applied_says_so_and_a_sync_before_the_first_apply_counts_after_it() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let page = browser.page("/integrations/fruit").await;
    assert!(page.contains("This integration is not applied yet"), "{page}");
    assert!(page.contains("<a class=\"button first\" href=\"/changes/apply?only=fruit\">Review and apply"), "{page}");
    let opened = Opened::at(&folder, None).unwrap();
    let fruit = opened.loaded.integrations.find("fruit").unwrap().clone();
    record(&opened, &synced(&fruit, jiff::Timestamp::now() - jiff::SignedDuration::from_mins(2), 1)).await;
    folder.spile("apply --yes").exits(0);
    // The server keeps answers of the registry for a second.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    for path in ["/integrations/fruit", "/integrations"] {
        is_shown(&browser, path, "<span class=\"badge good\">active</span>").await;
    }
    let page = browser.page("/integrations/fruit").await;
    assert!(!page.contains("not applied yet"), "{page}");
}
