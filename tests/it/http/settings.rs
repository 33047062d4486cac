//! The pages about activity and settings: who did what, who has access, channels, and who can decrypt what.

use reqwest::{Method, StatusCode};

use super::Server;
use crate::folder::Folder;

#[tokio::test]
async fn tokens_are_created_once_seen_and_revoked_on_the_page() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let form = [("name", "ci"), ("role", "viewer")];
    let made = browser.post("/settings/tokens", &form).await.text().await.unwrap();
    let token = made.split("spile_").nth(1).unwrap().split('<').next().unwrap();
    let ask = || server.bare(Method::GET, "/api/integrations").bearer_auth(format!("spile_{token}"));
    super::json(ask(), StatusCode::OK).await;
    let listed = browser.page("/settings/access").await;
    assert!(listed.contains("ci") && !listed.contains(token), "{listed}");
    for (form, why) in [
        ([("name", "ci"), ("role", "viewer")], "this name is taken"),
        ([("name", " "), ("role", "viewer")], "has no name"),
        ([("name", "other"), ("role", "")], "has no role"),
    ] {
        let refused = browser.refused("/settings/tokens", &form).await;
        assert!(refused.contains(why), "{refused}");
    }
    browser.goes("/settings/tokens/revoke", &[("name", "ci")]).await;
    super::json(ask(), StatusCode::UNAUTHORIZED).await;
    let activity = browser.page("/activity?kind=access").await;
    assert!(activity.contains("created a token") && activity.contains("revoked a token"), "{activity}");
    let other = browser.page("/activity?kind=applies").await;
    assert!(other.contains("Nothing matches"), "{other}");
}

#[tokio::test]
async fn an_invitation_is_listed_and_withdrawn_on_the_page() {
    let folder = Folder::project();
    let made = folder.spile("login-code anna --role editor --format json").exits(0).json();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let page = browser.page("/settings/access").await;
    let id = page.split("withdraw\">").nth(1).and_then(|rest| rest.split("name=\"id\" value=\"").nth(1)).unwrap();
    let id = id.split('"').next().unwrap().to_owned();
    assert!(page.contains("the invitation of anna") && !page.contains(made["code"].as_str().unwrap()), "{page}");
    assert_eq!(browser.goes("/settings/invitations/withdraw", &[("id", &id)]).await, "/settings/access?did=withdrawn");
    assert!(!browser.page("/settings/access").await.contains("the invitation of anna"));
    let code = made["code"].as_str().unwrap();
    let enter = super::filled(server.bare(Method::POST, "/login"), &[("code", code)]).send().await.unwrap();
    assert_ne!(enter.status(), StatusCode::SEE_OTHER, "the code lets nobody in");
    assert!(browser.page("/activity?kind=access").await.contains("withdrew an invitation"));
}

#[tokio::test]
async fn a_session_can_be_ended_on_the_page() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let page = browser.page("/settings/access").await;
    assert!(page.contains("this session"), "{page}");
    let id = page.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    browser.goes("/settings/sessions/end", &[("id", id)]).await;
    assert_eq!(browser.get("/overview").await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_channel_is_tested_on_the_page_which_says_what_it_answered() {
    let folder = Folder::project();
    let settings = folder.read("spile.toml");
    let channel = "[[notify]]\nname = \"ops\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/hook\"\n";
    folder.write("spile.toml", &format!("{settings}\n{channel}"));
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let page = browser.page("/settings/notifications").await;
    assert!(page.contains("ops <span class=\"quiet\">webhook"), "{page}");
    let tested = browser.post("/settings/notifications/test", &[("name", "ops")]).await.text().await.unwrap();
    assert!(tested.contains("Not sent"), "{tested}");
    let unknown = browser.post("/settings/notifications/test", &[("name", "other")]).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_page_of_components_is_only_served_with_its_switch() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &[]);
    assert_eq!(server.browser().await.get("/design").await.status(), StatusCode::NOT_FOUND);
    drop(server);
    let server = Server::of_folder(&folder, &["--design"]);
    assert!(server.browser().await.page("/design").await.contains("Every component in every state"));
}

#[tokio::test]
async fn a_server_that_is_read_only_says_so_and_still_tests_and_syncs() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &["--read-only"]);
    let browser = server.browser().await;
    let page = browser.page("/integrations/fruit").await;
    assert!(page.contains("read-only") && page.contains("Test connection") && page.contains("Sync now"), "{page}");
    let page = browser.page("/integrations/fruit/settings").await;
    assert!(page.contains("<dt>Folders</dt><dd>data</dd>"), "labels and values, as in the form: {page}");
    assert!(!browser.page("/integrations").await.contains("Delete…"));
}
