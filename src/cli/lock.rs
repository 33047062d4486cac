//! `spile lock`

use std::path::PathBuf;

use jiff::tz::TimeZone;
use tokio::sync::watch;

use super::signals::pass_on;
use super::{Global, Output, exit, host};
use spile_ops::lock::{Options, Versions};
use spile_ops::{self as ops, Error};
use spile_view as view;
use spile_world::files::io_error::IoError;

/// Lock every package that Meltano and the plugins install, with version and hashes, in `locks/`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of plugins, or `meltano` [default: all that the project uses]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Change nothing; exit with 2 if a lock is missing or stale
    #[arg(long, conflicts_with_all = ["upgrade", "python_version", "download"])]
    check: bool,
    /// Change no lock; download the locked packages for this platform into a folder, for machines without a package index
    #[arg(long, value_name = "DIR", conflicts_with_all = ["upgrade", "python_version"])]
    download: Option<PathBuf>,
    /// Take the newest versions that `pip_url` allows instead of keeping those of the existing locks
    #[arg(long)]
    upgrade: bool,
    /// Lock for this Python version and newer ones [default: the version that runs Meltano here]
    #[arg(long, value_name = "VERSION", value_parser = python_version)]
    python_version: Option<String>,
}

impl Args {
    /// Tells whether nothing is written.
    pub(super) fn only_reads(&self) -> bool {
        self.check
    }
}

fn python_version(text: &str) -> Result<String, String> {
    let is_number = |part: &str| !part.is_empty() && part.len() < 4 && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((major, minor)) if is_number(major) && is_number(minor) => Ok(text.to_owned()),
        _ => Err("not a Python version like `3.11`".to_owned()),
    }
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, _) = global.offline(output)?;
    if args.check {
        let locks = ops::lock::check(&world, &loaded, &args.names)?;
        output.result(|| view::locks::locks(&locks), &view::locks::data(&locks));
        return Ok(if locks.iter().all(|lock| lock.state.is_good()) { 0 } else { exit::CHANGES });
    }
    let (interrupted, interrupt) = watch::channel(false);
    let options = Options {
        names: args.names.clone(),
        versions: if args.upgrade { Versions::Newest } else { Versions::Kept },
        python: args.python_version.clone(),
        today: jiff::Timestamp::now().to_zoned(TimeZone::UTC).date(),
        host: host(),
        interrupt,
    };
    let signals = tokio::spawn(pass_on(interrupted));
    let mut tell = |event| output.event(&event);
    let locks = match &args.download {
        Some(to) => {
            let to = std::path::absolute(to).map_err(IoError::of("use", to))?;
            ops::lock::download(&world, &loaded, &options, &to, &mut tell).await
        }
        None => ops::lock::lock(&world, &loaded, &options, &mut tell).await,
    };
    signals.abort();
    let locks = locks?;
    output.result(|| view::locks::locks(&locks), &view::locks::data(&locks));
    Ok(0)
}
