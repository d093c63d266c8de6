//! Where Flux is and what it syncs: `flux.namespace`, the folders that are synced already, adoption, `init`.

use super::{fails, files, project, read, succeeds, write};

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_names_no_namespace_is_where_flux_is_in_each_cluster() {
    let folder = project(
        "[repo]\nurl = \"https://github.com/acme/fleet\"\n[clusters.prod]\nflux.namespace = \"gitops\"\n\
         [clusters.staging]\n[clusters.prod.kustomizations.apps]\ninterval = \"1h\"\n\
         [kustomizations.infra]\npath = \"./infra\"\n[kustomizations.apps]\npath = \"./apps\"\ndependsOn = [\"infra\"]\n\
         [sources.helm.podinfo]\nurl = \"https://stefanprodan.github.io/podinfo\"\n\
         [helmReleases.\"web/podinfo\"]\nchart.spec = { chart = \"podinfo\", version = \"6.x\", source = \"helm.podinfo\" }\n\
         [manifests.settings]\napiVersion = \"v1\"\nkind = \"ConfigMap\"\n",
    );
    succeeds(folder.path(), &["build"]);
    for (cluster, namespace, other) in [
        ("prod", "gitops", "flux-system"),
        ("staging", "flux-system", "gitops"),
    ] {
        let tree = files(&folder.path().join("clusters").join(cluster));
        let names: Vec<&str> = tree.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "helm-releases/web-podinfo.yaml",
                "kustomizations/apps.yaml",
                "kustomizations/infra.yaml",
                "manifests/configmap-settings.yaml",
                "sources/helmrepository-podinfo.yaml"
            ]
        );
        for (path, bytes) in &tree {
            let text = String::from_utf8_lossy(bytes);
            assert!(
                text.contains(&format!("namespace: {namespace}\n")),
                "{path}: {text}"
            );
            assert!(!text.contains(other), "{path}: {text}");
        }
        let apps = String::from_utf8_lossy(&tree["kustomizations/apps.yaml"]);
        assert!(
            apps.contains(&format!("kind: GitRepository\n    name: {namespace}\n")),
            "{apps}"
        );
        assert_eq!(apps.contains("interval: 1h"), cluster == "prod", "{apps}");
    }
}

#[test]
fn a_folder_that_is_synced_already_is_not_applied_again() {
    let toml = |path: &str, more: &str| {
        format!(
            "[repo]\nurl = \"https://github.com/acme/fleet\"\n[clusters.prod]\n[clusters.staging]\n\
             [kustomizations.x]\nclusters = [\"prod\"]\n{path}{more}"
        )
    };
    for (path, said) in [
        ("path = \"./clusters/prod\"\n", "in `clusters/prod`"),
        ("path = \"clusters/prod/\"\n", "in `clusters/prod`"),
        ("path = \"./clusters/prod/sub\"\n", "in `clusters/prod`"),
        (
            "path = \"./clusters/prod/flux-system\"\n",
            "in `clusters/prod`",
        ),
        ("path = \"./\"\n", "holds `clusters/prod`"),
        ("path = \".\"\n", "holds `clusters/prod`"),
        ("path = \"\"\n", "holds `clusters/prod`"),
        ("path = \"/\"\n", "holds `clusters/prod`"),
        ("path = \"./clusters\"\n", "holds `clusters/prod`"),
        (
            "path = \"./clusters/staging\"\n",
            "the folder of cluster `staging`, in cluster `prod`",
        ),
    ] {
        let folder = project(&toml(path, ""));
        let found = words(&fails(folder.path(), 1, &["check"]));
        assert!(
            found.contains("error[applied-twice]") && found.contains(said),
            "{path}: {found}"
        );
        // A remote cluster gets what this one has, and what is suspended applies nothing.
        for more in [
            "suspend = true\n",
            "kubeConfig.secretRef.name = \"staging\"\n",
        ] {
            let folder = project(&toml(path, more));
            let output = super::fluxgen(folder.path(), &["check"]);
            assert!(
                !super::told(&output).contains("applied-twice"),
                "{path}{more}"
            );
        }
    }
    for (path, file) in [
        // names that only begin alike, and a part of another cluster's folder
        ("./clusters/production", "x.yaml"),
        ("./clusters-prod", "x.yaml"),
        ("./clusters/staging/shared", "x.yaml"),
        // what is applied is said by kustomize files
        ("./", "kustomization.yaml"),
        ("./clusters", "clusters/kustomization.yaml"),
        ("./clusters/prod/extra", "clusters/prod/kustomization.yml"),
        (
            "./clusters/prod/extra/a",
            "clusters/prod/extra/Kustomization",
        ),
    ] {
        let folder = project(&toml(&format!("path = \"{path}\"\n"), ""));
        write(folder.path(), file, "resources: []\n");
        let output = super::fluxgen(folder.path(), &["check"]);
        assert!(
            !super::told(&output).contains("applied-twice"),
            "{path}: {}",
            super::told(&output)
        );
    }
}

const SYNC: &str = "\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  name: flux-system
  namespace: flux-system
spec:
  interval: 1m
  ref:
    branch: main
  secretRef:
    name: flux-system
  url: ssh://git@github.com/acme/fleet
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: flux-system
  namespace: flux-system
spec:
  interval: 2m0s
  path: ./k8s/dev/flux
  prune: true
  sourceRef:
    kind: GitRepository
    name: flux-system
  decryption:
    provider: sops
    secretRef:
      name: sops-age
  postBuild:
    substitute:
      cluster: dev
  timeout: 3m
";

#[test]
fn what_init_finds_is_what_adopting_keeps() {
    let folder = tempfile::tempdir().expect("a folder");
    let flux = "k8s/dev/flux/flux-system";
    write(folder.path(), &format!("{flux}/gotk-sync.yaml"), SYNC);
    write(folder.path(), "clusters/base/a.yaml", "a: b\n");
    succeeds(folder.path(), &["init"]);
    let text = read(folder.path(), "fluxgen.toml");
    for line in [
        "[clusters.dev]",
        "path = \"k8s/dev/flux\"",
        "flux.sync.rootInterval = \"2m0s\"",
        "flux.sync.decryption.provider = \"sops\"",
        "flux.sync.decryption.secretRef.name = \"sops-age\"",
        "flux.sync.postBuild.substitute.cluster = \"dev\"",
        "flux.sync.timeout = \"3m\"",
        "# [kustomizations.apps]",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }
    assert!(!text.contains("[clusters.base]"), "{text}");
    succeeds(folder.path(), &["check"]);
    succeeds(folder.path(), &["build"]);
    // Flux itself is adopted, and nothing of its sync is lost.
    let manifest =
        "# Flux Version: v2.9.4\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: flux-system\n";
    write(folder.path(), "gotk.yaml", manifest);
    let release = text.replace(
        "[flux]\n",
        "[flux]\ninstall = \"release\"\ndistribution = \"gotk.yaml\"\n",
    );
    write(folder.path(), "fluxgen.toml", &release);
    succeeds(folder.path(), &["build", "--adopt", flux]);
    let sync = read(folder.path(), &format!("{flux}/gotk-sync.yaml"));
    for part in [
        "interval: 2m0s",
        "provider: sops",
        "cluster: dev",
        "timeout: 3m",
    ] {
        assert!(sync.contains(part), "{part}: {sync}");
    }
    // Each field that the TOML file does not say is named with its key.
    for (line, key) in [
        (
            "flux.sync.rootInterval = \"2m0s\"\n",
            "spec.interval: set `flux.sync.rootInterval`",
        ),
        (
            "flux.sync.decryption.provider = \"sops\"\nflux.sync.decryption.secretRef.name = \"sops-age\"\n",
            "spec.decryption: set `flux.sync.decryption`",
        ),
        (
            "flux.sync.timeout = \"3m\"\n",
            "spec.timeout: set `flux.sync.timeout`",
        ),
        (
            "flux.sync.postBuild.substitute.cluster = \"dev\"\n",
            "spec.postBuild: set `flux.sync.postBuild`",
        ),
    ] {
        write(folder.path(), &format!("{flux}/gotk-sync.yaml"), SYNC);
        assert!(release.contains(line), "{line}");
        write(folder.path(), "fluxgen.toml", release.replace(line, ""));
        let said = words(&fails(folder.path(), 1, &["build", "--adopt", flux]));
        assert!(said.contains(key), "{key}: {said}");
        assert_eq!(read(folder.path(), &format!("{flux}/gotk-sync.yaml")), SYNC);
    }
}
