//! Schedules as calendar events of systemd: `Mon..Fri *-*-* 06:00:00 Europe/Berlin`.

use std::collections::BTreeSet;

use super::cron;

/// The names of the days in systemd, from the one that cron numbers 0.
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// The names of the months in cron.
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Returns plain cron fields as calendar events, of which any starts the timer. There are two if the fields name a day of
/// the month and a weekday: cron then means either, and one event of systemd would mean both.
pub(super) fn events(fields: &str, timezone: &str) -> Vec<String> {
    let Ok([minute, hour, day, month, weekday]) = <[&str; 5]>::try_from(fields.split(' ').collect::<Vec<_>>()) else {
        return Vec::new();
    };
    let (minute, hour, month) = (numbers(minute, 0), numbers(hour, 0), numbers(month, 1));
    let event = |weekday: &str, day: &str| format!("{weekday}*-{month}-{day} {hour}:{minute}:00 {timezone}");
    let (days, weekdays) = (numbers(day, 1), weekdays(weekday));
    match (is_every(day), is_every(weekday)) {
        (_, true) => vec![event("", &days)],
        (true, false) => vec![event(&weekdays, "*")],
        (false, false) => vec![event("", &days), event(&weekdays, "*")],
    }
}

fn is_every(field: &str) -> bool {
    field == "*" || field == "?"
}

/// Returns a field of numbers in the signs of systemd. `first` is the lowest number that the field can have.
fn numbers(field: &str, first: u8) -> String {
    let parts: Vec<String> = field.split(',').map(|part| numbers_of(part, first)).collect();
    if parts.iter().any(|part| part == "*") { "*".to_owned() } else { parts.join(",") }
}

fn numbers_of(part: &str, first: u8) -> String {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let range = match range.split_once('-') {
        Some((from, to)) => format!("{}..{}", number(from), number(to)),
        None if is_every(range) && step.is_some() => first.to_string(),
        None if is_every(range) => "*".to_owned(),
        None => number(range),
    };
    step.map_or(range.clone(), |step| format!("{range}/{step}"))
}

/// Returns a number, or the number of a month that is written as its name.
fn number(text: &str) -> String {
    let month = MONTHS.iter().position(|month| text.eq_ignore_ascii_case(month));
    month.map_or_else(|| text.to_owned(), |at| (at + 1).to_string())
}

/// Returns the names of weekdays, with a blank behind them.
fn weekdays(field: &str) -> String {
    let days: BTreeSet<usize> = field.split(',').flat_map(cron::days).collect();
    format!("{} ", days.into_iter().map(|day| DAYS[day]).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_events() {
        for (fields, event) in [
            ("*/15 6-20 * * *", "*-*-* 6..20:0/15:00 UTC"),
            ("0 6 * * 1-5", "Mon,Tue,Wed,Thu,Fri *-*-* 6:0:00 UTC"),
            ("5/20 * */2 JAN-mar/2 ?", "*-1..3/2-1/2 *:5/20:00 UTC"),
            ("0 0 1,15 * *", "*-*-1,15 0:0:00 UTC"),
            ("0 0 ? * 5,6,0", "Sun,Fri,Sat *-*-* 0:0:00 UTC"),
            ("1,* 0 * * 2/2", "Tue,Thu,Sat *-*-* 0:*:00 UTC"),
        ] {
            assert_eq!(events(fields, "UTC"), [event], "{fields}");
        }
    }

    #[test]
    fn a_day_of_the_month_or_a_weekday_is_either() {
        let both = ["*-*-13 0:0:00 Europe/Paris", "Fri *-*-* 0:0:00 Europe/Paris"];
        assert_eq!(events("0 0 13 * 5", "Europe/Paris"), both);
    }
}
