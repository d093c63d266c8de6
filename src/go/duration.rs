//! Durations as Go's `time.ParseDuration` reads them, and as the patterns of Flux's CRDs limit them.

use std::fmt;

/// A span of time in nanoseconds; displays as Go's `Duration.String` does (`1h30m0s`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    nanoseconds: i64,
}

/// The units a Flux field takes: most take hours, the `timeout` of the sources and alerts does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units {
    /// `h`, `m`, `s` and `ms`: the pattern of every `interval`.
    Hours,
    /// `m`, `s` and `ms`: the pattern of a source's `timeout`.
    Minutes,
}

/// Why a text is no duration, and the byte at which it stops to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurationError {
    /// Offset in bytes of the first byte that does not fit; the length of the text where more was expected.
    pub position: usize,
    pub fault: DurationFault,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DurationFault {
    Empty,
    /// A number was expected here.
    NoNumber,
    /// A number without a unit after it.
    NoUnit,
    /// A unit that Go does not know.
    UnknownUnit(String),
    /// More than 2^63 - 1 nanoseconds, some 292 years.
    TooLong,
    /// Go takes it, the pattern of the Flux field does not: a sign, a fraction without digits, a unit it does not list.
    NotForFlux(String),
}

impl DurationFault {
    /// What to type instead, if there is one thing to say.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Empty | Self::NoNumber => {
                Some("write a number and a unit, `10m` or `1h30m`".into())
            }
            Self::NoUnit => Some("add a unit: `h`, `m`, `s` or `ms`".into()),
            Self::UnknownUnit(unit) => Some(match unit.as_str() {
                "d" | "day" | "days" | "w" | "week" | "weeks" => {
                    "there is no unit above the hour: write a day as `24h`".into()
                }
                unit => match unit.chars().next().map(|first| first.to_ascii_lowercase()) {
                    Some('h') => "write hours as `h`".into(),
                    Some('m') => "write minutes as `m` and milliseconds as `ms`".into(),
                    Some('s') => "write seconds as `s`".into(),
                    _ => "the units are `h`, `m`, `s` and `ms`".into(),
                },
            }),
            Self::TooLong => Some("use less than 2562047h".into()),
            Self::NotForFlux(part) => match part.as_str() {
                "h" => Some("this field takes no hours: write `1h` as `60m`".into()),
                "." => Some("write a digit on both sides of the point: `0.5h`".into()),
                "+" | "-" | "0" => Some("write it without a sign and with a unit: `0s`".into()),
                _ => Some("the units are `h`, `m`, `s` and `ms`".into()),
            },
        }
    }
}

impl fmt::Display for DurationFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a duration is empty"),
            Self::NoNumber => f.write_str("a duration has a number here"),
            Self::NoUnit => f.write_str("a number has no unit"),
            Self::UnknownUnit(unit) => write!(f, "unknown unit `{unit}`"),
            Self::TooLong => f.write_str("more than Go's longest duration, some 292 years"),
            Self::NotForFlux(part) => write!(f, "Go reads `{part}` in a duration, Flux does not"),
        }
    }
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for DurationError {}

const LIMIT: u64 = 1 << 63;

impl Duration {
    pub fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self { nanoseconds }
    }

    pub fn nanoseconds(self) -> i64 {
        self.nanoseconds
    }

    /// Reads a duration as Go's `time.ParseDuration` does.
    ///
    /// A sign, fractions on either side of the point and the units `ns`, `us`, `µs`, `ms`, `s`, `m`
    /// and `h` are allowed; a number without a unit is not, save for a lone `0`.
    ///
    /// Source: <https://pkg.go.dev/time#ParseDuration>
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let refuse = |position, fault| Err(DurationError { position, fault });
        let bytes = text.as_bytes();
        let mut at = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
        let negative = bytes.first() == Some(&b'-');
        if &bytes[at..] == b"0" {
            return Ok(Self { nanoseconds: 0 });
        }
        if at == bytes.len() {
            let fault = if at == 0 {
                DurationFault::Empty
            } else {
                DurationFault::NoNumber
            };
            return refuse(at, fault);
        }
        let mut total: u64 = 0;
        while at < bytes.len() {
            let number = at;
            let Some((whole, after)) = leading_integer(bytes, at) else {
                return refuse(number, DurationFault::TooLong);
            };
            at = after;
            let mut has_digits = at > number;
            let (mut fraction, mut scale) = (0, 1.0);
            if bytes.get(at) == Some(&b'.') {
                let after;
                (fraction, scale, after) = leading_fraction(bytes, at + 1);
                has_digits |= after > at + 1;
                at = after;
            }
            if !has_digits {
                return refuse(at.min(bytes.len()), DurationFault::NoNumber);
            }
            let unit_at = at;
            while at < bytes.len() && bytes[at] != b'.' && !bytes[at].is_ascii_digit() {
                at += 1;
            }
            if at == unit_at {
                return refuse(at, DurationFault::NoUnit);
            }
            // Digits and points are ASCII, so both ends are character boundaries.
            let unit = &text[unit_at..at];
            let Some(nanoseconds) = unit_nanoseconds(unit) else {
                return refuse(unit_at, DurationFault::UnknownUnit(unit.to_owned()));
            };
            let Some(mut part) = whole.checked_mul(nanoseconds).filter(|part| *part <= LIMIT)
            else {
                return refuse(number, DurationFault::TooLong);
            };
            if fraction > 0 {
                part += (fraction as f64 * (nanoseconds as f64 / scale)) as u64;
            }
            total = match total.checked_add(part) {
                Some(total) if part <= LIMIT && total <= LIMIT => total,
                _ => return refuse(number, DurationFault::TooLong),
            };
        }
        let signed = if negative {
            -i128::from(total)
        } else {
            i128::from(total)
        };
        match i64::try_from(signed) {
            Ok(nanoseconds) => Ok(Self { nanoseconds }),
            Err(_) => refuse(0, DurationFault::TooLong),
        }
    }

    /// Reads a duration that a field of Flux takes: the CRD's pattern and Go must both accept it.
    ///
    /// The pattern is one or more of a number (`5`, `1.5`) and a unit (`h`, `m`, `s`, `ms`), without a
    /// sign; where `units` is [`Units::Minutes`], hours are refused as well.
    ///
    /// Source: the `interval` and `timeout` patterns of the CRDs, Flux 2.6 to 2.9.
    pub fn parse_flux(text: &str, units: Units) -> Result<Self, DurationError> {
        let duration = Self::parse(text)?;
        if let Some((position, part)) = beside_flux_pattern(text, units) {
            let fault = DurationFault::NotForFlux(part);
            return Err(DurationError { position, fault });
        }
        Ok(duration)
    }
}

/// Whether the pattern of a Flux field accepts a text, without asking Go.
pub fn fits_flux_pattern(text: &str, units: Units) -> bool {
    beside_flux_pattern(text, units).is_none()
}

/// The first byte that the pattern of a Flux field does not accept, and what stands there.
fn beside_flux_pattern(text: &str, units: Units) -> Option<(usize, String)> {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let mut at = 0;
    while at < bytes.len() || at == 0 {
        let after = digits(at);
        let shown = text[at..]
            .chars()
            .next()
            .map(String::from)
            .unwrap_or_default();
        if after == at {
            return Some((at, shown));
        }
        let start = at;
        at = after;
        if bytes.get(at) == Some(&b'.') {
            let after = digits(at + 1);
            if after == at + 1 {
                return Some((at, ".".into()));
            }
            at = after;
        }
        let unit_at = at;
        at += match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'm'), Some(b's')) => 2,
            (Some(b'm' | b's'), _) => 1,
            (Some(b'h'), _) if units == Units::Hours => 1,
            (None, _) => return Some((start, text[start..].to_owned())),
            _ => {
                let unit: String = text[unit_at..]
                    .chars()
                    .take_while(|c| !c.is_ascii_digit() && *c != '.')
                    .collect();
                return Some((unit_at, if unit.is_empty() { ".".into() } else { unit }));
            }
        };
    }
    None
}

/// The digits from `at` as a number, and where they end; none where Go overflows.
fn leading_integer(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value: u64 = 0;
    while let Some(digit) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
        if value > LIMIT / 10 {
            return None;
        }
        value = value * 10 + u64::from(digit - b'0');
        if value > LIMIT {
            return None;
        }
        at += 1;
    }
    Some((value, at))
}

/// The digits after a point: their value, its scale, and where they end. Digits beyond Go's precision are dropped.
fn leading_fraction(bytes: &[u8], mut at: usize) -> (u64, f64, usize) {
    let (mut value, mut scale, mut is_full): (u64, f64, bool) = (0, 1.0, false);
    while let Some(digit) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
        at += 1;
        if is_full {
            continue;
        }
        if value > (LIMIT - 1) / 10 {
            is_full = true;
            continue;
        }
        let next = value * 10 + u64::from(digit - b'0');
        if next > LIMIT {
            is_full = true;
            continue;
        }
        value = next;
        scale *= 10.0;
    }
    (value, scale, at)
}

fn unit_nanoseconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // The micro sign and the Greek letter mu.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.nanoseconds.unsigned_abs();
        if self.nanoseconds < 0 {
            f.write_str("-")?;
        }
        if total < 1_000_000_000 {
            let (unit, size) = match total {
                0 => return f.write_str("0s"),
                1..1_000 => ("ns", 1),
                1_000..1_000_000 => ("\u{b5}s", 1_000),
                _ => ("ms", 1_000_000),
            };
            return write!(f, "{}{unit}", with_fraction(total, size));
        }
        let minutes = total / 60_000_000_000;
        if minutes >= 60 {
            write!(f, "{}h", minutes / 60)?;
        }
        if minutes > 0 {
            write!(f, "{}m", minutes % 60)?;
        }
        write!(
            f,
            "{}s",
            with_fraction(total % 60_000_000_000, 1_000_000_000)
        )
    }
}

/// `value / size` in decimal without trailing zeros; `size` is a power of ten.
fn with_fraction(value: u64, size: u64) -> String {
    let (whole, rest) = (value / size, value % size);
    if rest == 0 {
        return whole.to_string();
    }
    let width = size.ilog10() as usize;
    let fraction = format!("{rest:0width$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        // (text, nanoseconds and `String()`), answers of Go 1.26.
        for (text, nanoseconds, shown) in [
            ("0", 0, "0s"),
            ("-0", 0, "0s"),
            ("5m", 300_000_000_000, "5m0s"),
            ("1h30m", 5_400_000_000_000, "1h30m0s"),
            ("1.5h", 5_400_000_000_000, "1h30m0s"),
            ("-1.5h", -5_400_000_000_000, "-1h30m0s"),
            (".5s", 500_000_000, "500ms"),
            ("5.s", 5_000_000_000, "5s"),
            ("1\u{3bc}s", 1_000, "1\u{b5}s"),
            ("1.234567s", 1_234_567_000, "1.234567s"),
            ("100ns", 100, "100ns"),
            ("1.5ms", 1_500_000, "1.5ms"),
            ("0.3333333333333333333h", 1_200_000_000_000, "20m0s"),
            ("0.100000000000000000000h", 360_000_000_000, "6m0s"),
            (
                "9223372036854775807ns",
                i64::MAX,
                "2562047h47m16.854775807s",
            ),
            (
                "-9223372036854775808ns",
                i64::MIN,
                "-2562047h47m16.854775808s",
            ),
        ] {
            let duration = Duration::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(duration.nanoseconds(), nanoseconds, "{text}");
            assert_eq!(duration.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused_at_the_byte_that_does_not_fit() {
        use DurationFault::*;
        for (text, position, fault) in [
            ("", 0, Empty),
            ("+", 1, NoNumber),
            ("5", 1, NoUnit),
            ("5m ", 1, UnknownUnit("m ".into())),
            ("1d", 1, UnknownUnit("d".into())),
            ("7d12h", 1, UnknownUnit("d".into())),
            ("ten", 0, NoNumber),
            ("1h.m", 3, NoNumber),
            ("1..5m", 2, NoUnit),
            ("9223372036854775808ns", 0, TooLong),
            ("99999999999999999999h", 0, TooLong),
            ("1m2562048h", 2, TooLong),
            ("1e3s", 1, UnknownUnit("e".into())),
        ] {
            let error = Duration::parse(text).expect_err(text);
            assert_eq!((error.position, error.fault), (position, fault), "{text}");
        }
    }

    #[test]
    fn a_pattern_of_flux_refuses_what_only_go_takes() {
        for (text, position) in [
            ("+5m", 0),
            (".5m", 0),
            ("5.s", 1),
            ("1ns", 1),
            ("1h1us", 3),
            ("0", 0),
        ] {
            let error = Duration::parse_flux(text, Units::Hours).expect_err(text);
            assert_eq!(error.position, position, "{text}");
            assert!(
                matches!(error.fault, DurationFault::NotForFlux(_)),
                "{text}"
            );
        }
        assert!(Duration::parse_flux("1h30m", Units::Hours).is_ok());
    }

    #[test]
    fn a_timeout_of_a_source_takes_no_hours() {
        let error = Duration::parse_flux("1h", Units::Minutes).expect_err("hours");
        assert_eq!(error.fault, DurationFault::NotForFlux("h".into()));
        assert_eq!(
            error.fault.help().as_deref(),
            Some("this field takes no hours: write `1h` as `60m`")
        );
        assert!(Duration::parse_flux("60m1.5s20ms", Units::Minutes).is_ok());
    }

    #[test]
    fn what_a_duration_displays_is_read_back_equal() {
        for nanoseconds in [
            1,
            999,
            1_001,
            61_000_000_001,
            3_600_000_000_000,
            -42,
            i64::MAX,
            i64::MIN,
        ] {
            let duration = Duration::from_nanoseconds(nanoseconds);
            assert_eq!(Duration::parse(&duration.to_string()), Ok(duration));
        }
    }
}
