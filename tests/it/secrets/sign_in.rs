//! `spile secrets sign-in` with a provider of OAuth, and a browser that follows redirects.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::{CONNECTOR, Desk, Done, SHOP};
use crate::tools;

/// A provider on this machine that ends with the test.
pub struct Provider {
    child: Child,
    pub port: u16,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Provider {
    /// Starts it; `None` if there is no `npm`.
    pub fn start() -> Option<Self> {
        let folder = tools::oauth_provider()?;
        let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oauth/provider.mjs");
        let mut child = Command::new("node").args([&script, &folder]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { child, port: line.trim().parse().unwrap() })
    }

    /// Returns a connector that signs in to it.
    pub fn connector(&self) -> String {
        let port = self.port;
        format!(
            "{CONNECTOR}[[settings]]\nname = \"client_id\"\n[[settings]]\nname = \"client_secret\"\nsecret = true\nplugin = false\n\
             [[settings]]\nname = \"refresh_token\"\nsecret = true\n[oauth]\n\
             authorize_url = \"http://127.0.0.1:{port}/authorize\"\ntoken_url = \"http://127.0.0.1:{port}/token\"\n\
             scopes = [\"api\", \"refresh_token\"]\nclient_id = \"client_id\"\nclient_secret = \"client_secret\"\n\
             refresh_token = \"refresh_token\"\n[oauth.parameters]\nprompt = \"consent\"\n"
        )
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns a project whose integration knows its client.
    pub fn desk(&self, client: &str) -> Desk {
        let desk = Desk::new();
        desk.folder.write("connectors/shop.toml", &self.connector());
        desk.folder.write("integrations/shop.toml", &format!("{SHOP}client_id = \"{client}\"\n"));
        desk.set("client_secret", "hunter2-of-the-client");
        desk
    }
}

/// Signs in without opening a browser, and with one that only follows redirects.
async fn sign_in(desk: &Desk, words: &[&str]) -> Done {
    let words = [&["secrets", "sign-in", "shop", "--no-browser", "--timeout", "60"], words].concat();
    let mut command = desk.command(&words);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut stderr = String::new();
    let address = loop {
        let start = stderr.len();
        if said.read_line(&mut stderr).unwrap() == 0 {
            break None;
        }
        if stderr[start..].starts_with("http") {
            break Some(stderr[start..].trim().to_owned());
        }
    };
    if let Some(address) = address {
        // The page is for people; what counts is what the command does.
        let _ = browser().get(address).send().await;
    }
    said.read_to_string(&mut stderr).unwrap();
    let output = child.wait_with_output().unwrap();
    Done { code: output.status.code().unwrap_or(-1), stdout: String::from_utf8(output.stdout).unwrap(), stderr }
}

fn browser() -> reqwest::Client {
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

#[tokio::test]
async fn a_token_from_a_browser_is_encrypted_and_shown_nowhere() {
    let Some(provider) = Provider::start() else { return };
    let desk = provider.desk("acme");
    for arguments in [vec![], vec!["--port", "0"]] {
        let done = sign_in(&desk, &[&["--trust-registry", &provider.host()], &arguments[..]].concat()).await.succeeds();
        assert!(done.stderr.contains("code_challenge_method=S256"), "{}", done.stderr);
        assert!(done.stderr.contains("scope=api+refresh_token&prompt=consent"), "{}", done.stderr);
        for secret in ["refresh-of-acme", "hunter2"] {
            assert!(!format!("{}{}{}", done.stdout, done.stderr, desk.shop()).contains(secret), "{secret}");
        }
        let values = json!({"client_secret": "hunter2-of-the-client", "refresh_token": "refresh-of-acme"});
        assert_eq!(desk.values("shop"), values);
        let variables = desk.run(&["exec", "shop", "--", "env"]).succeeds().stdout;
        assert!(variables.contains("_REFRESH_TOKEN=refresh-of-acme"), "{variables}");
        assert!(!variables.contains("CLIENT_SECRET"), "only spile uses it: {variables}");
        desk.run(&["secrets", "unset", "shop", "refresh_token"]).succeeds();
    }
    let basic = provider.connector().replace("[oauth.parameters]", "client_auth = \"basic\"\n[oauth.parameters]");
    desk.folder.write("connectors/shop.toml", &basic);
    sign_in(&desk, &["--trust-registry", &provider.host()]).await.succeeds();
    assert_eq!(desk.values("shop")["refresh_token"], "refresh-of-acme");
}

#[tokio::test]
async fn nothing_is_sent_to_a_host_that_a_file_names_until_somebody_agrees() {
    let Some(provider) = Provider::start() else { return };
    let desk = provider.desk("acme");
    let before = desk.shop();
    let done = sign_in(&desk, &[]).await.fails("you have not agreed to send the secret and the code of the sign-in");
    assert!(!done.stderr.contains("/authorize?"), "{}", done.stderr);
    assert_eq!(desk.shop(), before);

    // Whatever the connector is called.
    desk.folder.write("connectors/shop.ch.toml", &provider.connector());
    desk.folder.write("integrations/shop.toml", &before.replace("\"shop\"", "\"shop.ch\""));
    sign_in(&desk, &[]).await.fails("you have not agreed to send the secret and the code of the sign-in to `shop_ch`");

    // For each host that gets the secret.
    let device = "device_url = \"https://device.example/code\"\nscopes";
    desk.folder.write(
        "connectors/shop.toml",
        &provider.connector().replacen("scopes = [\"api\"", &format!("{device} = [\"api\""), 1),
    );
    desk.folder.write("integrations/shop.toml", &before);
    sign_in(&desk, &["--trust-registry", &provider.host()]).await.fails("to `https://device.example`");
    assert_eq!(desk.shop(), before);
}

#[tokio::test]
async fn a_refusal_of_the_provider_says_what_to_change_there() {
    let Some(provider) = Provider::start() else { return };
    let desk = provider.desk("acme");
    for (client, sentence) in [
        ("denied", "Shop did not give access: access_denied, end-user denied authorization"),
        ("redirect", "Shop does not accept the redirect address"),
        ("scope", "Shop refused the sign-in: invalid_scope"),
        ("state", "the browser came back from another sign-in"),
        ("expired", "the code from Shop has expired or was used before"),
        ("ok-error", "the code from Shop has expired or was used before"),
        ("echo", "Shop refused the sign-in: invalid_request, client_secret … is too short"),
        ("no-refresh", "Shop sent no refresh token"),
        ("nonsense", "the answer of Shop cannot be used"),
    ] {
        let shop = desk.shop();
        let text = shop.lines().map(|line| {
            if line.starts_with("client_id") { format!("client_id = \"{client}\"") } else { line.to_owned() }
        });
        desk.folder.write("integrations/shop.toml", &format!("{}\n", text.collect::<Vec<_>>().join("\n")));
        let before = desk.shop();
        let done = sign_in(&desk, &["--trust-registry", &provider.host()]).await.fails(sentence);
        assert!(done.stderr.contains("spile::oauth::") && !done.stderr.contains("hunter"), "{}", done.stderr);
        assert_eq!(desk.shop(), before, "{client}");
    }
    desk.set("client_secret", "wrong");
    sign_in(&desk, &["--trust-registry", &provider.host()])
        .await
        .fails("does not know this client, or its secret is wrong");
}

#[tokio::test]
async fn only_one_sign_in_waits_at_a_time_and_not_for_ever() {
    let Some(provider) = Provider::start() else { return };
    let desk = provider.desk("acme");
    let words = ["secrets", "sign-in", "shop", "--no-browser", "--trust-registry", &provider.host(), "--timeout"];
    let mut first = desk.command(&[&words[..], &["60"]].concat());
    let mut first = first.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(first.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("redirect address http://127.0.0.1:"), "{line}");
    desk.run(&[&words[..], &["1"]].concat()).fails("another spile process has been signing in to a source");
    first.kill().unwrap();
    first.wait().unwrap();
    desk.run(&[&words[..], &["1"]].concat()).fails("nobody signed in to Shop within 1 s");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    desk.run(&[&words[..], &["1", "--port", &port]].concat()).fails("on this machine cannot be used");
}

#[tokio::test]
async fn a_code_on_another_device_brings_the_token_too() {
    let Some(provider) = Provider::start() else { return };
    let desk = provider.desk("acme");
    let words = ["secrets", "sign-in", "shop", "--device", "--trust-registry", &provider.host()];
    desk.run(&words).fails("Shop has no sign-in for other devices");
    let port = provider.port;
    let device = provider.connector().replace(
        &format!("{port}/token\""),
        &format!("{port}/device/token\"\ndevice_url = \"http://127.0.0.1:{port}/device\""),
    );
    desk.folder.write("connectors/shop.toml", &device);
    let done = desk.run(&words).succeeds();
    assert!(done.stderr.contains("open http://127.0.0.1/activate and type the code WDJB-MJHT"), "{}", done.stderr);
    assert_eq!(desk.values("shop")["refresh_token"], "refresh-of-device");
}

#[test]
fn what_is_missing_before_a_sign_in_is_named() {
    let desk = Desk::new();
    desk.run(&["secrets", "sign-in", "shop"]).fails("Shop has no sign-in");
    desk.folder.write("integrations/crm.toml", "type = \"salesforce\"\nname = \"CRM\"\nloader = \"lake\"\n");
    desk.run(&["secrets", "sign-in", "crm"]).fails("cannot prompt for `client_id` without a terminal");
    desk.folder.write("integrations/crm.toml", "type = \"salesforce\"\n[config]\nclient_id = \"$CLIENT_ID\"\n");
    desk.run(&["secrets", "sign-in", "crm"]).fails("`client_id` is a variable");
}
