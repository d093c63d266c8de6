//! CEL expressions, judged as cel-go judges them in the environment that Flux's controllers set up.
//!
//! The syntax is checked in full. Where the controller compiles an expression, names and functions must
//! be known and a result that is certainly of another type is refused; overloads are not resolved.
//!
//! Sources: <https://github.com/google/cel-spec/blob/master/doc/langdef.md>,
//! <https://pkg.go.dev/github.com/fluxcd/pkg/runtime/cel>.

mod functions;
mod lexer;
mod parser;

use std::fmt;

/// What a controller declares when it compiles an expression. Without a scope, expressions are only parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Names of the variables, each an object.
    pub variables: Vec<String>,
    /// The type that the expression must have.
    pub result: Option<Type>,
}

/// The type of an expression, as far as it can be told without overloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Bool,
    Bytes,
    Double,
    Int,
    List,
    Map,
    Null,
    String,
    Uint,
    /// Known only when it is evaluated, as every field of an object.
    Dynamic,
    /// Not known here.
    Unknown,
}

/// Why an expression is refused, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CelError {
    pub at: usize,
    pub message: String,
    pub help: Option<String>,
}

impl Type {
    /// The word of the type in CEL.
    pub fn as_str(self) -> &'static str {
        match self {
            Type::Bool => "bool",
            Type::Bytes => "bytes",
            Type::Double => "double",
            Type::Int => "int",
            Type::List => "list",
            Type::Map => "map",
            Type::Null => "null",
            Type::String => "string",
            Type::Uint => "uint",
            Type::Dynamic | Type::Unknown => "dyn",
        }
    }
}

impl CelError {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            help: None,
        }
    }

    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for CelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Checks an expression.
pub fn check(text: &str, scope: Option<&Scope>) -> Result<(), CelError> {
    let tokens = lexer::tokens(text)?;
    let found = parser::Parser::new(tokens, text.len()).whole()?;
    let Some(scope) = scope else { return Ok(()) };
    for name in &found.names {
        let first = name.text.split('.').next().unwrap_or_default();
        if scope.variables.contains(&name.text) || functions::is_type(first) {
            continue;
        }
        let message = format!("`{}` is not declared", name.text);
        let known = scope.variables.join("`, `");
        return Err(CelError::new(name.at, message).with_help(format!("use one of `{known}`")));
    }
    for call in &found.calls {
        if !functions::is_known(&call.text) {
            let message = format!("unknown function `{}`", call.text);
            return Err(CelError::new(call.at, message));
        }
    }
    let Some(wanted) = scope.result else {
        return Ok(());
    };
    let is_wrong = found.result != wanted && found.result != Type::Unknown;
    if is_wrong {
        let message = format!(
            "the result is of type {}, not {}",
            found.result.as_str(),
            wanted.as_str()
        );
        let help = match (found.result, wanted) {
            (Type::Dynamic | Type::Map, Type::Bool) => "compare it, as in `… == true`".to_owned(),
            (Type::Dynamic, _) => format!("convert it: `{}(…)`", wanted.as_str()),
            (_, Type::String) => "write a string, such as `'production'`".to_owned(),
            _ => format!("write an expression of type {}", wanted.as_str()),
        };
        return Err(CelError::new(0, message).with_help(help));
    }
    Ok(())
}
