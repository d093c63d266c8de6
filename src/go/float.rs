//! Numbers as Go's `strconv.ParseFloat` reads them, which a numerical image policy does to its tags.

/// Reads a number of 64 bits; none where Go refuses it, numbers too large included.
///
/// Decimal and hexadecimal (`0x1p4`) are read, `inf` and `nan` in any case, and `_` between digits.
/// `0x10` is refused: a hexadecimal number needs its exponent.
///
/// Source: <https://pkg.go.dev/strconv#ParseFloat>
pub fn parse_float(text: &str) -> Option<f64> {
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    match unsigned.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Some(sign * f64::INFINITY),
        "nan" if unsigned.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    if !has_underscores_between_digits(unsigned) {
        return None;
    }
    let digits = unsigned.replace('_', "");
    let lower = digits.to_ascii_lowercase();
    let value = match lower.strip_prefix("0x") {
        Some(hexadecimal) => parse_hexadecimal(hexadecimal)?,
        None if is_decimal(&digits) => digits.parse::<f64>().ok()?,
        None => return None,
    };
    value.is_finite().then_some(sign * value)
}

/// An underscore stands between two digits, or between the prefix of a base and a digit.
fn has_underscores_between_digits(unsigned: &str) -> bool {
    let lower = unsigned.to_ascii_lowercase();
    let is_hexadecimal = lower.starts_with("0x");
    let has_prefix = is_hexadecimal || lower.starts_with("0b") || lower.starts_with("0o");
    let mut after_digit = has_prefix;
    let mut after_underscore = false;
    for byte in lower.bytes().skip(if has_prefix { 2 } else { 0 }) {
        let is_digit = byte.is_ascii_digit() || is_hexadecimal && (b'a'..=b'f').contains(&byte);
        let is_underscore = byte == b'_';
        if is_underscore && !after_digit || after_underscore && !is_digit {
            return false;
        }
        (after_digit, after_underscore) = (is_digit, is_underscore);
    }
    !after_underscore
}

/// Digits with a point somewhere, and an exponent or none; Rust reads such a number as Go does.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    is_mantissa(mantissa, u8::is_ascii_digit) && exponent.is_none_or(is_exponent)
}

fn is_mantissa(text: &str, is_digit: fn(&u8) -> bool) -> bool {
    let points = text.bytes().filter(|byte| *byte == b'.').count();
    let digits = text.bytes().filter(is_digit).count();
    points <= 1 && digits >= 1 && points + digits == text.len()
}

fn is_exponent(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// What follows `0x`: hexadecimal digits with a point somewhere, and a binary exponent in decimal.
fn parse_hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    if !is_mantissa(mantissa, u8::is_ascii_hexdigit) || !is_exponent(exponent) {
        return None;
    }
    // Sixteen digits are more than a float holds; what follows them only breaks ties.
    let (mut value, mut digits, mut has_rest): (u128, u32, bool) = (0, 0, false);
    let mut scale: i64 = 0;
    let mut is_fraction = false;
    for c in mantissa.chars() {
        let Some(digit) = c.to_digit(16) else {
            is_fraction = true;
            continue;
        };
        if digits < 16 {
            value = value * 16 + u128::from(digit);
            digits += u32::from(value > 0);
            scale -= if is_fraction { 4 } else { 0 };
        } else {
            has_rest |= digit > 0;
            scale += if is_fraction { 0 } else { 4 };
        }
    }
    let exponent: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') {
        -10_000
    } else {
        10_000
    });
    let rounded = (value * 4 + u128::from(has_rest)) as f64;
    if rounded == 0.0 {
        return Some(0.0);
    }
    // Below the range of `powi` the power is taken in two steps.
    let power = exponent
        .saturating_add(scale)
        .saturating_sub(2)
        .clamp(-4000, 4000) as i32;
    let half = power / 2;
    Some(rounded * 2f64.powi(half) * 2f64.powi(power - half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        // Answers of Go 1.26.
        for (text, value) in [
            ("007", 7.0),
            ("-4", -4.0),
            ("+5", 5.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1e+5", 100_000.0),
            ("1e-400", 0.0),
            ("1_000", 1000.0),
            ("1e5_0", 1e50),
            ("0x1p4", 16.0),
            ("0X1P-2", 0.25),
            ("0x_1p1", 2.0),
            ("0x1.8p1", 3.0),
            ("0x.8p0", 0.5),
            ("0x1p-1075", 0.0),
            ("0x1.fffffffffffffp1023", f64::MAX),
            ("0x123456789abcdef0123p0", 5.373003642731685e21),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse_float(text), Some(value), "{text}");
        }
        assert!(parse_float("NaN").is_some_and(f64::is_nan));
    }

    #[test]
    fn what_go_does_not_take_for_a_number_is_refused() {
        for text in [
            "", ".", "+", "e5", "1e", "1e+", "0x10", "0x", "0x1p", "0b11", "0o7", "1__0", "_1",
            "1_", "1_e5", "1.5f", "1 ", " 1", "infin", "+nan", "-nan", "1E400", "-1e400",
            "0x1p1024", "1.2.3", "\u{663}", "a1b2c3d",
        ] {
            assert_eq!(parse_float(text), None, "{text}");
        }
    }
}
