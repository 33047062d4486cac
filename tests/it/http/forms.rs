//! Forms send only what was changed: untouched values stay in the files byte for byte.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::StatusCode;

use super::form::Form;
use super::{Browser, RULES, Server};
use crate::folder::Folder;

/// A connector with a setting of every kind.
const KINDS: &str = r#"[plugin]
name = "tap-kinds"
namespace = "tap_kinds"
pip_url = "tap-kinds==1.0"

[[settings]]
name = "text"
kind = "string"
[[settings]]
name = "count"
kind = "integer"
[[settings]]
name = "share"
kind = "decimal"
[[settings]]
name = "yes"
kind = "boolean"
[[settings]]
name = "no"
kind = "boolean"
default = true
[[settings]]
name = "since"
kind = "date_iso8601"
[[settings]]
name = "address"
kind = "email"
[[settings]]
name = "file"
kind = "file"
[[settings]]
name = "mode"
kind = "options"
options = [{ label = "First", value = "a b" }, { label = "Second", value = 2 }]
[[settings]]
name = "items"
kind = "array"
[[settings]]
name = "table"
kind = "object"
[[settings]]
name = "private_key"
kind = "string"
secret = true
"#;

fn project() -> Folder {
    let folder = Folder::project();
    folder.write(".sops.yaml", RULES);
    folder.write("connectors/kinds.toml", KINDS);
    folder
}

async fn form(browser: &Browser<'_>, slug: &str) -> Form {
    let page = browser.page(&action(slug)).await;
    Form::of(&page, &action(slug))
}

fn action(slug: &str) -> String {
    format!("/integrations/{slug}/settings")
}

/// Saves a form, demands success, and returns the redirect's target.
async fn save(browser: &Browser<'_>, slug: &str, form: &Form) -> String {
    browser.goes(&action(slug), &form.pairs()).await
}

const SHOP: &str = "type = \"kinds\"\nloader = 'lake' # for now\nname = \"shop\"\ndescription = \"\"\"\nTwo\nlines\"\"\"\n\
tags = [ \"b\",\n  \"a, c\" ]\nselect = [\"z.*\", \"a.*\"]\n\n[config]\nitems = ['data', \"data/a,b\"]  # both\n\
text = \"-----BEGIN-----\\nabc\\n\"\nno = true\nyes = false\ncount = 1_000\ntable = { b = 1, a = [\"x\\ny\"] }\n";

#[tokio::test]
async fn an_untouched_form_writes_nothing_and_says_so() {
    let folder = project();
    folder.write("integrations/shop.toml", SHOP);
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let shown = form(&browser, "shop").await;
    assert_eq!(shown.get("config.items"), "data\r\ndata/a,b");
    assert_eq!(shown.get("description"), "Two\r\nlines");
    let to = save(&browser, "shop", &shown).await;
    assert_eq!(to, "/integrations/shop/settings?did=unchanged");
    assert_eq!(folder.read("integrations/shop.toml"), SHOP);
    let page = browser.page(&to).await;
    assert!(page.contains("Nothing changed"), "{page}");
    assert!(!folder.join(".spile/audit.jsonl").exists() || !folder.read(".spile/audit.jsonl").contains("change"));
}

#[tokio::test]
async fn an_edited_field_only_changes_its_own_line() {
    let folder = project();
    folder.write("integrations/shop.toml", SHOP);
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let mut text = SHOP.to_owned();
    for (field, typed, from, to) in [
        ("config.count", "7", "count = 1_000\n", "count = 7\n"),
        ("config.items", "data\nother, one\n", "['data', \"data/a,b\"]", "[\"data\", \"other, one\"]"),
        ("config.yes", "true", "yes = false\n", "yes = true\n"),
        ("tags", "x, y", "[ \"b\",\n  \"a, c\" ]", "[\"x, y\"]"),
        ("description", "One line", "\"\"\"\nTwo\nlines\"\"\"", "\"One line\""),
    ] {
        let typed = form(&browser, "shop").await.with(field, typed);
        assert_eq!(save(&browser, "shop", &typed).await, "/integrations/shop/settings?did=saved", "{field}");
        assert!(text.contains(from), "{field}: {text}");
        text = text.replace(from, to);
        assert_eq!(folder.read("integrations/shop.toml"), text, "{field}");
    }
}

/// Connectors that take part in both ways to a faster sync.
const FAST: [(&str, &str); 2] = [
    (
        "fast-source",
        "parallel = true\n[plugin]\nname = 'tap-fast'\nnamespace = 'fast'\npip_url = 'x==1'\ncapabilities = ['batch', 'catalog', 'discover']\n",
    ),
    (
        "fast-lake",
        "kind = 'loader'\nparallel = true\n[plugin]\nname = 'target-fast'\nnamespace = 'fast'\npip_url = 'y==1'\ncapabilities = ['batch']\n",
    ),
];

#[tokio::test]
async fn how_records_pass_is_chosen_where_both_sides_leave_a_choice() {
    let folder = project();
    for (name, text) in FAST {
        folder.write(&format!("connectors/{name}.toml"), text);
    }
    folder.write("integrations/sea.toml", "type = 'fast-lake'\nkind = 'loader'\n");
    folder.write("integrations/shop.toml", "type = 'fast-source'\nloader = 'sea'\n");
    folder.write("integrations/slow.toml", "type = 'kinds'\nloader = 'sea'\n");
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let slow = browser.page(&action("slow")).await;
    assert!(!slow.contains("name=\"streams\"") && !slow.contains("name=\"batch\""), "{slow}");
    let typed = form(&browser, "shop").await.with("streams", "4").with("batch", "true");
    save(&browser, "shop", &typed).await;
    let text = folder.read("integrations/shop.toml");
    assert!(text.contains("streams = 4\n") && text.contains("batch = true\n"), "{text}");
    for wrong in ["many", "0"] {
        let typed = form(&browser, "shop").await.with("streams", wrong);
        let refused = browser.post(&action("shop"), &typed.pairs()).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = refused.text().await.unwrap();
        assert!(page.contains("id=\"streams-fault\""), "{page}");
    }
    let typed = form(&browser, "shop").await.with("streams", "").with("batch", "");
    save(&browser, "shop", &typed).await;
    let text = folder.read("integrations/shop.toml");
    assert!(!text.contains("streams") && !text.contains("batch"), "{text}");
}

#[tokio::test]
async fn the_wizard_proposes_a_name_that_is_free() {
    let folder = project();
    folder.write("integrations/kinds.toml", SHOP);
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let begun = browser.goes("/new/extractor/kinds", &[]).await;
    assert_eq!(Form::of(&browser.page(&begun).await, &begun).get("name"), "kinds 2");
}

#[tokio::test]
async fn changes_of_one_side_are_merged_and_conflicts_are_shown() {
    let folder = project();
    folder.write("integrations/shop.toml", SHOP);
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let opened = form(&browser, "shop").await;
    // Someone else edits the file by hand.
    let theirs = SHOP.replace("1_000", "2_000").replace("lines", "verses");
    folder.write("integrations/shop.toml", &theirs);
    let mine = opened.with("tags", "red").with("config.yes", "true");
    assert_eq!(save(&browser, "shop", &mine).await, "/integrations/shop/settings?did=saved");
    let merged = theirs.replace("[ \"b\",\n  \"a, c\" ]", "[\"red\"]").replace("yes = false", "yes = true");
    assert_eq!(folder.read("integrations/shop.toml"), merged);
    // A change on both sides is refused, shows both values, and loses nothing.
    let refused = browser.post(&action("shop"), &mine.with("config.count", "3000").pairs()).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let page = refused.text().await.unwrap();
    assert!(page.contains("someone else changed this to <code>2000</code>"), "{page}");
    assert_eq!(folder.read("integrations/shop.toml"), merged);
    let back = Form::of(&page, &action("shop"));
    assert_eq!((back.get("config.count"), back.get("description")), ("3000", "Two\r\nverses"));
    // A user who has seen both values may save.
    assert_eq!(save(&browser, "shop", &back).await, "/integrations/shop/settings?did=saved");
    assert_eq!(folder.read("integrations/shop.toml"), merged.replace("2_000", "3000"));
}

#[tokio::test]
async fn a_pasted_key_keeps_its_line_breaks() {
    let folder = project();
    let (secret, public) = crate::secrets::identity();
    folder.write(".sops.yaml", &format!("creation_rules:\n  - age: {public}\n"));
    folder.write("integrations/shop.toml", SHOP);
    let server = Server::start(
        |words| {
            let mut command = folder.command(&words.join(" "));
            command.env("SOPS_AGE_KEY", &secret);
            command
        },
        &[],
    );
    let browser = server.browser().await;
    let pem = "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n";
    let page = browser.page(&action("shop")).await;
    assert!(page.contains("<textarea class=\"masked\" id=\"secrets.private_key\""), "{page}");
    let opened = Form::of(&page, &action("shop"));
    save(&browser, "shop", &opened.with("secrets.private_key", pem)).await;
    let shown = folder.command("secrets view shop --yes").env("SOPS_AGE_KEY", &secret).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("hunter2") && !shown.contains("\\r"), "{shown}");
    // If two people set the same secret, the second must enter it again.
    let refused = browser.post(&action("shop"), &opened.with("secrets.private_key", "other").pairs()).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let page = refused.text().await.unwrap();
    assert!(page.contains("someone else changed this secret") && !page.contains("other<"), "{page}");
}

#[tokio::test]
async fn choosing_another_way_to_connect_removes_the_settings_of_the_first() {
    let folder = project();
    let ways = "\n[[groups]]\nlabel = \"By text\"\nsettings = [\"text\"]\n\n[[groups]]\nlabel = \"By file\"\nsettings = [\"file\"]\n";
    folder.write("connectors/kinds.toml", &format!("{KINDS}{ways}"));
    let file = "type = \"kinds\"\nloader = \"lake\"\n\n[config]\ntext = 'x'\ncount = 1\n";
    folder.write("integrations/shop.toml", file);
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let opened = form(&browser, "shop").await;
    assert_eq!(opened.get("way"), "1");
    // With a script, the form does not send fields of other ways; that must not remove them.
    let without = Form(opened.0.iter().filter(|(name, _)| name != "config.text").cloned().collect());
    assert_eq!(save(&browser, "shop", &without).await, "/integrations/shop/settings?did=unchanged");
    let other = opened.with("way", "2").with("config.file", "a.json");
    assert_eq!(save(&browser, "shop", &other).await, "/integrations/shop/settings?did=saved");
    assert_eq!(
        folder.read("integrations/shop.toml"),
        file.replace("text = 'x'\n", "").replace("count = 1\n", "count = 1\nfile = \"a.json\"\n")
    );
}

#[tokio::test]
async fn the_wizard_keeps_untouched_answers_and_merges_two_windows() {
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let browser = server.browser().await;
    let settings = browser.goes("/new/extractor/kinds", &[]).await;
    let opened = Form::of(&browser.page(&settings).await, &settings);
    let answers =
        opened.with("name", "Shop").with("config.items", "data\ndata/a,b").with("config.table", "{ a = 'x' }");
    browser.goes(&settings, &answers.pairs()).await;
    // Another window that was opened earlier sends something else.
    browser.goes(&settings, &opened.with("config.count", "7").pairs()).await;
    let back = Form::of(&browser.page(&settings).await, &settings);
    assert_eq!(back.get("config.items"), "data\r\ndata/a,b");
    let wrong = browser.post(&settings, &back.with("config.count", "many").pairs()).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let back = Form::of(&wrong.text().await.unwrap(), &settings);
    assert_eq!((back.get("config.count"), back.get("config.table")), ("many", "{ a = 'x' }"));
    browser.goes(&settings, &back.with("config.count", "8").pairs()).await;
    let schedule = settings.replace("/settings", "/schedule");
    let opened = Form::of(&browser.page(&schedule).await, &schedule);
    let review = browser.goes(&schedule, &opened.with("loader", "lake").pairs()).await;
    assert_eq!(browser.goes(&review, &[("do", "save")]).await, "/integrations/shop?did=saved");
    let file = folder.read("integrations/shop.toml");
    let table = "table = { a = \"x\" }";
    for line in ["name = \"Shop\"", "count = 8\n", "items = [\"data\", \"data/a,b\"]", table, "loader = \"lake\""] {
        assert!(file.contains(line), "{line}: {file}");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z ,.\\[\\]<>&\"'#=\\\\\n\r\t]{0,12}", any::<String>()]
}

/// A line of `[config]` for each setting.
fn config() -> impl Strategy<Value = Vec<String>> {
    let toml = |value: serde_json::Value| spile_core::value::to_toml(&value).unwrap().unwrap().to_string();
    let said = move |name: &'static str, value: BoxedStrategy<serde_json::Value>| {
        proptest::option::of(value.prop_map(move |value| format!("{name} = {}\n", toml(value)).trim_start().to_owned()))
    };
    let word = || text().prop_map(serde_json::Value::from).boxed();
    let mixed = || {
        prop_oneof![
            word(),
            any::<i64>().prop_map(serde_json::Value::from).boxed(),
            any::<bool>().prop_map(serde_json::Value::from).boxed()
        ]
    };
    let list = |item: BoxedStrategy<serde_json::Value>| {
        proptest::collection::vec(item, 0..4).prop_map(serde_json::Value::from).boxed()
    };
    let one_of = |values: Vec<serde_json::Value>| proptest::sample::select(values).boxed();
    let table = proptest::collection::btree_map("[a-z]{1,3}", prop_oneof![mixed().boxed(), list(word())], 0..3);
    let table = table.prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()).boxed();
    (
        said("text", mixed().boxed()),
        said("count", any::<i64>().prop_map(serde_json::Value::from).boxed()),
        said("share", (-1e6..1e6).prop_map(serde_json::Value::from).boxed()),
        said("yes", any::<bool>().prop_map(serde_json::Value::from).boxed()),
        said("no", any::<bool>().prop_map(serde_json::Value::from).boxed()),
        said("file", word()),
        said("mode", one_of(vec!["a b".into(), 2.into()])),
        said("items", prop_oneof![list(word()), list(mixed().boxed())].boxed()),
        said("table", table),
        said("address", one_of(vec!["a@example.com".into()])),
    )
        .prop_map(|(a, b, c, d, e, f, g, h, i, j)| [a, b, c, d, e, f, g, h, i, j].into_iter().flatten().collect())
}

#[tokio::test]
async fn every_value_of_every_kind_survives_a_form_with_another_change() {
    let folder = project();
    let mut runner = TestRunner::deterministic();
    let mut files = Vec::new();
    for number in 0..24 {
        let lines = config().new_tree(&mut runner).unwrap().current();
        let description = text().new_tree(&mut runner).unwrap().current();
        let description = spile_core::value::to_toml(&description.into()).unwrap().unwrap();
        let head = format!(
            "type = \"kinds\"\nloader = \"lake\"\ndescription = {}\ntags = [\"x\"]\n\n[config]\n",
            description.to_string().trim()
        );
        let file = format!("{head}{}", lines.concat());
        folder.write(&format!("integrations/k{number}.toml"), &file);
        // Skip files that the rules refuse.
        let checked = folder.command("check").output().unwrap();
        if checked.status.success() {
            files.push((format!("k{number}"), file));
        } else {
            folder.remove(&format!("integrations/k{number}.toml"));
        }
    }
    assert!(files.len() > 10, "{}", files.len());
    let server = Server::of_folder(&folder, &["--rate", "10000"]);
    let browser = server.browser().await;
    for (slug, file) in files {
        let path = format!("integrations/{slug}.toml");
        let shown = form(&browser, &slug).await;
        assert_eq!(
            save(&browser, &slug, &shown).await,
            format!("/integrations/{slug}/settings?did=unchanged"),
            "{file}"
        );
        assert_eq!(folder.read(&path), file);
        assert_eq!(
            save(&browser, &slug, &shown.with("tags", "y")).await,
            format!("/integrations/{slug}/settings?did=saved"),
            "{file}"
        );
        assert_eq!(folder.read(&path), file.replace("tags = [\"x\"]", "tags = [\"y\"]"));
    }
}
