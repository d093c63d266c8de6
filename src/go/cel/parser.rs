//! The grammar of CEL, by recursive descent. Collects the names and functions that must be declared.

use super::lexer::{Kind, Token};
use super::{CelError, Type, functions};

/// Deeper expressions are refused, as cel-go refuses them.
const DEPTH: usize = 250;

/// Words that cannot name a variable or a function.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "var",
    "void",
    "while",
];

/// What an expression uses, and what it yields.
#[derive(Debug)]
pub(super) struct Found {
    pub names: Vec<Used>,
    pub calls: Vec<Used>,
    pub result: Type,
}

/// A name at its byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Used {
    pub at: usize,
    pub text: String,
}

/// What a part of an expression is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    kind: Type,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// A name alone.
    Name(String),
    /// A field of something: what `has()` takes.
    Field,
    Other,
}

pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    end: usize,
    depth: usize,
    names: Vec<Used>,
    calls: Vec<Used>,
    /// Variables of the macros around.
    local: Vec<String>,
}

impl Parser {
    pub(super) fn new(tokens: Vec<Token>, end: usize) -> Self {
        Self {
            tokens,
            at: 0,
            end,
            depth: 0,
            names: Vec::new(),
            calls: Vec::new(),
            local: Vec::new(),
        }
    }

    pub(super) fn whole(mut self) -> Result<Found, CelError> {
        let part = self.expression()?;
        if self.at < self.tokens.len() {
            return Err(self.unexpected());
        }
        Ok(Found {
            names: self.names,
            calls: self.calls,
            result: part.kind,
        })
    }

    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Kind::Sign(found)) if *found == sign)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_there = self.is_sign(sign);
        self.at += usize::from(is_there);
        is_there
    }

    fn one_of(&mut self, signs: &[&'static str]) -> Option<&'static str> {
        signs.iter().find(|sign| self.takes(sign)).copied()
    }

    fn expects(&mut self, sign: &str) -> Result<(), CelError> {
        if self.takes(sign) {
            return Ok(());
        }
        let unexpected = self.unexpected();
        Err(unexpected.with_help(format!("add `{sign}`")))
    }

    fn position(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |token| token.at)
    }

    fn unexpected(&self) -> CelError {
        let between = "write an operator before it, or remove it";
        let (message, help) = match self.peek() {
            None if self.tokens.is_empty() => (
                "the expression is empty".to_owned(),
                "write an expression, such as `status.ready == true`",
            ),
            None => (
                "the expression ends too early".to_owned(),
                "write what belongs after the last word, or remove that",
            ),
            Some(Kind::Sign(sign)) => (
                format!("unexpected `{sign}`"),
                "write a value before it, or remove it",
            ),
            Some(Kind::Name(name)) => {
                let help = match name.to_lowercase().as_str() {
                    "and" => "write `&&`",
                    "or" => "write `||`",
                    "not" => "write `!`",
                    _ => between,
                };
                (format!("unexpected `{name}`"), help)
            }
            Some(Kind::Literal(_)) => ("unexpected value".to_owned(), between),
        };
        CelError::new(self.position(), message).with_help(help)
    }

    fn expression(&mut self) -> Result<Part, CelError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(CelError::new(
                self.position(),
                "the expression is nested too deeply",
            ));
        }
        let condition = self.any()?;
        self.depth -= 1;
        if !self.takes("?") {
            return Ok(condition);
        }
        let first = self.any()?;
        self.expects(":")?;
        let second = self.expression()?;
        Ok(Part::of(if first.kind == second.kind {
            first.kind
        } else {
            Type::Unknown
        }))
    }

    fn any(&mut self) -> Result<Part, CelError> {
        let mut part = self.all()?;
        while self.takes("||") {
            self.all()?;
            part = Part::of(Type::Bool);
        }
        Ok(part)
    }

    fn all(&mut self) -> Result<Part, CelError> {
        let mut part = self.relation()?;
        while self.takes("&&") {
            self.relation()?;
            part = Part::of(Type::Bool);
        }
        Ok(part)
    }

    fn relation(&mut self) -> Result<Part, CelError> {
        let mut part = self.sum()?;
        while self
            .one_of(&["<=", "<", ">=", ">", "==", "!=", "in"])
            .is_some()
        {
            self.sum()?;
            part = Part::of(Type::Bool);
        }
        Ok(part)
    }

    fn sum(&mut self) -> Result<Part, CelError> {
        let mut part = self.product()?;
        while self.one_of(&["+", "-"]).is_some() {
            let other = self.product()?;
            part = Part::of(arithmetic(part.kind, other.kind));
        }
        Ok(part)
    }

    fn product(&mut self) -> Result<Part, CelError> {
        let mut part = self.unary()?;
        while self.one_of(&["*", "/", "%"]).is_some() {
            let other = self.unary()?;
            part = Part::of(arithmetic(part.kind, other.kind));
        }
        Ok(part)
    }

    fn unary(&mut self) -> Result<Part, CelError> {
        if self.takes("!") {
            while self.takes("!") {}
            self.signed_member()?;
            return Ok(Part::of(Type::Bool));
        }
        if self.takes("-") {
            while self.takes("-") {}
            let part = self.member()?;
            return Ok(Part::of(part.kind));
        }
        self.member()
    }

    /// After `!` a minus belongs to a number.
    fn signed_member(&mut self) -> Result<Part, CelError> {
        let is_number = |kind: Option<&Token>| {
            matches!(
                kind.map(|token| &token.kind),
                Some(Kind::Literal(Type::Int | Type::Double))
            )
        };
        if self.is_sign("-") && is_number(self.tokens.get(self.at + 1)) {
            self.at += 1;
        }
        self.member()
    }

    fn member(&mut self) -> Result<Part, CelError> {
        let mut part = self.primary()?;
        loop {
            if self.takes(".") {
                let is_optional = self.takes("?");
                let at = self.position();
                let Some(Kind::Name(name)) = self.peek().cloned() else {
                    return Err(self.unexpected());
                };
                self.at += 1;
                if !is_optional && self.takes("(") {
                    part = self.member_call(&part, name, at)?;
                } else {
                    part = Part {
                        kind: field_of(&part, is_optional),
                        form: Form::Field,
                    };
                }
            } else if self.takes("[") {
                let is_optional = self.takes("?");
                self.expression()?;
                self.expects("]")?;
                part = Part::of(field_of(&part, is_optional));
            } else {
                return Ok(part);
            }
        }
    }

    fn member_call(&mut self, on: &Part, name: String, at: usize) -> Result<Part, CelError> {
        // A function in a namespace looks like a method.
        if let Form::Name(space) = &on.form
            && functions::is_namespace(space)
            && self.names.last().is_some_and(|used| used.text == *space)
        {
            self.names.pop();
            let text = format!("{space}.{name}");
            self.arguments()?;
            let kind = functions::result_of(&text);
            self.calls.push(Used { at, text });
            return Ok(Part::of(kind));
        }
        let counts = functions::SCOPING
            .iter()
            .find_map(|(macro_name, counts)| (*macro_name == name).then_some(*counts));
        if let Some(counts) = counts
            && counts.contains(&self.arguments_ahead())
        {
            let before = self.names.len();
            let first_at = self.position();
            let Form::Name(variable) = self.expression()?.form else {
                return Err(CelError::new(
                    first_at,
                    format!("the first argument of `{name}` must be a name"),
                ));
            };
            self.names.truncate(before);
            self.local.push(variable);
            while self.takes(",") {
                self.expression()?;
            }
            self.local.pop();
            self.expects(")")?;
            return Ok(Part::of(functions::result_of(&name)));
        }
        self.arguments()?;
        let kind = functions::result_of(&name);
        self.calls.push(Used { at, text: name });
        Ok(Part::of(kind))
    }

    /// The count of arguments up to the bracket that closes them.
    fn arguments_ahead(&self) -> usize {
        let (mut depth, mut count) = (0_usize, usize::from(!self.is_sign(")")));
        for token in &self.tokens[self.at..] {
            match &token.kind {
                Kind::Sign("(" | "[" | "{") => depth += 1,
                Kind::Sign(")" | "]" | "}") if depth == 0 => return count,
                Kind::Sign(")" | "]" | "}") => depth -= 1,
                Kind::Sign(",") if depth == 0 => count += 1,
                Kind::Sign(_) | Kind::Name(_) | Kind::Literal(_) => {}
            }
        }
        count
    }

    /// Arguments after the opening bracket.
    fn arguments(&mut self) -> Result<Vec<Part>, CelError> {
        let mut parts = Vec::new();
        if self.takes(")") {
            return Ok(parts);
        }
        loop {
            parts.push(self.expression()?);
            if !self.takes(",") {
                self.expects(")")?;
                return Ok(parts);
            }
        }
    }

    fn primary(&mut self) -> Result<Part, CelError> {
        if self.takes("(") {
            let part = self.expression()?;
            self.expects(")")?;
            return Ok(Part::of(part.kind));
        }
        if self.takes("[") {
            self.items("]", false)?;
            return Ok(Part::of(Type::List));
        }
        if self.takes("{") {
            self.items("}", true)?;
            return Ok(Part::of(Type::Map));
        }
        if let Some(Kind::Literal(kind)) = self.peek() {
            let kind = *kind;
            self.at += 1;
            return Ok(Part::of(kind));
        }
        self.takes(".");
        let at = self.position();
        let Some(Kind::Name(name)) = self.peek().cloned() else {
            return Err(self.unexpected());
        };
        self.at += 1;
        if RESERVED.contains(&name.as_str()) {
            return Err(CelError::new(at, format!("`{name}` is a reserved word")));
        }
        if self.takes("(") {
            return self.global_call(name, at);
        }
        if let Some(message) = self.message(&name, at) {
            return message;
        }
        if self.local.contains(&name) {
            return Ok(Part {
                kind: Type::Unknown,
                form: Form::Name(name),
            });
        }
        self.names.push(Used {
            at,
            text: name.clone(),
        });
        Ok(Part {
            kind: Type::Map,
            form: Form::Name(name),
        })
    }

    fn global_call(&mut self, name: String, at: usize) -> Result<Part, CelError> {
        let before = self.at;
        let parts = self.arguments()?;
        if name == "has" && parts.len() == 1 {
            if parts[0].form != Form::Field {
                return Err(CelError::new(
                    self.tokens.get(before).map_or(at, |token| token.at),
                    "`has` takes a field, as in `has(res.status)`",
                )
                .with_help("name a field of the object"));
            }
            return Ok(Part::of(Type::Bool));
        }
        let kind = functions::result_of(&name);
        self.calls.push(Used { at, text: name });
        Ok(Part::of(kind))
    }

    /// `a.b.Message{field: value}`; `None` where the names ahead are not followed by a brace.
    fn message(&mut self, name: &str, at: usize) -> Option<Result<Part, CelError>> {
        let start = self.at;
        let mut full = name.to_owned();
        while self.takes(".") {
            let Some(Kind::Name(next)) = self.peek().cloned() else {
                break;
            };
            self.at += 1;
            full = format!("{full}.{next}");
        }
        if !self.takes("{") {
            self.at = start;
            return None;
        }
        self.names.push(Used { at, text: full });
        Some(self.fields().map(|()| Part::of(Type::Unknown)))
    }

    /// The fields of a message, up to the closing brace.
    fn fields(&mut self) -> Result<(), CelError> {
        loop {
            if self.takes("}") {
                return Ok(());
            }
            self.takes("?");
            let Some(Kind::Name(_)) = self.peek() else {
                return Err(self.unexpected());
            };
            self.at += 1;
            self.expects(":")?;
            self.expression()?;
            if !self.takes(",") {
                return self.expects("}");
            }
        }
    }

    /// The items of a list or the entries of a map, up to the closing bracket.
    fn items(&mut self, close: &str, is_map: bool) -> Result<(), CelError> {
        if self.takes(",") {
            return self.expects(close);
        }
        loop {
            if self.takes(close) {
                return Ok(());
            }
            self.takes("?");
            self.expression()?;
            if is_map {
                self.expects(":")?;
                self.expression()?;
            }
            if !self.takes(",") {
                return self.expects(close);
            }
        }
    }
}

impl Part {
    fn of(kind: Type) -> Self {
        Self {
            kind,
            form: Form::Other,
        }
    }
}

/// A field of a variable is dynamic; the type of a literal's item is the item's.
fn field_of(object: &Part, is_optional: bool) -> Type {
    match (object.kind, &object.form) {
        (Type::Dynamic, _) | (Type::Map, Form::Name(_)) if !is_optional => Type::Dynamic,
        _ => Type::Unknown,
    }
}

fn arithmetic(left: Type, right: Type) -> Type {
    match (left, right) {
        (left, right) if left == right => left,
        (Type::Dynamic, known) | (known, Type::Dynamic) => known,
        _ => Type::Unknown,
    }
}
