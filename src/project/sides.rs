//! Two states of one project: what both have in common is compiled once.
//!
//! Compiling is a function of what is read: the TOML file, the trees, and what the stages ask the files for. Where
//! a second state gives the same TOML file and the same answers, its stages up to `check` would make the same.

use std::sync::Arc;

use camino::Utf8Path;

use super::{CONFIG, Project, cluster_folders, foreign, read_config, trees};
use crate::build::{Built, build_around};
use crate::check::Checked;
use crate::files::{NotedFiles, Snapshot};
use crate::load::Document;
use crate::resolve::Resolved;
use crate::templates;

/// A side; `None` where it has no TOML file.
type Side = anyhow::Result<Option<Project>>;

impl Project {
    /// Reads and compiles both sides of a comparison, with what `then` does to the head. Install manifests of Flux
    /// stay what they are.
    pub fn read_both<T: Send>(
        base: &Snapshot,
        head: &Snapshot,
        config: &Utf8Path,
        then: impl FnOnce(&mut Project) -> T + Send,
    ) -> (Side, anyhow::Result<Option<(Project, T)>>) {
        let with = |side: Side| {
            Ok(side?.map(|mut project| {
                let more = then(&mut project);
                (project, more)
            }))
        };
        let name = config.file_name().unwrap_or(CONFIG);
        let texts = (read_config(base, name), read_config(head, name));
        let (Ok(Some(before)), Ok(Some(after))) = texts else {
            return apart(base, head, config, with);
        };
        let place = |side: &Snapshot| (side.folder().to_owned(), side.is_of_git());
        if before != after || place(base) != place(head) {
            return apart(base, head, config, with);
        }
        let noted = Arc::new(NotedFiles::new(Arc::clone(head.files())));
        let (mut first, document) = Self::load(base.clone(), config, &before);
        let Some(document) = document else {
            return apart(base, head, config, with);
        };
        let (existing, second) = rayon::join(
            || trees(base, &cluster_folders(&document)),
            || Self::read_noting(head, config, &after, &noted),
        );
        let second = match second {
            Ok(second) => second,
            Err(error) => return (Self::read(base.clone(), config, &[], None, &[]), Err(error)),
        };
        let existing = match existing {
            Ok(existing) => existing,
            Err(error) => return (Err(error.into()), with(Ok(Some(second)))),
        };
        first.existing = existing;
        let known = second.shared();
        let is_alike = match known {
            Some(known) => {
                noted.are_same_in(&**base.files()) && first.compile_like(&document, &second, known)
            }
            None => false,
        };
        rayon::join(
            || match is_alike {
                true => Ok(Some(first)),
                false => Self::read(base.clone(), config, &[], None, &[]),
            },
            || with(Ok(Some(second))),
        )
    }

    /// Compiles, with a note of what is asked of the files beside the trees.
    fn read_noting(
        head: &Snapshot,
        config: &Utf8Path,
        bytes: &[u8],
        noted: &Arc<NotedFiles>,
    ) -> anyhow::Result<Self> {
        let (mut project, document) = Self::load(head.clone(), config, bytes);
        if let Some(document) = document {
            let clusters = cluster_folders(&document);
            project.existing = trees(head, &clusters)?;
            project.left_over(&clusters)?;
            project.snapshot = head.through(Arc::clone(noted) as Arc<_>);
            project.compile_with_trees(&document, &[], None);
            project.snapshot = head.clone();
        }
        Ok(project)
    }

    /// What another state may share: only of a run without errors.
    fn shared(&self) -> Option<(&Arc<Checked>, &Arc<Resolved>)> {
        let built = self.built.as_ref()?;
        built.tree.as_ref()?;
        Some((built.checked.as_ref()?, &built.resolved))
    }

    /// Makes of a project, which has its trees, what `other` made of the same answers. It does not where its own
    /// files in the trees say otherwise, or where there would be errors to tell.
    fn compile_like(
        &mut self,
        document: &Document,
        other: &Self,
        (checked, resolved): (&Arc<Checked>, &Arc<Resolved>),
    ) -> bool {
        let includes = self.includes(document);
        if self.existing == other.existing {
            self.existing = Arc::clone(&other.existing);
            self.standing = Arc::clone(&other.standing);
            self.built = other.built.as_ref().map(|built| Built {
                resolved: Arc::clone(resolved),
                checked: Some(Arc::clone(checked)),
                refused: None,
                tree: built.tree.clone(),
            });
            return true;
        }
        if foreign(&self.existing) != foreign(&other.existing) {
            return false;
        }
        let templates = templates::read(&self.snapshot, document, &mut self.diagnostics);
        let around = self.around(templates);
        let built = build_around(checked, resolved, &around, &mut self.diagnostics);
        self.finish(built, around, &includes, &[], None);
        self.shared().is_some()
    }
}

fn apart<T: Send>(
    base: &Snapshot,
    head: &Snapshot,
    config: &Utf8Path,
    with: impl FnOnce(Side) -> anyhow::Result<Option<(Project, T)>> + Send,
) -> (Side, anyhow::Result<Option<(Project, T)>>) {
    let read = |side: &Snapshot| Project::read(side.clone(), config, &[], None, &[]);
    rayon::join(|| read(base), || with(read(head)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Files as _, MemoryFiles};
    use crate::review::{Review, State};

    const TOML: &str = r#"
[repo]
url = "ssh://git@github.com/acme/fleet"
[flux]
componentsExtra = ["image-reflector-controller", "image-automation-controller"]
[templates]
dir = "templates"
[clusters.one]
[clusters.two]
[kustomizations.apps]
path = "./apps"
postBuild.substitute.team = "web"
[sources.helm.podinfo]
url = "https://stefanprodan.github.io/podinfo"
[helmReleases."web/podinfo"]
chart.spec = { chart = "podinfo", version = "6.x", source = "helm.podinfo" }
values.ui = { file = "values/ui.yaml" }
values.image.tag = { imagePolicy = "podinfo:tag", initial = "6.5.0" }
[images.podinfo]
image = "ghcr.io/stefanprodan/podinfo"
policy.semver.range = "6.x"
"#;

    const RELEASE: &str = "clusters/one/helm-releases/web-podinfo.yaml";

    /// A project whose trees are built.
    fn fleet() -> MemoryFiles {
        let mut files: MemoryFiles = [
            ("fluxgen.toml", TOML),
            ("values/ui.yaml", "color: green\n"),
            ("templates/resource.yaml", "---\n{{ resource | yaml }}\n"),
            (
                "apps/web.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {team: \"${team}\"}\n",
            ),
            (
                "clusters/one/own.yaml",
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n\
                 metadata: {name: own, namespace: flux-system}\n\
                 spec: {interval: 1m, url: \"https://git.acme.example/own\"}\n",
            ),
        ]
        .into_iter()
        .collect();
        let project = whole(&snapshot(&files));
        let tree = project.built.expect("built").tree.expect("a tree");
        for cluster in &tree.clusters {
            for (path, text) in &cluster.files {
                files.insert(format!("clusters/{}/{path}", cluster.name), &**text);
            }
        }
        files
    }

    fn snapshot(files: &MemoryFiles) -> Snapshot {
        Snapshot::new(Arc::new(files.clone()), "")
    }

    fn whole(snapshot: &Snapshot) -> Project {
        let read = Project::read(snapshot.clone(), "fluxgen.toml".into(), &[], None, &[]);
        read.expect("readable").expect("a project")
    }

    /// The report as JSON, and what was found.
    fn reviewed(base: &Project, head: &Project) -> String {
        let state = |name: &str, project| State {
            name: name.to_owned(),
            commit: None,
            project: Some(project),
            snapshot: None,
        };
        let review = Review {
            base: state("main", base),
            head: state("the working tree", head),
            only: &[],
            folders_changed: true,
            deny: None,
            wants_graphs: true,
        };
        let reviewed = review.run("fluxgen.toml");
        let reviewed = reviewed.expect("readable");
        let report = serde_json::to_string_pretty(&reviewed.report).expect("JSON");
        format!(
            "{report}\n{:?}\n{:?}",
            reviewed.found, reviewed.found_in_base
        )
    }

    /// Whether the sides share what they compiled. What is said of them is what is said of two compiles.
    fn is_shared(base: &MemoryFiles, head: &MemoryFiles, what: &str) -> bool {
        let (base, head) = (snapshot(base), snapshot(head));
        let (quick_base, quick_head) =
            Project::read_both(&base, &head, "fluxgen.toml".into(), |_| ());
        let quick_base = quick_base.expect("readable").expect("a project");
        let (quick_head, ()) = quick_head.expect("readable").expect("a project");
        assert_eq!(
            reviewed(&quick_base, &quick_head),
            reviewed(&whole(&base), &whole(&head)),
            "{what}"
        );
        let checked = |project: &Project| project.built.as_ref()?.checked.clone();
        match (checked(&quick_base), checked(&quick_head)) {
            (Some(base), Some(head)) => Arc::ptr_eq(&base, &head),
            _ => false,
        }
    }

    #[test]
    fn what_both_sides_have_in_common_is_compiled_once_and_told_as_if_it_were_not() {
        let fleet = fleet();
        let release = fleet.read(RELEASE, 9999).expect("readable").expect(RELEASE);
        let release = String::from_utf8(release.to_vec()).expect("UTF-8");
        assert!(release.contains("$imagepolicy") && release.contains("color: green"));
        let toml = TOML.replace("6.x\", source", "6.1.x\", source");
        let tagged = release.replace("6.5.0", "6.6.0");
        let edited = release.replace("green", "red");
        let line = |text: &str| {
            let mut lines = text.lines();
            lines
                .find(|line| line.contains("imagepolicy"))
                .map(str::to_owned)
                .expect("a mark")
        };
        let (ours, theirs) = (line(&release), line(&tagged));
        let both = format!("<<<<<<< ours\n{ours}\n=======\n{theirs}\n>>>>>>> theirs");
        let conflict = release.replace(&ours, &both);
        let broken = release.replace(&ours, &format!("<<<<<<< ours\n{ours}"));
        let patch = "patches:\n- patch: --feature-gates=StrictPostBuildSubstitutions=false\n";
        let left_over = "clusters/three/kustomizations/apps.yaml";
        // A path, what one side has there, and whether both are one to the stages up to `check`.
        let cases: [(&str, Option<&str>, bool); 22] = [
            ("README.md", Some("nothing of ours\n"), true),
            ("apps/README.md", Some("nobody asks for it\n"), false),
            // What is compiled.
            ("fluxgen.toml", Some(&toml), false),
            ("values/ui.yaml", Some("color: red\n"), false),
            ("values/ui.yaml", None, false),
            (
                "templates/resource.yaml",
                Some("---\n# ours\n{{ resource | yaml }}\n"),
                false,
            ),
            (
                "templates/HelmRelease.yaml",
                Some("---\n{{ resource | yaml }}\n"),
                false,
            ),
            ("templates/resource.yaml", None, false),
            // What the rules look at.
            (
                "apps/web.yaml",
                Some(
                    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {team: \"${tem}\"}\n",
                ),
                false,
            ),
            ("apps/web.yaml", None, false),
            (
                "apps/kustomization.yaml",
                Some("resources: [web.yaml]\n"),
                false,
            ),
            (".sourceignore", Some("/apps\n"), false),
            (
                "clusters/two/flux-system/kustomization.yaml",
                Some(patch),
                false,
            ),
            // What the user has in the trees.
            ("clusters/one/own.yaml", None, false),
            (
                "clusters/two/more.yaml",
                Some("apiVersion: v1\nkind: Namespace\nmetadata: {name: more}\n"),
                false,
            ),
            ("clusters/two/notes.txt", Some("nothing of Flux's\n"), true),
            // What was made before.
            (RELEASE, Some(&tagged), true),
            (RELEASE, Some(&edited), true),
            (RELEASE, None, true),
            (left_over, Some(&release), true),
            // A merge left two tags, of which the policy picks one; and a file that nobody can read.
            (RELEASE, Some(&conflict), true),
            (RELEASE, Some(&broken), false),
        ];
        assert!(is_shared(&fleet, &fleet, "nothing differs"));
        for (path, text, expected) in cases {
            let mut other = fleet.clone();
            match text {
                Some(text) => other.insert(path, text),
                None => other.remove(path),
            }
            for (base, head) in [(&fleet, &other), (&other, &fleet)] {
                let what = format!("{path}: {text:?}");
                assert_eq!(is_shared(base, head, &what), expected, "{what}");
            }
            // Both have it, and one has something else that is in the way of sharing.
            let mut both = other.clone();
            both.insert(RELEASE, tagged.replace("6.6.0", "6.7.0"));
            is_shared(&other, &both, path);
        }
    }
}
