//! `fluxgen bootstrap` from an empty repository to a cluster that syncs it, against real git, a
//! recording kubectl and forges on loopback.

mod api;
mod backend;
mod cluster;
mod credentials;
mod forge;
mod forges;
mod http;
mod kubectl;
mod plain;
mod program;
mod real;
mod real_cluster;
mod refusals;
mod resume;
mod scene;
#[path = "../flux/terminal.rs"]
mod terminal;
mod tls;
