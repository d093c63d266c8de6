//! What a bare word means to the readers of YAML 1.1 and 1.2, and which words are safe without quotes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::node::Value;

/// Whether `text` may be written bare: a string to every reader of YAML 1.1 or 1.2, in a block
/// mapping or sequence, as a key or a value.
///
/// The set is conservative: a word that only looks like a number, a date or a boolean to some reader
/// gets quotes, as do `6.5.0` (a float by the pattern of YAML 1.1) and anything beyond ASCII.
///
/// Source: <https://yaml.org/type/>, <https://yaml.org/spec/1.2.2/#733-plain-style>
pub(crate) fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    let opens = match first {
        b'0'..=b'9' => !is_numeric(text),
        b'a'..=b'z' | b'A'..=b'Z' => !is_reserved(text),
        b'-' => is_flag(text),
        b'.' => text.starts_with("./") || text.starts_with("../"),
        b'/' | b'_' => true,
        _ => false,
    };
    if !opens || last == b' ' || last == b':' {
        return false;
    }
    let mut previous = first;
    for &byte in &bytes[1..] {
        let fits = match byte {
            b' ' => previous != b':',
            b'#' => previous != b' ',
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => true,
            _ => b"-_./:@+%=~^*<>!?$();,'\"\\|&".contains(&byte),
        };
        if !fits {
            return false;
        }
        previous = byte;
    }
    true
}

/// `-c` and `--log-level=info`, as arguments of programs are written.
fn is_flag(text: &str) -> bool {
    let name = text.strip_prefix("--").or_else(|| text.strip_prefix('-'));
    name.is_some_and(|name| {
        name.starts_with(|letter: char| letter.is_ascii_alphabetic()) && !is_reserved(name)
    })
}

/// Whether a word from a digit on is made of what numbers, dates, times and base-60 numbers of any
/// YAML version are made of.
fn is_numeric(text: &str) -> bool {
    let based = text.starts_with('0')
        && matches!(
            text.as_bytes().get(1),
            Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B')
        );
    text.bytes()
        .skip(if based { 2 } else { 0 })
        .all(|byte| match byte {
            b'0'..=b'9' | b'_' | b'.' | b':' | b'+' | b'-' | b' ' => true,
            b'e' | b'E' | b't' | b'T' | b'z' | b'Z' => true,
            byte => based && byte.is_ascii_hexdigit(),
        })
}

fn is_reserved(text: &str) -> bool {
    const WORDS: [&str; 12] = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity",
    ];
    text.len() <= 8 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// What a bare word means to Kubernetes' reader; `None` if it is a string.
///
/// `yes` and `off` are booleans, `0777` is 511, `1_000` is 1000 and `0b11` is 3; dates and base-60 numbers are strings.
///
/// Source: <https://github.com/kubernetes-sigs/yaml>, which reads YAML 1.1.
pub(crate) fn bare(text: &str) -> Option<Value> {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        _ => return number(text),
    };
    Some(value)
}

/// What a scalar with one of YAML's own tags means, `int` for `!!int`; an error if it cannot be that.
///
/// `None` for a tag that Kubernetes' reader does not know.
pub(super) fn tagged(text: &str, tag: &str) -> Option<Result<Value, String>> {
    let wrong = |what: &str| Err(format!("`{text}` is not {what}, as its tag says"));
    Some(match (tag, bare(text)) {
        ("" | "str" | "timestamp", _) => Ok(Value::from(text)),
        ("binary", _) => binary(text),
        ("null", Some(Value::Null)) => Ok(Value::Null),
        ("bool", Some(value @ Value::Bool(_))) => Ok(value),
        ("int", Some(value @ Value::Integer(_))) => Ok(value),
        ("float", Some(value @ Value::Float(_))) => Ok(value),
        #[expect(clippy::cast_precision_loss, reason = "as every reader of floats")]
        ("float", Some(Value::Integer(value))) => Ok(Value::Float(value as f64)),
        ("null", _) => wrong("null"),
        ("bool", _) => wrong("a boolean"),
        ("int", _) => wrong("an integer"),
        ("float", _) => wrong("a number"),
        _ => return None,
    })
}

/// The text behind base64: Kubernetes' objects are JSON, which holds text alone.
fn binary(text: &str) -> Result<Value, String> {
    let digits: String = text.split_ascii_whitespace().collect();
    let bytes = STANDARD
        .decode(digits)
        .map_err(|error| format!("`!!binary` is not base64: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        "`!!binary` holds bytes that are not UTF-8, which JSON cannot hold".to_owned()
    })?;
    Ok(Value::from(text))
}

fn number(text: &str) -> Option<Value> {
    let first = text.bytes().next()?;
    if !matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.') || text.len() > 400 {
        return None;
    }
    let digits: String = text.chars().filter(|letter| *letter != '_').collect();
    integer(&digits).or_else(|| float(&digits))
}

/// Go's `strconv.ParseInt(text, 0, 64)`, and `ParseUint` after it.
fn integer(text: &str) -> Option<Value> {
    let (negative, magnitude) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (digits, radix) = match magnitude.get(..2) {
        Some("0x" | "0X") => (&magnitude[2..], 16),
        Some("0o" | "0O") => (&magnitude[2..], 8),
        Some("0b" | "0B") => (&magnitude[2..], 2),
        Some(prefix) if prefix.starts_with('0') => (&magnitude[1..], 8),
        _ => (magnitude, 10),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if negative { -value } else { value };
    (value >= i128::from(i64::MIN)).then_some(Value::Integer(value))
}

fn float(text: &str) -> Option<Value> {
    let shaped = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let value = text.parse::<f64>().ok()?;
    (shaped && value.is_finite()).then_some(Value::Float(value))
}

/// A float that reads back as the same float by YAML 1.1 (a point, a signed exponent) and 1.2.
pub(crate) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let text = format!("{value:?}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_some_reader_misreads_are_not_plain() {
        for text in [
            "",
            "y",
            "N",
            "yes",
            "No",
            "ON",
            "off",
            "true",
            "False",
            "null",
            "Null",
            "~",
            "nan",
            "1",
            "-1",
            "+1",
            "1_000",
            "0777",
            "0o7",
            "0x1F",
            "0b1",
            "12:30",
            "1:2:3",
            "1e3",
            "1.",
            ".5",
            ".inf",
            "-.inf",
            ".nan",
            ".NaN",
            "6.5.0",
            "2001-01-01",
            "2001-12-14t21:59:43.10-05:00",
            "2001-12-14 21:59:43",
            "=",
            "<<",
            "-",
            "-inf",
            "-.5",
            "- a",
            "? a",
            ": a",
            "a: b",
            "a:",
            "a #b",
            " a",
            "a ",
            "#a",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "'a",
            "\"a",
            "%a",
            "@a",
            "`a",
            "{a",
            "[a",
            "a]",
            "${a}",
            "---",
            "...",
            ".",
            "..",
            "a\tb",
            "a\nb",
            "ä",
            "\u{feff}a",
        ] {
            assert!(!is_plain(text), "{text:?}");
        }
    }

    #[test]
    fn everyday_words_stay_bare() {
        for text in [
            "flux-system",
            "./apps",
            "../x",
            "10m0s",
            "1h30m",
            "ssh://git@github.com/acme/fleet",
            "ghcr.io/stefanprodan/podinfo:6.5.0",
            "source.toolkit.fluxcd.io/v1",
            "v2.9.4",
            "yesterday",
            "kubernetes.io/os",
            "--log-level=info",
            "-c",
            "a b",
            "https://x/#y",
            "500Mi",
            "6.x",
            "1.2.x",
            "3f2a",
            "/data",
        ] {
            assert!(is_plain(text), "{text:?}");
        }
    }

    #[test]
    fn bare_words_mean_what_kubernetes_takes_them_for() {
        let integer = |value| Some(Value::Integer(value));
        for (text, value) in [
            ("yes", Some(Value::Bool(true))),
            ("Off", Some(Value::Bool(false))),
            ("oN", None),
            ("0777", integer(511)),
            ("-0777", integer(-511)),
            ("08", Some(Value::Float(8.0))),
            ("1_000", integer(1000)),
            ("0X1f", integer(31)),
            ("0b1_1", integer(3)),
            ("1_0.5", Some(Value::Float(10.5))),
            ("12:30", None),
            ("2001-01-01", None),
            ("1.2.3", None),
            ("1e999", None),
            ("0x", None),
            ("-", None),
            ("6.x", None),
        ] {
            assert_eq!(bare(text), value, "{text}");
        }
    }

    #[test]
    fn floats_keep_their_point_and_the_sign_of_their_exponent() {
        for (value, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e30, "1.0e+30"),
            (1.5e-9, "1.5e-9"),
            (f64::INFINITY, ".inf"),
            (f64::NEG_INFINITY, "-.inf"),
            (f64::NAN, ".nan"),
        ] {
            assert_eq!(float_text(value), text);
        }
    }
}
