use super::*;
use crate::settings;
use crate::source::Source;

fn variables() -> Variables {
    let read = |name: &str| match name {
        "SUPABASE_KEY" => Some("sb_secret_x".to_owned()),
        "SUPABASE_URL" => Some(" https://x.supabase.co ".to_owned()),
        "SUPABASE_PASTED" => Some("hunter2".to_owned()),
        "SUPABASE_DB_URL" => Some("postgres://u:hunter2@h".to_owned()),
        "SUPABASE_USER_URL" => Some("https://hunter2@x.supabase.co".to_owned()),
        "SUPABASE_HTTP_URL" => Some("http://hunter2.example".to_owned()),
        "SUPABASE_PUBLISHABLE" => Some("sb_publishable_hunter2".to_owned()),
        "AWS_SECRET_ACCESS_KEY" | "GITHUB_TOKEN" => Some("https://hunter2.example".to_owned()),
        _ => None,
    };
    Variables::new(read, Allowed::default())
}

/// The mistakes in lines of `[registry]`, found when they are read or else when the registry is opened, and what is
/// shown of them.
fn found(lines: &str) -> (Option<Resolved>, Vec<String>, String) {
    let source = Source::new("spile.toml", format!("[project]\nname='a'\n[registry]\nkind='supabase'\n{lines}\n"));
    let mut problems = Problems::default();
    let settings = settings::read(&source, &mut problems).unwrap();
    let mut resolved = None;
    if let Registry::Supabase(supabase) = &settings.registry {
        resolved = supabase.resolved(&variables(), &mut problems);
    }
    let report = problems.into_report();
    let lines = report.problems().iter().map(|one| format!("{}: {}", one.place().line_and_column().0, one.code()));
    let found = lines.map(|line| line.replace("spile::registry::", "")).collect();
    let said: Vec<String> = report.problems().iter().map(|one| format!("{one:?} {:?}", one.help())).collect();
    (resolved, found, said.join("\n") + &report.excerpt_text(&source))
}

const KEY: &str = "key = '${SUPABASE_KEY}'";

#[test]
fn an_address_is_a_literal_or_a_reference_to_a_variable() {
    for url in ["https://x.supabase.co/", "HTTPS://X.supabase.co:443", "${SUPABASE_URL}"] {
        let (resolved, problems, _) = found(&format!("url = '{url}'\n{KEY}"));
        assert_eq!(problems, [""; 0], "{url}");
        assert_eq!(resolved.unwrap().address.as_str(), "https://x.supabase.co");
    }
    for mixed in [
        "https://host/${AWS_SECRET_ACCESS_KEY}/${GITHUB_TOKEN}",
        "https://${SUPABASE_REF}.supabase.co",
        "${SUPABASE_URL}/x",
        "${SUPABASE_URL}${SUPABASE_URL}",
        "${}",
        "https://u:hunter2@h/${SUPABASE_URL}",
    ] {
        let (resolved, problems, shown) = found(&format!("url = '{mixed}'\n{KEY}"));
        assert!(resolved.is_none());
        assert_eq!(problems, ["5: mixed_variable"], "{mixed}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_path_and_a_schema_accept_no_variable() {
    let lines = format!("url = 'https://h'\n{KEY}\nrest_path = '/${{GITHUB_TOKEN}}'\nschema = '${{SUPABASE_KEY}}'");
    assert_eq!(found(&lines).1, ["7: no_variable", "8: no_variable"]);
    for schema in ["", "1a", "x; drop table y", "a-b", "a.b", "\"a\""] {
        let lines = format!("url = 'https://h'\n{KEY}\nschema = '{schema}'");
        assert_eq!(found(&lines).1, ["7: schema"], "{schema}");
    }
}

#[test]
fn a_table_has_a_plain_name_of_its_own() {
    for (table, code) in [
        ("", "table"),
        ("A", "table"),
        ("a-b", "table"),
        ("a.b", "table"),
        ("spile", "table"),
        ("${SUPABASE_KEY}", "no_variable"),
    ] {
        let lines = format!("url = 'https://h'\n{KEY}\ntable = '{table}'");
        assert_eq!(found(&lines).1, [format!("7: {code}")], "{table}");
    }
    let table = |lines: &str| {
        let text = format!("[project]\nname='a'\n[registry]\nkind='supabase'\nurl='https://h'\n{KEY}\n{lines}");
        let settings = settings::read(&Source::new("spile.toml", text), &mut Problems::default()).unwrap();
        let Registry::Supabase(supabase) = settings.registry else { panic!("it is local") };
        supabase.home.table.to_string()
    };
    assert_eq!((table(""), table("table = 'acme_rows'")), ("integrations".to_owned(), "acme_rows".to_owned()));
}

#[test]
fn an_address_that_no_key_may_be_sent_to_is_rejected_and_not_shown() {
    for (url, code) in [
        ("postgres://u:hunter2@h", "url"),
        ("https://hunter2@x.supabase.co", "url"),
        ("https://x.supabase.co?apikey=hunter2", "url"),
        ("${SUPABASE_PASTED}", "url"),
        ("${SUPABASE_DB_URL}", "url"),
        ("${SUPABASE_USER_URL}", "url"),
        ("http://x.supabase.co", "insecure_url"),
        ("${SUPABASE_HTTP_URL}", "insecure_url"),
    ] {
        let (resolved, problems, shown) = found(&format!("url = '{url}'\n{KEY}"));
        assert!(resolved.is_none(), "{url}");
        assert_eq!(problems, [format!("5: {code}")], "{url}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(shown.contains(url), url.starts_with("${") || code == "insecure_url", "{shown}");
    }
}

#[test]
fn a_variable_that_is_not_allowed_is_reported_where_it_is_named() {
    let (resolved, problems, shown) = found("url = '${GITHUB_TOKEN}'\nkey = '${AWS_SECRET_ACCESS_KEY}'");
    assert!(resolved.is_none());
    assert_eq!(problems, ["5: variable_not_allowed", "6: variable_not_allowed"]);
    assert!(shown.contains("SPILE_ALLOW_VARIABLES=GITHUB_TOKEN"), "{shown}");
    assert!(shown.contains("variables = [\\\"GITHUB_TOKEN\\\"]"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn other_mistakes_with_variables_are_reported() {
    assert_eq!(found(&format!("url = '${{SUPABASE_NONE}}'\n{KEY}")).1, ["5: unset"]);
    let key = |name: &str| found(&format!("url = 'https://h'\nkey = '{name}'")).1;
    assert_eq!(key("${SUPABASE_NONE}"), ["6: unset"]);
    assert_eq!(key("${SUPABASE_PASTED}"), ["6: key"]);
    assert_eq!(key("${SUPABASE_PUBLISHABLE}"), ["6: publishable_key"]);
    assert_eq!(key("sb_secret_x${SUPABASE_KEY}"), ["6: literal_key"]);
    assert_eq!(key("${SUPABASE_KEY}${SUPABASE_KEY}"), ["6: literal_key"]);
}

#[test]
fn a_literal_host_needs_an_agreement_but_one_from_a_variable_does_not() {
    let agreement = |url: &str| {
        let text = format!("[project]\nname='a'\n[registry]\nkind='supabase'\nurl = '{url}'\n{KEY}\n");
        let settings = settings::read(&Source::new("spile.toml", text), &mut Problems::default()).unwrap();
        let Registry::Supabase(supabase) = settings.registry else { panic!("it is local") };
        supabase.agreement().map(|agreement| agreement.question())
    };
    assert_eq!(agreement("${SUPABASE_URL}"), None);
    assert_eq!(
        agreement("https://X.supabase.co:443/rest").unwrap(),
        "`spile.toml` names a host. Send the key in `SUPABASE_KEY` to `https://x.supabase.co`?"
    );
}
