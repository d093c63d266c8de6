//! The committed install manifests of a project, held to its lock.

use super::Project;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::files::Bytes;
use crate::install::folder::COMPONENTS_FILE;
use crate::install::{Held, Mode, Releases};
use crate::settings::Install;
use crate::tree::File;

/// The largest lock that is compared, in bytes.
const LARGEST_LOCK: u64 = 16 * 1024 * 1024;

impl Project {
    /// Judges each committed manifest, each distinct one once. Nothing is fetched.
    pub(crate) fn hold_manifests(&mut self) {
        let Some(built) = &self.built else { return };
        let config = self.root.join(&self.config);
        let lock = config.with_extension("lock");
        let lock = self
            .snapshot
            .read(lock.file_name().unwrap_or_default(), LARGEST_LOCK);
        let lock = lock.ok().flatten();
        self.lock = lock.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let releases = Releases::read(&self.snapshot, &config, Mode::Offline, false);
        let mut releases = match releases {
            Ok(releases) => Ok(releases.staged(&self.snapshot)),
            Err(error) => Err(error.to_string()),
        };
        let mut judged: Vec<(String, Bytes, Held)> = Vec::new();
        for cluster in &built.resolved.settings.clusters {
            let (name, flux) = (&cluster.name.value, &cluster.flux);
            let path = format!("{}/{COMPONENTS_FILE}", flux.namespace);
            let existing = self.existing.get(name).and_then(|it| it.files.get(&path));
            let Some(File::Ours(bytes)) = existing.filter(|_| flux.install == Install::Release)
            else {
                continue;
            };
            let asked = format!(
                "{:?} {:?}",
                flux.distribution,
                crate::install::Options::of(flux)
            );
            let known = judged
                .iter()
                .find(|(other, same, _)| *other == asked && same == bytes);
            let held = match (known, &mut releases) {
                (Some((.., held)), _) => held.clone(),
                (None, Ok(releases)) => releases.held(flux, bytes),
                (None, Err(why)) => Held::NotKnown { why: why.clone() },
            };
            if known.is_none() {
                judged.push((asked, bytes.clone(), held.clone()));
            }
            self.manifests.insert(name.clone(), held);
        }
    }

    /// Reports manifests that nobody vouches for.
    pub(super) fn look_at_manifests(&self, only: &[String], diagnostics: &mut Diagnostics) {
        let Some(built) = &self.built else { return };
        for cluster in &built.resolved.settings.clusters {
            let name = &cluster.name.value;
            let Some(held) = self.manifests.get(name) else {
                continue;
            };
            if !only.is_empty() && !only.contains(name) {
                continue;
            }
            let path = format!(
                "{}/{}/{COMPONENTS_FILE}",
                cluster.folder, cluster.flux.namespace
            );
            let found = match held {
                Held::AsGiven | Held::Older => continue,
                Held::Otherwise { by } => Diagnostic::error(
                    "install-manifest-not-held",
                    format!("`{path}` is not what `{by}` says"),
                )
                .with_note("Flux would run what it holds, with all rights in the cluster")
                .with_help("run `fluxgen build`, which writes the manifest of the release again"),
                Held::NotKnown { why } => Diagnostic::note(
                    "install-manifest-not-held",
                    format!("whether `{path}` is what Flux released is not known here: {why}"),
                )
                .with_help("run `fluxgen lock`, and commit the lock"),
            };
            diagnostics.push(
                found
                    .at(cluster.flux.version.span, "")
                    .in_cluster(name.as_str()),
            );
        }
    }
}
