//! The edge for `[templates] dir`: reads the user's own templates.

use camino::Utf8Path;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::emit::TemplateFiles;
use crate::expand::include::normalize;
use crate::files::{Snapshot, follow};
use crate::load::Document;
use crate::node::Node;

/// The largest template, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// The templates of a project; what cannot be had is told.
pub(crate) fn read(
    snapshot: &Snapshot,
    document: &Document,
    diagnostics: &mut Diagnostics,
) -> TemplateFiles {
    let dir = document
        .root
        .get("templates")
        .and_then(|templates| templates.get("dir"));
    let Some((node, dir)) = dir.and_then(|node| Some((node, node.as_str()?))) else {
        // `resolve` tells what has another type.
        return TemplateFiles::new();
    };
    match files(snapshot, dir) {
        Ok(files) => files,
        Err((message, help)) => {
            diagnostics.push(refused(node, &message).with_help(help));
            TemplateFiles::new()
        }
    }
}

fn files(snapshot: &Snapshot, dir: &str) -> Result<TemplateFiles, (String, &'static str)> {
    const INSIDE: &str = "paths are relative to the TOML file and stay in its folder";
    const READ: &str = "name a folder with templates such as `resource.yaml` or `HelmRelease.yaml`";
    let outside = || (format!("`{dir}` leads out of the project folder"), INSIDE);
    let failed = |error: std::io::Error| (format!("`{dir}` cannot be read: {error}"), READ);
    let files = snapshot.files();
    let path = normalize(dir).ok_or_else(outside)?;
    let place = follow(&**files, &snapshot.from_root(path.as_str())).map_err(|_| outside())?;
    let Some(place) = place else {
        return Err((format!("there is no folder `{dir}`"), READ));
    };
    if !Utf8Path::new(&place).starts_with(snapshot.folder()) {
        return Err(outside());
    }
    let Some(entries) = files.list(&place).map_err(failed)? else {
        return Err((format!("`{dir}` is no folder"), READ));
    };
    let mut found = TemplateFiles::new();
    for entry in entries {
        let name = entry.name;
        let is_template = name.ends_with(".yaml") || name.ends_with(".yml");
        if !is_template || name.starts_with('.') {
            continue;
        }
        let shown = format!("{dir}/{name}");
        let bytes = snapshot
            .read_own(path.join(&name).as_str(), LARGEST)
            .map_err(|error| (format!("`{shown}` cannot be read: {error}"), READ))?;
        let Some(bytes) = bytes else { continue };
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|_| (format!("`{shown}` is not UTF-8"), "save it as UTF-8"))?;
        found.insert(name, text.replace("\r\n", "\n"));
    }
    Ok(found)
}

fn refused(node: &Node, message: &str) -> Diagnostic {
    Diagnostic::error("template", message.to_owned()).at(node.span, "")
}
