//! Certificates and proxies from the user's environment, for spile's own requests: tested with the hub, whose client is
//! made like those of the registry and of channels.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use crate::folder::Folder;
use crate::notify::mail::library;

/// A hub without plugins, with a certificate of its own authority.
const SERVER: &str = r#"
import http.server, ssl, sys
import trustme

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass

authority = trustme.CA()
authority.cert_pem.write_to_path(sys.argv[1])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
authority.issue_cert("localhost").configure_cert(context)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

struct Secure {
    child: Child,
    address: String,
    authority: PathBuf,
    _folder: tempfile::TempDir,
}

impl Secure {
    fn start() -> Option<Self> {
        let library = library()?;
        let folder = tempfile::tempdir().unwrap();
        let authority = folder.path().join("authority.pem");
        let mut python = Command::new("python3");
        python.args(["-W", "ignore", "-c", SERVER]).arg(&authority).env("PYTHONPATH", library);
        let mut child = python.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = format!("https://localhost:{}", line.trim());
        Some(Self { child, address, authority, _folder: folder })
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Updates from a hub, with only these of the relevant variables.
fn update(folder: &Folder, hub: &str, variables: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
    command.current_dir(folder.path()).args(["connectors", "update", "--hub", hub]);
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        command.env_remove(name);
    }
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.envs(variables.iter().copied()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_authority_from_the_environment_is_trusted_and_one_from_a_project_is_not() {
    let Some(server) = Secure::start() else { return };
    let folder = Folder::project();
    let refused = update(&folder, &server.address, &[]);
    assert!(!refused.status.success() && said(&refused).contains("spile::hub::unreached"), "{}", said(&refused));
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        let asked = update(&folder, &server.address, &[(name, &server.authority)]);
        assert!(asked.status.success(), "{name}: {}", said(&asked));
        let of_a_clone = format!("{name}={}\n", server.authority.display());
        folder.write(".env", &of_a_clone);
        let refused = update(&folder, &server.address, &[]);
        assert!(said(&refused).contains("spile::hub::unreached"), "{name} of a `.env`: {}", said(&refused));
    }
    let missing = update(&folder, &server.address, &[("REQUESTS_CA_BUNDLE", Path::new("/nowhere/ca.pem"))]);
    let told = said(&missing);
    assert!(
        told.contains("spile::hub::client") && told.contains("`REQUESTS_CA_BUNDLE` is set to `/nowhere/ca.pem`"),
        "{told}"
    );
}

/// A proxy that records the requested addresses and answers everything itself.
fn proxy() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let known = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            known.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
            let answer = if head.starts_with("CONNECT") { "502 Bad Gateway" } else { "200 OK" };
            let _ = write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
        }
    });
    (address, asked)
}

#[test]
fn a_proxy_from_the_environment_is_used_and_one_from_a_project_is_not() {
    let (address, asked) = proxy();
    let folder = Folder::project();
    let through = format!("http://{address}");
    let through = Path::new(&through);
    let taken = |asked: &Mutex<Vec<String>>| std::mem::take(&mut *asked.lock().unwrap());
    let done = update(&folder, "http://hub.invalid", &[("HTTP_PROXY", through)]);
    assert!(done.status.success(), "{}", said(&done));
    let asked_for = taken(&asked);
    assert!(asked_for.iter().any(|line| line.starts_with("GET http://hub.invalid/meltano/api/v1/")), "{asked_for:?}");
    update(&folder, "https://hub.invalid", &[("HTTPS_PROXY", through)]);
    assert!(taken(&asked).iter().any(|line| line.starts_with("CONNECT hub.invalid:443")));
    for (variables, dotenv) in [
        (&[("HTTP_PROXY", through), ("NO_PROXY", Path::new("hub.invalid"))][..], ""),
        (&[], "HTTP_PROXY=http://PROXY\nhttp_proxy=http://PROXY\nALL_PROXY=http://PROXY\n"),
    ] {
        folder.write(".env", &dotenv.replace("PROXY", &address.to_string()));
        let failed = update(&folder, "http://hub.invalid", variables);
        assert!(said(&failed).contains("spile::hub::unreached"), "{}", said(&failed));
        assert_eq!(taken(&asked), Vec::<String>::new());
    }
}
