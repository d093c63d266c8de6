//! `fluxgen bootstrap` from an empty repository to a cluster that syncs it, against real git, a
//! recording kubectl and forges on loopback.

mod cluster;
mod kubectl;
mod plain;
mod program;
mod refusals;
mod resume;
mod scene;
