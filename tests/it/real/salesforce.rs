//! The real tap-salesforce against a stand-in for Salesforce: from the first sign-in to a revoked one.

use serde_json::{Value, json};

use super::WAREHOUSE;
use super::sources::asked_of_duckdb;
use crate::cli::schemas::holds;
use crate::project::{Project, Ran, leftovers, seed, with_sources};
use crate::salesforce::{Field, Salesforce};

const CRM: &str = r#"type = "salesforce"
loader = "duck"
select = ["Account.*", "Contact.*", "!Contact.Phone", "AccountHistory.*", "DashboardComponent.*"]

[config]
instance_url = "https://acme.my.salesforce.com"
client_id = "key-of-the-app"
start_date = 2024-01-01
"#;

/// A project with the tap, which is installed once for all that share the seed, and with DuckDB.
pub fn connected() -> Project {
    let project = with_sources();
    project.write("integrations/duck.toml", WAREHOUSE);
    project.write("integrations/crm.toml", CRM);
    project.spile(&["secrets", "init"]).succeeds();
    for (name, value) in [("client_secret", "hunter2-app"), ("refresh_token", "hunter2-token-1")] {
        project.spile_with(&["secrets", "set", "crm", name, "--stdin"], value).succeeds();
    }
    project.spile(&["apply", "--yes"]).succeeds();
    let lock = std::fs::File::create(seed().join("../lock")).unwrap();
    lock.lock().unwrap();
    if !seed().join(".meltano/extractors/tap-salesforce/venv/bin/tap-salesforce").exists() {
        // Without the stand-in's proxy, which leads to no package index.
        Ran(project.meltano(&["install", "extractor", "tap-salesforce"])).succeeds();
    }
    project
}

/// A user's own view of it all.
struct Walk {
    salesforce: Salesforce,
    project: Project,
}

impl Walk {
    fn spile(&self, words: &[&str]) -> Ran {
        self.salesforce.spile(&self.project, words)
    }

    /// Changes the file, and applies it.
    fn edit(&self, from: &str, to: &str) {
        let text = self.project.read("integrations/crm.toml");
        assert!(text.contains(from), "{text}");
        self.project.write("integrations/crm.toml", &text.replace(from, to));
        self.project.spile(&["apply", "--yes"]).succeeds();
    }

    /// Syncs, and returns the records by stream.
    fn sync(&self) -> Value {
        self.spile(&["sync", "crm"]).succeeds();
        self.project.newest_run()["streams"].clone()
    }

    /// Fails, for this cause, with these words, and points to a line that begins like this; returns the next step.
    fn fails(&self, words: &[&str], cause: &str, said: &str, line: &str) -> String {
        let ran = self.spile(&[words, &["--format", "json"]].concat()).fails();
        let result: Value = serde_json::from_str(&ran.stdout()).unwrap();
        holds("results", &result);
        let run = &result["runs"][0];
        assert_eq!(run["cause"], cause, "{run:#}");
        let error = run["error"].as_str().unwrap();
        assert!(error.contains(said) && !error.contains("Traceback") && !error.contains("hunter2"), "{error}");
        let number = usize::try_from(run["mend"]["line"].as_u64().unwrap()).unwrap();
        let text = self.project.read("integrations/crm.toml");
        assert!(text.lines().nth(number - 1).unwrap().starts_with(line), "{run:#}");
        run["mend"]["help"].as_str().unwrap().to_owned()
    }

    fn count(&self, question: &str) -> String {
        asked_of_duckdb(&self.project, question)
    }
}

#[test]
fn salesforce_is_read_from_the_first_sign_in_until_its_token_is_revoked() {
    let Some(salesforce) = Salesforce::start() else { return };
    let walk = Walk { salesforce, project: connected() };
    let org = || walk.salesforce.org();

    // Signing in, and what there is to choose from.
    walk.spile(&["test", "crm"]).succeeds();
    assert!(org().asked.iter().any(|line| line == "POST /services/oauth2/token"));
    let discovered = walk.spile(&["discover", "crm", "--format", "json"]).succeeds().stdout();
    let discovered: Value = serde_json::from_str(&discovered).unwrap();
    holds("discover", &discovered);
    let names: Vec<&str> =
        discovered["streams"].as_array().unwrap().iter().map(|one| one["stream"].as_str().unwrap()).collect();
    assert_eq!(names, ["Account", "AccountHistory", "Contact", "DashboardComponent", "Invoice__c", "Opportunity"]);

    // REST: pages, a compound address, an object without `SystemModstamp` and one without any time.
    org().queries.clear();
    let all = json!({ "Account": 450, "AccountHistory": 3, "Contact": 5, "DashboardComponent": 2 });
    assert_eq!(walk.sync(), all);
    assert_eq!(org().asked.iter().filter(|line| line.contains("/query/")).count(), 2, "three pages of accounts");
    let queries = org().queries.join("\n");
    assert!(queries.contains("WHERE SystemModstamp >= 2024-01-01T00:00:00Z"), "{queries}");
    assert!(!queries.contains("Phone") && queries.contains("CreatedDate >= "), "{queries}");
    assert_eq!(walk.count("select count(*) from account"), "450");
    assert_eq!(walk.count("select distinct billingaddress->>'city' from account"), "Zürich");
    assert_eq!(walk.count("select count(distinct seats__c) from account where tier__c = 'Gold'"), "1");
    assert_eq!(walk.count("select count(*) from accounthistory"), "3");

    // Only what has changed since. A bookmark is read again with all that has its time.
    org().add("Account", 900, json!({ "Name": "Late" }));
    let changed = json!({ "Account": 2, "AccountHistory": 1, "Contact": 1, "DashboardComponent": 2 });
    assert_eq!(walk.sync(), changed);
    assert_eq!(walk.count("select count(*) from account"), "451");

    // BULK, and a field that somebody has added.
    org().object_mut("Account").fields.push(Field { name: "Region__c", kind: "string" });
    org().add("Account", 901, json!({ "Name": "Later", "Region__c": "EMEA" }));
    walk.edit("start_date =", "api_type = \"BULK\"\nstart_date =");
    let changed = json!({ "Account": 2, "AccountHistory": 1, "Contact": 1, "DashboardComponent": 2 });
    assert_eq!(walk.sync(), changed);
    assert_eq!(walk.count("select region__c from account where name = 'Later'"), "EMEA");
    assert_eq!(walk.count("select count(*) from account"), "452");
    assert!(org().asked.iter().any(|line| line.starts_with("GET /services/async/61.0/job/")));

    // Quotas: those of the settings, and Salesforce's own.
    org().batches.used = 14_000;
    let help = walk.fails(&["sync", "crm"], "quota", "total Bulk API quota", "[config]");
    assert!(help.starts_with("wait until the source allows more calls"), "{help}");
    org().batches.used = 0;
    walk.edit("api_type = \"BULK\"\n", "");
    org().fails("queryAll", 403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    walk.fails(&["sync", "crm"], "quota", "TotalRequests Limit exceeded.", "[config]");
    org().fails("queryAll", 503, "SERVER_UNAVAILABLE", "Server is too busy");
    walk.fails(&["sync", "crm", "--retries", "0"], "network", "503", "type = ");
    org().recovers();
    assert_eq!(walk.count("select count(*) from account"), "452", "nothing is lost");

    // A token that somebody has revoked.
    org().grant.refresh_token = None;
    let help = walk.fails(&["test", "crm"], "credentials", "expired access/refresh token", "refresh_token");
    assert!(help.starts_with("sign in at the source again"), "{help}");
    assert!(help.contains("`spile secrets set crm refresh_token`"), "{help}");
    assert!(leftovers(&walk.project).is_empty(), "{:?}", leftovers(&walk.project));
}
