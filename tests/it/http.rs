//! `spile serve`: the API and the pages, over real connections.

mod api;
mod browser;
mod canary;
mod changes;
mod figures;
mod form;
mod forms;
mod gone;
mod jwt;
mod lived;
mod login;
mod logs;
mod openapi;
mod pages;
mod readme;
mod runs;
mod safety;
mod screens;
mod settings;
mod sign_in;
mod states;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

/// A recipient whose key nobody here has: the server needs no key to encrypt.
pub const RULES: &str = "creation_rules:\n  - age: age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n";

/// A server that stops with the test, however the test ends.
pub struct Server {
    child: Child,
    address: String,
    code: Option<String>,
    token: String,
    client: Client,
    rest: Option<JoinHandle<String>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        for attempt in 0..100 {
            // The server may have ended already, or not end; neither fails the test.
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            if attempt == 0 {
                crate::project::signal("-TERM", &self.child);
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Serves a project; `command` makes commands of the program for it.
    pub fn start(command: impl Fn(&[&str]) -> Command, words: &[&str]) -> Self {
        let made = command(&["tokens", "new", "tests", "--role", "admin"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let free: &[&str] = if words.contains(&"--bind") { &[] } else { &["--bind", "127.0.0.1:0"] };
        let mut serve = command(&[&["serve"], free, words].concat());
        let mut child = serve.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            said.read_line(&mut line).unwrap();
            line
        };
        let first = line();
        let address = first.trim().strip_prefix("Serving http://").unwrap_or_else(|| panic!("{first}"));
        let address = address.trim_end_matches('/').to_owned();
        let asks = !words.contains(&"--no-login");
        let code = asks.then(|| line().trim().rsplit_once(' ').unwrap().1.to_owned());
        // Read the rest of its output, so that the server never waits for a reader.
        let rest = std::thread::spawn(move || {
            let mut rest = String::new();
            // A killed server writes nothing more.
            let _ = said.read_to_string(&mut rest);
            rest
        });
        // Another client may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { child, address, code, token, client, rest: Some(rest) }
    }

    pub fn of_folder(folder: &crate::folder::Folder, words: &[&str]) -> Self {
        Self::start(|words| folder.command(&words.join(" ")), words)
    }

    /// Starts a request with the token.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address)).bearer_auth(&self.token)
    }

    /// Starts a request without credentials.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// Gets JSON, and demands success.
    pub async fn get(&self, path: &str) -> Value {
        json(self.ask(Method::GET, path), StatusCode::OK).await
    }

    /// Sends JSON, and returns the response, which must have this status.
    pub async fn send(&self, method: Method, path: &str, body: &Value, status: StatusCode) -> Value {
        json(self.ask(method, path).json(body), status).await
    }

    /// Signs in with the code, as a browser does.
    pub async fn browser(&self) -> Browser<'_> {
        let code = self.code.as_ref().unwrap();
        let entered = filled(self.bare(Method::POST, "/login"), &[("code", code)]).send().await.unwrap();
        assert_eq!(entered.status(), StatusCode::SEE_OTHER);
        self.browser_of(&entered).await
    }

    /// Returns a browser of a session from before a restart.
    pub fn again(&self, cookie: String, csrf: String) -> Browser<'_> {
        Browser { server: self, cookie, csrf }
    }

    /// Returns the browser that a sign-in has let in.
    pub async fn browser_of(&self, entered: &Response) -> Browser<'_> {
        let cookie = entered.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let mut browser = Browser { server: self, cookie, csrf: String::new() };
        let page = browser.page("/integrations").await;
        page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().clone_into(&mut browser.csrf);
        browser
    }

    /// Stops the server, and returns its output since it started to listen.
    pub fn said(mut self) -> String {
        crate::project::signal("-TERM", &self.child);
        crate::project::wait(&mut self.child, std::time::Duration::from_secs(20));
        self.rest.take().unwrap().join().unwrap()
    }

    pub fn stop(mut self) -> std::process::ExitStatus {
        crate::project::signal("-TERM", &self.child);
        crate::project::wait(&mut self.child, std::time::Duration::from_secs(20))
    }
}

/// Sends a request, and returns the response, which must have this status.
pub async fn json(request: RequestBuilder, status: StatusCode) -> Value {
    let response = request.send().await.unwrap();
    let (found, url) = (response.status(), response.url().clone());
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{url}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A user with a session.
pub struct Browser<'a> {
    server: &'a Server,
    cookie: String,
    pub csrf: String,
}

impl Browser<'_> {
    pub async fn get(&self, path: &str) -> Response {
        self.server.bare(Method::GET, path).header(COOKIE, &self.cookie).send().await.unwrap()
    }

    /// Waits until the test of a draft has ended, and returns its page.
    pub async fn test_ended(&self, draft: &str) -> String {
        loop {
            let page = self.page(&format!("{draft}/test")).await;
            if !page.contains("value=\"cancel\"") {
                return page;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }

    /// Gets a page, and demands success.
    pub async fn page(&self, path: &str) -> String {
        let response = self.get(path).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }

    /// Sends a form.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let fields = [&[("csrf", self.csrf.as_str())], fields].concat();
        filled(self.server.bare(Method::POST, path).header(COOKIE, &self.cookie), &fields).send().await.unwrap()
    }

    /// Sends a form that redirects, and returns the target.
    pub async fn goes(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let response = self.post(path, fields).await;
        let status = response.status();
        let to = response.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_owned());
        let text = response.text().await.unwrap();
        assert_eq!(status, StatusCode::SEE_OTHER, "{path}: {text}");
        to.unwrap()
    }

    /// Sends a form that is refused, and returns the page.
    pub async fn refused(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let response = self.post(path, fields).await;
        assert!(response.status().is_client_error(), "{path}: {}", response.status());
        response.text().await.unwrap()
    }
}

/// Returns the bytes of all files in a folder as text.
pub fn bytes_of(folder: &Path) -> String {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten().filter(|item| item.file_type().is_file());
    // SQLite's temporary files may be gone already.
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    files.filter_map(|item| std::fs::read(item.path()).ok()).map(text).collect()
}

/// Returns a request with a form.
pub fn filled(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
}
