//! What people write for a duration in other notations, as Flux takes it.

/// The duration that a schedule, a bare number of days or a text in words stands for; `None` where that is not clear.
pub(super) fn duration(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let named = match text.as_str() {
        "@hourly" | "hourly" => Some("1h"),
        "@daily" | "@midnight" | "daily" => Some("24h"),
        "@weekly" | "weekly" => Some("168h"),
        _ => None,
    };
    named
        .map(str::to_owned)
        .or_else(|| schedule(&text))
        .or_else(|| in_words(&text))
}

/// The time between two runs of a crontab line, where it is the same between all.
fn schedule(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, "*", "*", weekday] = fields[..] else {
        return None;
    };
    let every = |field: &str| field.strip_prefix("*/")?.parse::<u32>().ok();
    let is_number = |field: &str| field.parse::<u32>().is_ok();
    match (minute, hour, weekday) {
        ("*", "*", "*") => Some("1m".to_owned()),
        (minute, "*", "*") if is_number(minute) => Some("1h".to_owned()),
        (step, "*", "*") => every(step).map(|minutes| format!("{minutes}m")),
        (minute, hour, "*") if is_number(minute) && is_number(hour) => Some("24h".to_owned()),
        (minute, step, "*") if is_number(minute) => every(step).map(|hours| format!("{hours}h")),
        (minute, hour, day) if [minute, hour, day].into_iter().all(is_number) => {
            Some("168h".to_owned())
        }
        _ => None,
    }
}

/// `5 minutes`, `every 2 hours`, `1d`.
fn in_words(text: &str) -> Option<String> {
    let text = text.strip_prefix("every ").unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u32 = text[..digits].parse().ok()?;
    let (unit, factor) = match text[digits..].trim() {
        "ms" | "millisecond" | "milliseconds" => ("ms", 1),
        "s" | "sec" | "secs" | "second" | "seconds" => ("s", 1),
        "m" | "min" | "mins" | "minute" | "minutes" => ("m", 1),
        "h" | "hr" | "hrs" | "hour" | "hours" => ("h", 1),
        "d" | "day" | "days" => ("h", 24),
        "w" | "week" | "weeks" => ("h", 168),
        _ => return None,
    };
    Some(format!("{}{unit}", number.checked_mul(factor)?))
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn other_notations_are_understood() {
        for (text, meant) in [
            ("*/5 * * * *", Some("5m")),
            ("0 * * * *", Some("1h")),
            ("0 */6 * * *", Some("6h")),
            ("30 2 * * *", Some("24h")),
            ("0 0 * * 0", Some("168h")),
            ("@hourly", Some("1h")),
            ("1d", Some("24h")),
            ("2 weeks", Some("336h")),
            ("5 minutes", Some("5m")),
            ("every 5m", Some("5m")),
            ("1 h", Some("1h")),
            ("10", None),
            ("0,30 * * * *", None),
            ("0 9-17 * * 1-5", None),
            ("soon", None),
            ("-5m", None),
            ("4000000000 weeks", None),
        ] {
            assert_eq!(duration(text).as_deref(), meant, "{text}");
        }
    }
}
