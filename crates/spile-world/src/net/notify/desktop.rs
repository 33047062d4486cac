//! Desktop notifications, sent with the desktop's own program.

use std::process::Stdio;

use tokio::process::Command;

use super::patience::FailedTry;
use super::{NotSent, Parcel, Patience};
use crate::ChildEnvironment;

/// Takes the texts as arguments instead of inserting them into the script, so that quotes cannot break it.
#[cfg(target_os = "macos")]
const SCRIPT: &str = "on run words\ndisplay notification (item 2 of words) with title (item 1 of words)\nend run";

pub(super) async fn send(children: &ChildEnvironment, parcel: &Parcel, patience: &Patience) -> Result<String, NotSent> {
    let (title, body) = parcel.text.split_once('\n').unwrap_or((&parcel.text, ""));
    patience.tries(|| show(children, title.trim(), body.trim())).await
}

#[cfg(target_os = "macos")]
fn command(children: &ChildEnvironment, title: &str, body: &str) -> (&'static str, Command) {
    let mut command = Command::from(children.desktop("osascript"));
    command.args(["-e", SCRIPT, title, body]);
    ("osascript", command)
}

#[cfg(not(target_os = "macos"))]
fn command(children: &ChildEnvironment, title: &str, body: &str) -> (&'static str, Command) {
    // The body may contain the desktop's markup, so it is escaped.
    let body = body.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut command = Command::from(children.desktop("notify-send"));
    command.args(["--app-name=spile", "--", title, &body]);
    ("notify-send", command)
}

async fn show(children: &ChildEnvironment, title: &str, body: &str) -> Result<String, FailedTry> {
    let (program, mut command) = command(children, title, body);
    let failed = |message: String| FailedTry::from(NotSent::Desktop { program, message });
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok("shown".to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().next().unwrap_or_default();
    Err(failed(if line.is_empty() { output.status.to_string() } else { line.to_owned() }))
}
