//! Times as people say them.

use jiff::{SignedDuration, Timestamp};

/// Returns how long ago something was, or how soon it will be.
#[must_use]
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let since = now.duration_since(at);
    let words = length(since.abs());
    match (words.as_str(), since.is_negative()) {
        // Rounded times may be a moment ahead.
        ("moments", _) if since > SignedDuration::from_secs(-2) => "just now".to_owned(),
        (words, false) => format!("{words} ago"),
        (words, true) => format!("in {words}"),
    }
}

fn length(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        ..45 => return "moments".to_owned(),
        45..5_400 => ((seconds + 30) / 60, "minute"),
        5_400..129_600 => ((seconds + 1_800) / 3_600, "hour"),
        _ => ((seconds + 43_200) / 86_400, "day"),
    };
    let count = count.max(1);
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let told = |seconds: i64| ago(now - SignedDuration::from_secs(seconds), now);
        assert_eq!(told(3), "just now");
        assert_eq!(told(-1), "just now");
        assert_eq!(told(60), "1 minute ago");
        assert_eq!(told(600), "10 minutes ago");
        assert_eq!(told(2 * 3_600), "2 hours ago");
        assert_eq!(told(3 * 86_400), "3 days ago");
        assert_eq!(told(-1_800), "in 30 minutes");
    }
}
