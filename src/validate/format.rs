//! Values that Go or Kubernetes judges: durations, version ranges, regular expressions, CEL, templates,
//! names, labels.

use super::condition::is_open;
use super::{Validating, meant, metadata, patch};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::nearest::nearest;
use crate::go::cel;
use crate::go::duration::{Duration, Units};
use crate::go::regexp::{Regexp, RegexpError};
use crate::go::semver::Constraint;
use crate::go::template;
use crate::node::{Node, Table};
use crate::schema::{Format, Pattern, SchemaNode};

const CEL: &str = "see <https://kubernetes.io/docs/reference/using-api/cel/> for the language";
const TEMPLATES: &str = "see <https://pkg.go.dev/text/template> for the language";

/// Judges a text; `true` where there is nothing left to say about its pattern.
pub(super) fn text(
    validating: &mut Validating<'_>,
    format: Format,
    node: &Node,
    text: &str,
    schema: &SchemaNode,
    path: &str,
) -> bool {
    let keywords = schema.keywords(validating.variant.minor);
    let pattern = keywords.pattern.as_deref();
    match format {
        Format::Duration => {
            duration(validating, node, text, pattern, path);
            true
        }
        Format::SemverRange => {
            if let Err(error) = Constraint::parse(text) {
                let diagnostic = Diagnostic::error(
                    "wrong-value",
                    format!("`{text}` is not a version range: {}", error.fault),
                );
                validating.push(helped(diagnostic, error.fault.help()), node.span);
            }
            false
        }
        Format::Regexp => {
            match Regexp::compile(text) {
                Ok(_) => {}
                Err(RegexpError::Refused(error)) => {
                    let diagnostic = Diagnostic::error(
                        "wrong-value",
                        format!("`{text}` is not a regular expression of Go: {error}"),
                    );
                    let help = error.help().map(str::to_owned);
                    validating.push(helped(diagnostic, help), node.span);
                }
                Err(RegexpError::NotChecked(why)) => validating.push(
                    Diagnostic::note("not-checked", format!("`{text}` is not checked: {why}")),
                    node.span,
                ),
            }
            false
        }
        Format::Name => {
            if !metadata::is_subdomain(text) {
                validating.push(metadata::wrong_name("name", text), node.span);
                return true;
            }
            false
        }
        Format::Namespace => {
            if !metadata::is_label(text) {
                validating.push(metadata::wrong_name("namespace", text), node.span);
                return true;
            }
            false
        }
        Format::JsonPointer => {
            if let Some(fault) = pointer_fault(text) {
                validating.push(
                    Diagnostic::error(
                        "wrong-value",
                        format!("`{text}` is not a JSON pointer: {fault}"),
                    )
                    .with_note(format!("in `{path}`"))
                    .with_help("write `/spec/replicas`; `~` is `~0` and `/` is `~1` inside a key"),
                    node.span,
                );
            }
            false
        }
        Format::LabelSelector => {
            if let Some(fault) = selector_fault(text) {
                validating.push(
                    Diagnostic::error(
                        "wrong-value",
                        format!("`{text}` is not a label selector: {fault}"),
                    )
                    .with_help("write `app=podinfo,tier!=cache` or `app in (a, b)`"),
                    node.span,
                );
            }
            false
        }
        Format::Url => {
            if has_password(text) {
                validating.push(
                    Diagnostic::error("secret-in-url", format!("`{path}` holds a password"))
                        .with_help("remove it and name a Secret in `secretRef`"),
                    node.span,
                );
                return true;
            }
            if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
                validating.push(
                    Diagnostic::error(
                        "wrong-value",
                        format!("`{text}` is not a URL: it has white space"),
                    )
                    .with_help("remove it; a space is written `%20`"),
                    node.span,
                );
                return true;
            }
            false
        }
        Format::Cel => {
            if !is_open(text)
                && let Err(error) = cel::check(text, schema.cel.as_ref())
            {
                let message = format!("`{}` is not a valid CEL expression: {error}", shown(text));
                let diagnostic = Diagnostic::error("wrong-value", message)
                    .with_note(position(text, error.at))
                    .with_note("the controller refuses it");
                let help = error.help.unwrap_or_else(|| CEL.to_owned());
                validating.push(diagnostic.with_help(help), node.span);
            }
            true
        }
        Format::GoTemplate => {
            go_template(validating, node, text, schema);
            true
        }
        Format::LabelKey | Format::LabelValue => {
            let fault = match format {
                Format::LabelKey => metadata::label_key_fault(text),
                _ => metadata::label_value_fault(text),
            };
            if let Some(fault) = fault.filter(|_| !is_open(text)) {
                validating.push(Diagnostic::error("wrong-label", fault), node.span);
            }
            true
        }
        Format::Labels | Format::Annotations | Format::Patch => false,
    }
}

fn go_template(validating: &mut Validating<'_>, node: &Node, text: &str, schema: &SchemaNode) {
    let fields = match template::check(text) {
        Ok(fields) => fields,
        Err(error) => {
            let message = format!("`{}` is not a valid Go template: {error}", shown(text));
            let diagnostic = Diagnostic::error("wrong-value", message)
                .with_note(position(text, error.at))
                .with_note("the controller refuses it");
            let help = error.help.unwrap_or_else(|| TEMPLATES.to_owned());
            validating.push(diagnostic.with_help(help), node.span);
            return;
        }
    };
    let known = &schema.template_fields;
    let unknown = fields
        .into_iter()
        .find(|field| !known.contains(&field.name));
    let Some(unknown) = unknown.filter(|_| !known.is_empty()) else {
        return;
    };
    let names = known.iter().map(String::as_str);
    let help = match nearest(&unknown.name, names.clone()) {
        Some(near) => format!("did you mean `.{near}`?"),
        None => format!(
            "the data has {}",
            names
                .map(|name| format!("`.{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    let message = format!("the template's data has no field `.{}`", unknown.name);
    let diagnostic = Diagnostic::error("wrong-value", message)
        .with_note(position(text, unknown.at))
        .with_note("the controller cannot render it")
        .with_help(help);
    validating.push(diagnostic, node.span);
}

/// A text in one line, cut where it is long.
fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let line = text.trim().lines().next().unwrap_or_default();
    let is_cut = line.chars().count() > LONGEST || text.trim().lines().nth(1).is_some();
    let mut shown: String = line.chars().take(LONGEST).collect();
    if is_cut {
        shown.push('…');
    }
    shown
}

/// Where a byte of a text is, as people count.
fn position(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[start..].chars().count() + 1;
    match text.trim_end().contains('\n') {
        true => format!("at line {line}, column {column} of the text"),
        false => format!("at character {column} of the text"),
    }
}

/// Judges a table as a whole.
pub(super) fn table(
    validating: &mut Validating<'_>,
    format: Format,
    node: &Node,
    table: &Table,
    path: &str,
) {
    match format {
        Format::Labels => metadata::labels(validating, table),
        Format::Annotations => metadata::annotations(validating, node, table),
        Format::Patch => patch::validate(validating, node, table),
        Format::LabelSelector => {
            if let Some(labels) = table.get("matchLabels").and_then(Node::as_table) {
                metadata::labels(validating, labels);
            }
            let _ = path;
        }
        Format::Duration
        | Format::SemverRange
        | Format::Regexp
        | Format::Cel
        | Format::GoTemplate
        | Format::JsonPointer
        | Format::LabelKey
        | Format::LabelValue
        | Format::Url
        | Format::Name
        | Format::Namespace => {}
    }
}

fn helped(diagnostic: Diagnostic, help: Option<String>) -> Diagnostic {
    match help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

fn duration(
    validating: &mut Validating<'_>,
    node: &Node,
    text: &str,
    pattern: Option<&Pattern>,
    path: &str,
) {
    let units = match pattern {
        Some(pattern) if !pattern.is_match("1h") => Units::Minutes,
        _ => Units::Hours,
    };
    if let Err(error) = Duration::parse_flux(text, units) {
        let diagnostic = Diagnostic::error(
            "wrong-value",
            format!(
                "`{text}` is not a duration for `{}`: {}",
                validating.name(path),
                error.fault
            ),
        );
        let meant =
            meant::duration(text).filter(|meant| Duration::parse_flux(meant, units).is_ok());
        let help = match meant {
            Some(meant) => Some(format!("write `{meant}`")),
            None => error.fault.help(),
        };
        validating.push(helped(diagnostic, help), node.span);
    }
}

pub(super) fn has_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
}

/// RFC 6901.
fn pointer_fault(text: &str) -> Option<&'static str> {
    if !text.is_empty() && !text.starts_with('/') {
        return Some("it does not start with `/`");
    }
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '~' && !matches!(characters.peek(), Some('0' | '1')) {
            return Some("`~` without `0` or `1`");
        }
    }
    None
}

/// The grammar of <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>.
fn selector_fault(text: &str) -> Option<String> {
    let mut depth = 0_usize;
    let mut parts = vec![String::new()];
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' if depth == 0 => return Some("`)` without `(`".to_owned()),
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("never empty").push(character);
    }
    if depth > 0 {
        return Some("`(` without `)`".to_owned());
    }
    if text.trim().is_empty() {
        return None;
    }
    parts.iter().find_map(|part| requirement_fault(part.trim()))
}

fn requirement_fault(part: &str) -> Option<String> {
    if part.is_empty() {
        return Some("an empty part".to_owned());
    }
    let (key, values): (&str, Vec<&str>) = if let Some((head, rest)) = part.split_once('(') {
        let mut words = head.split_whitespace();
        let key = words.next().unwrap_or_default();
        match (words.next(), words.next()) {
            (Some("in" | "notin"), None) => {}
            _ => return Some(format!("`{part}` has no `in` or `notin`")),
        }
        (
            key,
            rest.trim_end_matches(')')
                .split(',')
                .map(str::trim)
                .collect(),
        )
    } else if let Some((key, value)) = part
        .split_once("!=")
        .or_else(|| part.split_once("=="))
        .or_else(|| part.split_once('='))
    {
        (key.trim(), vec![value.trim()])
    } else if let Some((key, value)) = part.split_once(['>', '<']) {
        if value.trim().parse::<i64>().is_err() {
            return Some(format!("`{}` is no integer", value.trim()));
        }
        return metadata::label_key_fault(key.trim());
    } else {
        (part.trim_start_matches('!').trim(), Vec::new())
    };
    metadata::label_key_fault(key)
        .or_else(|| values.into_iter().find_map(metadata::label_value_fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_selectors_are_judged_as_kubernetes_does() {
        for good in [
            "app=podinfo",
            "app==a,tier!=b",
            "app in (a, b)",
            "!legacy",
            "x/y notin (c)",
            "a",
            "n>3",
            "",
        ] {
            assert_eq!(selector_fault(good), None, "{good}");
        }
        for bad in ["app=po dinfo", "app in a", "(", "a,,b", "=x", "n>x", "-a=b"] {
            assert!(selector_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn json_pointers_start_with_a_slash_and_escape() {
        for good in ["", "/spec/replicas", "/a~1b/~0c"] {
            assert_eq!(pointer_fault(good), None, "{good}");
        }
        for bad in ["spec", "/a~2", "/a~"] {
            assert!(pointer_fault(bad).is_some(), "{bad}");
        }
    }
}
