//! The grammar of templates, as text/template/parse has it.

use super::lexer::{Item, Keyword, Kind};
use super::{RootField, TemplateError, functions};
use crate::diagnostic::nearest::nearest;

/// Deeper templates are refused rather than parsed.
const DEPTH: usize = 200;

pub(super) struct Parser {
    items: Vec<Item>,
    at: usize,
    variables: Vec<String>,
    ranges: usize,
    depth: usize,
    /// Whether `.` is the template's data, and not what `range` or `with` made of it.
    is_root: bool,
    /// Whether `$` is the template's data, and not the argument of a template inside.
    is_outer: bool,
    fields: Vec<RootField>,
}

/// What ended a list of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Else,
    End,
}

/// What an operand begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operand {
    /// A function, field, variable or pipeline.
    Executable,
    /// `.`
    Dot,
    Constant,
}

type Parsed<T> = Result<T, TemplateError>;

impl Parser {
    pub(super) fn new(items: Vec<Item>) -> Self {
        Self {
            items,
            at: 0,
            variables: vec![String::new()],
            ranges: 0,
            depth: 0,
            is_root: true,
            is_outer: true,
            fields: Vec::new(),
        }
    }

    pub(super) fn whole(mut self) -> Parsed<Vec<RootField>> {
        while self.at < self.items.len() {
            let is_definition = self.items[self.at].kind == Kind::Open
                && matches!(
                    self.after_spaces(self.at + 1),
                    Some(Kind::Keyword(Keyword::Define))
                );
            if is_definition {
                self.definition()?;
            } else if let Some((end, at)) = self.text_or_action()? {
                let word = if end == End::Else { "else" } else { "end" };
                let message = format!("`{{{{{word}}}}}` without `if`, `range` or `with`");
                return Err(TemplateError::new(at, message));
            }
        }
        Ok(self.fields)
    }

    fn after_spaces(&self, mut at: usize) -> Option<&Kind> {
        while self
            .items
            .get(at)
            .is_some_and(|item| item.kind == Kind::Space)
        {
            at += 1;
        }
        self.items.get(at).map(|item| &item.kind)
    }

    fn peek(&self) -> Option<&Kind> {
        self.items.get(self.at).map(|item| &item.kind)
    }

    fn skip_spaces(&mut self) {
        while self.peek() == Some(&Kind::Space) {
            self.at += 1;
        }
    }

    /// The next item that is no space, taken.
    fn next(&mut self) -> Option<Kind> {
        self.skip_spaces();
        let kind = self.peek().cloned();
        self.at += 1;
        kind
    }

    fn position(&self) -> usize {
        let item = self.items.get(self.at).or(self.items.last());
        item.map_or(0, |item| item.at)
    }

    fn unexpected(&self, context: &str) -> TemplateError {
        let what = match self.peek() {
            None => {
                return TemplateError::new(self.position(), "the template ends too early")
                    .with_help("close it with `{{ end }}`");
            }
            Some(Kind::Text | Kind::Space | Kind::Open) => "text".to_owned(),
            Some(Kind::Close) => "`}}`".to_owned(),
            Some(Kind::Bool | Kind::Nil | Kind::Number | Kind::Char | Kind::String) => {
                "value".to_owned()
            }
            Some(Kind::Dot) => "`.`".to_owned(),
            Some(Kind::Field(name)) => format!("`.{name}`"),
            Some(Kind::Variable(name)) => format!("`${name}`"),
            Some(Kind::Name(name)) => format!("`{name}`"),
            Some(Kind::Keyword(keyword)) => format!("`{}`", keyword.as_str()),
            Some(Kind::Assign) => "`=`".to_owned(),
            Some(Kind::Declare) => "`:=`".to_owned(),
            Some(Kind::Pipe) => "`|`".to_owned(),
            Some(Kind::ParenOpen) => "`(`".to_owned(),
            Some(Kind::ParenClose) => "`)`".to_owned(),
            Some(Kind::Comma) => "`,`".to_owned(),
            Some(Kind::Other(character)) => format!("`{character}`"),
        };
        TemplateError::new(self.position(), format!("unexpected {what} in {context}"))
    }

    fn expects(&mut self, kind: &Kind, context: &str) -> Parsed<()> {
        self.skip_spaces();
        if self.peek() != Some(kind) {
            return Err(self.unexpected(context));
        }
        self.at += 1;
        Ok(())
    }

    /// One text or action; the keyword that ends a list, if it is one.
    fn text_or_action(&mut self) -> Parsed<Option<(End, usize)>> {
        if self.peek() != Some(&Kind::Open) {
            self.at += 1;
            return Ok(None);
        }
        let opened = self.position();
        self.at += 1;
        self.skip_spaces();
        let Some(Kind::Keyword(keyword)) = self.peek() else {
            self.pipeline("a command", &Kind::Close)?;
            return Ok(None);
        };
        let keyword = *keyword;
        let at = self.position();
        self.at += 1;
        match keyword {
            Keyword::If | Keyword::Range | Keyword::With => self.control(keyword)?,
            Keyword::Block => self.block()?,
            Keyword::Template => self.template()?,
            Keyword::Break | Keyword::Continue => {
                let word = keyword.as_str();
                if self.ranges == 0 {
                    return Err(TemplateError::new(
                        at,
                        format!("`{word}` outside of `range`"),
                    ));
                }
                self.expects(&Kind::Close, word)?;
            }
            Keyword::End => {
                self.expects(&Kind::Close, "end")?;
                return Ok(Some((End::End, opened)));
            }
            Keyword::Else => {
                let next = self.after_spaces(self.at);
                if !matches!(next, Some(Kind::Keyword(Keyword::If | Keyword::With))) {
                    self.expects(&Kind::Close, "else")?;
                }
                return Ok(Some((End::Else, opened)));
            }
            Keyword::Define => {
                return Err(TemplateError::new(at, "`define` inside of another action")
                    .with_help("move it to the top of the template"));
            }
        }
        Ok(None)
    }

    /// Items up to `end` or `else`.
    fn list(&mut self) -> Parsed<End> {
        while self.at < self.items.len() {
            if let Some((end, _)) = self.text_or_action()? {
                return Ok(end);
            }
        }
        Err(self.unexpected("a list"))
    }

    fn control(&mut self, keyword: Keyword) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(TemplateError::new(
                self.position(),
                "the template is nested too deeply",
            ));
        }
        let declared = self.variables.len();
        self.pipeline(keyword.as_str(), &Kind::Close)?;
        let was_root = self.is_root;
        self.is_root &= keyword == Keyword::If;
        self.ranges += usize::from(keyword == Keyword::Range);
        let end = self.list();
        self.ranges -= usize::from(keyword == Keyword::Range);
        self.is_root = was_root;
        if end? == End::Else {
            self.skip_spaces();
            match (keyword, self.peek()) {
                (Keyword::If, Some(Kind::Keyword(next @ Keyword::If)))
                | (Keyword::With, Some(Kind::Keyword(next @ Keyword::With))) => {
                    let next = *next;
                    self.at += 1;
                    self.control(next)?;
                }
                (_, Some(Kind::Keyword(_))) if self.is_in_action() => {
                    return Err(self.unexpected("else"));
                }
                _ => {
                    if self.list()? == End::Else {
                        return Err(TemplateError::new(self.position(), "`else` twice"));
                    }
                }
            }
        }
        self.variables.truncate(declared);
        self.depth -= 1;
        Ok(())
    }

    /// Whether the action before is still open.
    fn is_in_action(&self) -> bool {
        let before = self.items[..self.at].iter().rev();
        let mut kinds = before.map(|item| &item.kind);
        kinds.find(|kind| matches!(kind, Kind::Open | Kind::Close)) == Some(&Kind::Open)
    }

    fn template(&mut self) -> Parsed<()> {
        self.name("template")?;
        self.skip_spaces();
        if self.peek() == Some(&Kind::Close) {
            self.at += 1;
            return Ok(());
        }
        self.pipeline("template", &Kind::Close)
    }

    fn name(&mut self, context: &str) -> Parsed<()> {
        self.skip_spaces();
        if self.peek() != Some(&Kind::String) {
            let unexpected = self.unexpected(context);
            return Err(unexpected.with_help(format!("write `{context} \"name\"`")));
        }
        self.at += 1;
        Ok(())
    }

    fn block(&mut self) -> Parsed<()> {
        self.name("block")?;
        self.pipeline("block", &Kind::Close)?;
        self.inner_template()
    }

    fn definition(&mut self) -> Parsed<()> {
        self.at += 1;
        self.next();
        self.name("define")?;
        self.expects(&Kind::Close, "define")?;
        self.inner_template()
    }

    /// The body of a template inside, which has its own variables and data.
    fn inner_template(&mut self) -> Parsed<()> {
        let variables = std::mem::replace(&mut self.variables, vec![String::new()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (was_root, was_outer) = (self.is_root, self.is_outer);
        (self.is_root, self.is_outer) = (false, false);
        let end = self.list()?;
        (self.is_root, self.is_outer) = (was_root, was_outer);
        (self.variables, self.ranges) = (variables, ranges);
        match end {
            End::Else => Err(TemplateError::new(
                self.position(),
                "`else` in a template's definition",
            )),
            End::End => Ok(()),
        }
    }

    fn pipeline(&mut self, context: &str, end: &Kind) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(TemplateError::new(
                self.position(),
                "the template is nested too deeply",
            ));
        }
        self.declarations(context)?;
        let mut commands = 0_usize;
        loop {
            self.skip_spaces();
            let at = self.position();
            match self.peek() {
                Some(kind) if kind == end => {
                    self.at += 1;
                    self.depth -= 1;
                    if commands == 0 {
                        return Err(TemplateError::new(at, format!("{context} without a value")));
                    }
                    return Ok(());
                }
                Some(
                    Kind::Bool
                    | Kind::Char
                    | Kind::Dot
                    | Kind::Field(_)
                    | Kind::Name(_)
                    | Kind::Number
                    | Kind::Nil
                    | Kind::String
                    | Kind::Variable(_)
                    | Kind::ParenOpen,
                ) => {
                    let first = self.command()?;
                    commands += 1;
                    if commands > 1 && first != Operand::Executable {
                        return Err(TemplateError::new(
                            at,
                            "a value after `|` where a function is needed",
                        ));
                    }
                }
                _ => return Err(self.unexpected(context)),
            }
        }
    }

    /// `$x :=`, `$i, $x :=` and `$x =` before a pipeline.
    fn declarations(&mut self, context: &str) -> Parsed<()> {
        let mut names = 0_usize;
        loop {
            self.skip_spaces();
            let start = self.at;
            let Some(Kind::Variable(name)) = self.peek().cloned() else {
                return Ok(());
            };
            let at = self.position();
            self.at += 1;
            self.skip_spaces();
            match self.peek() {
                // Go looks no further: an assignment declares a variable that is missing.
                Some(Kind::Declare | Kind::Assign) => {
                    self.at += 1;
                    self.variables.push(name);
                    return Ok(());
                }
                Some(Kind::Comma) => {
                    names += 1;
                    self.variables.push(name);
                    if context != "range" || names > 1 {
                        return Err(TemplateError::new(
                            at,
                            format!("too many variables in {context}"),
                        ));
                    }
                    self.at += 1;
                    if !matches!(
                        self.after_spaces(self.at),
                        Some(Kind::Variable(_) | Kind::Close | Kind::ParenClose)
                    ) {
                        return Err(TemplateError::new(at, "`range` can only declare variables"));
                    }
                }
                _ => {
                    self.at = start;
                    return Ok(());
                }
            }
        }
    }

    fn command(&mut self) -> Parsed<Operand> {
        let mut first = None;
        loop {
            self.skip_spaces();
            if let Some(operand) = self.operand()? {
                first.get_or_insert(operand);
            }
            match self.peek() {
                Some(Kind::Space) => self.at += 1,
                Some(Kind::Close | Kind::ParenClose) => break,
                Some(Kind::Pipe) => {
                    self.at += 1;
                    break;
                }
                _ => return Err(self.unexpected("an operand")),
            }
        }
        first.ok_or_else(|| self.unexpected("a command"))
    }

    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let at = self.position();
        let operand = match self.peek().cloned() {
            Some(Kind::Name(name)) => {
                if !functions::is_known(&name) {
                    let fault = TemplateError::new(at, format!("unknown function `{name}`"));
                    return Err(match nearest(&name, functions::names()) {
                        Some(near) => fault.with_help(format!("did you mean `{near}`?")),
                        None => {
                            fault.with_help(format!("a field of the data is written `.{name}`"))
                        }
                    });
                }
                Operand::Executable
            }
            Some(Kind::Variable(name)) => {
                if !self.variables.contains(&name) {
                    let fault = TemplateError::new(at, format!("undefined variable `${name}`"));
                    return Err(fault.with_help(format!("declare it: `{{{{ ${name} := … }}}}`")));
                }
                if let (true, true, Some(Kind::Field(field))) = (
                    name.is_empty(),
                    self.is_outer,
                    self.items.get(self.at + 1).map(|item| item.kind.clone()),
                ) {
                    self.fields.push(RootField { at, name: field });
                }
                Operand::Executable
            }
            Some(Kind::Field(name)) => {
                if self.is_root {
                    self.fields.push(RootField { at, name });
                }
                Operand::Executable
            }
            Some(Kind::ParenOpen) => {
                self.at += 1;
                self.pipeline("parentheses", &Kind::ParenClose)?;
                self.at -= 1;
                Operand::Executable
            }
            Some(Kind::Dot) => Operand::Dot,
            Some(Kind::Bool | Kind::Char | Kind::Number | Kind::Nil | Kind::String) => {
                Operand::Constant
            }
            _ => return Ok(None),
        };
        self.at += 1;
        if let Some(Kind::Field(_)) = self.peek()
            && operand != Operand::Executable
        {
            return Err(self.unexpected("a value"));
        }
        while let Some(Kind::Field(_)) = self.peek() {
            self.at += 1;
        }
        Ok(Some(operand))
    }
}
