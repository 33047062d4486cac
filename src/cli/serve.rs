//! `spile serve`

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use clap::ValueEnum;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::run::Pace;
use super::signals::pass_on;
use super::surroundings::variable;
use super::{Global, Output, Site, host, places};
use spile_core::secret::Secret;
use spile_core::settings::secure;
use spile_ops::edits::Destination;
use spile_ops::run::{RunSlots, jobs};
use spile_ops::scheduler::{self, Opened};
use spile_ops::{self as ops, Error};
use spile_server::{self, App, Login, Setup, Trust, Writing};
use spile_world::files::io_error::IoError;
use spile_world::net::hub::Address;
use spile_world::net::oauth::oidc::LoginClientSettings;
use spile_world::processes::meltano::{Host, Warm};
use spile_world::{Outside, World};

/// Start the web UI and the REST API, and optionally the scheduler
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "five independent flags")]
pub struct Args {
    /// Address to listen on; port 0 picks a free port, `none` starts only the scheduler
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8320")]
    bind: String,
    /// Also run schedules; changed files are reloaded, and missed runs are caught up
    #[arg(long)]
    scheduler: bool,
    /// Where changes from the web UI are written
    #[arg(long, value_name = "WHERE", default_value = "working-tree")]
    write: Write,
    /// Remote to push branches to, with `--write branch`
    #[arg(long, value_name = "REMOTE")]
    push: Option<String>,
    /// Apply every change immediately
    #[arg(long, conflicts_with = "push")]
    apply: bool,
    /// Change no files and apply nothing; tests and syncs still run
    #[arg(long, conflicts_with_all = ["apply", "push"])]
    read_only: bool,
    /// Host name that requests may use besides the address, with its port if any; needed behind a proxy
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Disable login (loopback only)
    #[arg(long)]
    no_login: bool,
    /// Changes and runs allowed per user and minute
    #[arg(long, value_name = "N", default_value = "120", value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Serve the page `/design`, which shows every component of the web UI; for contributors
    #[arg(long, hide = true)]
    design: bool,
    #[command(flatten)]
    trust: Trusted,
    #[command(flatten)]
    pace: Pace,
}

/// The provider whose tokens are accepted besides those of `spile tokens`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Tokens of Supabase Auth or another provider of OpenID Connect")]
struct Trusted {
    /// Issuer of the tokens, for example `https://PROJECT.supabase.co/auth/v1`
    #[arg(id = "jwt_issuer", long = "jwt-issuer", value_name = "URL", value_parser = secured)]
    issuer: Option<url::Url>,
    /// URL of the issuer's public keys [default: `/.well-known/jwks.json` below the issuer]
    #[arg(id = "jwt_jwks", long = "jwt-jwks", value_name = "URL", requires = "jwt_issuer", value_parser = secured)]
    jwks: Option<url::Url>,
    /// Expected audience (the `aud` claim)
    #[arg(
        id = "jwt_audience",
        long = "jwt-audience",
        value_name = "WORD",
        requires = "jwt_issuer",
        default_value = "authenticated"
    )]
    audience: String,
    /// Claim that holds the role: `viewer`, `editor`, `admin`, or a list with one of them
    #[arg(
        id = "jwt_role",
        long = "jwt-role",
        value_name = "CLAIM",
        requires = "jwt_issuer",
        default_value = "app_metadata.role"
    )]
    role: String,
    /// Client ID of this server at the issuer: lets people sign in there; its secret is in `SPILE_OIDC_CLIENT_SECRET`
    #[arg(id = "oidc_client_id", long = "oidc-client-id", value_name = "ID", requires = "jwt_issuer")]
    client_id: Option<String>,
    /// What to ask the issuer for when people sign in, besides `openid`
    #[arg(
        id = "oidc_scope",
        long = "oidc-scope",
        value_name = "SCOPE",
        requires = "oidc_client_id",
        default_values = ["email", "profile"]
    )]
    scopes: Vec<String>,
}

/// Parses an address that nobody on the way can change the answers of.
fn secured(text: &str) -> Result<url::Url, &'static str> {
    secure(text).map_err(|_| "use an address with `https`, or with `http` on this machine")
}

impl Trusted {
    /// Returns what this server is at the issuer, if people sign in there.
    fn provider_login(&self) -> Option<LoginClientSettings> {
        let issuer = self.trust()?.issuer;
        let secret = variable("SPILE_OIDC_CLIENT_SECRET").filter(|secret| !secret.is_empty()).map(Secret::new);
        Some(LoginClientSettings { issuer, id: self.client_id.clone()?, secret, scopes: self.scopes.clone() })
    }

    fn trust(&self) -> Option<Trust> {
        let issuer = self.issuer.as_ref()?.as_str().trim_end_matches('/').to_owned();
        let jwks = self.jwks.clone().or_else(|| format!("{issuer}/.well-known/jwks.json").parse().ok())?;
        Some(Trust { issuer, jwks, audience: self.audience.clone(), role: self.role.clone() })
    }
}

/// Where changes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Write {
    /// Write the files
    WorkingTree,
    /// Commit each change to a branch of its own
    Branch,
}

impl Args {
    /// Returns the error if flags contradict each other.
    pub(super) fn misfit(&self) -> Option<&'static str> {
        if self.push.is_some() && self.write != Write::Branch {
            return Some("`--push` needs `--write branch`");
        }
        (self.bind == "none" && !self.scheduler)
            .then_some("`--bind none` needs `--scheduler`: otherwise there is nothing to do")
    }

    fn writing(&self) -> Writing {
        match (self.read_only, self.apply, self.write) {
            (true, ..) => Writing::Not,
            (_, true, _) => Writing::Applied,
            (.., Write::WorkingTree) => Writing::To(Destination::WorkingTree),
            (.., Write::Branch) => Writing::To(Destination::Branch { push: self.push.clone(), onto: None }),
        }
    }
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let outside = agreed(global, output)?;
    // The audit log and the logs of runs go into this folder.
    let own = global.project()?.own();
    own.make().map_err(IoError::of("use", own.path()))?;
    let (interrupted, interrupt) = watch::channel(false);
    let signals = tokio::spawn(pass_on(interrupted));
    // Runs from pages and schedules share these slots; reading the files sets their number.
    let turns = RunSlots::new(1);
    let host = Host { warm: Warm::kept(), ..host() };
    let serving = Serving { args, global, outside: &outside, turns: &turns, host: &host, output: &Mutex::new(output) };
    let served = match args.bind.as_str() {
        "none" => serving.schedule(interrupt).await,
        address => {
            let (app, listener) = serving.open(address).await?;
            let stop = interrupt.clone();
            let pages = async {
                tokio::select! {
                    () = spile_server::serve(&app, listener, stop) => {}
                    () = serving.tell_codes(app.codes()) => {}
                }
                Ok(())
            };
            if args.scheduler { tokio::try_join!(pages, serving.schedule(interrupt)).map(|_| ()) } else { pages.await }
        }
    };
    signals.abort();
    served.map(|()| 0)
}

/// Opens the registry once while someone can answer prompts: requests and schedules cannot ask.
fn agreed(global: &Global, output: &mut Output) -> Result<Outside, Error> {
    let project = global.project()?;
    let outside = global.outside(&project, output)?;
    let settings = ops::check::settings(&project)?;
    let environment = settings.environment(global.environment.as_deref())?;
    Site { project: &project, settings: &settings, environment: &environment }.open(&outside, output)?;
    Ok(outside)
}

/// The parts that a server starts with.
#[derive(Clone, Copy)]
struct Serving<'a> {
    args: &'a Args,
    global: &'a Global,
    outside: &'a Outside,
    /// The slots that runs from pages and schedules share.
    turns: &'a Arc<RunSlots>,
    /// Its runs are forked from one prepared Meltano.
    host: &'a Host,
    /// Pages and schedules write to it in turns.
    output: &'a Mutex<&'a mut Output>,
}

impl Serving<'_> {
    /// Listens, and prints the address and how to sign in.
    async fn open(&self, address: &str) -> Result<(App, TcpListener), Error> {
        let Self { args, global, outside, turns, .. } = *self;
        let io = |doing| IoError::of(doing, address);
        let listener = TcpListener::bind(address).await.map_err(io("listen at"))?;
        let at = listener.local_addr().map_err(io("listen at"))?;
        // A public name leads here through a proxy, whatever the address.
        let address = Some(at.to_string()).filter(|_| !at.ip().is_loopback());
        if let Some(address) = address.or_else(|| args.host.iter().find(|name| !is_local(name)).cloned())
            && args.no_login
        {
            return Err(Error::OpenDoor { address });
        }
        let login = if args.no_login { Login::Open } else { Login::code() };
        let setup = Setup {
            project: global.project()?,
            environment: global.environment.clone(),
            outside: outside.clone(),
            places: places(),
            host: self.host.clone(),
            writing: args.writing(),
            login,
            trust: args.trust.trust(),
            provider_login: args.trust.provider_login(),
            hub: Address::of(None, variable),
            rate: args.rate,
            port: at.port(),
            hosts: names(at, &args.host),
            jobs: args.pace.jobs(),
            timeout: args.pace.timeout(),
            turns: turns.clone(),
            has_scheduler: args.scheduler,
            has_design_page: args.design,
        };
        let app = App::new(setup);
        self.step("Serving", &format!("http://{at}/"));
        if !args.no_login {
            let code = app.codes().borrow().clone();
            self.step("Sign in", &format!("at http://{at}/login with the code {code}"));
        }
        Ok((app, listener))
    }

    /// Prints each further code once the one before it has been used.
    async fn tell_codes(&self, mut codes: watch::Receiver<String>) {
        while codes.changed().await.is_ok() {
            let code = codes.borrow_and_update().clone();
            self.step("Signed in", &format!("one person; the code for the next is {code}"));
        }
        std::future::pending::<()>().await;
    }

    fn step(&self, verb: &str, what: &str) {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).step(verb, what);
    }

    /// Runs schedules until interrupted.
    async fn schedule(&self, interrupt: watch::Receiver<bool>) -> Result<(), Error> {
        let Self { args, global, outside, turns, output, .. } = *self;
        let mut open = || {
            let project = global.project()?;
            let loaded = ops::check::used(&project)?;
            let environment = loaded.environment(global.environment.as_deref())?;
            let world = World::open(&project, &loaded.settings, &environment, outside)?;
            let mut options = args.pace.options(&loaded.settings.sync, environment);
            turns.resize(jobs(args.pace.jobs(), &loaded.settings.sync));
            options.places = turns.clone();
            options.interrupt = interrupt.clone();
            options.host = self.host.clone();
            Ok(Opened { loaded: Arc::new(loaded), world, options })
        };
        self.step("Scheduling", "until Ctrl-C");
        let mut tell = |event| output.lock().unwrap_or_else(PoisonError::into_inner).event(&event);
        scheduler::serve(&mut open, &mut tell).await
    }
}

/// Tells whether a name, with or without a port, only refers to this machine.
fn is_local(name: &str) -> bool {
    let is_loopback = |host: &str| host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let host = name.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(name, |(host, _)| host);
    // The last group of an IPv6 address looks like a port.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || is_loopback(bare) || is_loopback(name)
}

/// Returns the host names by which browsers may reach a server at an address.
fn names(at: SocketAddr, more: &[String]) -> Vec<String> {
    let port = at.port();
    let mut names = vec![at.to_string()];
    if at.ip().is_loopback() {
        names.extend(["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{port}")));
    }
    names.extend(more.iter().cloned());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_are_recognized() {
        for name in ["localhost", "LOCALHOST:8320", "127.0.0.1", "127.0.0.2:80", "[::1]:8320", "::1"] {
            assert!(is_local(name), "{name}");
        }
        for name in ["spile.example.com", "localhost.example.com", "10.0.0.1:8320", "[2001:db8::1]", ""] {
            assert!(!is_local(name), "{name}");
        }
    }
}
