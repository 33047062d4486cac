//! Formats for a CI: Markdown for a comment, SARIF, `JUnit` and GitHub's annotations.

use comrak::{Options, markdown_to_html};
use serde_json::json;

use crate::folder::Folder;

fn html(markdown: &str) -> String {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.strikethrough = true;
    options.extension.alerts = true;
    options.render.r#unsafe = true;
    markdown_to_html(markdown, &options)
}

/// A project with an integration for each action, and values that try to break out of the format.
fn changing() -> Folder {
    let folder = Folder::project();
    for slug in ["gone", "gone-too", "stays", "moves"] {
        folder.integration(slug, "data");
    }
    folder.spile("apply --yes").exits(0);
    folder.remove("integrations/gone.toml");
    folder.remove("integrations/gone-too.toml");
    folder.integration("moves", "a`b``c</details>| @team\\n\\n# not a title");
    folder.integration("new", "```\\n<script>alert(1)</script>");
    folder
}

#[test]
fn a_plan_comment_starts_with_numbers_and_deletions() {
    let folder = changing();
    let markdown = folder.spile("plan --format markdown").exits(0).out;
    assert!(markdown.starts_with("<!-- spile plan acme/dev -->\n### spile: plan for `acme`, `dev`\n"), "{markdown}");
    let place = |part: &str| markdown.find(part).unwrap_or_else(|| panic!("`{part}` is not in\n{markdown}"));
    assert!(markdown.contains("| 2 | 1 | 1 | 3 | 0 |"), "{markdown}");
    assert!(place("| 2 | 1 | 1 |") < place("<b>gone</b>"));
    assert!(place("<b>gone</b>") < place("<b>moves</b>") && place("<b>moves</b>") < place("<b>new</b>"));
    assert!(markdown.contains("apply will refuse this** without `--allow delete=2`"), "{markdown}");
    let id = folder.spile("plan --format json").json()["id"].as_str().unwrap().to_owned();
    assert!(markdown.contains(&format!("spile apply --plan-id {id}")));
}

#[test]
fn no_value_breaks_out_of_the_comment() {
    let folder = changing();
    let page = html(&folder.spile("plan --format markdown").exits(0).out);
    assert_eq!(page.matches("<details>").count(), 5, "{page}");
    assert_eq!(page.matches("</details>").count(), 5, "{page}");
    assert_eq!(page.matches("<table>").count(), 1, "{page}");
    assert!(!page.contains("<script>") && !page.contains("<h1>"), "{page}");
    assert!(page.contains("<code>[&quot;a`b``c&lt;/details&gt;| @team\\n\\n# not a title&quot;]</code>"), "{page}");
    assert!(page.contains("<code class=\"language-diff\">--- a/meltano.yml"), "{page}");
}

#[test]
fn a_comment_fits_and_keeps_its_numbers() {
    let folder = Folder::project();
    for number in 0..400 {
        folder.integration(&format!("number-{number}"), &"long/".repeat(60));
    }
    let markdown = folder.spile("plan --out-markdown plan.md --out-json plan.json").exits(0);
    assert!(markdown.out.contains("402 to create"));
    let written = folder.read("plan.md");
    assert!(written.chars().count() <= 65_000, "{}", written.chars().count());
    assert!(written.contains("| 0 | 0 | 402 | 0 | 0 |") && written.contains("<b>number-399</b>"), "{written}");
    assert!(written.contains("its diff does not fit here"));
    assert_eq!(html(&written).matches("<table>").count(), 1);
    let json: serde_json::Value = serde_json::from_str(&folder.read("plan.json")).unwrap();
    assert_eq!(json["summary"]["create"], 402);
    folder.spile("apply --yes --out-markdown applied.md").exits(0);
    assert_eq!(folder.read("applied.md"), written, "the applied plan differs from the planned one");
}

fn mistaken() -> Folder {
    let folder = Folder::project();
    folder.write("integrations/bad.toml", "type = \"singer-jsonl\"\nnmae = \"x\"\n[config]\nlocal.folders = 'é'\n");
    folder
}

#[test]
fn problems_are_sarif() {
    let sarif = mistaken().spile("check --format sarif").exits(1).json();
    assert_eq!((&sarif["version"], &sarif["runs"][0]["tool"]["driver"]["name"]), (&json!("2.1.0"), &json!("spile")));
    let run = &sarif["runs"][0];
    let rules: Vec<_> =
        run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| rule["id"].clone()).collect();
    assert_eq!(rules, [json!("spile::settings::wrong_kind"), json!("spile::toml::unknown_key")]);
    let result = &run["results"][0];
    assert_eq!((&result["ruleId"], &result["level"]), (&json!("spile::toml::unknown_key"), &json!("error")));
    assert_eq!(result["message"]["text"], "unknown key `nmae`\ndid you mean `name`?");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "integrations/bad.toml");
    assert_eq!(place["region"], json!({"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 5}));
    let none = Folder::project().spile("check --format sarif").exits(0).json();
    assert_eq!(none["runs"][0]["results"], json!([]));
}

#[test]
fn problems_are_github_annotations() {
    let told = mistaken().spile("check --format github").exits(1).out;
    let first = "::error file=integrations/bad.toml,line=2,endLine=2,col=1,endColumn=5,\
                 title=spile%3A%3Atoml%3A%3Aunknown_key::unknown key `nmae`%0Adid you mean `name`?\n";
    assert!(told.starts_with(first), "{told}");
    assert_eq!(told.lines().count(), 2);
    assert_eq!(Folder::project().spile("check --format github").exits(0).out, "");
}

#[test]
fn files_are_named_from_the_root_of_the_repository() {
    let repository = Folder::new();
    repository.write(".git/HEAD", "ref: refs/heads/main\n");
    repository.write("data/spile/spile.toml", "[project]\nname = \"acme\"\n");
    repository.write("data/spile/integrations/bad.toml", "typ = 1\n");
    let told = repository.spile("check -C data/spile --format github").exits(1).out;
    assert!(told.contains("::error file=data/spile/integrations/bad.toml,line=1"), "{told}");
    let sarif = repository.spile("check -C data/spile --format sarif").exits(1).json();
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "data/spile/integrations/bad.toml");
}

#[test]
fn problems_are_junit() {
    let told = mistaken().spile("check --format junit").exits(1).out;
    assert!(told.contains("<testsuite name=\"spile check\" tests=\"1\" failures=\"1\">"), "{told}");
    assert!(
        told.contains("<failure message=\"unknown key `nmae`\">integrations/bad.toml:2:1: error: unknown key"),
        "{told}"
    );
    let fine = Folder::project().spile("check --format junit").exits(0).out;
    assert!(fine.contains("tests=\"1\" failures=\"0\"") && fine.contains("name=\"all files\"/>"), "{fine}");
}

#[test]
fn an_unsupported_format_is_an_invalid_command_line() {
    let folder = Folder::project();
    for line in ["status --format sarif", "plan --format junit", "check --format markdown"] {
        let refused = folder.spile(line).exits(64);
        assert!(refused.notes.contains("[possible values: text, json"), "{line}: {}", refused.notes);
    }
    for line in ["--format sarif status", "--format junit plan", "--format markdown check"] {
        let refused = folder.spile(line).exits(64);
        assert!(refused.notes.contains("supports only the formats text, json"), "{line}: {}", refused.notes);
    }
}
