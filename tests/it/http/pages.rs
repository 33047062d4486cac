//! Pages, as a browser without scripts uses them.

use reqwest::header::COOKIE;
use reqwest::{Method, StatusCode};

use super::{RULES, Server, bytes_of, filled};
use crate::folder::Folder;

fn project() -> Folder {
    let folder = Folder::project();
    folder.write(".sops.yaml", RULES);
    folder
}

/// Checks that every `id` of a page is unique, and that every field has a label.
fn is_sound(page: &str) {
    let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let once: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(once.len(), ids.len(), "{ids:?}");
    for rest in page.split("<label for=\"").skip(1) {
        let of = rest.split('"').next().unwrap();
        assert!(ids.contains(&of), "a label for {of}");
    }
    assert!(page.contains("<html lang=\"en\">") && page.contains("<h1"));
}

#[tokio::test]
async fn salesforce_is_added_by_the_wizard_with_wrong_values_corrected_on_the_way() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let market = browser.page("/marketplace?q=salesfroce").await;
    assert!(market.contains("/new/extractor/salesforce"), "{market}");
    let looked = browser.get("/new/extractor/salesforce").await;
    assert_eq!(looked.headers()["location"], "/marketplace?q=salesforce", "viewing starts nothing");
    let settings = browser.goes("/new/extractor/salesforce", &[]).await;
    is_sound(&browser.page(&settings).await);
    let wrong = [
        ("name", "My CRM"),
        ("config.client_id", "key-of-the-app"),
        ("secrets.client_secret", "hunter2-app"),
        ("secrets.refresh_token", "hunter2-token"),
        ("config.start_date", "yesterday"),
        ("config.api_type", "BULK"),
        ("config.is_sandbox", "false"),
    ];
    let back = browser.refused(&settings, &wrong).await;
    is_sound(&back);
    // The form is shown again with its values, except secrets, and a message at the field.
    for said in ["value=\"My CRM\"", "value=\"yesterday\"", "for example 2024-01-01", "aria-invalid=\"true\""] {
        assert!(back.contains(said), "{said}: {back}");
    }
    assert!(!back.contains("hunter2"), "{back}");
    // Typed secrets need not be typed again.
    let right: Vec<_> = wrong
        .iter()
        .filter(|(name, _)| !name.starts_with("secrets."))
        .copied()
        .map(|(name, value)| if name == "config.start_date" { (name, "2024-01-01") } else { (name, value) })
        .collect();
    let trial = browser.goes(&settings, &right).await;
    assert!(trial.ends_with("/test"));
    is_sound(&browser.page(&trial).await);
    let streams = browser.goes(&trial, &[("do", "next")]).await;
    is_sound(&browser.page(&streams).await);
    let schedule = browser.goes(&streams, &[("do", "next")]).await;
    is_sound(&browser.page(&schedule).await);
    let back = browser.refused(&schedule, &[("do", "next"), ("loader", "lake"), ("schedule", "every day")]).await;
    assert!(back.contains("value=\"every day\"") && back.contains("aria-invalid=\"true\""), "{back}");
    let review = browser.goes(&schedule, &[("do", "next"), ("loader", "lake"), ("schedule", "@hourly")]).await;
    let shown = browser.page(&review).await;
    is_sound(&shown);
    assert!(
        shown.contains("integrations&#x2f;my-crm.toml") && shown.contains("client_secret = (encrypted)"),
        "{shown}"
    );
    assert!(shown.contains("1 to create"), "{shown}");
    assert!(!folder.join("integrations/my-crm.toml").exists(), "nothing is written before it is saved");
    assert_eq!(browser.goes(&review, &[("do", "save")]).await, "/integrations/my-crm?did=saved");
    let text = folder.read("integrations/my-crm.toml");
    let id = text.lines().find(|line| line.starts_with("id = ")).unwrap();
    assert!(shown.contains(id.split('"').nth(1).unwrap()), "the reviewed file is the saved one: {id}");
    for line in ["type = \"salesforce\"", "start_date = 2024-01-01", "schedule = \"@hourly\"", "refresh_token = \"ENC["]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!bytes_of(folder.path()).contains("hunter2"));
    let page = browser.page("/integrations/my-crm?did=saved").await;
    is_sound(&page);
    assert!(page.contains("Saved.") && page.contains("<a href=\"/changes\">Review and apply</a>"), "{page}");
    assert!(page.contains("begins when") && !page.contains("next in"), "it is not applied: {page}");
    let page = browser.page("/integrations/my-crm/settings").await;
    is_sound(&page);
    assert!(page.contains("just now: leave empty to keep it") && !page.contains("ENC["), "{page}");
    assert_eq!(browser.get(&review).await.status(), StatusCode::NOT_FOUND, "the draft is gone");
}

#[tokio::test]
async fn the_wizard_suggests_a_free_name_and_shows_all_problems_of_a_step_at_once() {
    let folder = project();
    folder.write("integrations/salesforce.toml", &folder.read("integrations/fruit.toml"));
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let settings = browser.goes("/new/extractor/salesforce", &[]).await;
    let page = browser.page(&settings).await;
    assert!(page.contains("value=\"Salesforce 2\"") && page.contains("class=\"behind\""), "{page}");
    let rest = browser.goes("/new/extractor/rest-api", &[]).await;
    let rest = browser.page(&rest).await;
    assert!(rest.contains("(default)</option>") && !rest.contains("(default) (default)"), "{rest}");
    let wrong = [("name", "Lake"), ("config.client_id", "key"), ("config.start_date", "yesterday")];
    let back = browser.refused(&settings, &wrong).await;
    for field in ["name", "config.start_date"] {
        let fault = back.split(&format!("id=\"{field}-fault\"")).nth(1).unwrap().split('<').next().unwrap();
        assert!(!fault.starts_with(" hidden"), "{field}: {back}");
    }
}

#[tokio::test]
async fn settings_are_changed_and_concurrent_edits_are_reported() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let etag = |page: &str| {
        page.split("name=\"etag\" value=\"").nth(1).unwrap().split('"').next().unwrap().replace("&quot;", "\"")
    };
    let known = etag(&browser.page("/integrations/fruit/settings").await);
    let fields = [("name", "Fruit"), ("loader", "lake"), ("tags", "food\nred"), ("config.local.folders", "data\nmore")];
    let with =
        |etag: &str| [&[("etag", etag.to_owned())][..], &fields.map(|(name, value)| (name, value.to_owned()))].concat();
    let send = |etag: &str| {
        let all = with(etag);
        let browser = &browser;
        async move {
            let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
            browser.post("/integrations/fruit/settings", &all).await
        }
    };
    assert_eq!(send(&known).await.status(), StatusCode::SEE_OTHER);
    let text = folder.read("integrations/fruit.toml");
    for line in ["name = \"Fruit\"", "tags = [\"food\", \"red\"]", "local.folders = [\"data\", \"more\"]"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let late = send(&known).await;
    assert_eq!(late.status(), StatusCode::CONFLICT);
    let late = late.text().await.unwrap();
    assert!(
        late.contains("its file has changed since you opened this page") && late.contains("\ndata\nmore</textarea>"),
        "{late}"
    );
    assert_eq!(folder.read("integrations/fruit.toml"), text);
    // The page that is shown again has the current version of the file.
    assert_eq!(send(&etag(&late)).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_page_shows_the_values_of_its_environment() {
    let folder = project();
    folder.write("integrations/fruit.dev.toml", "enabled = false\nschedule = \"@daily\"\n");
    let server = Server::of_folder(&folder, &["--env", "dev"]);
    let browser = server.browser().await;
    let page = browser.page("/integrations/fruit/settings").await;
    assert!(page.contains("fruit&#x2f;enable\"") && !page.contains("fruit&#x2f;disable\""), "{page}");
    let page = browser.page("/integrations/fruit").await;
    assert!(page.contains("<dd>@daily"), "{page}");
    assert!(browser.page("/integrations?state=disabled").await.contains("fruit"));
    browser.goes("/integrations/fruit/enable", &[]).await;
    assert_eq!(folder.read("integrations/fruit.dev.toml"), "enabled = true\nschedule = \"@daily\"\n");
}

#[tokio::test]
async fn the_wizard_saves_applies_and_starts_for_whoever_may_apply() {
    let folder = project();
    folder.spile("apply --yes").exits(0);
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let settings = browser.goes("/new/loader/jsonl", &[]).await;
    let form = [("do", "next"), ("name", "Second lake"), ("config.destination_path", "out")];
    let trial = browser.goes(&settings, &form).await;
    let review = browser.goes(&trial, &[("do", "next")]).await;
    assert!(browser.page(&review).await.contains("Save and apply"));
    let to = browser.goes(&review, &[("do", "start")]).await;
    assert_eq!(to, "/integrations/second-lake?did=applied");
    assert!(browser.page("/changes").await.contains("up to date"));
    drop(server);
    let server = Server::of_folder(&folder, &["--read-only"]);
    let browser = server.browser().await;
    let settings = browser.goes("/new/loader/jsonl", &[]).await;
    let trial = browser.goes(&settings, &[("do", "next"), ("name", "Third"), ("config.destination_path", "out")]).await;
    let review = browser.goes(&trial, &[("do", "next")]).await;
    assert!(!browser.page(&review).await.contains("Save and apply"));
}

#[tokio::test]
async fn a_plan_is_reviewed_and_applied_and_deletions_are_confirmed() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    is_sound(&browser.page("/changes").await);
    let plan = browser.page("/changes/apply").await;
    is_sound(&plan);
    let id = plan.split("name=\"plan\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let stale = browser.refused("/changes/apply", &[("plan", "00000000")]).await;
    assert!(stale.contains("it is"), "{stale}");
    assert_eq!(browser.goes("/changes/apply", &[("plan", &id)]).await, "/integrations?did=applied");
    assert!(browser.page("/changes").await.contains("up to date"));
    let list = browser.page("/integrations").await;
    is_sound(&list);
    assert!(list.contains("pending"), "{list}");
    // An integration that was never applied can be deleted too.
    let never = folder.read("integrations/fruit.toml").replace("id = ", "# id = ");
    folder.write("integrations/never.toml", &never);
    // Files are cached for a moment.
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    let asked = browser.page("/integrations/never/delete").await;
    assert!(asked.contains("This was never applied"), "{asked}");
    folder.remove("integrations/never.toml");
    // A refused action stays on the list and says why.
    let none = browser.refused("/integrations/bulk", &[("action", "test")]).await;
    assert!(none.contains("no integration is selected") && none.contains("<caption class=\"unseen\">"), "{none}");
    let used = browser.refused("/integrations/bulk", &[("action", "delete"), ("slug", "lake")]).await;
    assert!(used.contains("<code>lake</code> is the destination of <code>fruit</code>"), "{used}");
    assert!(used.contains("value=\"lake\" checked"), "{used}");
    is_sound(&used);
    let asked = browser.post("/integrations/bulk", &[("action", "delete"), ("slug", "fruit")]).await;
    assert_eq!(asked.status(), StatusCode::OK);
    let asked = asked.text().await.unwrap();
    is_sound(&asked);
    assert!(asked.contains("Delete 1 integration?") && asked.contains("will be deleted"), "{asked}");
    assert!(folder.join("integrations/fruit.toml").exists());
    let gone = browser.goes("/integrations/bulk", &[("action", "delete"), ("slug", "fruit"), ("sure", "yes")]).await;
    assert_eq!(gone, "/integrations?did=deleted");
    assert!(!folder.join("integrations/fruit.toml").exists());
    for page in [
        "/runs",
        "/notifications",
        "/marketplace",
        "/integrations/lake",
        "/integrations/lake/settings",
        "/integrations/lake/history",
        "/search?q=lake",
    ] {
        is_sound(&browser.page(page).await);
    }
}

#[tokio::test]
async fn a_field_is_checked_when_it_loses_focus() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let check = async |value: &'static str| {
        let asked = browser.post("/check/extractor/postgres?field=config.port", &[("config.port", value)]).await;
        asked.text().await.unwrap()
    };
    for value in ["many", "99999"] {
        let wrong = check(value).await;
        assert!(
            wrong.contains("id=\"config.port-fault\"") && wrong.contains("1 to 65535") && !wrong.contains("hidden"),
            "{wrong}"
        );
    }
    assert!(check("5432").await.contains("hidden"));
}

#[tokio::test]
async fn pages_work_from_files_while_the_registry_is_down() {
    let folder = project();
    folder.write(
        "spile.toml",
        &format!(
            "{}\n[registry]\nkind = \"supabase\"\nurl = \"${{SUPABASE_URL}}\"\nkey = \"${{SUPABASE_KEY}}\"\n",
            folder.read("spile.toml")
        ),
    );
    let server = Server::start(
        |words| {
            let mut command = folder.command(&words.join(" "));
            command.env("SUPABASE_URL", "http://127.0.0.1:9").env("SUPABASE_KEY", "sb_secret_nothing");
            command
        },
        &[],
    );
    let listed = super::json(server.ask(Method::GET, "/api/integrations"), StatusCode::OK).await;
    assert_eq!(
        (listed["registry"]["reachable"].clone(), listed["integrations"].as_array().unwrap().len()),
        (false.into(), 2)
    );
    let page = server.browser().await.page("/integrations").await;
    assert!(page.contains("The registry is not responding") && page.contains("fruit"), "{page}");
}

#[tokio::test]
async fn the_catalog_and_the_api_show_the_grade_of_an_extractor_on_this_machine() {
    use spile_core::connector::{Catalog, Role};
    use spile_core::run::certify::{Certificate, CertifiedPlugin, Discoveries, Measured, Subject};

    let folder = project();
    let stripe = Catalog::built_in(Role::Extractor, "stripe").unwrap().plugin.clone();
    let subject = Subject {
        connector: "stripe".to_owned(),
        plugin: CertifiedPlugin { name: stripe.name, pip_url: stripe.pip_url },
        integration: "pay".parse().unwrap(),
        environment: "dev".parse().unwrap(),
        certified_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let certificate = Certificate::of(subject, &Measured::default(), &Discoveries::Equal);
    spile_world::files::certificates::Certificates::of(&folder.join(".spile")).keep(&certificate).unwrap();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let page = browser.page("/marketplace?q=stripe").await;
    assert!(page.contains(">grade C</span>"), "{page}");
    assert!(!browser.page("/marketplace?q=github").await.contains("grade "));
    let shown = server.get("/api/connectors/stripe").await;
    assert_eq!(shown["connectors"][0]["certified"]["grade"], "C", "{shown:#}");
    assert_eq!(shown["connectors"][0]["certified"]["findings"][0]["kind"], "no_state");
}

#[tokio::test]
async fn a_restart_signs_nobody_out() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let cookie = browser.cookie.clone();
    let address = server.address.clone();
    assert!(server.stop().success());
    let server = Server::of_folder(&folder, &["--bind", &address]);
    let look = async || server.bare(Method::GET, "/overview").header(COOKIE, &cookie).send().await.unwrap();
    let page = look().await;
    assert_eq!(page.status(), StatusCode::OK);
    // Forms of the session are accepted too, and signing out ends it for good.
    let page = page.text().await.unwrap();
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let leave = filled(server.bare(Method::POST, "/logout").header(COOKIE, &cookie), &[("csrf", csrf)]);
    assert_eq!(leave.send().await.unwrap().status(), StatusCode::SEE_OTHER);
    assert_eq!(look().await.status(), StatusCode::SEE_OTHER);
    assert!(server.stop().success());
    let server = Server::of_folder(&folder, &["--bind", &address]);
    let page = server.bare(Method::GET, "/overview").header(COOKIE, &cookie).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_schedule_of_several_integrations_is_changed_at_once() {
    let folder = project();
    for number in 1..=10 {
        folder.integration(&format!("many-{number:02}"), "data");
    }
    folder.write("integrations/many-10.dev.toml", "schedule = \"@hourly\"\n");
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let slugs: Vec<String> = (1..=10).map(|number| format!("many-{number:02}")).collect();
    let form = |more: &[(&'static str, &'static str)]| -> Vec<(String, String)> {
        let fields = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        slugs.iter().map(|slug| ("slug".to_owned(), slug.clone())).chain(fields).collect()
    };
    let send = async |fields: Vec<(String, String)>| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        browser.post("/integrations/bulk", &fields).await
    };
    let asked = send(form(&[("action", "schedule")])).await.text().await.unwrap();
    is_sound(&asked);
    assert!(asked.contains("Schedule 10 integrations") && asked.contains("name=\"schedule\""), "{asked}");
    let wrong = send(form(&[("action", "schedule"), ("sure", "yes"), ("schedule", "every day")])).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = wrong.text().await.unwrap();
    assert!(wrong.contains("value=\"every day\"") && wrong.contains("aria-invalid=\"true\""), "{wrong}");
    assert!(!folder.read("integrations/many-01.toml").contains("schedule"), "nothing was written");
    let saved = send(form(&[("action", "schedule"), ("sure", "yes"), ("schedule", "@daily")])).await;
    assert_eq!(saved.headers()["location"], "/integrations?did=saved");
    for slug in &slugs {
        assert!(folder.read(&format!("integrations/{slug}.toml")).contains("schedule = \"@daily\""), "{slug}");
    }
    assert_eq!(folder.read("integrations/many-10.dev.toml"), "schedule = \"@daily\"\n");
    let again = send(form(&[("action", "schedule"), ("sure", "yes"), ("schedule", "@daily")])).await;
    assert_eq!(again.headers()["location"], "/integrations?did=unchanged");
    send(form(&[("action", "schedule"), ("sure", "yes"), ("schedule", "")])).await;
    assert!(!folder.read("integrations/many-01.toml").contains("schedule"));
    let refused = browser.refused("/integrations/bulk", &[("action", "schedule")]).await;
    assert!(refused.contains("no integration is selected"), "{refused}");
    let loader = [("action", "schedule"), ("sure", "yes"), ("schedule", "@daily"), ("slug", "lake")];
    assert!(browser.refused("/integrations/bulk", &loader).await.contains("is a destination, which has no schedule"));
}

#[tokio::test]
async fn a_restart_in_the_middle_of_the_wizard_loses_nothing() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let settings = browser.goes("/new/extractor/salesforce", &[]).await;
    let answers = [
        ("name", "My CRM"),
        ("config.client_id", "key-of-the-app"),
        ("secrets.client_secret", "hunter2-app"),
        ("secrets.refresh_token", "hunter2-token"),
        ("config.start_date", "2024-01-01"),
    ];
    let trial = browser.goes(&settings, &answers).await;
    let (cookie, csrf, address) = (browser.cookie.clone(), browser.csrf.clone(), server.address.clone());
    assert!(server.stop().success());
    for file in std::fs::read_dir(folder.join(".spile/drafts")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("My CRM"), "{text}");
    }

    let server = Server::of_folder(&folder, &["--bind", &address]);
    let browser = server.again(cookie, csrf);
    let page = browser.page(&settings).await;
    assert!(page.contains("value=\"My CRM\"") && page.contains("set here") && !page.contains("hunter2"), "{page}");
    // What the browser still shows can be sent, too.
    let streams = browser.goes(&trial, &[("do", "next")]).await;
    let schedule = browser.goes(&streams, &[("do", "next")]).await;
    let review = browser.goes(&schedule, &[("do", "next"), ("loader", "lake"), ("schedule", "@hourly")]).await;
    browser.goes(&review, &[("do", "save")]).await;
    let file = folder.read("integrations/my-crm.toml");
    assert!(file.contains("client_secret = \"ENC[") && file.contains("refresh_token = \"ENC["), "{file}");
    assert_eq!(std::fs::read_dir(folder.join(".spile/drafts")).unwrap().count(), 0, "a saved draft is gone");
}

#[tokio::test]
async fn a_long_list_is_sorted_and_shown_in_pages() {
    let folder = project();
    for number in 1..=120 {
        folder.integration(&format!("many-{number:03}"), "data");
    }
    let text = folder.read("integrations/many-077.toml");
    folder.write(
        "integrations/many-077.toml",
        &text.replace("loader", "schedule = \"@hourly\"\nenabled = false\nloader"),
    );
    let text = folder.read("integrations/many-033.toml");
    folder.write("integrations/many-033.toml", &text.replace("loader", "schedule = \"@hourly\"\nloader"));
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let rows = |page: &str| -> Vec<String> {
        let of = |rest: &str| rest.split('"').next().unwrap().to_owned();
        page.split("name=\"slug\" value=\"").skip(1).map(of).collect()
    };
    let first = browser.page("/integrations").await;
    is_sound(&first);
    assert_eq!((rows(&first).len(), rows(&first)[0].as_str()), (100, "fruit"));
    let second = browser.page("/integrations?page=1").await;
    assert_eq!((rows(&second).len(), rows(&second)[21].as_str()), (22, "many-120"));
    assert!(
        first.contains("page=1\">Next") && second.contains("\">Previous") && !second.contains("Next</a>"),
        "{second}"
    );
    assert_eq!(rows(&browser.page("/integrations?sort=next").await)[0], "many-033");
    assert_eq!(rows(&browser.page("/integrations?state=disabled").await), ["many-077"]);
    assert_eq!(rows(&browser.page("/integrations?sort=status&q=many-0&page=0").await).pop().unwrap(), "many-077");
    assert!(browser.page("/integrations?q=nothing-like-it").await.contains("No integrations match"));
    assert_eq!(browser.get("/integrations?sort=color").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn search_finds_pages_integrations_and_commands() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let labels = |page: &str| -> Vec<String> {
        let list = page.split("<ul class=\"found\">").nth(1).unwrap_or_default();
        let of = |rest: &str| rest.split('<').next().unwrap().to_owned();
        list.split("</svg>").skip(1).map(of).collect()
    };
    let found = async |q: &str| labels(&browser.page(&format!("/search?q={q}")).await);
    is_sound(&browser.page("/search?q=fruit").await);
    assert_eq!(found("fruit").await, ["fruit", "Sync fruit", "Test fruit", "Runs of fruit"]);
    assert_eq!(found("sync+fruit").await, ["Sync fruit"]);
    assert_eq!(found("Test").await, ["Test fruit", "Test lake"]);
    assert_eq!(found("change").await[0], "Changes");
    assert!(found("add+stripe").await.contains(&"Add Stripe".to_owned()));
    assert_eq!(found("nothing-like-it").await, [""; 0]);
}
