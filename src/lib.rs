//! fluxgen compiles one TOML file into the committed `clusters/<name>` trees that Flux syncs.
//!
//! The one picture: load -> resolve -> expand -> validate -> link -> check -> emit; then, at the
//! edge, compare, write and commit.

pub mod compare;
pub mod diagnostic;
pub mod load;
pub mod go;
pub mod node;
pub mod resource;
pub mod source;
