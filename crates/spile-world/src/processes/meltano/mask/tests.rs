//! Tests the mask against what programs print.

use std::fmt::Write;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

fn struck(secret: &str, line: &str) -> String {
    let secret = Secret::new(secret);
    let mask = Mask::of([&secret].into_iter()).unwrap();
    String::from_utf8(mask.apply(line.as_bytes()).into_owned()).unwrap()
}

#[test]
fn a_secret_is_masked_in_every_form_that_programs_print() {
    assert_eq!(struck("p@ss w\u{f6}rd", "x p@ss w\u{f6}rd y"), "x (secret) y");
    assert_eq!(struck("p@ss w\u{f6}rd", "db://u:p%40ss%20w%C3%B6rd@h"), "db://u:(secret)@h");
    assert_eq!(struck("p@ss w\u{f6}rd", r#"{"a": "p@ss w\u00f6rd"}"#), r#"{"a": "(secret)"}"#);
    assert_eq!(struck("a\"quote", r#""a\"quote""#), r#""(secret)""#);
    assert_eq!(struck("-----BEGIN\nabcdef\n-----END", "line 2: abcdef"), "line 2: (secret)");
    assert_eq!(struck("aB3/xY+z0==", "k=aB3/xY%2Bz0%3D%3D&"), "k=(secret)&");
    assert_eq!(struck("aB3/xY+z0==", "k=aB3%2fxY%2bz0%3d%3d&"), "k=(secret)&");
    assert_eq!(struck("p@ss word", "p%40ss+word"), "(secret)");
    assert_eq!(struck("hunter2", "aHVudGVyMg=="), "(secret)");
    assert_eq!(struck("hunter2", "aHVudGVyMg."), "(secret).");
    assert_eq!(struck("?>??>?", "Pz4_Pz4_"), "(secret)");
    assert_eq!(
        struck(r#"{"type": "x", "key": "hunter22"}"#, "{'type': 'x', 'key': 'hunter22'}"),
        "{'type': 'x', 'key': '(secret)'}"
    );
    assert_eq!(struck("db://u:hunter2@host/x", "no user u with password hunter2"), "no user u with password (secret)");
}

#[test]
fn a_secret_of_any_size_is_masked() {
    let lines: Vec<String> = (0..20_000).map(|number| format!("certificate {number}\n")).collect();
    let store = lines.concat();
    assert_eq!(struck(&store, "x certificate 19999 y"), "x (secret) y");
    assert_eq!(struck(&store, &store), "(secret)");
}

#[test]
fn short_values_are_not_masked() {
    assert_eq!(struck("a", "a cat"), "a cat");
}

#[test]
fn a_repr_inside_a_line_of_json_is_decoded() {
    let repr = r#"{'token': 'it\'s "b\\s" \xf6\u4e16\n'}"#;
    let line = serde_json::json!({"event": format!("config {repr}"), "level": "info"}).to_string();
    let masked = struck("it's \"b\\s\" \u{f6}\u{4e16}\n", &line);
    assert_eq!(masked, r#"{"event":"config {'token': '(secret)'}","level":"info"}"#);
    serde_json::from_str::<serde_json::Value>(&masked).unwrap();
    let twice = serde_json::json!(line).to_string();
    assert!(struck("it's \"b\\s\" \u{f6}\u{4e16}\n", &twice).contains("(secret)"));
}

#[test]
fn base64_is_decoded_from_any_byte_and_masked_in_whole_groups() {
    for user in ["", "u", "us", "use", "user:"] {
        for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(format!("{user}hunter2-\u{fc}?>~:more"));
            let masked = struck("hunter2-\u{fc}?>~", &format!("Authorization: Basic {encoded}, and more"));
            let kept = &encoded[..user.len() / 3 * 4];
            assert!(masked.starts_with(&format!("Authorization: Basic {kept}(secret)")), "{masked}");
            assert!(masked.ends_with(", and more"), "{masked}");
        }
    }
    // In the middle of a word of the same letters, and across line breaks.
    assert!(struck("hunter2hunter2", &format!("path/{}", STANDARD.encode("hunter2hunter2"))).contains("(secret)"));
    let long = STANDARD.encode(format!("{}hunter2-hunter2{}", "x".repeat(50), "y".repeat(50)));
    let broken = format!("{}\\n{}", &long[..76], &long[76..]);
    assert!(struck("hunter2-hunter2", &broken).contains("(secret)"), "{broken}");
}

#[test]
fn other_encodings_are_decoded_too() {
    for (secret, line, masked) in [
        ("hunter2", "68756e74657232", "(secret)"),
        ("h\u{fc}nter2", "x=68C3BC6E74657232;", "x=(secret);"),
        ("a'b<c>&\"d", "x a&#x27;b&lt;c&gt;&amp;&quot;d y", "x (secret) y"),
        ("a'b<c>&\"d", "x a&#39;b&lt;c&gt;&amp;&#34;d y", "x (secret) y"),
        ("o'hara's", "PASSWORD 'o''hara''s'", "PASSWORD '(secret)'"),
        ("o\"hara\"s", "1,\"o\"\"hara\"\"s\",2", "1,\"(secret)\",2"),
        ("it's me", "'it'\"'\"'s me'", "'(secret)'"),
        ("it's me", "'it'\\''s me'", "'(secret)'"),
        ("a b$c", "a\\ b\\$c", "(secret)"),
        ("p%40ss", "p%2540ss", "(secret)"),
        ("\u{1f511}-key", "\\ud83d\\udd11-key", "(secret)"),
        ("\u{1f511}-key", "b'\\xf0\\x9f\\x94\\x91-key'", "b'(secret)'"),
        ("\u{1f511}-key", "\\U0001f511-key", "(secret)"),
        ("\u{1f511}-key", "\\u{1f511}-key", "(secret)"),
    ] {
        assert_eq!(struck(secret, line), masked, "{line}");
    }
}

#[test]
fn an_escape_that_consumes_the_start_of_a_secret_hides_nothing() {
    // The text before the secret is not JSON, but the secret itself contains escapes.
    assert_eq!(struck("network\"1234", r#"C:\network\"1234"#), "C:(secret)");
    assert_eq!(struck("41 \"Elm\" street", r#"100%41 \"Elm\" street"#), "100(secret)");
    assert_eq!(struck("41%abcdefgh", "100%41%25abcdefgh"), "100(secret)");
}

#[test]
fn a_secret_at_the_end_of_a_truncated_line_is_masked() {
    let secret = Secret::new("hunter2-hunter2");
    let mask = Mask::of([&secret].into_iter()).unwrap();
    let line = format!("{}hunter2-hunter2 and more", "x ".repeat(50));
    for most in 100..115 {
        let masked = mask.apply_up_to(most, line.as_bytes()).into_owned();
        let expected = if most == 100 { String::new() } else { STRUCK.to_owned() };
        assert_eq!(String::from_utf8(masked).unwrap(), format!("{}{expected}", "x ".repeat(50)), "{most}");
    }
    let border = format!("{}hunter2-hunter2{}", " ".repeat(WINDOW - 7), " ".repeat(WINDOW));
    assert!(!struck("hunter2-hunter2", &border).contains("hunter"), "across two windows");
}

#[test]
fn each_line_of_a_key_in_json_is_a_secret() {
    let key = serde_json::json!({"type": "x", "private_key": "-----BEGIN KEY-----\nabcdefgh\n-----END KEY-----\n"});
    assert_eq!(struck(&key.to_string(), "line 2 is abcdefgh"), "line 2 is (secret)");
    let escaped = r"-----BEGIN KEY-----\nabcdefgh\n-----END KEY-----\n";
    assert_eq!(struck(&key.to_string(), escaped), "(secret)");
}

#[test]
fn a_long_line_takes_linear_time() {
    let secret = Secret::new("a secret that is nowhere");
    let mask = Mask::of([&secret].into_iter()).unwrap();
    // Text that is full of escapes is decoded more often, but that must be linear too.
    for (piece, length) in
        [("\\u0041%41&amp;''\\\\", 1), ("QUJD/+", 10), ("\"\"'\"'\"'", 1), ("{\"a\": \"b c\"}, ", 10), ("x", 10)]
    {
        let line = piece.repeat(length * 1_000_000 / piece.len());
        let begun = Instant::now();
        assert_eq!(mask.apply(line.as_bytes()), line.as_bytes());
        assert!(begun.elapsed() < Duration::from_mins(1), "{piece}: {:?}", begun.elapsed());
    }
}

/// Encodings as programs write them, without the surrounding quotes.
#[derive(Debug, Clone, Copy)]
enum Encoding {
    Json,
    AsciiJson,
    Repr,
    Url,
    SmallUrl,
    Form,
    Html,
    Sql,
    Shell,
    Base64(usize),
    UrlBase64(usize),
    Hex,
    LargeHex,
}

impl Encoding {
    const ALL: [Self; 17] = [
        Self::Json,
        Self::AsciiJson,
        Self::Repr,
        Self::Url,
        Self::SmallUrl,
        Self::Form,
        Self::Html,
        Self::Sql,
        Self::Shell,
        Self::Base64(0),
        Self::Base64(1),
        Self::Base64(2),
        Self::UrlBase64(0),
        Self::UrlBase64(1),
        Self::UrlBase64(2),
        Self::Hex,
        Self::LargeHex,
    ];

    fn encode(self, text: &str) -> String {
        let json = serde_json::json!(text).to_string();
        let json = &json[1..json.len() - 1];
        let url = text.bytes().fold(String::new(), |mut url, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => url.push(byte.into()),
                byte => write!(url, "%{byte:02X}").unwrap(),
            }
            url
        });
        let small = |url: &str| {
            let parts = url.split('%').enumerate();
            let small = |(at, part): (usize, &str)| {
                let digits = if at == 0 { 0 } else { 2 };
                format!("{}{}", part[..digits].to_lowercase(), &part[digits..])
            };
            parts.map(small).collect::<Vec<_>>().join("%")
        };
        match self {
            Self::Json => json.to_owned(),
            Self::AsciiJson => ascii(json),
            Self::Repr => {
                text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").replace('\u{a0}', "\\xa0")
            }
            Self::Url => url,
            Self::SmallUrl => small(&url),
            Self::Form => url.replace("%20", "+"),
            Self::Html => text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#x27;"),
            Self::Sql => text.replace('\'', "''"),
            Self::Shell => text.replace('\'', "'\"'\"'"),
            Self::Base64(shift) => STANDARD.encode(format!("{}{text}", "u".repeat(shift))),
            Self::UrlBase64(shift) => URL_SAFE_NO_PAD.encode(format!("{}{text}", "u".repeat(shift))),
            Self::Hex => hex(text, |byte| format!("{byte:02x}")),
            Self::LargeHex => hex(text, |byte| format!("{byte:02X}")),
        }
    }
}

fn hex(text: &str, digits: fn(u8) -> String) -> String {
    text.bytes().map(digits).collect()
}

fn ascii(json: &str) -> String {
    json.encode_utf16().fold(String::new(), |mut text, unit| {
        match char::from_u32(unit.into()).filter(char::is_ascii) {
            Some(letter) => text.push(letter),
            None => write!(text, "\\u{unit:04x}").unwrap(),
        }
        text
    })
}

/// Tells whether any eight bytes of a text occur in another one.
fn shows(masked: &[u8], encoded: &str) -> bool {
    encoded.as_bytes().windows(8).any(|piece| masked.windows(8).any(|window| window == piece))
}

proptest! {
    #[test]
    fn a_secret_shows_in_no_four_encodings_one_inside_the_other(
        secret in r#"[a-z]{2}[a-zA-Z0-9'"\\\n%&<>$ +/=;:,.!\xe9\xa0\x{4e16}\x{1f511}]{6,24}[a-z]{2}"#,
        encodings in prop::collection::vec(prop::sample::select(&Encoding::ALL[..]), 0..=4),
        before in r"[#@\[\]{}()|~^`\\%&' ]{0,12}",
        after in r"[#@\[\]{}()|~^`\\%&' ]{0,12}",
    ) {
        let encoded = encodings.iter().fold(secret.clone(), |text, encoding| encoding.encode(&text));
        let masked = struck_bytes(&secret, format!("{before}{encoded}{after}").as_bytes());
        prop_assert!(!shows(&masked, &encoded), "{encoded} in {}", String::from_utf8_lossy(&masked));
    }

    #[test]
    fn text_without_secrets_passes_byte_for_byte(text in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(struck_bytes("a secret that is nowhere", &text), text);
    }
}

fn struck_bytes(secret: &str, text: &[u8]) -> Vec<u8> {
    Mask::of([&Secret::new(secret)].into_iter()).unwrap().apply(text).into_owned()
}
