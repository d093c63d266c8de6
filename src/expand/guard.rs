//! Rewrites expressions and templates so that their values pay for their size, see [`super::engine`].
//!
//! `a == b` becomes `(a)|weighed == (b)|weighed`. So do the operands of every comparison, of `in` and of `~`, the input
//! and the arguments of filters and methods, the keys of tables, and what is in `[…]` behind a value. That also keeps
//! the engine from evaluating them while it compiles, where it counts no steps. Lines stay the same.

use std::ops::Range;

use super::engine::WEIGHED;

/// Filters that look at their value alone and not at what is in it.
const CHEAP: [&str; 12] = [
    "batch", "count", "d", "default", "first", "items", "last", "length", "list", "safe", "slice",
    "yaml",
];

/// An expression with its values weighed.
pub(crate) fn expression(source: &str) -> String {
    let mut weights = Weights::default();
    let (tokens, _) = tokens(source, 0, None);
    weights.level(&tokens, source);
    weights.insert(source)
}

/// A template with the values of its expressions and statements weighed.
pub(crate) fn template(source: &str) -> String {
    let mut weights = Weights::default();
    let mut at = 0;
    while let Some(found) = source[at..].find('{') {
        let start = at + found;
        let inside = start + 2;
        at = match source.get(start..inside) {
            Some("{#") => match source[inside..].find("#}") {
                Some(end) => inside + end + 2,
                None => break,
            },
            Some("{{") => {
                let (tokens, end) = tokens(source, inside, Some("}}"));
                weights.level(&tokens, source);
                end
            }
            Some("{%") => {
                let (tokens, end) = tokens(source, inside, Some("%}"));
                let first = tokens.iter().position(|token| token.kind == Kind::Name);
                let statement = first.map(|first| &source[tokens[first].range.clone()]);
                match (statement, first) {
                    (Some("raw"), _) => end_of_raw(source, end),
                    (Some(statement), Some(first)) => {
                        let rest = match statement {
                            "filter" => &tokens[first..],
                            _ => &tokens[first + 1..],
                        };
                        weights.level(without_target(statement, rest, source), source);
                        end
                    }
                    _ => end,
                }
            }
            _ => start + 1,
        };
    }
    weights.insert(source)
}

/// Where the text after `{% raw %}` ends.
fn end_of_raw(source: &str, from: usize) -> usize {
    source[from..]
        .match_indices("{%")
        .map(|(found, _)| from + found)
        .find(|start| {
            let inside = source[start + 2..].trim_start_matches(['-', '+']);
            inside.trim_start().starts_with("endraw")
        })
        .unwrap_or(source.len())
}

/// What follows `in` of `for x in …`: that `in` compares nothing.
fn without_target<'a>(statement: &str, tokens: &'a [Token], source: &str) -> &'a [Token] {
    if statement != "for" {
        return tokens;
    }
    let is_in = |token: &Token| token.kind == Kind::Name && &source[token.range.clone()] == "in";
    let target = tokens.iter().position(is_in).map_or(0, |at| at + 1);
    &tokens[target..]
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Name,
    Literal,
    Operator,
    /// A bracket with all that is in it.
    Group(char, Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    kind: Kind,
    range: Range<usize>,
}

/// The tokens from `start` up to the end of the text or of the tag, and where they end.
fn tokens(source: &str, start: usize, close: Option<&str>) -> (Vec<Token>, usize) {
    let mut outer: Vec<(char, usize, Vec<Token>)> = Vec::new();
    let mut level = Vec::new();
    let mut at = start;
    while let Some(first) = source[at..].chars().next() {
        let rest = &source[at..];
        let is_end = |rest: &str| close.is_some_and(|close| rest.starts_with(close));
        if outer.is_empty() && (is_end(rest) || is_end(rest.trim_start_matches(['-', '+']))) {
            let end = rest.find(close.unwrap_or_default()).unwrap_or_default();
            return (level, at + end + 2);
        }
        let length = length(rest, first);
        let range = at..at + length;
        at = range.end;
        let kind = match first {
            _ if first.is_whitespace() => continue,
            '(' | '[' | '{' => {
                outer.push((first, range.start, std::mem::take(&mut level)));
                continue;
            }
            ')' | ']' | '}' => {
                let Some((open, start, before)) = outer.pop() else {
                    continue;
                };
                let inside = std::mem::replace(&mut level, before);
                level.push(Token {
                    kind: Kind::Group(open, inside),
                    range: start..at,
                });
                continue;
            }
            '"' | '\'' => Kind::Literal,
            _ if first.is_ascii_digit() => Kind::Literal,
            _ if is_name(first) => Kind::Name,
            _ => Kind::Operator,
        };
        level.push(Token { kind, range });
    }
    (level, source.len())
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || !c.is_ascii()
}

/// The bytes of the first token of `rest`.
fn length(rest: &str, first: char) -> usize {
    let while_true = |is_part: &dyn Fn(char) -> bool| {
        let end = rest.char_indices().find(|(_, c)| !is_part(*c));
        end.map_or(rest.len(), |(end, _)| end)
    };
    match first {
        '"' | '\'' => {
            let mut is_escaped = false;
            let end = rest.char_indices().skip(1).find(|(_, c)| {
                let is_end = *c == first && !is_escaped;
                is_escaped = *c == '\\' && !is_escaped;
                is_end
            });
            end.map_or(rest.len(), |(end, _)| end + 1)
        }
        _ if first.is_ascii_digit() => number(rest),
        _ if is_name(first) => while_true(&is_name),
        _ => {
            let two = rest.get(..2).unwrap_or_default();
            match ["==", "!=", "<=", ">=", "**", "//"].contains(&two) {
                true => 2,
                false => first.len_utf8(),
            }
        }
    }
}

/// The bytes of a number, with its fraction and exponent.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let is_decimal = !(bytes[0] == b'0' && bytes.get(1).is_some_and(u8::is_ascii_alphabetic));
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let after_exponent = at > 0 && is_decimal && matches!(bytes[at - 1], b'e' | b'E');
        let is_part = match byte {
            b'.' => bytes.get(at + 1).is_some_and(u8::is_ascii_digit),
            b'-' | b'+' => after_exponent,
            byte => byte.is_ascii_alphanumeric() || *byte == b'_',
        };
        if !is_part {
            break;
        }
        at += 1;
    }
    at
}

/// What a token is to its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Part of a value.
    Part,
    /// The first part of another value, after the end of one.
    Start,
    /// `==`, `in` and the like.
    Comparison,
    /// `~`
    Concatenation,
    /// Binary `+` and `-`.
    Sum,
    /// `and`, `if`, `,` and the like.
    Break,
}

/// What is inserted into a text.
#[derive(Debug, Default)]
struct Weights(Vec<(usize, String)>);

impl Weights {
    /// Weighs the values of tokens that are in the same brackets, and of the brackets in them.
    fn level(&mut self, tokens: &[Token], source: &str) {
        let text = |token: &Token| &source[token.range.clone()];
        let roles = roles(tokens, source);
        for (at, token) in tokens.iter().enumerate() {
            if token.kind == Kind::Operator && text(token) == "|" {
                let name = tokens.get(at + 1).map(text).unwrap_or_default();
                if !CHEAP.contains(&name) {
                    self.0.push((token.range.start, format!("|{WEIGHED} ")));
                }
            }
            if let Kind::Group(open, inside) = &token.kind {
                self.level(inside, source);
                self.group(*open, inside, &tokens[..at], &roles[..=at], source);
            }
        }
        let splits = |outer: bool, role: Role| match role {
            Role::Comparison | Role::Break => true,
            Role::Concatenation | Role::Sum => !outer,
            Role::Part | Role::Start => false,
        };
        for (role, outer) in [(Role::Comparison, true), (Role::Concatenation, false)] {
            let mut start = 0_usize;
            for end in 0..=tokens.len() {
                let is_split = |at: usize| roles.get(at).is_none_or(|role| splits(outer, *role));
                let is_start = roles.get(end) == Some(&Role::Start);
                if !is_split(end) && !is_start {
                    continue;
                }
                let before = start.checked_sub(1).map(|before| roles[before]);
                if before == Some(role) || roles.get(end) == Some(&role) {
                    self.weigh(&tokens[start..end]);
                }
                start = if is_start { end } else { end + 1 };
            }
        }
    }

    /// Weighs what a bracket passes on: arguments of filters, tests and methods, keys and subscripts.
    fn group(
        &mut self,
        open: char,
        inside: &[Token],
        before: &[Token],
        roles: &[Role],
        source: &str,
    ) {
        let text = |token: &Token| &source[token.range.clone()];
        let follows = roles.last() == Some(&Role::Part)
            && before
                .last()
                .is_some_and(|last| last.kind != Kind::Operator)
            && !roles[..before.len()]
                .last()
                .is_some_and(|role| *role == Role::Break || *role == Role::Comparison);
        let of = before.len().checked_sub(2).map(|at| text(&before[at]));
        let is_weighed = match open {
            '[' => follows,
            '(' => follows && matches!(of, Some("." | "|" | "is" | "not" | "filter")),
            _ => false,
        };
        let mut start = 0_usize;
        for end in 0..=inside.len() {
            let delimiter = inside.get(end).map(text);
            if !matches!(delimiter, None | Some("," | ":" | "=")) {
                continue;
            }
            let is_key = open == '{' && delimiter == Some(":");
            if is_key || (is_weighed && delimiter != Some("=")) {
                self.weigh(&inside[start..end]);
            }
            start = end + 1;
        }
    }

    /// Weighs one value; a number or a string alone costs its length anyway.
    fn weigh(&mut self, tokens: &[Token]) {
        let is_operator = |token: &&Token| token.kind == Kind::Operator;
        // `*list` and `**table` among arguments.
        let skipped = tokens.iter().take_while(is_operator).count();
        let value = &tokens[skipped..];
        let (Some(first), Some(last)) = (value.first(), value.last()) else {
            return;
        };
        if value.len() == 1 && first.kind == Kind::Literal {
            return;
        }
        self.0.push((first.range.start, "(".to_owned()));
        self.0.push((last.range.end, format!(")|{WEIGHED}")));
    }

    fn insert(mut self, source: &str) -> String {
        self.0.sort_by_key(|(at, _)| *at);
        let mut text = String::with_capacity(source.len() + 12 * self.0.len());
        let mut from = 0;
        for (at, inserted) in &self.0 {
            text.push_str(&source[from..*at]);
            text.push_str(inserted);
            from = *at;
        }
        text.push_str(&source[from..]);
        text
    }
}

fn roles(tokens: &[Token], source: &str) -> Vec<Role> {
    let text = |at: usize| tokens.get(at).map(|token| &source[token.range.clone()]);
    let mut roles = Vec::with_capacity(tokens.len());
    // Whether a value may end here, and whether a name that follows belongs to it.
    let mut is_value = false;
    let mut takes_argument = false;
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(text);
        let is_name_of_part = match before {
            Some("." | "|" | "is") => true,
            Some("not") => at.checked_sub(2).and_then(text) == Some("is"),
            _ => false,
        };
        let word = &source[token.range.clone()];
        let role = match &token.kind {
            Kind::Name if is_name_of_part && !(before == Some("is") && word == "not") => Role::Part,
            Kind::Name => match word {
                "in" => Role::Comparison,
                "not" if before == Some("is") => Role::Part,
                "not" if text(at + 1) == Some("in") => Role::Comparison,
                "is" => Role::Part,
                "and" | "or" | "not" | "if" | "else" => Role::Break,
                _ if is_value && !takes_argument => Role::Start,
                _ => Role::Part,
            },
            Kind::Literal if is_value && !takes_argument => Role::Start,
            Kind::Group('{', _) if is_value && !takes_argument => Role::Start,
            Kind::Literal | Kind::Group(..) => Role::Part,
            Kind::Operator => match word {
                "==" | "!=" | "<" | "<=" | ">" | ">=" => Role::Comparison,
                "~" => Role::Concatenation,
                "+" | "-" if is_value => Role::Sum,
                "," | ":" | "=" => Role::Break,
                _ => Role::Part,
            },
        };
        let is_test = is_name_of_part && before != Some(".") && before != Some("|");
        takes_argument = is_test && role == Role::Part && word != "not";
        is_value = token.kind != Kind::Operator
            && matches!(role, Role::Part | Role::Start)
            && !matches!((&token.kind, word), (Kind::Name, "is" | "not") if !is_name_of_part);
        roles.push(role);
    }
    roles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn guarded(source: &str) -> String {
        expression(source).replace("|weighed", "|w")
    }

    #[test]
    fn what_costs_its_length_stays_as_it_is() {
        for source in [
            "vars.domain",
            "vars.list[0]",
            "'a' ~ \"b\"",
            "1 == 1.5e-3",
            "-vars.port + 2 * 3 // x ** 2",
            "vars.x is defined and not vars.y",
            "vars.x is not none",
            "vars.x is in [1]",
            "vars.x is not in vars.y",
            "vars.x is eq -3",
            "vars.x | default('a') | length",
            "a.not.in.b",
            "range(3)",
            "a if b else c",
            "{'a': 1, 'b': x}",
        ] {
            assert_eq!(guarded(source), source);
        }
    }

    #[test]
    fn operands_are_weighed() {
        for (source, expected) in [
            ("a == b", "(a)|w == (b)|w"),
            ("a==b<=c", "(a)|w==(b)|w<=(c)|w"),
            ("a.b[0].c != -x", "(a.b[0].c)|w != -(x)|w"),
            ("not a in b and c", "not (a)|w in (b)|w and c"),
            ("a not in [b, c]", "(a)|w not in ([b, c])|w"),
            ("a ~ b ~ 'c'", "(a)|w ~ (b)|w ~ 'c'"),
            ("a * 2 ~ b - c + d", "(a * 2)|w ~ (b)|w - c + d"),
            ("a ~ b == c", "((a)|w ~ (b)|w)|w == (c)|w"),
            ("a if b > c else d", "a if (b)|w > (c)|w else d"),
            ("[[a < b]]", "[[(a)|w < (b)|w]]"),
            ("f(x, y=a in b)", "f(x, y=(a)|w in (b)|w)"),
            ("a in b | default([])", "(a)|w in (b | default(([])|w))|w"),
            ("x is eq(y) == z", "(x is eq((y)|w))|w == (z)|w"),
            ("x is divisibleby 3 == y", "(x is divisibleby 3)|w == (y)|w"),
        ] {
            assert_eq!(guarded(source), expected, "{source}");
        }
    }

    #[test]
    fn inputs_arguments_keys_and_subscripts_are_weighed() {
        for (source, expected) in [
            ("a | sort", "a |w | sort"),
            ("a|map('upper')|join(b)", "a|w |map('upper')|w |join((b)|w)"),
            ("loop.changed(a, *b)", "loop.changed((a)|w, *(b)|w)"),
            ("{a or b: c}", "{(a or b)|w: c}"),
            ("a[b][c:d]", "a[(b)|w][(c)|w:(d)|w]"),
        ] {
            assert_eq!(guarded(source), expected, "{source}");
        }
    }

    #[test]
    fn only_the_tags_of_a_template_are_read() {
        for (source, expected) in [
            (
                "a == b {# c == d #} ${e == f}",
                "a == b {# c == d #} ${e == f}",
            ),
            ("{{- a == b -}} c == d", "{{- (a)|w == (b)|w -}} c == d"),
            (
                "{{ {'a': {'b': c == d}} }}",
                "{{ {'a': {'b': (c)|w == (d)|w}} }}",
            ),
            ("{{ '}}' == a }}", "{{ '}}' == (a)|w }}"),
            (
                "{% for a in b if a == c recursive %}{% endfor %}",
                "{% for a in b if (a)|w == (c)|w recursive %}{% endfor %}",
            ),
            ("{%- elif a == b +%}", "{%- elif (a)|w == (b)|w +%}"),
            (
                "{% filter replace(a, b) | upper %}x{% endfilter %}",
                "{% filter replace((a)|w, (b)|w) |w | upper %}x{% endfilter %}",
            ),
            ("{% elif (a) == b %}", "{% elif ((a))|w == (b)|w %}"),
            (
                "{% include a ~ b ignore missing %}",
                "{% include (a)|w ~ (b)|w ignore missing %}",
            ),
            ("{% import a ~ 'b' as c %}", "{% import (a)|w ~ 'b' as c %}"),
            (
                "{% raw %}{{ a == b }}{%- endraw %}{{ a == b }}",
                "{% raw %}{{ a == b }}{%- endraw %}{{ (a)|w == (b)|w }}",
            ),
            ("{{ a == ", "{{ (a)|w == "),
            ("{", "{"),
            ("{%", "{%"),
            ("{{ ü == 'ü' }}ü", "{{ (ü)|w == 'ü' }}ü"),
        ] {
            let found = template(source).replace("|weighed", "|w");
            assert_eq!(found, expected, "{source}");
        }
    }
}
