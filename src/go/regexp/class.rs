//! Sets of characters: Go's ASCII classes, its Unicode classes, case folding, and how `regex` is told of them.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

/// What a name in `\p{…}` stands for.
pub(super) enum Named {
    Class(ClassUnicode),
    /// Go's versions differ, or its tables are newer than ours.
    Doubtful(&'static str),
    Unknown,
}

pub(super) fn empty() -> ClassUnicode {
    ClassUnicode::empty()
}

/// The characters from `low` to `high`; the surrogates among them are in no text and left out.
pub(super) fn range(low: u32, high: u32) -> ClassUnicode {
    let low = if (0xD800..=0xDFFF).contains(&low) {
        0xE000
    } else {
        low
    };
    let high = if (0xD800..=0xDFFF).contains(&high) {
        0xD7FF
    } else {
        high
    };
    match (char::from_u32(low), char::from_u32(high)) {
        (Some(low), Some(high)) if low <= high => {
            ClassUnicode::new([ClassUnicodeRange::new(low, high)])
        }
        _ => empty(),
    }
}

/// Adds what differs only in case, by Unicode's simple folding: `(?i)k` holds the Kelvin sign too.
pub(super) fn fold(class: &mut ClassUnicode) {
    class
        .try_case_fold_simple()
        .expect("regex-syntax is built with its case tables");
}

/// `\d`, `\w`, `\s` and their negations: ASCII only, and `\s` without the vertical tab.
pub(super) fn perl(letter: char) -> Option<(ClassUnicode, bool)> {
    let ranges: &[(char, char)] = match letter.to_ascii_lowercase() {
        'd' => &[('0', '9')],
        's' => &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')],
        'w' => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        _ => return None,
    };
    Some((of_ranges(ranges), letter.is_ascii_uppercase()))
}

/// The class inside `[:` and `:]`, where a leading `^` negates.
pub(super) fn posix(name: &str) -> Option<(ClassUnicode, bool)> {
    let (name, is_negated) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let ranges: &[(char, char)] = match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    };
    Some((of_ranges(ranges), is_negated))
}

fn of_ranges(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(
        ranges
            .iter()
            .map(|(low, high)| ClassUnicodeRange::new(*low, *high)),
    )
}

/// The general categories that every Go since 1.0 knows by these names. `C` holds no unassigned characters there.
const CATEGORIES: &[&str] = &[
    "Cc", "Cf", "Co", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl",
    "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl",
    "Zp", "Zs",
];

/// The scripts of Unicode 15 whose names are one word: the ones that every Go since 1.21 reads alike.
const SCRIPTS: &[&str] = &[
    "Adlam",
    "Ahom",
    "Arabic",
    "Armenian",
    "Avestan",
    "Balinese",
    "Bamum",
    "Batak",
    "Bengali",
    "Bhaiksuki",
    "Bopomofo",
    "Brahmi",
    "Braille",
    "Buginese",
    "Buhid",
    "Carian",
    "Chakma",
    "Cham",
    "Cherokee",
    "Chorasmian",
    "Common",
    "Coptic",
    "Cuneiform",
    "Cypriot",
    "Cyrillic",
    "Deseret",
    "Devanagari",
    "Dogra",
    "Duployan",
    "Elbasan",
    "Elymaic",
    "Ethiopic",
    "Georgian",
    "Glagolitic",
    "Gothic",
    "Grantha",
    "Greek",
    "Gujarati",
    "Gurmukhi",
    "Han",
    "Hangul",
    "Hanunoo",
    "Hatran",
    "Hebrew",
    "Hiragana",
    "Inherited",
    "Javanese",
    "Kaithi",
    "Kannada",
    "Katakana",
    "Kawi",
    "Kharoshthi",
    "Khmer",
    "Khojki",
    "Khudawadi",
    "Lao",
    "Latin",
    "Lepcha",
    "Limbu",
    "Lisu",
    "Lycian",
    "Lydian",
    "Mahajani",
    "Makasar",
    "Malayalam",
    "Mandaic",
    "Manichaean",
    "Marchen",
    "Medefaidrin",
    "Miao",
    "Modi",
    "Mongolian",
    "Mro",
    "Multani",
    "Myanmar",
    "Nabataean",
    "Nandinagari",
    "Newa",
    "Nko",
    "Nushu",
    "Ogham",
    "Oriya",
    "Osage",
    "Osmanya",
    "Palmyrene",
    "Phoenician",
    "Rejang",
    "Runic",
    "Samaritan",
    "Saurashtra",
    "Sharada",
    "Shavian",
    "Siddham",
    "Sinhala",
    "Sogdian",
    "Soyombo",
    "Sundanese",
    "Syriac",
    "Tagalog",
    "Tagbanwa",
    "Takri",
    "Tamil",
    "Tangsa",
    "Tangut",
    "Telugu",
    "Thaana",
    "Thai",
    "Tibetan",
    "Tifinagh",
    "Tirhuta",
    "Toto",
    "Ugaritic",
    "Vai",
    "Vithkuqi",
    "Wancho",
    "Yezidi",
    "Yi",
];

/// The class that Go has under a name in `\p{…}`.
///
/// Go 1.25 made the lookup blind to case and added aliases, and with that lost the scripts whose names
/// have an underscore; Flux's releases straddle it, so what only some of them read is not judged.
pub(super) fn unicode(name: &str) -> Named {
    match name {
        "Any" => return Named::Class(range(0, 0x10FFFF)),
        "Cs" => return Named::Class(empty()),
        "C" => {
            let mut class = property("gc=Cc").unwrap_or_else(empty);
            for part in ["gc=Cf", "gc=Co"] {
                class.union(&property(part).unwrap_or_else(empty));
            }
            return Named::Class(class);
        }
        _ => {}
    }
    let class = if CATEGORIES.contains(&name) {
        property(&format!("gc={name}"))
    } else if SCRIPTS.contains(&name) {
        property(&format!("sc={name}"))
    } else {
        None
    };
    if let Some(class) = class {
        return Named::Class(class);
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ');
    if !name.chars().all(is_word) || name.is_empty() {
        return Named::Unknown;
    }
    let is_known = ["gc", "sc"]
        .iter()
        .any(|kind| property(&format!("{kind}={name}")).is_some());
    let bare: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let is_special = ["any", "ascii", "assigned", "c", "cs", "lc", "surrogate"]
        .contains(&bare.to_ascii_lowercase().as_str());
    if is_known || is_special {
        return Named::Doubtful("Go's versions differ on the name of this Unicode class");
    }
    Named::Unknown
}

/// A class of the `regex` crate's tables.
fn property(query: &str) -> Option<ClassUnicode> {
    let parsed = regex_syntax::parse(&format!(r"\p{{{query}}}")).ok()?;
    match parsed.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        // A class of one character comes back as that character.
        HirKind::Literal(literal) => {
            let only = std::str::from_utf8(&literal.0).ok()?.chars().next()?;
            Some(range(only.into(), only.into()))
        }
        _ => None,
    }
}

/// The class in words of the `regex` crate, independent of its flags for case.
pub(super) fn write(class: &ClassUnicode) -> String {
    if class.ranges().is_empty() {
        return "[a&&b]".into();
    }
    if let [only] = class.ranges()
        && only.start() == only.end()
    {
        return write_character(only.start());
    }
    let mut text = String::from("[");
    for range in class.ranges() {
        for (at, end) in [range.start(), range.end()].into_iter().enumerate() {
            if at == 1 && range.start() == range.end() {
                break;
            }
            if at == 1 {
                text.push('-');
            }
            text.push_str(&write_character(end));
        }
    }
    text.push(']');
    text
}

/// A character that no flag and no place makes anything but itself.
fn write_character(c: char) -> String {
    if c.is_ascii_alphanumeric() {
        return c.into();
    }
    format!(r"\x{{{:X}}}", u32::from(c))
}

#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    CATEGORIES.iter().chain(SCRIPTS).copied()
}
