//! Where `flux.version` has to change so that some clusters, and only they, get another version.

use std::collections::BTreeMap;

use semver::Version;
use toml_edit::{DocumentMut, InlineTable, Item, TableLike, Value as TomlValue};

use crate::expand::expression::{has_expression, only_variable};
use crate::node::{Node, Table, Value};
use crate::settings::{Cluster, Settings};
use crate::source::Span;

/// One value to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pin {
    /// From the root of the file: `clusters`, `staging`, `flux`, `version`.
    pub keys: Vec<String>,
    /// The value that stands there, if one does.
    pub standing: Option<Span>,
    /// The version that its clusters have now.
    pub from: String,
    /// The clusters whose version it decides, as indices into the settings.
    pub clusters: Vec<usize>,
    /// What to point at where no value stands: the group's or the cluster's own key.
    pub holder: Span,
}

/// The fewest changes after which `targets` have `to` and all other clusters what they have.
///
/// A value that decides for targets alone is changed where it stands. Where it decides for others
/// too, a group of targets alone gets a version of its own, and else each cluster.
pub(crate) fn choose(
    settings: &Settings,
    root: &Table,
    targets: &[usize],
    to: &Version,
) -> Vec<Pin> {
    let to = to.to_string();
    let mut by_place: BTreeMap<Span, Vec<usize>> = BTreeMap::new();
    for (at, cluster) in settings.clusters.iter().enumerate() {
        let place = place_of(cluster, settings, root);
        by_place.entry(place).or_default().push(at);
    }
    let mut pins = Vec::new();
    for (place, decided) in by_place {
        let from = settings.clusters[decided[0]].flux.version.value.clone();
        let mut rising: Vec<usize> = decided
            .iter()
            .copied()
            .filter(|at| targets.contains(at))
            .collect();
        if rising.is_empty() || from == to {
            continue;
        }
        let keys = keys_of(place, settings, root);
        let is_project = keys == ["flux", "version"];
        if rising.len() == decided.len() {
            pins.push(Pin {
                keys,
                standing: (!place.is_built_in()).then_some(place),
                from,
                clusters: rising,
                holder: Span::BUILT_IN,
            });
            continue;
        }
        // Only where no other group sets the version can a group's own one meet no other.
        for (group, known) in settings.groups.iter().enumerate().filter(|_| is_project) {
            let members: Vec<usize> = settings
                .clusters
                .iter()
                .enumerate()
                .filter(|(_, cluster)| cluster.groups.contains(&group))
                .map(|(at, _)| at)
                .collect();
            if members.len() < 2 || !members.iter().all(|at| rising.contains(at)) {
                continue;
            }
            rising.retain(|at| !members.contains(at));
            pins.push(Pin {
                keys: owned(["groups", &known.name.value, "flux", "version"]),
                standing: None,
                from: from.clone(),
                clusters: members,
                holder: known.name.span,
            });
        }
        for at in rising {
            let name = &settings.clusters[at].name;
            pins.push(Pin {
                keys: owned(["clusters", &name.value, "flux", "version"]),
                standing: None,
                from: from.clone(),
                clusters: vec![at],
                holder: name.span,
            });
        }
    }
    pins
}

fn owned<const N: usize>(keys: [&str; N]) -> Vec<String> {
    keys.map(str::to_owned).to_vec()
}

/// Where a cluster's version stands: in `[flux]`, or in the one variable that `[flux]` names.
fn place_of(cluster: &Cluster, settings: &Settings, root: &Table) -> Span {
    let place = cluster.flux.version.span;
    let keys = keys_of(place, settings, root);
    let text = at(root, &keys).and_then(Node::as_str).unwrap_or_default();
    let variable = only_variable(text).and_then(|path| path.strip_prefix("vars."));
    let value = variable.and_then(|name| cluster.vars.get(name));
    let value = value.filter(|node| node.as_str().is_some_and(|text| !has_expression(text)));
    value.map_or(place, |node| node.span)
}

fn at<'n>(root: &'n Table, keys: &[String]) -> Option<&'n Node> {
    let (first, rest) = keys.split_first()?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    root.get(first)?.at(&rest)
}

/// The place of the first version that is computed, where no other can be written.
pub(crate) fn computed(pins: &[Pin], root: &Table) -> Option<Span> {
    let standing = |pin: &&Pin| pin.standing.is_some();
    pins.iter().filter(standing).find_map(|pin| {
        let node = at(root, &pin.keys)?;
        has_expression(node.as_str()?).then_some(node.span)
    })
}

/// The keys to the value at a place.
fn keys_of(place: Span, settings: &Settings, root: &Table) -> Vec<String> {
    let groups = settings.groups.iter().map(|group| &group.name.value);
    let clusters = settings.clusters.iter().map(|cluster| &cluster.name.value);
    let holders = groups
        .map(|name| vec!["groups", name.as_str()])
        .chain(clusters.map(|name| vec!["clusters", name.as_str()]))
        .chain([Vec::new()]);
    for holder in holders.filter(|_| !place.is_built_in()) {
        let owned = |keys: &[&str]| -> Vec<String> {
            let keys = holder.iter().chain(keys);
            keys.map(|key| (*key).to_owned()).collect()
        };
        let version = owned(&["flux", "version"]);
        if at(root, &version).is_some_and(|node| node.span == place) {
            return version;
        }
        let vars = at(root, &owned(&["vars"])).and_then(Node::as_table);
        let mut vars = vars.into_iter().flat_map(Table::iter);
        if let Some((name, _)) = vars.find(|(_, entry)| entry.node.span == place) {
            return owned(&["vars", name]);
        }
    }
    owned(["flux", "version"])
}

/// The text with the pins set, its comments and layout kept.
pub(crate) fn edit(text: &str, pins: &[Pin], to: &Version) -> Result<String, String> {
    let mut edited = text.to_owned();
    let mut standing: Vec<Span> = pins.iter().filter_map(|pin| pin.standing).collect();
    standing.sort();
    for span in standing.into_iter().rev() {
        let old = edited
            .get(span.range())
            .ok_or("a value is not in the file")?;
        // Whoever writes `v2.8.8`, or quotes it in another way, goes on to do so.
        let quote = match old.chars().next() {
            Some(quote @ ('"' | '\'')) if !old.starts_with("\"\"\"") && !old.starts_with("'''") => {
                quote
            }
            _ => '"',
        };
        let v = if old.contains('v') { "v" } else { "" };
        edited.replace_range(span.range(), &format!("{quote}{v}{to}{quote}"));
    }
    let missing: Vec<&Pin> = pins.iter().filter(|pin| pin.standing.is_none()).collect();
    if missing.is_empty() {
        return Ok(edited);
    }
    let (mark, body) = match edited.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body),
        None => ("", edited.as_str()),
    };
    let has_crlf = body.contains("\r\n");
    let mut document: DocumentMut = body.parse().map_err(|error| format!("{error}"))?;
    for pin in missing {
        insert(document.as_table_mut(), &pin.keys, true, &to.to_string())?;
    }
    let mut written = document.to_string().replace("\r\n", "\n");
    if has_crlf {
        written = written.replace('\n', "\r\n");
    }
    Ok(format!("{mark}{written}"))
}

fn insert(
    table: &mut dyn TableLike,
    keys: &[String],
    is_root: bool,
    to: &str,
) -> Result<(), String> {
    let Some((first, rest)) = keys.split_first() else {
        return Ok(());
    };
    if rest.is_empty() {
        table.insert(first, toml_edit::value(to));
        return Ok(());
    }
    if !table.contains_key(first) {
        let mut inside = toml_edit::Table::new();
        // Below a cluster `flux.version = "…"`; at the top a table of its own.
        inside.set_dotted(first == "flux" && !is_root);
        table.insert(first, Item::Table(inside));
    }
    let item = table.get_mut(first).ok_or("a table is not there")?;
    if let Item::Value(TomlValue::InlineTable(inline)) = item {
        return insert_inline(inline, rest, to);
    }
    let inside = item
        .as_table_like_mut()
        .ok_or_else(|| format!("`{first}` is no table"))?;
    insert(inside, rest, false, to)
}

fn insert_inline(table: &mut InlineTable, keys: &[String], to: &str) -> Result<(), String> {
    let Some((first, rest)) = keys.split_first() else {
        return Ok(());
    };
    if rest.is_empty() {
        table.insert(first, to.into());
        return Ok(());
    }
    if !table.contains_key(first) {
        let mut inside = InlineTable::new();
        inside.set_dotted(true);
        table.insert(first, TomlValue::InlineTable(inside));
    }
    match table.get_mut(first) {
        Some(TomlValue::InlineTable(inside)) => insert_inline(inside, rest, to),
        _ => Err(format!("`{first}` is no table")),
    }
}

/// The same in what was read of the file, every place as it is in the text.
pub(crate) fn set(root: &mut Table, pins: &[Pin], to: &Version) {
    for pin in pins {
        let span = pin.standing.unwrap_or(pin.holder);
        let mut table = &mut *root;
        let (last, path) = pin.keys.split_last().expect("a pin has keys");
        for key in path {
            if table.get(key).and_then(Node::as_table).is_none() {
                table.set(key, Node::new(Table::new(), pin.holder));
            }
            table = table
                .get_mut(key)
                .and_then(Node::as_table_mut)
                .expect("it was made a table above");
        }
        match table.get_mut(last) {
            Some(node) => node.value = Value::String(to.to_string()),
            None => table.set(last, Node::new(to.to_string(), span)),
        }
    }
}

/// Whether the clusters have the versions that were asked for, and all others what they had.
pub(crate) fn holds(before: &Settings, after: &Settings, targets: &[usize], to: &Version) -> bool {
    let version = |cluster: &Cluster| cluster.flux.version.value.clone();
    before.clusters.len() == after.clusters.len()
        && before
            .clusters
            .iter()
            .zip(&after.clusters)
            .enumerate()
            .all(|(at, (old, new))| {
                let expected = match targets.contains(&at) {
                    true => to.to_string(),
                    false => version(old),
                };
                version(new) == expected
            })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::load::{Document, load};
    use crate::resolve::resolve;
    use crate::source::Sources;

    fn read(text: &str) -> (Document, Settings) {
        let mut diagnostics = Diagnostics::default();
        let document = load(
            "fluxgen.toml".into(),
            text.as_bytes(),
            &mut Sources::default(),
            &mut diagnostics,
        )
        .expect("TOML");
        let settings = resolve(&document, &mut diagnostics).settings;
        assert!(!diagnostics.has_errors(), "{diagnostics:?}");
        (document, settings)
    }

    /// The text after the named clusters (all, for none) get 2.9.4; checked to hold, and to be the
    /// same as what `set` makes of the document.
    fn raised(text: &str, only: &[&str]) -> String {
        let to = Version::new(2, 9, 4);
        let (mut document, settings) = read(text);
        let targets: Vec<usize> = (0..settings.clusters.len())
            .filter(|at| {
                only.is_empty() || only.contains(&settings.clusters[*at].name.value.as_str())
            })
            .collect();
        let pins = choose(&settings, &document.root, &targets, &to);
        let edited = edit(text, &pins, &to).expect("it can be edited");
        let (_, after) = read(&edited);
        assert!(holds(&settings, &after, &targets, &to), "{edited}");
        set(&mut document.root, &pins, &to);
        let changed = resolve(&document, &mut Diagnostics::default()).settings;
        assert!(holds(&settings, &changed, &targets, &to), "{edited}");
        let (again, settings) = read(&edited);
        assert_eq!(choose(&settings, &again.root, &targets, &to), []);
        edited
    }

    #[test]
    fn a_version_is_changed_where_it_stands_and_nothing_else() {
        for (text, expected) in [
            (
                "# a\n[flux] # b\n  version='v2.8.8' # c\n\n[clusters.a]\n[clusters.b]\n",
                "# a\n[flux] # b\n  version='v2.9.4' # c\n\n[clusters.a]\n[clusters.b]\n",
            ),
            (
                "flux = { version = \"2.8.8\", install = \"none\" }\r\n[clusters.a]\r\n",
                "flux = { version = \"2.9.4\", install = \"none\" }\r\n[clusters.a]\r\n",
            ),
            (
                "\u{feff}flux.version = \"2.8.8\"\n[clusters]\na.flux.version = \"2.7.5\"\nb = {}\n",
                "\u{feff}flux.version = \"2.9.4\"\n[clusters]\na.flux.version = \"2.9.4\"\nb = {}\n",
            ),
            // A cluster that is there already is no reason for an edit.
            (
                "flux.version = \"2.8.8\"\n[clusters.a]\nflux.version = \"2.9.4\"\n[clusters.b]\n",
                "flux.version = \"2.9.4\"\n[clusters.a]\nflux.version = \"2.9.4\"\n[clusters.b]\n",
            ),
        ] {
            assert_eq!(raised(text, &[]), expected);
        }
    }

    #[test]
    fn a_cluster_gets_its_own_where_others_share_the_value() {
        for (cluster, expected) in [
            ("[clusters.a]\n", "[clusters.a]\nflux.version = \"2.9.4\"\n"),
            (
                "[clusters.a]\n# mine\nvars.x = 1 # one\n",
                "[clusters.a]\n# mine\nvars.x = 1 # one\nflux.version = \"2.9.4\"\n",
            ),
            (
                "[clusters.a]\nflux.logLevel = \"debug\"\n",
                "[clusters.a]\nflux.logLevel = \"debug\"\nflux.version = \"2.9.4\"\n",
            ),
            (
                "[clusters.a.flux]\nlogLevel = \"debug\"\n",
                "[clusters.a.flux]\nlogLevel = \"debug\"\nversion = \"2.9.4\"\n",
            ),
            (
                "[clusters]\na = {}\n",
                "[clusters]\na = { flux.version = \"2.9.4\" }\n",
            ),
            (
                "[clusters]\na = { flux = { logLevel = \"debug\" } }\n",
                "[clusters]\na = { flux = { logLevel = \"debug\" , version = \"2.9.4\" } }\n",
            ),
            (
                "[clusters.a.vars]\nx = 1\n",
                "\n[clusters.a]\nflux.version = \"2.9.4\"\n[clusters.a.vars]\nx = 1\n",
            ),
            (
                "[clusters.\"a\"]\r\n",
                "[clusters.\"a\"]\r\nflux.version = \"2.9.4\"\r\n",
            ),
        ] {
            let line = if cluster.contains('\r') { "\r\n" } else { "\n" };
            let head = format!("[flux]{line}version = \"2.8.8\"{line}");
            let rest = format!("[clusters.b]{line}");
            let text = format!("{head}{cluster}{rest}");
            assert_eq!(raised(&text, &["a"]), format!("{head}{expected}{rest}"));
        }
    }

    #[test]
    fn a_version_that_is_a_variable_is_raised_where_the_variable_stands() {
        let text = "\
[vars]
flux = \"2.8.8\"
[flux]
version = \"${{ vars.flux }}\"
[clusters.a]
[clusters.b]
vars.flux = \"2.7.5\"
";
        assert_eq!(
            raised(text, &[]),
            text.replace("2.8.8", "2.9.4").replace("2.7.5", "2.9.4")
        );
        assert_eq!(raised(text, &["b"]), text.replace("2.7.5", "2.9.4"));
        let text = text.replace("vars.flux = \"2.7.5\"\n", "");
        assert_eq!(
            raised(&text, &["b"]),
            format!("{text}flux.version = \"2.9.4\"\n")
        );
    }

    #[test]
    fn without_any_version_the_project_gets_one() {
        let text =
            "[clusters.a]\nflux.version = \"2.8.8\"\n[clusters.b]\nflux.version = \"2.8.8\"\n";
        assert_eq!(raised(text, &["a"]), text.replacen("2.8.8", "2.9.4", 1));
        let (document, settings) = read("[clusters.a]\n");
        let to = Version::new(2, 10, 0);
        let pins = choose(&settings, &document.root, &[0], &to);
        assert_eq!(
            edit("[clusters.a]\n", &pins, &to).expect("it can be edited"),
            "[clusters.a]\n\n[flux]\nversion = \"2.10.0\"\n"
        );
    }

    #[test]
    fn a_group_of_targets_alone_gets_the_version_and_others_do_not() {
        let text = "\
[flux]
version = \"2.8.8\"
[groups.prod]
clusters = [\"prod-*\"]
[groups.all]
clusters = [\"*\"]
[clusters.prod-eu]
[clusters.prod-us]
[clusters.staging]
[clusters.dev]
";
        assert_eq!(
            raised(text, &["prod-eu", "prod-us", "dev"]),
            text.replace("[\"prod-*\"]\n", "[\"prod-*\"]\nflux.version = \"2.9.4\"\n")
                .replace(
                    "[clusters.dev]\n",
                    "[clusters.dev]\nflux.version = \"2.9.4\"\n"
                )
        );
        // A group's own version is changed where it stands, and taken over for a part of it.
        let own = text.replace("[\"prod-*\"]\n", "[\"prod-*\"]\nflux.version = \"2.7.5\"\n");
        assert_eq!(
            raised(&own, &["prod-eu", "prod-us"]),
            own.replace("2.7.5", "2.9.4")
        );
        assert_eq!(
            raised(&own, &["prod-us"]),
            own.replace(
                "[clusters.prod-us]\n",
                "[clusters.prod-us]\nflux.version = \"2.9.4\"\n"
            )
        );
    }
}
