//! A stand-in for Salesforce on loopback, which the real tap talks to: an HTTP proxy leads every host under
//! `salesforce.com` to it, over TLS with certificates of an authority of its own.
//!
//! Built from Salesforce's documentation: "OAuth 2.0 Web Server Flow" and "OAuth 2.0 Refresh Token Flow" (Help), the REST API Developer Guide ("Query",
//! "sObject Describe", "Limits", "Status Codes and Error Responses") and the Bulk API Developer Guide, version 61.0.

mod bulk;
mod message;
mod org;
mod rest;
mod sign_in;
mod soql;

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::notify::mail::library;
use crate::project::{Project, Ran};
use crate::tools::succeeds;
use message::{Request, head};
pub use org::{Field, Org};

/// The host of the organization, which a sign-in tells the tap.
pub const HOST: &str = "acme.my.salesforce.com";

/// Writes an authority, and a certificate of it with its key.
const CERTIFICATES: &str = r#"
import sys, trustme

authority = trustme.CA()
authority.cert_pem.write_to_path("authority.pem")
certificate = authority.issue_cert(*sys.argv[1:])
certificate.private_key_pem.write_to_path("key.pem")
for pem in certificate.cert_chain_pems:
    pem.write_to_path("chain.pem", append=True)
"#;

/// A running stand-in. Its threads end with the test program.
pub struct Salesforce {
    proxy: String,
    authority: PathBuf,
    org: Arc<Mutex<Org>>,
    _folder: tempfile::TempDir,
}

impl Salesforce {
    /// Starts a stand-in; `None`, reported loudly, if its certificates cannot be made here.
    pub fn start() -> Option<Self> {
        let library = library()?;
        let folder = tempfile::tempdir().unwrap();
        let mut python = Command::new("python3");
        python.args(["-W", "ignore", "-c", CERTIFICATES, "login.salesforce.com", "test.salesforce.com", HOST]);
        succeeds(python.current_dir(folder.path()).env("PYTHONPATH", library));
        let config = Arc::new(config(folder.path()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let org = Arc::new(Mutex::new(Org::acme()));
        let known = org.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, org) = (config.clone(), known.clone());
                // A client that disconnects is fine.
                std::thread::spawn(move || serve(stream?, config, &org));
            }
        });
        Some(Self { proxy, authority: folder.path().join("authority.pem"), org, _folder: folder })
    }

    /// Returns the address of the proxy that leads to it.
    pub fn proxy(&self) -> &str {
        &self.proxy
    }

    /// Returns the organization: what it contains, allows and was asked.
    pub fn org(&self) -> MutexGuard<'_, Org> {
        self.org.lock().unwrap()
    }

    /// Returns a command of the program whose plugins reach the stand-in.
    pub fn command(&self, project: &Project, words: &[&str]) -> Command {
        let mut command = project.command(words);
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name);
        }
        command.env("HTTPS_PROXY", &self.proxy).env("REQUESTS_CA_BUNDLE", &self.authority);
        command
    }

    pub fn spile(&self, project: &Project, words: &[&str]) -> Ran {
        Ran(self.command(project, words).output().unwrap())
    }
}

fn config(folder: &Path) -> ServerConfig {
    // Another one may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = CertificateDer::pem_file_iter(folder.join("chain.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    config.with_single_cert(chain.collect::<Result<_, _>>().unwrap(), key).unwrap()
}

/// Serves a connection: `CONNECT` as a proxy, then requests until the client closes.
fn serve(mut stream: TcpStream, config: Arc<ServerConfig>, org: &Mutex<Org>) -> std::io::Result<()> {
    let head = head(&mut stream)?;
    let host = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(':').next()).unwrap_or_default().to_owned();
    if !host.ends_with(".salesforce.com") {
        return stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    }
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    while let Some(request) = Request::read(&mut stream, &host)? {
        let response = org.lock().unwrap().answer(&request);
        stream.get_mut().write_all(&response.bytes())?;
        stream.get_mut().flush()?;
    }
    Ok(())
}
