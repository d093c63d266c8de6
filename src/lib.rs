//! fluxgen compiles one TOML file into the committed `clusters/<name>` trees that Flux syncs.
//!
//! The one picture: load -> resolve -> expand -> validate -> link -> check -> emit; then, at the
//! edge, compare, write and commit.

pub(crate) mod beside;
pub mod bootstrap;
pub(crate) mod budget;
pub mod build;
pub mod check;
pub mod cli;
pub(crate) mod commit;
pub mod compare;
pub mod diagnostic;
pub mod emit;
pub mod expand;
pub mod files;
pub mod forecast;
pub mod go;
pub mod graph;
pub(crate) mod hook;
pub mod image;
pub(crate) mod immutable;
pub mod install;
pub mod kustomize;
pub mod link;
pub mod load;
pub(crate) mod mask;
pub mod node;
pub mod origin;
pub mod pages;
pub mod project;
pub(crate) mod redirect;
pub mod report;
pub mod repository;
pub mod resolve;
pub mod resource;
pub mod review;
pub mod rules;
pub mod schema;
pub mod settings;
pub mod source;
pub(crate) mod survey;
pub(crate) mod templates;
pub mod tree;
pub mod upgrade;
pub mod validate;
pub mod yaml;
