//! A range of versions: its grammar, and which versions it holds.

use std::cmp::Ordering;
use std::fmt;
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use super::version::{Version, compare_prereleases};

/// A range such as `>=1.0.0 <2.0.0 || 3.x`: alternatives, each a list of bounds that must all hold.
#[derive(Debug, Clone)]
pub struct Constraint {
    alternatives: Vec<Alternative>,
}

#[derive(Debug, Clone)]
struct Alternative {
    bounds: Vec<Bound>,
    /// A prerelease in one bound lets prereleases in for all bounds of the alternative.
    takes_prereleases: bool,
}

#[derive(Debug, Clone)]
struct Bound {
    operator: Operator,
    version: Version,
    /// How many numbers of the version are given; the rest are wildcards or absent.
    given: Given,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Nothing,
    Major,
    Minor,
    Patch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// Why a text is no range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstraintError {
    pub fault: ConstraintFault,
    /// What Masterminds says, which is what the controller's condition would show.
    pub go: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConstraintFault {
    /// More than 512 bytes.
    TooLong,
    /// More than 32 alternatives.
    TooManyAlternatives,
    /// Nothing before or after a `||`.
    EmptyAlternative,
    /// An operator with no version after it.
    NoVersion(String),
    /// An operator that does not exist.
    UnknownOperator(String),
    /// Not a version, whole or in part.
    NotAVersion(String),
}

impl ConstraintFault {
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::TooLong | Self::TooManyAlternatives => "use fewer alternatives".into(),
            Self::EmptyAlternative => "write a range on both sides of `||`".into(),
            Self::NoVersion(operator) => format!("write a version after it: `{operator}1.0.0`"),
            Self::UnknownOperator(operator) => match operator.as_str() {
                "==" | "===" => "write `=1.0.0`, or the version alone".into(),
                "&&" | "&" => {
                    "put a space or a comma between two bounds that must both hold".into()
                }
                "|" => "write `||` between alternatives".into(),
                _ => "the operators are = != > < >= <= ~ ^".into(),
            },
            Self::NotAVersion(text) if text.contains("-*") || text.contains("-x") => {
                "a wildcard stands for a number: write `-0` to let prereleases in".into()
            }
            Self::NotAVersion(_) => {
                "write a range such as `1.x`, `^1.2.0` or `>=1.0.0 <2.0.0`".into()
            }
        })
    }
}

impl fmt::Display for ConstraintFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("a version range has more than 512 bytes"),
            Self::TooManyAlternatives => {
                f.write_str("a version range has more than 32 alternatives")
            }
            Self::EmptyAlternative => f.write_str("nothing stands on one side of `||`"),
            Self::NoVersion(operator) => write!(f, "no version stands after `{operator}`"),
            Self::UnknownOperator(operator) => {
                write!(f, "`{operator}` is not an operator of a version range")
            }
            Self::NotAVersion(text) => {
                write!(f, "`{text}` is not a version or a range of versions")
            }
        }
    }
}

impl fmt::Display for ConstraintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for ConstraintError {}

const MAX_LENGTH: usize = 512;
const MAX_ALTERNATIVES: usize = 32;

/// The grammar's words. Order matters: Go and the `regex` crate both take the first alternative that fits.
struct Grammar {
    /// `1.2 - 2.3`, which is rewritten to two bounds.
    hyphen: Regex,
    /// One alternative as a whole.
    alternative: Regex,
    /// One bound somewhere in an alternative.
    bound: Regex,
    /// One bound, taken apart.
    parts: Regex,
}

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| {
    const SPACE: &str = r"[\t\n\x0c\r ]";
    const OPERATOR: &str = r"(?:=||!=|>|<|>=|=>|<=|=<|~|~>|\^)";
    // The bar is among the wildcards upstream too; it makes `1|2` fail later, with another message.
    const NUMBER: &str = r"[0-9|xX*]+";
    const WORDS: &str = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*";
    let version = format!(r"v?{NUMBER}(?:\.{NUMBER}){{0,2}}(?:-{WORDS})?(?:\+{WORDS})?");
    let bound = format!("{OPERATOR}{SPACE}*{version}");
    // The classes are all of ASCII, and cheaper to compile for it.
    let compile = |pattern: String| {
        let regex = RegexBuilder::new(&pattern).unicode(false).build();
        regex.expect("the grammar is a valid pattern")
    };
    Grammar {
        hyphen: compile(format!(
            "{SPACE}*({version}){SPACE}+-{SPACE}+({version}){SPACE}*"
        )),
        alternative: compile(format!(
            "^{SPACE}*{bound}{SPACE}*(?:(?:{SPACE}+|,{SPACE}*){bound}{SPACE}*)*$"
        )),
        parts: compile(format!(
            r"^{SPACE}*(?P<operator>{OPERATOR}){SPACE}*(?P<version>v?(?P<major>{NUMBER})(?:\.(?P<minor>{NUMBER}))?(?:\.(?P<patch>{NUMBER}))?(?P<pre>-{WORDS})?(?:\+{WORDS})?){SPACE}*$"
        )),
        bound: compile(bound),
    }
});

impl Constraint {
    /// Reads a range as `NewConstraint` does.
    ///
    /// Alternatives stand between `||`; bounds that must all hold stand between spaces or commas. A
    /// bound is an operator (`=`, `!=`, `>`, `<`, `>=`, `=>`, `<=`, `=<`, `~`, `~>`, `^` or none) and a
    /// version whose numbers may be `x`, `X`, `*` or left out; `1.2 - 2.3` is `>=1.2 <=2.3`.
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        let refuse = |fault, go: String| Err(ConstraintError { fault, go });
        if text.len() > MAX_LENGTH {
            let go = "constraint string is too long (max 512 bytes)";
            return refuse(ConstraintFault::TooLong, go.into());
        }
        let rewritten = rewrite_hyphens(text);
        if rewritten.split("||").count() > MAX_ALTERNATIVES {
            let go = "too many constraint groups (max 32)";
            return refuse(ConstraintFault::TooManyAlternatives, go.into());
        }
        let mut alternatives = Vec::new();
        for part in rewritten.split("||") {
            if !GRAMMAR.alternative.is_match(part) {
                return refuse(
                    diagnose(part),
                    format!("improper constraint: {}", go_quote(part)),
                );
            }
            let mut bounds = Vec::new();
            for found in GRAMMAR.bound.find_iter(part) {
                match Bound::parse(found.as_str()) {
                    Some(bound) => bounds.push(bound),
                    None => {
                        let fault = ConstraintFault::NotAVersion(found.as_str().to_owned());
                        return refuse(fault, "constraint parser error".into());
                    }
                }
            }
            alternatives.push(Alternative {
                takes_prereleases: bounds.iter().any(|bound| bound.version.is_prerelease()),
                bounds,
            });
        }
        Ok(Self { alternatives })
    }

    /// Whether the range holds a version. A prerelease is held only by an alternative that has one itself.
    pub fn check(&self, version: &Version) -> bool {
        self.alternatives
            .iter()
            .any(|alternative| alternative.holds(version, alternative.takes_prereleases))
    }

    /// Whether the range would hold a version if it took prereleases throughout.
    pub fn check_with_prereleases(&self, version: &Version) -> bool {
        self.alternatives
            .iter()
            .any(|alternative| alternative.holds(version, true))
    }

    /// Whether any alternative takes prereleases.
    pub fn takes_prereleases(&self) -> bool {
        self.alternatives
            .iter()
            .any(|alternative| alternative.takes_prereleases)
    }
}

impl Alternative {
    fn holds(&self, version: &Version, with_prereleases: bool) -> bool {
        (with_prereleases || !version.is_prerelease())
            && self.bounds.iter().all(|bound| bound.holds(version))
    }
}

impl Bound {
    fn parse(text: &str) -> Option<Self> {
        let parts = GRAMMAR.parts.captures(text)?;
        let part = |name| parts.name(name).map_or("", |found| found.as_str());
        let is_open = |number: &str| matches!(number, "" | "x" | "X" | "*");
        let (major, minor, pre) = (part("major"), part("minor"), part("pre"));
        // The metadata of a version with wildcards is dropped upstream as well.
        let (given, version) = if is_open(major) {
            (Given::Nothing, format!("0.0.0{pre}"))
        } else if is_open(minor) {
            (Given::Major, format!("{major}.0.0{pre}"))
        } else if is_open(part("patch")) {
            (Given::Minor, format!("{major}.{minor}.0{pre}"))
        } else {
            (Given::Patch, part("version").to_owned())
        };
        let operator = match part("operator") {
            "" | "=" => Operator::Equal,
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" | "=>" => Operator::GreaterOrEqual,
            "<=" | "=<" => Operator::LessOrEqual,
            "~" | "~>" => Operator::Tilde,
            "^" => Operator::Caret,
            other => unreachable!("`{other}` is not in the grammar"),
        };
        Some(Self {
            operator,
            version: Version::parse(&version).ok()?,
            given,
        })
    }

    /// Whether the bound holds a version; that prereleases are wanted has been settled before.
    fn holds(&self, version: &Version) -> bool {
        let order = version.precedence(&self.version);
        let is_whole = self.given == Given::Patch;
        match self.operator {
            Operator::Equal if is_whole => order == Ordering::Equal,
            Operator::Equal | Operator::Tilde => self.tilde(version, order),
            Operator::NotEqual => self.not_equal(version, order),
            Operator::Greater if is_whole => order == Ordering::Greater,
            Operator::Greater => self.greater(version),
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::Less => order == Ordering::Less,
            Operator::LessOrEqual if is_whole => order != Ordering::Greater,
            Operator::LessOrEqual => self.less_or_equal(version),
            Operator::Caret => self.caret(version, order),
        }
    }

    /// `~1.2.3`, and `1.2` or `1.x` without an operator. `~*` and `~0.0.0` hold every version from 0.0.0.
    fn tilde(&self, version: &Version, order: Ordering) -> bool {
        let bound = &self.version;
        if order == Ordering::Less {
            return false;
        }
        let is_zero = (bound.major(), bound.minor(), bound.patch()) == (0, 0, 0);
        if is_zero && matches!(self.given, Given::Nothing | Given::Patch) {
            return true;
        }
        version.major() == bound.major()
            && (self.given == Given::Major || version.minor() == bound.minor())
    }

    fn not_equal(&self, version: &Version, order: Ordering) -> bool {
        let bound = &self.version;
        match self.given {
            Given::Patch => order != Ordering::Equal,
            Given::Major => version.major() != bound.major(),
            Given::Minor => {
                (version.major(), version.minor()) != (bound.major(), bound.minor())
                    || (version.is_prerelease() || bound.is_prerelease())
                        && compare_prereleases(version.prerelease(), bound.prerelease())
                            != Ordering::Equal
            }
            // `!=*` is `!=0.0.0` upstream, not "no version at all".
            Given::Nothing => {
                (version.major(), version.minor(), version.patch()) != (0, 0, 0)
                    || order != Ordering::Equal
            }
        }
    }

    /// `>1` starts at 2.0.0 and `>1.2` at 1.3.0.
    fn greater(&self, version: &Version) -> bool {
        let bound = &self.version;
        match version.major().cmp(&bound.major()) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => match self.given {
                Given::Major => false,
                Given::Minor => version.minor() > bound.minor(),
                Given::Nothing | Given::Patch => version.precedence(bound) == Ordering::Greater,
            },
        }
    }

    /// `<=1` ends before 2.0.0 and `<=1.2` before 1.3.0.
    fn less_or_equal(&self, version: &Version) -> bool {
        let bound = &self.version;
        match version.major().cmp(&bound.major()) {
            Ordering::Greater => false,
            Ordering::Less => true,
            Ordering::Equal => self.given == Given::Major || version.minor() <= bound.minor(),
        }
    }

    /// Up to the next change of the first number that is not zero.
    fn caret(&self, version: &Version, order: Ordering) -> bool {
        let bound = &self.version;
        if order == Ordering::Less {
            return false;
        }
        if bound.major() > 0 || self.given == Given::Major {
            return version.major() == bound.major();
        }
        if version.major() > 0 {
            return false;
        }
        if bound.minor() > 0 || self.given == Given::Minor {
            return version.minor() == bound.minor();
        }
        version.minor() == 0 && version.patch() == bound.patch()
    }
}

/// Replaces `1.2 - 2.3` by two bounds, each in the text's first place where it stands.
fn rewrite_hyphens(text: &str) -> String {
    let mut rewritten = text.to_owned();
    for found in GRAMMAR.hyphen.captures_iter(text) {
        let bounds = format!(">= {}, <= {} ", &found[1], &found[2]);
        rewritten = rewritten.replacen(&found[0], &bounds, 1);
    }
    rewritten
}

/// The first thing in a refused alternative that cannot be there.
fn diagnose(alternative: &str) -> ConstraintFault {
    let is_operator = |c: char| "=!<>~^&|".contains(c);
    let is_space = |c: char| matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ');
    let mut pending = String::new();
    for word in alternative
        .split(|c| is_space(c) || c == ',')
        .filter(|word| !word.is_empty())
    {
        let operator: &str = &word[..word.find(|c| !is_operator(c)).unwrap_or(word.len())];
        if !matches!(
            operator,
            "" | "=" | "!=" | ">" | "<" | ">=" | "=>" | "<=" | "=<" | "~" | "~>" | "^"
        ) {
            return ConstraintFault::UnknownOperator(operator.to_owned());
        }
        if operator.len() == word.len() {
            pending = operator.to_owned();
            continue;
        }
        pending.clear();
        if !GRAMMAR.parts.is_match(word) {
            return ConstraintFault::NotAVersion(word[operator.len()..].to_owned());
        }
    }
    let trimmed = alternative.trim_matches(is_space);
    match (pending.is_empty(), trimmed.is_empty()) {
        (false, _) => ConstraintFault::NoVersion(pending),
        (true, true) => ConstraintFault::EmptyAlternative,
        (true, false) => ConstraintFault::NotAVersion(trimmed.to_owned()),
    }
}

/// A text as Go's `%q` shows it, for the characters that are likely in a range.
fn go_quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\x0c' => quoted.push_str("\\f"),
            '\x0b' => quoted.push_str("\\v"),
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(range: &str, version: &str) -> bool {
        Constraint::parse(range)
            .unwrap_or_else(|error| panic!("{range}: {error}"))
            .check(&Version::parse(version).expect("a version"))
    }

    #[test]
    fn ranges_hold_the_versions_that_masterminds_says() {
        // (range, held, not held), answers of Masterminds/semver 3.5.0.
        let cases: &[(&str, &[&str], &[&str])] = &[
            (
                "1.x",
                &["1.0.0", "1.9.9"],
                &["2.0.0", "0.9.0", "1.5.0-rc.1"],
            ),
            (">1.2", &["1.3.0"], &["1.2.1"]),
            ("<=1.2", &["1.2.9"], &["1.3.0"]),
            ("~*", &["0.0.1", "9.0.0"], &["1.0.0-0"]),
            ("~0.0.0", &["3.0.0"], &[]),
            ("^0.2", &["0.2.9"], &["0.3.0"]),
            ("^0.0.3", &["0.0.3"], &["0.0.4"]),
            ("^*", &["0.0.0"], &["0.0.1", "1.0.0"]),
            (">*", &["0.0.1"], &["0.0.0"]),
            ("!=*", &["0.0.1"], &["0.0.0"]),
            ("!=1.2", &["1.3.0"], &["1.2.0", "1.2.7"]),
            ("1.2 - 2.3", &["1.2.0", "2.3.9"], &["2.4.0", "1.1.9"]),
            (
                ">=1.0.0-0 <2.0.0",
                &["1.5.0-rc.1", "2.0.0-alpha"],
                &["2.0.0"],
            ),
            (
                "1.x || >=2.0.0-0",
                &["1.0.0", "2.0.0-rc.1"],
                &["1.0.0-rc.1"],
            ),
            ("=>1,<2", &["1.0.0"], &["2.0.0"]),
            ("> v1.2.3", &["v1.2.4"], &["v1.2.3"]),
            (
                "!=1.2-beta",
                &["1.2.0-alpha", "1.2.0"],
                &["1.2.0-beta", "1.2.9-beta"],
            ),
        ];
        for (range, held, others) in cases {
            for version in *held {
                assert!(holds(range, version), "`{range}` holds {version}");
            }
            for version in *others {
                assert!(!holds(range, version), "`{range}` does not hold {version}");
            }
        }
    }

    #[test]
    fn what_is_no_range_is_refused_and_named() {
        use ConstraintFault::*;
        for (range, fault, go) in [
            ("", EmptyAlternative, "improper constraint: \"\""),
            ("1 || ", EmptyAlternative, "improper constraint: \" \""),
            (
                "==1.0.0",
                UnknownOperator("==".into()),
                "improper constraint: \"==1.0.0\"",
            ),
            (
                ">=1.0.0 && <2",
                UnknownOperator("&&".into()),
                "improper constraint: \">=1.0.0 && <2\"",
            ),
            (
                "=!1.0",
                UnknownOperator("=!".into()),
                "improper constraint: \"=!1.0\"",
            ),
            (
                "latest",
                NotAVersion("latest".into()),
                "improper constraint: \"latest\"",
            ),
            (
                "^1.2.3-*",
                NotAVersion("1.2.3-*".into()),
                "improper constraint: \"^1.2.3-*\"",
            ),
            (">=", NoVersion(">=".into()), "improper constraint: \">=\""),
            (
                "1.2x",
                NotAVersion("1.2x".into()),
                "constraint parser error",
            ),
            ("1|2", NotAVersion("1|2".into()), "constraint parser error"),
        ] {
            let error = Constraint::parse(range).expect_err(range);
            assert_eq!((error.fault, error.go.as_str()), (fault, go), "{range}");
        }
        assert_eq!(
            Constraint::parse(&"1 ".repeat(300))
                .expect_err("long")
                .fault,
            TooLong
        );
        assert_eq!(
            Constraint::parse(&["1"; 33].join("||"))
                .expect_err("many")
                .fault,
            TooManyAlternatives
        );
    }

    #[test]
    fn prereleases_count_only_where_the_range_asks_for_them() {
        let range = Constraint::parse(">=1.0.0").expect("a range");
        let version = Version::parse("1.1.0-rc.1").expect("a version");
        assert!(!range.check(&version));
        assert!(range.check_with_prereleases(&version));
        assert!(!range.takes_prereleases());
        assert!(
            Constraint::parse(">=1.0.0-0")
                .expect("a range")
                .takes_prereleases()
        );
    }
}
