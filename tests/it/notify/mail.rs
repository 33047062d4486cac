//! Email, to a real server: aiosmtpd, which requires a user and a password.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use miette::Diagnostic;
use spile_core::settings::{Email, Sender};
use spile_world::Notifier;

use super::channels::{notifier, parcel, placed, trusting};
use crate::cli::program::run;
use crate::folder::Folder;
use crate::tools::{installed, succeeds};

const AIOSMTPD: &str = "1.4.6";

/// Makes a certificate authority and a server's certificate for a test.
const TRUSTME: &str = "1.2.1";

const SERVER: &str = r#"
import socket, ssl, sys
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

class Handler:
    async def handle_DATA(self, server, session, envelope):
        if b"try again" in envelope.content:
            return "451 4.3.0 busy"
        with open(sys.argv[1], "ab") as file:
            file.write(f"{envelope.mail_from} {envelope.rcpt_tos}\n".encode() + envelope.content + b"\n--\n")
        return "250 taken"

def authenticator(server, session, envelope, mechanism, data):
    is_right = data.login == b"me@example.com" and data.password == b"canary-Pw19"
    return AuthResult(success=is_right, handled=is_right)

letters, host, tls = sys.argv[1:]
authority = trustme.CA()
authority.cert_pem.write_to_path(letters + ".pem")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
authority.issue_cert(host).configure_cert(context)
words = {"none": {}, "wrapper": {"ssl_context": context}, "upgrade": {"tls_context": context, "require_starttls": True}}
with socket.socket() as free:
    free.bind((host, 0))
    port = free.getsockname()[1]
controller = Controller(Handler(), hostname=host, port=port, authenticator=authenticator, auth_required=True,
                        auth_require_tls=False, **words[tls])
controller.start()
print(port, flush=True)
sys.stdin.read()
controller.stop()
"#;

/// A mail server that ends with the test.
struct Server {
    child: Child,
    port: u16,
    letters: PathBuf,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Option<Self> {
        Self::with("127.0.0.1", "none")
    }

    /// Starts a server at a loopback address: without TLS, with TLS from the start, or only after an upgrade.
    fn with(host: &str, tls: &str) -> Option<Self> {
        let library = library()?;
        let folder = tempfile::tempdir().unwrap();
        let letters = folder.path().join("letters");
        let mut python = Command::new("python3");
        python.args(["-W", "ignore", "-c", SERVER]).arg(&letters).args([host, tls]).env("PYTHONPATH", library);
        let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Some(Self { child, port, letters, _folder: folder })
    }

    fn letters(&self) -> String {
        std::fs::read_to_string(&self.letters).unwrap_or_default()
    }

    fn notifier(&self) -> Notifier {
        trusting(&format!("127.0.0.1:{}", self.port))
    }

    fn sender(&self, password: &str) -> Sender {
        let server = placed(&format!("smtp://me%40example.com@127.0.0.1:{}", self.port));
        let to = ["data@example.com", "Ops <ops@example.com>"].map(placed).into();
        let password = Some(placed(password));
        Sender::Email(Box::new(Email { server, password, from: placed("spile <spile@example.com>"), to }))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Returns the folder of Python packages for test servers.
pub fn library() -> Option<PathBuf> {
    installed(&format!("aiosmtpd-{AIOSMTPD}-trustme-{TRUSTME}"), "python3", install)
}

fn install(folder: &Path) {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]).arg(folder);
    succeeds(pip.args([format!("aiosmtpd=={AIOSMTPD}"), format!("trustme=={TRUSTME}")]));
}

#[tokio::test]
async fn an_email_arrives_with_its_subject_at_every_recipient() {
    let Some(server) = Server::start() else { return };
    let text = "[spile] shöp: the sync failed\n\nthe token has expired\n\n-- \nFrom: nobody\n";
    let answer = server.notifier().send(&server.sender("SPILE_PASSWORD"), &parcel(text)).await.unwrap();
    assert_eq!(answer, "status 250");
    let letters = server.letters();
    assert!(letters.starts_with("spile@example.com ['data@example.com', 'ops@example.com']\n"), "{letters}");
    assert!(letters.contains("Subject: [spile] =?utf-8?b?c2jDtnA6?= the sync failed"), "{letters}");
    assert!(letters.contains("\r\n\r\nthe token has expired\r\n"), "{letters}");
    assert!(letters.contains("Message-ID: <00000000-0000-0000-0000-000000000007@example.com>"), "{letters}");
    assert!(letters.contains("Auto-Submitted: auto-generated\r\n"), "{letters}");
    assert!(!letters.contains("canary"), "{letters}");
}

#[tokio::test]
async fn a_subject_has_only_one_line() {
    let Some(server) = Server::start() else { return };
    server.notifier().send(&server.sender("SPILE_PASSWORD"), &parcel("a\rBcc: x@y.z\nbody")).await.unwrap();
    let letters = server.letters();
    assert!(!letters.to_lowercase().contains("\nbcc:"), "{letters}");
}

#[tokio::test]
async fn a_refused_email_gives_the_reason_and_no_password() {
    let Some(server) = Server::start() else { return };
    for (password, text, wanted) in [
        ("SPILE_OTHER_PASSWORD", "x", "Authentication credentials invalid"),
        ("SPILE_PASSWORD", "x\ntry again", "busy"),
    ] {
        let error = server.notifier().send(&server.sender(password), &parcel(text)).await.unwrap_err();
        assert_eq!(error.code().unwrap().to_string(), "spile::notify::mail");
        let told = format!("{error} {error:?}");
        assert!(told.contains(wanted) && !told.contains("canary"), "{told}");
    }
    assert_eq!(server.letters(), "");
}

#[tokio::test]
async fn without_tls_a_password_only_goes_to_this_machine() {
    let Some(server) = Server::start() else { return };
    // The same server under a name that is not recognized as this machine: it offers no TLS.
    let Sender::Email(email) = server.sender("SPILE_PASSWORD") else { panic!("it is mail") };
    for scheme in ["smtp", "smtps"] {
        let address = placed(&format!("{scheme}://me%40example.com@127.0.0.2:{}", server.port));
        let sender = Sender::Email(Box::new(Email { server: address, ..(*email).clone() }));
        let agreed = trusting(&format!("127.0.0.2:{}", server.port));
        let error = agreed.send(&sender, &parcel("x")).await.unwrap_err();
        assert_eq!(error.code().unwrap().to_string(), "spile::notify::mail", "{error}");
    }
    assert_eq!(server.letters(), "");
}

#[tokio::test]
async fn a_password_goes_to_no_server_that_a_file_alone_names() {
    let Some(server) = Server::start() else { return };
    let error = notifier().send(&server.sender("SPILE_PASSWORD"), &parcel("x")).await.unwrap_err();
    assert_eq!(error.code().unwrap().to_string(), "spile::notify::host_not_agreed", "{error}");
    let help = error.help().unwrap().to_string();
    assert!(help.contains(&format!("SPILE_TRUST_REGISTRY=smtp://127.0.0.1:{}", server.port)), "{help}");
    assert_eq!(server.letters(), "");
}

#[test]
fn email_over_tls_only_goes_to_servers_that_the_system_trusts() {
    for (scheme, host, tls) in [("smtps", "127.0.0.1", "wrapper"), ("smtp", "127.0.0.2", "upgrade")] {
        let Some(server) = Server::with(host, tls) else { return };
        let folder = Folder::project();
        let channel = format!(
            "[[notify]]\nname = 'mail'\nkind = 'email'\nserver = '{scheme}://me%40example.com@{host}:{}'\n\
             password = '${{SMTP_PASSWORD}}'\nfrom = 'spile@example.com'\nto = ['data@example.com']\n",
            server.port
        );
        folder.write("spile.toml", &format!("{}{channel}", folder.read("spile.toml")));
        let mut command = folder.command("notify test");
        command.env("SMTP_PASSWORD", "canary-Pw19").env("SPILE_ALLOW_VARIABLES", "SMTP_PASSWORD");
        let refused = run(&mut command).exits(1).notes;
        assert!(refused.contains("spile::notify::host_not_agreed") && !refused.contains("canary"), "{refused}");
        command.env("SPILE_TRUST_REGISTRY", format!("{host}:{}", server.port));
        let refused = run(command.env_remove("SSL_CERT_FILE")).exits(1).out;
        assert!(refused.contains("certificate") && !refused.contains("canary"), "{refused}");
        assert_eq!(server.letters(), "");
        let authority = format!("{}.pem", server.letters.display());
        let sent = run(command.env("SSL_CERT_FILE", authority)).exits(0).out;
        assert_eq!(sent, "ok: mail (email): status 250\n");
        assert!(server.letters().contains("Subject: [spile] acme: a test (acme, dev)"), "{}", server.letters());
    }
}
