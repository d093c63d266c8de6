//! The engine that evaluates text of the user: expressions and templates.
//!
//! The engine counts steps, but a comparison of two lists costs it the length of the outer one, whatever they contain:
//! `[[[[1]*900]*900]*900]*900 == x` takes a dozen steps and years. [`super::guard`] therefore sends every value that
//! is compared, looked up or turned into text through the filter below, which pays for all that is in it first.

use minijinja::value::{ValueIter, ValueKind};
use minijinja::{
    Environment, Error, ErrorKind, State, UndefinedBehavior, Value, escape_formatter, tests,
};

/// The filter that gives its value unchanged, and pays for its size.
pub(crate) const WEIGHED: &str = "weighed";

/// How deep lists and tables may nest: what compares them calls itself for each level.
const DEEPEST: usize = 200;

/// The bytes of a string that cost as much as an item.
const BYTES: u64 = 64;

/// How a test of the template language compares two values.
type Comparison = fn(&Value, &Value) -> bool;

/// An environment with strict undefined in which no value costs less than its size.
///
/// It runs what [`super::guard`] returns.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // It writes out all variables, whatever their size.
    environment.remove_global("debug");
    environment.add_filter(WEIGHED, |state: &State, value: Value| {
        weigh(state, &value).map(|()| value)
    });
    environment.set_formatter(|out, state, value| {
        weigh(state, value)?;
        escape_formatter(out, state, value)
    });
    let comparisons: [(&[&'static str], Comparison); 7] = [
        (&["eq", "equalto", "=="], tests::is_eq),
        (&["ne", "!="], tests::is_ne),
        (&["lt", "lessthan", "<"], tests::is_lt),
        (&["le", "<="], tests::is_le),
        (&["gt", "greaterthan", ">"], tests::is_gt),
        (&["ge", ">="], tests::is_ge),
        (&["sameas"], tests::is_sameas),
    ];
    for (names, compare) in comparisons {
        for name in names {
            environment.add_test(*name, move |state: &State, left: Value, right: Value| {
                weigh(state, &left)?;
                weigh(state, &right)?;
                Ok(compare(&left, &right))
            });
        }
    }
    environment.add_test("in", |state: &State, item: Value, of: Value| {
        weigh(state, &item)?;
        weigh(state, &of)?;
        tests::is_in(state, &item, &of)
    });
    environment
}

/// Takes a step of the fuel for each item in a value, at any depth.
fn weigh(state: &State, value: &Value) -> Result<(), Error> {
    let mut open = Vec::new();
    enter(state, value, &mut open)?;
    while let Some((container, items)) = open.last_mut() {
        let Some(item) = items.next() else {
            open.pop();
            continue;
        };
        match container {
            // Their iterators give keys, which may be lists.
            Some(map) => {
                let value = map.get_item(&item)?;
                enter(state, &item, &mut open)?;
                enter(state, &value, &mut open)?;
            }
            None => enter(state, &item, &mut open)?,
        }
        if open.len() > DEEPEST {
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                "a value nests too deeply",
            ));
        }
    }
    Ok(())
}

/// Pays for a value itself, and opens it if it contains others.
fn enter(
    state: &State,
    value: &Value,
    open: &mut Vec<(Option<Value>, ValueIter)>,
) -> Result<(), Error> {
    let bytes = value.as_bytes().map_or(0, <[u8]>::len) as u64;
    state.consume_fuel(1 + bytes / BYTES)?;
    let map = match value.kind() {
        ValueKind::Map => Some(value.clone()),
        ValueKind::Seq | ValueKind::Iterable => None,
        _ => return Ok(()),
    };
    // What cannot be iterated has no items that could be compared.
    if let Ok(items) = value.try_iter() {
        open.push((map, items));
    }
    Ok(())
}
