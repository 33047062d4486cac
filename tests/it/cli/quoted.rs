//! Plain-text secrets, in places where messages quote the input.

use crate::folder::Folder;

const SECRET: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxAB";

#[test]
fn no_message_quotes_a_secret_that_excerpts_hide() {
    let fruit = "type = \"singer-jsonl\"\nname = \"Fruit\"\n";
    let texts = [
        format!("type = \"{SECRET}\"\n"),
        "type = \"postgres://u:Hunter2Leak@h/d\"\n".to_owned(),
        format!("{fruit}loader = \"{SECRET}\"\n"),
        format!("{fruit}schedule = \"{SECRET}\"\n"),
        format!("{fruit}schedule = \"@hourly\"\ntimezone = \"{SECRET}\"\n"),
        format!("id = \"{SECRET}\"\n{fruit}"),
        format!(
            "{fruit}schedule = \"-----BEGIN PRIVATE KEY-----\\nHunter2Leak/U46nD7dcHW1nOLgGKs0b\\n-----END PRIVATE KEY-----\"\n"
        ),
    ];
    for text in texts {
        for form in ["text", "json", "sarif", "github", "junit"] {
            let folder = Folder::project();
            folder.write("integrations/quoted.toml", &text);
            let came = folder.spile(&format!("check --format {form}"));
            let said = format!("{}{}", came.out, came.notes);
            assert!(said.contains("quoted.toml"), "{form}: {text}{said}");
            assert!(!said.contains(SECRET) && !said.contains("Hunter2Leak"), "{form}: {text}{said}");
        }
    }
}

/// A secret that TOML writes with an escape, so that it is not in the file byte for byte.
const ESCAPED: &str = "gh\\u0070_0123456789abcdefghijklmnopqrstuvwxAB";

#[test]
fn no_place_of_a_file_shows_a_secret_of_a_known_form() {
    let fruit = "type = \"singer-jsonl\"\nloader = \"lake\"\n[config]\nlocal.folders = [\"x\"]\n";
    let key = "-----BEGIN PRIVATE KEY-----\\nHunter2Leak/U46nD7dcHW1nOLgGKs0b\\n-----END PRIVATE KEY-----";
    let connector = "name = \"x\"\n[plugin]\nname = \"tap-x\"\nnamespace = \"tap_x\"\n[[settings]]\nname = \"a\"\n";
    for (path, text) in [
        ("integrations/quoted.toml", format!("{fruit}[secrets]\n[sops]\nmac = \"{SECRET}\"\n")),
        ("integrations/quoted.toml", format!("{fruit}[secrets]\n[sops]\nversion = \"host=db password=Hunter2Leak\"\n")),
        ("integrations/quoted.toml", format!("{fruit}{SECRET} = 1\n[meta.{SECRET}]\nx = \"{SECRET}\"\n")),
        ("integrations/quoted.toml", format!("{fruit}[metadata.\"a-{SECRET}\"]\nreplication-method = \"x\"\n")),
        ("integrations/quoted.toml", format!("# {SECRET}\nfoo = 1\n# password=Hunter2Leak\n")),
        ("integrations/quoted.toml", format!("type = \"{SECRET}\"\nfoo")),
        ("integrations/quoted.toml", format!("type = \"{ESCAPED}\"\n")),
        ("integrations/quoted.toml", format!("type = \"singer-jsonl\"\n\"{ESCAPED}\" = 1\n")),
        ("integrations/quoted.secrets.yaml", format!("a: {SECRET}\n")),
        ("connectors/quoted.toml", format!("kind = \"{key}\"\n{connector}")),
        ("connectors/quoted.toml", format!("kind = \"{SECRET}\"\n")),
        ("connectors/quoted.toml", format!("{connector}kind = \"{key}\"\n")),
        ("connectors/quoted.toml", format!("description = \"ask for {SECRET}\"\n{connector}kind = \"string\"\n")),
        ("templates/meltano.yml.j2", format!("{{# {SECRET} #}}\n{{{{ quoted }}\n")),
        (".sops.yaml", format!("creation_rules:\n- path_regex: '({SECRET}'\n")),
    ] {
        for form in ["text", "json", "sarif", "github", "junit"] {
            let folder = Folder::project();
            folder.write(path, &text);
            let came = match path {
                ".sops.yaml" if form != "json" => folder.spile("secrets set fruit x --stdin"),
                ".sops.yaml" => folder.spile("secrets set fruit x --stdin --format json"),
                _ => folder.spile(&format!("check --format {form}")),
            };
            let came = came.exits(1);
            let said = format!("{}{}", came.out, came.notes);
            assert!(!said.contains(SECRET) && !said.contains("Hunter2Leak"), "{form}: {text}{said}");
        }
    }
}

#[test]
fn a_secret_in_the_place_of_a_path_names_no_file() {
    let channel = |template: &str| format!("[[notify]]\nname = \"a\"\nkind = \"desktop\"\ntemplate = \"{template}\"\n");
    let output = |path: &str, template: &str| format!("[[outputs]]\npath = \"{path}\"\ntemplate = \"{template}\"\n");
    let registry = |lines: &str| format!("[registry]\nkind = \"supabase\"\nurl = \"https://x.example\"\n{lines}\n");
    for lines in [
        channel(SECRET),
        channel(ESCAPED),
        channel("host=db password=Hunter2Leak"),
        output(SECRET, "airflow"),
        output("a.py", SECRET),
        output("a.py", ESCAPED),
        output("../x;password=Hunter2Leak", "password=Hunter2Leak"),
        registry(&format!("key = \"${{SUPABASE_KEY}}\"\nrest_path = \"{SECRET}\"\nschema = \"{SECRET}\"")),
        format!("[meltano]\nversion = \"{SECRET}\"\nextras = [\"{SECRET}\"]\n"),
        format!("[run]\nenv = [\"{SECRET}\"]\n"),
        format!("[lint]\nrules = [\"{SECRET}\"]\n[sync]\nretries = \"{SECRET}\"\n"),
    ] {
        for form in ["text", "json", "sarif", "github", "junit"] {
            let folder = Folder::project();
            folder.write("spile.toml", &format!("[project]\nname = \"acme\"\n\n[environments.dev]\n{lines}"));
            for words in ["check", "plan --offline"] {
                // Only `check` has formats for programs that read reports.
                let form = if words == "check" { form } else { "json" };
                let came = folder.spile(&format!("{words} --format {form}")).exits(1);
                let said = format!("{}{}", came.out, came.notes);
                assert!(said.contains("spile.toml"), "{form}: {lines}{said}");
                assert!(!said.contains(SECRET) && !said.contains("Hunter2Leak"), "{form}: {lines}{said}");
            }
        }
    }
}

#[test]
fn sops_metadata_is_checked_like_everything_else() {
    let folder = Folder::project();
    let text = crate::folder::with_secrets(
        "type = \"stripe\"\nloader = \"lake\"\n[config]\naccount_id = \"a\"\nstart_date = \"2024-01-01T00:00:00Z\"\n",
        &["client_secret"],
    );
    folder.write("integrations/pay.toml", &text);
    folder.spile("check").exits(0);
    let told = text.replace("[sops]\n", &format!("[sops]\nnote = \"{SECRET}\"\n"));
    assert_ne!(told, text);
    folder.write("integrations/pay.toml", &told);
    let came = folder.spile("check --format json").exits(1);
    assert!(came.out.contains("spile::toml::secret") && !came.out.contains(SECRET), "{}", came.out);
}
