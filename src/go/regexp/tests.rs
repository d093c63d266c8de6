//! Go's answers, from Go 1.26.

use super::*;

fn compile(pattern: &str) -> Regexp {
    Regexp::compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"))
}

#[test]
fn what_go_refuses_is_refused_in_its_words() {
    for (pattern, message) in [
        ("(", "missing closing ): `(`"),
        ("a)", "unexpected ): `a)`"),
        ("[a", "missing closing ]: `[a`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[[:nope:]]", "invalid character class range: `[:nope:]`"),
        (r"\p{Nope}", r"invalid character class range: `\p{Nope}`"),
        (r"\h", r"invalid escape sequence: `\h`"),
        (r"\1", r"invalid escape sequence: `\1`"),
        (r"\Z", r"invalid escape sequence: `\Z`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
        (r"a\", "trailing backslash at end of expression: ``"),
        ("(?P<n-a>b)", "invalid named capture: `(?P<n-a>`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?<!a)b>", "invalid named capture: `(?<!a)b>`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ("(?-)", "invalid or unsupported Perl syntax: `(?-)`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("a|*", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a*+", "invalid nested repetition operator: `*+`"),
        ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("(?:a{100}){11}", "invalid repeat count: `{11}`"),
    ] {
        let error = Regexp::compile(pattern).expect_err(pattern);
        assert_eq!(
            error.to_string(),
            format!("error parsing regexp: {message}"),
            "{pattern}"
        );
    }
}

#[test]
fn what_only_the_regex_crate_reads_another_way_means_what_it_means_in_go() {
    for (pattern, matched, others) in [
        // Set operations, nested classes and whitespace are characters.
        ("^[a&&b]$", &["a", "&", "b"][..], &["c"][..]),
        ("^[[a]$", &["[", "a"], &["]"]),
        ("^[]a]$", &["]", "a"], &["b"]),
        ("^[a-c--b]$", &["-", "."], &["/0"]),
        // ASCII classes and boundaries.
        (r"^\d$", &["7"], &["\u{663}"]),
        (r"^\w+$", &["a_1"], &["\u{e9}"]),
        (r"^\s$", &[" ", "\t", "\n"], &["\x0b", "\u{a0}"]),
        (r"\bn", &["\u{dc}n"], &["an"]),
        ("^[[:space:]]$", &["\x0b"], &["a"]),
        // Folding reaches beyond ASCII.
        ("^(?i)k$", &["k", "K", "\u{212a}"], &["c"]),
        (r"^(?i)\w$", &["\u{17f}"], &["\u{e9}"]),
        // Ends of the text, and of its lines only with `m`.
        ("b$", &["b"], &["b\n"]),
        (r"b\z", &["b"], &["b\n"]),
        ("(?m)^b$", &["a\nb\nc"], &["ab"]),
        // Braces that are no count, quoting, octal.
        ("^x{,2}$", &["x{,2}"], &["xx"]),
        (r"^\Qa.b\E$", &["a.b"], &["axb"]),
        (r"^\Qab\E*$", &["abbb", "a"], &["abab"]),
        (r"^\123\x41\x{42}\07$", &["SAB\x07"], &["SAB"]),
        // Any whitespace and `#` in a pattern is itself.
        ("^a #b$", &["a #b"], &["a"]),
        // Surrogates are in no text.
        (r"^[\x{D7FF}-\x{E000}]$", &["\u{d7ff}", "\u{e000}"], &["a"]),
        (r"\x{D800}", &[], &["a", ""]),
        (r"^\p{Greek}\pL\PN$", &["\u{3b1}\u{e9}x"], &["aax"]),
        ("(?)", &["", "a"], &[]),
    ] {
        let regexp = compile(pattern);
        for text in matched {
            assert!(regexp.is_match(text), "{pattern} on {text:?}");
        }
        for text in others {
            assert!(!regexp.is_match(text), "{pattern} on {text:?}");
        }
    }
}

#[test]
fn the_flag_u_swaps_greediness() {
    assert_eq!(compile("(?U)a+").find("aaa"), Some((0, 1)));
    assert_eq!(compile("(?U)a+?").find("aaa"), Some((0, 3)));
    assert_eq!(compile("(?U:a+)a*").find("aaa"), Some((0, 3)));
}

#[test]
fn templates_expand_as_go_expands_them() {
    for (pattern, template, text, expanded) in [
        (r"^v?(\d+)\.(\d+)", "${1}x$2", "v1.2.3", "1x2"),
        // The longest name counts.
        (r"^v?(\d+)\.(\d+)", "$1x$2", "v1.2.3", "2"),
        ("(?P<a>.)(?P<b>.)", "$b$a", "xy", "yx"),
        ("(?P<a>.)(?P<b>.)", "${b}_$a", "xy", "y_x"),
        ("(?P<a>.)(?P<b>.)", "$b_$a", "xy", "x"),
        ("(?<a>.)", "$a", "x", "x"),
        ("(.)", "$$1 $", "x", "$1 $"),
        ("(.)", "${1", "x", "${1"),
        ("(.)", "$01$9$none", "x", ""),
        ("(.)", "$0-$-${}", "x", "x-$-${}"),
        ("(.)", "$\u{e9}!", "x", "!"),
        // Two groups of one name: the first that took part.
        ("(?P<n>a)|(?P<n>b)", "$n", "b", "b"),
        ("(?P<1a>a)", "$1a", "a", "a"),
        ("^(?:a{0}(x){0}(b))", "$2", "b", "b"),
    ] {
        let regexp = compile(pattern);
        let extracted = regexp.extract(text, &regexp.template(template));
        assert_eq!(extracted.as_deref(), Some(expanded), "{pattern} {template}");
    }
    let regexp = compile("a");
    assert_eq!(regexp.extract("b", &regexp.template("$0")), None);
}

#[test]
fn references_that_name_no_group_are_told() {
    let regexp = compile("^(?P<ts>.)$");
    assert_eq!(
        regexp.unknown_references("$ts ${1} $0"),
        Vec::<String>::new()
    );
    assert_eq!(regexp.unknown_references("$tsx $2 $$no"), ["tsx", "2"]);
}

#[test]
fn what_cannot_be_judged_is_said_and_not_guessed() {
    for pattern in [
        // Go 1.25 lost the scripts with an underscore and gained aliases.
        r"\p{Old_Italic}",
        r"\p{letter}",
        r"(?:\pL{1000})",
        &"a".repeat(20_000),
        &format!("{}a{}", "(".repeat(400), ")".repeat(400)),
    ] {
        let shown: String = pattern.chars().take(20).collect();
        assert!(
            matches!(Regexp::compile(pattern), Err(RegexpError::NotChecked(_))),
            "{shown}"
        );
    }
}

#[test]
fn nesting_within_the_limits_of_both_is_compiled() {
    let nested = format!("{}a{}", "(".repeat(200), ")".repeat(200));
    assert!(compile(&nested).is_match("a"));
    let flat = format!("{}a{}", "(?:".repeat(2000), ")".repeat(2000));
    assert!(compile(&flat).is_match("a"));
    let deep = format!("{}a{}", "(".repeat(1100), ")".repeat(1100));
    let Err(RegexpError::Refused(error)) = Regexp::compile(&deep) else {
        panic!("Go refuses it")
    };
    assert_eq!(error.fault, SyntaxFault::Nesting);
}

#[test]
fn every_listed_unicode_class_is_in_the_tables() {
    for name in class::names() {
        assert!(
            compile(&format!(r"\p{{{name}}}")).names.len() == 1,
            "{name}"
        );
    }
}

#[test]
fn look_around_and_other_engines_words_come_with_help() {
    for pattern in [
        "(?=a)", "(?<!a)b", "(?<=v)1", "a*+", r"\1", r"\Z", "*", "a{2000}",
    ] {
        let Err(RegexpError::Refused(error)) = Regexp::compile(pattern) else {
            panic!("{pattern}")
        };
        assert!(error.help().is_some(), "{pattern}: {error}");
    }
}

#[test]
fn the_ends_of_a_pattern_are_held_by_anchors_or_by_anything() {
    use End::{Held, Open};
    for (pattern, ends) in [
        ("^a$", (Held, Held)),
        (r"\Aa\z", (Held, Held)),
        ("a", (Open, Open)),
        ("^a", (Held, Open)),
        ("a$", (Open, Held)),
        ("^a$|^b$", (Held, Held)),
        ("^a$|b$", (Open, Held)),
        ("^main-(?P<ts>.*)", (Held, Held)),
        ("^main-(?P<ts>[0-9]+)", (Held, Open)),
        (".+-rc", (Held, Open)),
        ("(^(a)$)", (Held, Held)),
    ] {
        assert_eq!(compile(pattern).ends(), ends, "{pattern}");
    }
}

#[test]
fn the_characters_of_a_group_are_read_off_the_pattern() {
    let regexp = compile("^main-(?P<sha>[a-f0-9]+)-(?P<ts>[0-9]{10})(.*)$");
    assert!(
        regexp
            .group_characters(2)
            .is_some_and(Characters::are_digits_only)
    );
    assert!(!regexp.group_varies_in_length(2));
    assert!(regexp.group_varies_in_length(1));
    let sha = regexp.group_characters(1).expect("a group");
    assert!(sha.letters && sha.digits && !sha.anything && !sha.others);
    assert!(
        regexp
            .group_characters(3)
            .is_some_and(|characters| characters.anything)
    );
    assert_eq!(regexp.single_group("$ts"), Some(2));
    assert_eq!(regexp.single_group("${1}"), Some(1));
    assert_eq!(regexp.single_group("$ts.$sha"), None);
    assert_eq!(regexp.single_group("v$ts"), None);
    assert_eq!(regexp.single_group("$none"), None);
}
