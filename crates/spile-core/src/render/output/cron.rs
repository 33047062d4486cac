//! Schedules as plain cron expressions: five fields that every cron understands.

/// The signs in plain fields.
const SIGNS: &str = "*,-/?";

/// The names of the days in cron.
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Returns a schedule as five plain fields; `None` if it has none: `@once`, or what only some parsers support (`L`, `W`
/// and `#`).
pub(super) fn fields(schedule: &str) -> Option<String> {
    let preset = match schedule {
        "@hourly" => Some("0 * * * *"),
        "@daily" => Some("0 0 * * *"),
        "@weekly" => Some("0 0 * * 0"),
        "@monthly" => Some("0 0 1 * *"),
        "@yearly" => Some("0 0 1 1 *"),
        _ => None,
    };
    if let Some(preset) = preset {
        return Some(preset.to_owned());
    }
    let [minute, hour, day, month, weekday] = schedule.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let times = [minute, hour, day];
    let is_plain = |field: &&str| field.chars().all(|c| c.is_ascii_digit() || SIGNS.contains(c));
    let is_month = |part: &str| part.chars().all(|c| c.is_ascii_digit() || c == '*' || c == '?') || part.len() == 3;
    if !times.iter().all(is_plain) || !month.split([',', '-', '/']).all(is_month) {
        return None;
    }
    Some(format!("{minute} {hour} {day} {month} {}", weekdays(weekday)?))
}

/// Returns the field of weekdays without Sunday as 7, which Kubernetes rejects.
fn weekdays(field: &str) -> Option<String> {
    let parts: Option<Vec<String>> = field.split(',').map(weekday).collect();
    Some(parts?.join(","))
}

/// Returns one day, or one range of days with its step.
fn weekday(part: &str) -> Option<String> {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let step_size = step.map_or(Some(1), |step| step.parse::<usize>().ok()).filter(|size| *size > 0)?;
    if range == "*" || range == "?" {
        return Some(part.to_owned());
    }
    let Some((from, to)) = range.split_once('-') else {
        let day = day(range)?;
        // From this day to the end of the week, which is Saturday here.
        return Some(step.map_or((day % 7).to_string(), |step| format!("{}/{step}", day % 7)));
    };
    let (from, to) = (day(from)?, day(to)?);
    let to = if to < from { to + 7 } else { to };
    if to < 7 {
        return Some(part.to_owned());
    }
    let days: Vec<String> = (from..=to).step_by(step_size).map(|day| (day % 7).to_string()).collect();
    Some(days.join(","))
}

/// Returns the days that one part of a plain field of weekdays means, with Sunday as 0.
pub(super) fn days(part: &str) -> Vec<usize> {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let (from, to) = match range.split_once('-') {
        Some((from, to)) => (day(from), day(to)),
        None if range == "*" || range == "?" => (Some(0), Some(6)),
        // From this day to the end of the week, which is Saturday here.
        None if step.is_some() => (day(range), Some(6)),
        None => (day(range), day(range)),
    };
    let size = step.and_then(|step| step.parse().ok()).filter(|size| *size > 0).unwrap_or(1);
    from.zip(to).map_or_else(Vec::new, |(from, to)| (from..=to).step_by(size).collect())
}

fn day(text: &str) -> Option<usize> {
    let named = || DAYS.iter().position(|day| text.eq_ignore_ascii_case(day));
    text.parse().ok().filter(|day| *day <= 7).or_else(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_and_plain_expressions_have_five_fields() {
        let same = [
            "*/15 6-20 * * 1-5",
            "0 0 1,15 * *",
            "0 0 * JAN-mar/2 *",
            "5 4 ? 1-12 */2",
            "0 0 * * mon-fri",
            "0 0 1 ? *",
            "0 0 * * 3-3",
        ];
        for schedule in same {
            assert_eq!(fields(schedule).as_deref(), Some(schedule));
        }
        for (preset, plain) in [
            ("@hourly", "0 * * * *"),
            ("@daily", "0 0 * * *"),
            ("@weekly", "0 0 * * 0"),
            ("@monthly", "0 0 1 * *"),
            ("@yearly", "0 0 1 1 *"),
        ] {
            assert_eq!(fields(preset).as_deref(), Some(plain));
        }
        let sundays =
            [("7", "0"), ("5-7", "5,6,0"), ("FRI-SUN", "5,6,0"), ("SUN", "0"), ("1,7", "1,0"), ("1-7/3", "1,4,0")];
        for (written, plain) in sundays {
            assert_eq!(fields(&format!("0 0 * * {written}")), Some(format!("0 0 * * {plain}")), "{written}");
        }
    }

    #[test]
    fn what_only_some_parsers_support_has_no_plain_fields() {
        for schedule in ["@once", "0 0 L * *", "0 0 15W * *", "0 0 1 L *", "0 0 1 JUNE *", "0 0 * * 5L", "0 0 * * 5#2"]
        {
            assert_eq!(fields(schedule), None, "{schedule}");
        }
    }

    #[test]
    fn a_step_of_zero_has_no_plain_fields() {
        for days in ["*/0", "1/0", "5-7/0", "1-5/x"] {
            assert_eq!(fields(&format!("0 0 * * {days}")), None, "{days}");
        }
    }

    #[test]
    fn plain_fields_mean_what_was_written() {
        let from = "2024-02-28T23:59:00Z".parse::<jiff::Timestamp>().unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        let next = |cron: &str| {
            let parsed: croner::Cron = cron.parse().unwrap();
            parsed.iter_from(from.clone(), croner::Direction::Forward).take(20).collect::<Vec<_>>()
        };
        for written in ["0 0 * * 7", "0 0 * * 5-7", "0 0 * * 1-7/3", "0 3 1 * 2,7", "@weekly", "@yearly", "0 0 * * FRI"]
        {
            assert_eq!(next(&fields(written).unwrap()), next(written), "{written}");
        }
    }
}
