//! Sessions: a code that the server printed, an invitation, or a token gets a cookie.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::{COOKIE, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use tokio::sync::watch;

use super::caller::{Caller, Role};
use spile_core::digest::hash;
use spile_world::Tokens;
use spile_world::stores::invites::Invites;
use spile_world::stores::sessions::{SessionFile, StoredSession};
use spile_world::stores::tokens::{KeptToken, random, typed_code};

/// The cookie's name, before the port: browsers share cookies among all ports of a host, and keep one per name.
const NAME: &str = "spile_session";

/// How long a session lasts.
const LASTS: Duration = Duration::from_hours(12);

/// How many groups the printed code has: 40 bits, which cannot be guessed at five tries a minute.
const GROUPS: usize = 2;

/// How many wrong codes an address may send before a pause.
const WRONG: u32 = 5;

/// How long the pause lasts.
const PAUSE: Duration = Duration::from_mins(1);

/// How many sessions a person may have. One more ends the one that would end first.
const MOST_OF_ONE: usize = 50;

/// How many addresses with wrong codes to remember.
const MOST: usize = 10_000;

/// How people sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// With a code that is printed and can be used once. Then there is another one, for the next person.
    Code(String),
    /// Without a code: every request from this machine is an admin's.
    Open,
}

/// The active sessions.
pub struct Sessions {
    is_open: bool,
    /// The code that lets the next person in, unless the server is open.
    code: watch::Sender<String>,
    /// The cookie's name; the browser sends the cookie to this host only, and hides it from scripts.
    cookie: String,
    /// Where sessions are stored. If that fails, they end with the program.
    file: SessionFile,
    pub(crate) invites: Invites,
    tokens: Tokens,
    state: Mutex<SessionStore>,
}

/// A session.
struct Session {
    who: Caller,
    until: Timestamp,
    /// The hash of the API token that began it.
    token: Option<String>,
}

#[derive(Default)]
struct SessionStore {
    /// Each session, by the hash of its cookie: a copy of this memory reveals no cookie.
    by_hash: BTreeMap<String, Session>,
    /// The number of wrong codes from each address, and the time of the last one.
    wrong: BTreeMap<String, (u32, Instant)>,
}

impl SessionStore {
    /// Drops the sessions that have ended.
    fn drop_ended(&mut self) {
        let now = Timestamp::now();
        self.by_hash.retain(|_, session| session.until > now);
    }

    /// Ends the oldest session of a person who has as many as they may have.
    fn make_room(&mut self, subject: &str) {
        let own = || self.by_hash.iter().filter(|(_, session)| session.who.subject == subject);
        if own().count() < MOST_OF_ONE {
            return;
        }
        if let Some(first) = own().min_by_key(|(_, session)| session.until).map(|(sha256, _)| sha256.clone()) {
            self.by_hash.remove(&first);
        }
    }
}

/// A session that has not ended, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// Names it without revealing its cookie.
    pub id: String,
    /// The user.
    pub who: Caller,
    /// When it ends.
    pub until: Timestamp,
}

/// The reason why a sign-in failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotIn {
    /// The code is wrong or was used already.
    Wrong,
    /// Too many wrong codes came from this address.
    Paused,
}

impl Login {
    /// Returns a login with a new code.
    #[must_use]
    pub fn code() -> Self {
        Self::Code(typed_code(GROUPS))
    }
}

impl Sessions {
    pub(super) fn new(login: Login, port: u16, own_folder: &Path) -> Self {
        let (is_open, code) = match login {
            Login::Open => (true, String::new()),
            Login::Code(code) => (false, code),
        };
        let code = watch::Sender::new(code);
        let file = SessionFile::of(own_folder, port);
        // A server without sign-in has no sessions.
        let stored = if is_open { Vec::new() } else { file.read(Timestamp::now()) };
        let by_hash = stored.into_iter().map(restored).collect();
        let state = Mutex::new(SessionStore { by_hash, ..SessionStore::default() });
        let (invites, tokens) = (Invites::of(own_folder), Tokens::of(own_folder));
        Self { is_open, code, cookie: format!("{NAME}_{port}"), file, invites, tokens, state }
    }

    /// Tells whether users have to sign in.
    pub(super) fn asks(&self) -> bool {
        !self.is_open
    }

    /// Returns the code that lets the next person in, and each one after it.
    pub(super) fn codes(&self) -> watch::Receiver<String> {
        self.code.subscribe()
    }

    /// Returns the person that a code from an address lets in, without using it up.
    pub(super) fn fits(&self, code: &str, from: &str) -> Result<Caller, NotIn> {
        if self.is_open {
            return Err(NotIn::Wrong);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.wrong.retain(|_, (_, since)| since.elapsed() < PAUSE);
        if state.wrong.get(from).is_some_and(|(wrong, _)| *wrong >= WRONG) {
            return Err(NotIn::Paused);
        }
        let typed = code.trim().to_uppercase();
        // Compare hashes, so that the timing reveals nothing.
        if hash(typed.as_bytes()) == hash(self.code.borrow().as_bytes()) {
            return Ok(Caller::admin());
        }
        if let Some(invite) = self.invites.find(&typed, Timestamp::now()) {
            return Ok(Caller::invited(invite));
        }
        if state.wrong.len() >= MOST {
            state.wrong.pop_first();
        }
        let (wrong, since) = state.wrong.entry(from.to_owned()).or_insert((0, Instant::now()));
        (*wrong, *since) = (*wrong + 1, Instant::now());
        Err(NotIn::Wrong)
    }

    /// Uses up a code, and returns the cookie to set. Of two who enter the same code at once, one gets in.
    pub(super) fn enter(&self, code: &str) -> Result<HeaderValue, NotIn> {
        let typed = code.trim().to_uppercase();
        let who = if self.is_printed(&typed) {
            Caller::admin()
        } else {
            // A code that cannot be marked as used lets nobody in.
            let taken = self.invites.take(&typed, Timestamp::now()).ok().flatten();
            Caller::invited(taken.ok_or(NotIn::Wrong)?)
        };
        self.begin(who, LASTS).ok_or(NotIn::Wrong)
    }

    /// Tells whether this is the printed code, and replaces it.
    fn is_printed(&self, typed: &str) -> bool {
        self.code.send_if_modified(|current| {
            let fits = hash(current.as_bytes()) == hash(typed.as_bytes());
            if fits {
                *current = typed_code(GROUPS);
            }
            fits
        })
    }

    /// Starts a session, capped at the maximum length, and returns the cookie to set.
    pub(super) fn begin(&self, who: Caller, lasts: Duration) -> Option<HeaderValue> {
        self.started(who, lasts, None)
    }

    /// Starts a session that ends when an API token is revoked, and returns the cookie to set.
    pub(super) fn begin_with(&self, token: KeptToken) -> Option<HeaderValue> {
        let sha256 = token.sha256.clone();
        self.started(Caller::bearer(token), LASTS, Some(sha256))
    }

    fn started(&self, who: Caller, lasts: Duration, token: Option<String>) -> Option<HeaderValue> {
        let lasts = lasts.min(LASTS);
        let secret = random();
        let who = Caller { csrf: Some(random()), ..who };
        let session = Session { who, until: Timestamp::now() + lasts, token };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.make_room(&session.who.subject);
        state.by_hash.insert(hash(secret.as_bytes()), session);
        self.store(&mut state);
        self.cookie(&secret, lasts)
    }

    /// Ends the session of a request, and returns the cookie that replaces the old one.
    pub(super) fn leave(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.by_hash.remove(&hash(self.brought(headers)?.as_bytes()));
        self.store(&mut state);
        self.cookie("", Duration::ZERO)
    }

    /// Returns the sessions that have not ended, those that end last first.
    pub(super) fn open(&self) -> Vec<OpenSession> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.drop_ended();
        let open = |(sha256, Session { who, until, .. }): (&String, &Session)| OpenSession {
            id: hash(sha256.as_bytes()),
            who: who.clone(),
            until: *until,
        };
        let mut all: Vec<_> = state.by_hash.iter().map(open).collect();
        all.sort_by_key(|session| std::cmp::Reverse(session.until));
        all
    }

    /// Ends a session by its id, and returns whose it was; `None` if there is none.
    pub(super) fn end(&self, id: &str) -> Option<Caller> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let sha256 = state.by_hash.keys().find(|sha256| hash(sha256.as_bytes()) == id)?.clone();
        let who = state.by_hash.remove(&sha256)?.who;
        self.store(&mut state);
        Some(who)
    }

    /// Returns the caller whose session a request belongs to.
    pub(super) fn find(&self, headers: &HeaderMap) -> Option<Caller> {
        if self.is_open {
            return Some(Caller::with("open".to_owned(), "you".to_owned(), Role::Admin));
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.drop_ended();
        let session = state.by_hash.get(&hash(self.brought(headers)?.as_bytes()))?;
        let (who, token) = (session.who.clone(), session.token.clone());
        // Reading the tokens must not keep other requests waiting.
        drop(state);
        let is_revoked = |sha256: &String| self.tokens.with_hash(sha256).is_none();
        if token.as_ref().is_some_and(is_revoked) { None } else { Some(who) }
    }

    /// Stores the sessions that have not ended.
    fn store(&self, state: &mut SessionStore) {
        state.drop_ended();
        let stored = |(sha256, session): (&String, &Session)| StoredSession {
            sha256: sha256.clone(),
            subject: session.who.subject.clone(),
            name: session.who.name.clone(),
            role: session.who.role,
            csrf: session.who.csrf.clone().unwrap_or_default(),
            until: session.until,
            token: session.token.clone(),
        };
        // Sessions that cannot be stored work until the program ends.
        let _ = self.file.write(&state.by_hash.iter().map(stored).collect::<Vec<_>>());
    }

    fn brought<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        cookie(headers, &self.cookie)
    }

    fn cookie(&self, secret: &str, lasts: Duration) -> Option<HeaderValue> {
        let name = &self.cookie;
        let text = format!("{name}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", lasts.as_secs());
        HeaderValue::from_str(&text).ok()
    }
}

/// Returns a stored session as it is looked up.
fn restored(stored: StoredSession) -> (String, Session) {
    let StoredSession { sha256, subject, name, role, csrf, until, token } = stored;
    (sha256, Session { who: Caller { subject, name, role, csrf: Some(csrf) }, until, token })
}

/// Returns the value of a cookie that a request brings. Of two with this name, one was put there by another host: none counts.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let value = |one: &'a str| one.trim().strip_prefix(name)?.strip_prefix('=');
    let mut found = cookies.flat_map(|line| line.split(';')).filter_map(value);
    found.next().filter(|_| found.next().is_none())
}

/// Restricts a cookie to TLS if the browser's `Origin` shows that it uses TLS: a proxy may end TLS before the server.
pub(super) fn kept_to_https(cookie: HeaderValue, headers: &HeaderMap) -> HeaderValue {
    secure_for(cookie, headers.get(ORIGIN).map(HeaderValue::as_bytes).unwrap_or_default())
}

/// Restricts a cookie to TLS if the browser reaches the server at an address with TLS.
pub(super) fn secure_for(cookie: HeaderValue, address: &[u8]) -> HeaderValue {
    if !address.starts_with(b"https://") {
        return cookie;
    }
    HeaderValue::from_bytes(&[cookie.as_bytes(), b"; Secure"].concat()).unwrap_or(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;
    use spile_world::stores::tokens::Token;

    fn headers(cookie: &HeaderValue) -> HeaderMap {
        let text = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&format!("a=b; {text}")).unwrap())])
    }

    fn sessions(project: &Path, port: u16) -> Sessions {
        Sessions::new(Login::Code("ABCD-EFGH".to_owned()), port, &project.join(".spile"))
    }

    #[test]
    fn a_restart_signs_nobody_in_or_out() {
        let folder = tempfile::tempdir().unwrap();
        let [stays, leaves] = [0, 1].map(|_| {
            let server = sessions(folder.path(), 8320);
            headers(&server.enter("ABCD-EFGH").unwrap())
        });
        let server = sessions(folder.path(), 8320);
        let who = server.find(&stays).unwrap();
        assert!(who.role == Role::Admin && who.csrf.as_ref().is_some_and(|csrf| csrf.len() > 30));
        server.leave(&leaves).unwrap();
        let server = sessions(folder.path(), 8320);
        assert!(server.find(&stays).is_some() && server.find(&leaves).is_none());
        assert!(sessions(folder.path(), 8321).find(&stays).is_none());
        let stored = std::fs::read_to_string(folder.path().join(".spile/sessions-8320.json")).unwrap();
        let cookie = stays[COOKIE].to_str().unwrap().rsplit('=').next().unwrap();
        assert!(!stored.contains(cookie) && stored.contains(&hash(cookie.as_bytes())));
    }

    #[test]
    fn a_code_works_once_and_then_there_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = sessions(folder.path(), 8320);
        assert_eq!(sessions.fits("nonsense", "a"), Err(NotIn::Wrong));
        sessions.fits(" abcd-efgh ", "a").unwrap();
        // Checking does not use it up: what comes in between may fail.
        sessions.fits("ABCD-EFGH", "a").unwrap();
        let mut codes = sessions.codes();
        let cookie = sessions.enter(" abcd-efgh ").unwrap();
        assert!(cookie.to_str().unwrap().contains("HttpOnly; SameSite=Strict"));
        assert_eq!(sessions.find(&headers(&cookie)).unwrap().role, Role::Admin);
        let again = (sessions.fits("ABCD-EFGH", "a"), sessions.enter("ABCD-EFGH"));
        assert_eq!(again, (Err(NotIn::Wrong), Err(NotIn::Wrong)));
        assert!(codes.has_changed().unwrap());
        let next = codes.borrow_and_update().clone();
        sessions.fits(&next, "a").unwrap();
        sessions.enter(&next).unwrap();
        assert!(sessions.find(&HeaderMap::new()).is_none());
        sessions.leave(&headers(&cookie)).unwrap();
        assert!(sessions.find(&headers(&cookie)).is_none());
    }

    #[test]
    fn an_invitation_lets_one_person_in_with_a_name_and_a_role() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = sessions(folder.path(), 8320);
        let (now, day) = (Timestamp::now(), Duration::from_hours(24));
        let code = sessions.invites.make("anna", Role::Viewer, now, now + day).unwrap();
        let typed = format!(" {} ", code.to_lowercase());
        assert_eq!(sessions.fits(&typed, "a").unwrap().name, "anna");
        let who = sessions.find(&headers(&sessions.enter(&typed).unwrap())).unwrap();
        assert_eq!((who.name.as_str(), who.role, who.subject.as_str()), ("anna", Role::Viewer, "invite:viewer:anna"));
        assert_eq!((sessions.fits(&code, "a"), sessions.enter(&code)), (Err(NotIn::Wrong), Err(NotIn::Wrong)));
        // The printed code still works.
        sessions.fits("ABCD-EFGH", "a").unwrap();
    }

    #[test]
    fn a_session_ends_with_the_token_that_began_it() {
        let folder = tempfile::tempdir().unwrap();
        let before = sessions(folder.path(), 8320);
        let Token(token) = before.tokens.make("ci", Role::Editor, Timestamp::UNIX_EPOCH).unwrap();
        let cookie = headers(&before.begin_with(before.tokens.find(&token).unwrap()).unwrap());
        assert_eq!(before.find(&cookie).unwrap().role, Role::Editor);
        let server = sessions(folder.path(), 8320);
        assert_eq!(server.find(&cookie).unwrap().name, "ci");
        server.tokens.make("ci", Role::Editor, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(server.find(&cookie), None, "another token of that name is another token");
    }

    #[test]
    fn a_session_that_another_ends_is_gone_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let server = sessions(folder.path(), 8320);
        let cookie = headers(&server.enter("ABCD-EFGH").unwrap());
        let [session] = &server.open()[..] else { panic!("one session") };
        assert_eq!(session.who.name, "admin");
        assert_eq!(server.end("nonsense"), None);
        assert_eq!(server.end(&session.id).unwrap().name, "admin");
        assert!(server.find(&cookie).is_none() && sessions(folder.path(), 8320).find(&cookie).is_none());
    }

    #[test]
    fn two_servers_on_one_machine_do_not_sign_each_other_out() {
        let folder = tempfile::tempdir().unwrap();
        let servers = [8320, 83].map(|port| sessions(folder.path(), port));
        let cookies = [0, 1].map(|at: usize| servers[at].enter("ABCD-EFGH").unwrap());
        let names = cookies.each_ref().map(|cookie| cookie.to_str().unwrap().split('=').next().unwrap().to_owned());
        assert_eq!(names, ["spile_session_8320", "spile_session_83"]);
        assert!(servers[0].find(&headers(&cookies[0])).is_some() && servers[1].find(&headers(&cookies[0])).is_none());
    }

    #[test]
    fn a_cookie_from_a_tls_connection_is_only_sent_over_tls() {
        let told = |origin: &'static str| {
            let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
            kept_to_https(HeaderValue::from_static("a=b"), &headers)
        };
        assert_eq!(
            (told("https://spile.example"), told("http://127.0.0.1:8320")),
            ("a=b; Secure".parse().unwrap(), "a=b".parse().unwrap())
        );
    }

    #[test]
    fn codes_cannot_be_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = sessions(folder.path(), 8320);
        for _ in 0..WRONG {
            assert_eq!(sessions.fits("nonsense", "a"), Err(NotIn::Wrong));
        }
        assert_eq!(sessions.fits("ABCD-EFGH", "a"), Err(NotIn::Paused));
        // One address's attempts do not lock out others.
        sessions.fits("ABCD-EFGH", "b").unwrap();
        let Login::Code(code) = Login::code() else { panic!("a code") };
        assert_eq!((code.len(), code.as_bytes()[4]), (9, b'-'));
        assert_ne!(Login::code(), Login::Code(code));
    }
}
