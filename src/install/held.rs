//! Whether a committed install manifest is what the lock says.

use super::cache::sha256;
use super::releases::without_header;
use super::{Options, Releases, Source};
use crate::settings::flux::Flux;

/// How a committed install manifest relates to what the TOML file asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    AsGiven,
    /// It is a known one, of another version or other options: the tree was not rebuilt.
    Older,
    /// Nothing known makes it.
    Otherwise {
        /// What says so.
        by: String,
    },
    NotKnown {
        why: String,
    },
}

impl Releases {
    /// Judges the bytes of a committed manifest, offline. The sum in the lock is enough; without one the manifest
    /// is made again from a release that is cached or local.
    pub(crate) fn held(&mut self, flux: &Flux, committed: &[u8]) -> Held {
        let Ok(options) = Options::of(flux) else {
            let why = format!("`{}` is not a version", flux.version.value);
            return Held::NotKnown { why };
        };
        let distribution = flux.distribution.as_ref().map(|text| text.value.as_str());
        let source = match distribution.map(|text| Source::parse(text, self.folder())) {
            Some(Ok(source)) => source,
            Some(Err(error)) => {
                let why = error.to_string();
                return Held::NotKnown { why };
            }
            None => Source::default(),
        };
        let url = source.url(&options.version);
        let by = self.lock_file().file_name().unwrap_or_default().to_owned();
        let sums: Vec<String> = bodies(committed).into_iter().map(sha256).collect();
        let release = self.lock().get(&options.version, &url);
        let expected = release.and_then(|it| self.lock().install(it, &options.digest()));
        match expected {
            Some(expected) if sums.iter().any(|sum| sum == expected) => return Held::AsGiven,
            _ if sums.iter().any(|sum| self.lock().has_install(sum)) => return Held::Older,
            Some(_) => return Held::Otherwise { by },
            None => {}
        }
        let made = self.text(distribution, &options, std::iter::empty());
        match made {
            Ok(text) if without_header(text.as_bytes()) == without_header(committed) => {
                Held::AsGiven
            }
            Ok(_) => Held::Otherwise {
                by: distribution.unwrap_or("the release").to_owned(),
            },
            Err(_) => Held::NotKnown {
                why: format!("`{by}` has no sum for it"),
            },
        }
    }
}

/// What may be Flux's own text of a file: it follows the comment lines above it, and may begin with some itself.
fn bodies(bytes: &[u8]) -> Vec<&[u8]> {
    let mut bodies = vec![bytes];
    let mut rest = bytes;
    while rest.starts_with(b"#") && bodies.len() < MOST_COMMENTS {
        let line = rest.iter().position(|byte| *byte == b'\n');
        rest = line.map_or(&[], |at| &rest[at + 1..]);
        bodies.push(rest);
    }
    bodies.remove(0);
    bodies
}

/// The most comment lines above a manifest that are looked behind.
const MOST_COMMENTS: usize = 32;
