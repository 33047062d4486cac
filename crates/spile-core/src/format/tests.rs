use proptest::prelude::*;

use super::*;
use crate::connector::{Catalog, Role};
use crate::problem::Problems;

fn formatted(text: &str) -> String {
    let connector = Catalog::new(&[], &mut Problems::default()).find(Role::Extractor, "postgres");
    integration(text, connector.as_deref()).unwrap()
}

#[test]
fn a_byte_order_mark_is_removed() {
    let text = "\u{feff}name = \"Shop\"\ntype = \"postgres\"\n";
    assert_eq!(formatted(text), "type = \"postgres\"\nname = \"Shop\"\n");
    assert_eq!(other(text).unwrap(), "name = \"Shop\"\ntype = \"postgres\"\n");
}

const WRITTEN: &str = "# The shop.


name='Shop'   # for people
# What it is.
type   = \"postgres\"
select = [
  \"a.*\",   # all

  '!b',
]
[secrets]
password = 'ENC[x]'
   user='ENC[y]'
[sops]
version = \"3.9.0\"
# Where it is.

[config]
user = 'u'
# The port.
port=5433

host = \"\"\"
h = 1
[x]\"\"\"
unknown = 1
# the end
";

const FORMED: &str = "# The shop.

# What it is.
type = \"postgres\"
name = 'Shop'   # for people
select = [
  \"a.*\",   # all

  '!b',
]

[config]
host = \"\"\"
h = 1
[x]\"\"\"
# The port.
port = 5433
user = 'u'
unknown = 1
# the end

[secrets]
password = 'ENC[x]'
   user='ENC[y]'

[sops]
version = \"3.9.0\"
# Where it is.
";

#[test]
fn differently_written_files_get_the_same_format() {
    assert_eq!(formatted(WRITTEN), FORMED);
    assert_eq!(formatted(FORMED), FORMED);
    assert_eq!(
        other("a=1\n[[b]]\n x = { y = 1 }\n\n\n[[b]]\nx=2 # c  \n").unwrap(),
        "a = 1\n\n[[b]]\nx = { y = 1 }\n\n[[b]]\nx = 2 # c\n"
    );
    assert_eq!(formatted(""), "");
    assert_eq!(formatted("# alone\n"), "# alone\n");
    assert_eq!(formatted("# about\ntype = 'x'\nid = 'y'\n"), "# about\nid = 'y'\ntype = 'x'\n");
    assert_eq!(
        formatted("[config]\nlocal.b = 1\nport = 2\nlocal.a = 3\n"),
        "[config]\nport = 2\nlocal.b = 1\nlocal.a = 3\n"
    );
    assert!(integration("a = ", None).is_err());
}

#[test]
fn blank_lines_around_a_file_are_removed() {
    for blank in ["", "\n", "\n\n", " \n\r\n\n"] {
        for text in ["# about\n\ntype = 'x'\n", "# about\ntype = 'x'\n", "type = 'x'\n", "[config]\nhost = 'h'\n", ""] {
            assert_eq!(formatted(&format!("{blank}{text}")), text, "{blank:?}");
            let text = if text.is_empty() { "# about\n" } else { text };
            assert_eq!(formatted(&format!("{text}{blank}")), text, "{blank:?} behind");
        }
    }
}

#[test]
fn a_blank_line_that_separates_entries_is_kept() {
    let config = "[config]\nhost = 'h'\n\n# The port.\nport = 1\nuser = 'u'\n";
    assert_eq!(formatted(config), config);
    let tail = "[config]\nhost = 'h'\n\n# the end\n# of it\n\n# and more\n";
    assert_eq!(formatted(tail), tail);
    assert_eq!(formatted(&tail.replace("\n\n", "\n \n\n")), tail);
    let empty = "[config]\n\n# nothing yet\n\n[secrets]\n\n# here neither\n";
    assert_eq!(formatted(empty), "[config]\n# nothing yet\n\n[secrets]\n# here neither\n");
    let between = "[config]\nhost = 'h'\n# of the host\n\n# of the table\n[secrets]\npassword = 'ENC[x]'\n";
    assert_eq!(formatted(between), between);
}

fn line() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "",
        "# c",
        "  # d  ",
        "type = 'postgres'",
        "name='x' # e",
        "select = [\n 'a', # f\n\n]",
        "tags=[]",
        "description = '''\n[x]\n# no\n'''",
        "[config]",
        "host = 'h'",
        "port=1",
        "user = \"u = v\" # g",
        "ssl.enable=true",
        "ssl.\"a = b\" = 2",
        "[metadata.a]",
        "[metadata.\"b.c\"]",
        "key = {x = 1}",
        "[secrets]",
        "password = 'ENC[1]'",
        "[sops]",
        "mac='ENC[2]'",
    ])
    .prop_map(str::to_owned)
}

/// Returns the content of a file without positions, and its comments.
fn said(text: &str) -> (toml::Table, Vec<String>) {
    let mut comments: Vec<String> =
        text.split('#').skip(1).map(|part| part.split('\n').next().unwrap_or_default().trim().to_owned()).collect();
    comments.sort();
    (text.parse().unwrap(), comments)
}

proptest! {
    #[test]
    fn formatting_keeps_the_content_and_is_idempotent(lines in proptest::collection::vec(line(), 0..14)) {
        let text = lines.join("\n") + "\n";
        prop_assume!(text.parse::<toml::Table>().is_ok());
        let once = formatted(&text);
        prop_assert_eq!(said(&once), said(&text), "{}", &once);
        prop_assert_eq!(formatted(&once), once.clone(), "{}", &once);
        let is_as_written = text.contains("'''") || text.contains("[s");
        prop_assert!(is_as_written || !once.contains("\n\n\n"), "{}", &once);
    }
}
