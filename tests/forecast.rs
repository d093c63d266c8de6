//! What the controllers will do: a case for each rule, and the stories that people told.

mod resources;

use std::collections::{BTreeMap, BTreeSet};

use fluxgen::compare::report::Severity::{self, Destructive, Info, Notice};
use fluxgen::compare::report::{Finding, Outcome};
use fluxgen::compare::{Side, changes, compare};
use fluxgen::files::MemoryFiles;
use fluxgen::forecast::{Forecast, Input, PlanError, RULES, Rename, forecast, plan_rename};
use resources::{resources, side, sides};

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: web}\n";
const API: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, namespace: web}\n";
const SHOP: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";

fn foretell(base: &Side, head: &Side, before: &MemoryFiles, after: &MemoryFiles) -> Forecast {
    foretell_with(base, head, before, after, &BTreeMap::new())
}

fn foretell_with(
    base: &Side,
    head: &Side,
    before: &MemoryFiles,
    after: &MemoryFiles,
    acknowledged: &BTreeMap<String, String>,
) -> Forecast {
    let comparison = compare(base, head);
    forecast(&Input {
        comparison: &comparison,
        changes: &changes(&comparison),
        base_files: Some(before),
        head_files: Some(after),
        folders_changed: true,
        repository: ("flux-system", "flux-system"),
        address: Some(("ssh://git@git.acme.example/acme/fleet", "main")),
        acknowledged,
    })
}

/// A Kustomization of this repository.
fn ks(name: &str, spec: &str) -> String {
    document(
        "kustomize.toolkit.fluxcd.io/v1",
        "Kustomization",
        name,
        &format!("{{prune: true, sourceRef: {{kind: GitRepository, name: flux-system}}, {spec}}}"),
    )
}

/// A Kustomization of another repository.
fn remote(name: &str, spec: &str) -> String {
    document(
        "kustomize.toolkit.fluxcd.io/v1",
        "Kustomization",
        name,
        &format!("{{prune: true, sourceRef: {{kind: OCIRepository, name: far}}, {spec}}}"),
    )
}

fn hr(name: &str, spec: &str) -> String {
    document(
        "helm.toolkit.fluxcd.io/v2",
        "HelmRelease",
        name,
        &format!("{{{spec}}}"),
    )
}

fn git(name: &str, spec: &str) -> String {
    document(
        "source.toolkit.fluxcd.io/v1",
        "GitRepository",
        name,
        &format!("{{{spec}}}"),
    )
}

fn document(api_version: &str, kind: &str, name: &str, spec: &str) -> String {
    let (namespace, name) = name.split_once('/').unwrap_or(("flux-system", name));
    format!(
        "apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n---\n"
    )
}

fn binding(kind: &str, role: &str, subject: &str, name: &str) -> String {
    let namespace = match kind {
        "RoleBinding" => ", namespace: web",
        _ => "",
    };
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {name}{namespace}}}\n\
         roleRef: {{kind: ClusterRole, name: {role}}}\nsubjects: [{{kind: {subject}, name: {name}, namespace: web}}]\n---\n"
    )
}

fn cluster_role(resources: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: reader}}\n\
         rules: [{{apiGroups: [''], resources: [{resources}], verbs: [get]}}]\n---\n"
    )
}

fn files(files: &[(&str, &str)]) -> MemoryFiles {
    files.iter().map(|(path, text)| (*path, *text)).collect()
}

struct Case {
    rule: &'static str,
    base: String,
    head: String,
    /// Files before; and after, where they differ.
    files: Vec<(&'static str, &'static str)>,
    after: Option<Vec<(&'static str, &'static str)>>,
    expected: (Severity, Outcome),
    /// What the message says.
    says: &'static str,
    /// The objects named, and how many reasons there are for more.
    affected: (&'static [&'static str], usize),
}

fn case(
    rule: &'static str,
    base: String,
    head: String,
    expected: (Severity, Outcome),
    says: &'static str,
) -> Case {
    Case {
        rule,
        base,
        head,
        files: vec![
            ("apps/web.yaml", WEB),
            ("apps/api.yaml", API),
            ("other/web.yaml", WEB),
        ],
        after: None,
        expected,
        says,
        affected: (&[], 0),
    }
}

impl Case {
    fn affects(mut self, objects: &'static [&'static str], unknown: usize) -> Self {
        self.affected = (objects, unknown);
        self
    }

    fn files(mut self, files: &[(&'static str, &'static str)]) -> Self {
        self.files = files.to_vec();
        self
    }

    fn after(mut self, files: &[(&'static str, &'static str)]) -> Self {
        self.after = Some(files.to_vec());
        self
    }
}

const FROZEN: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: one, namespace: web}, data: {a: '1'}, immutable: true}";
const FROZEN_OTHERWISE: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: one, namespace: web}, data: {a: '2'}, immutable: true}";
const CHARTS: &str = "chartRef: {kind: OCIRepository, name: charts}";
const LOCAL: &str = "chart: {spec: {chart: ./charts/x, sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}}}";

fn oci_charts(range: &str) -> String {
    document(
        "source.toolkit.fluxcd.io/v1",
        "OCIRepository",
        "web/charts",
        &format!("{{url: 'oci://ghcr.io/acme/web', ref: {{semver: {range}}}}}"),
    )
}

const BOTH: &[&str] = &["Deployment web/api", "Deployment web/web"];

fn cases() -> Vec<Case> {
    let apps = || ks("apps", "path: ./apps");
    let none = String::new;
    let release = |spec: &str| hr("web/shop", spec);
    let chart = |name: &str| {
        format!(
            "chart: {{spec: {{chart: {name}, sourceRef: {{kind: HelmRepository, name: charts}}}}}}"
        )
    };
    vec![
        // https://fluxcd.io/flux/components/kustomize/kustomizations/#deletion-policy
        case("kustomization-deleted-prunes", apps(), none(), (Destructive, Outcome::Prune), "its `prune` is on").affects(BOTH, 0),
        case("kustomization-deleted-prunes", ks("apps", "path: apps, prune: false, deletionPolicy: Delete").replace("prune: true, ", ""), none(), (Destructive, Outcome::Prune), "`Delete`").affects(BOTH, 0),
        case("kustomization-deleted-prunes", ks("apps", "path: /apps/, deletionPolicy: WaitForTermination"), none(), (Destructive, Outcome::Prune), "waits until").affects(BOTH, 0),
        case("kustomization-deleted-prunes", remote("apps", "path: ./apps"), none(), (Destructive, Outcome::Prune), "`apps` is deleted").affects(&[], 1),
        case("kustomization-deleted-prunes", ks("apps", "path: ./apps"), none(), (Info, Outcome::Prune), "nothing that goes with it")
            .files(&[("apps/kustomization.yaml", "resources: []")]),
        // Deleting one that applies others deletes what those applied.
        case("kustomization-deleted-prunes", ks("tenants", "path: ./tenants"), none(), (Destructive, Outcome::Prune), "`tenants` is deleted")
            .files(&[
                ("tenants/a.yaml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a, namespace: flux-system}\nspec: {path: ./apps, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}\n"),
                ("tenants/b.yaml", "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: b, namespace: web}\nspec: {}\n"),
                ("apps/web.yaml", WEB),
            ])
            .affects(&["Deployment web/web", "HelmRelease web/b", "Kustomization flux-system/a"], 1),
        case("kustomization-deleted-orphans", ks("apps", "path: ./apps, deletionPolicy: Orphan"), none(), (Notice, Outcome::Orphan), "`Orphan`").affects(BOTH, 0),
        case("kustomization-deleted-orphans", ks("apps", "path: ./apps, prune: false").replace("prune: true, ", ""), none(), (Notice, Outcome::Orphan), "its `prune` is off").affects(BOTH, 0),
        // https://fluxcd.io/flux/components/kustomize/kustomizations/#suspend
        case("kustomization-deleted-orphans", ks("apps", "path: ./apps, suspend: true"), none(), (Notice, Outcome::Orphan), "it is suspended").affects(BOTH, 0),
        // https://fluxcd.io/flux/faq/#how-can-i-safely-rename-a-flux-kustomization
        case("kustomization-renamed-recreates", apps(), ks("applications", "path: ./apps"), (Destructive, Outcome::Recreate), "`apps` is renamed to `applications`").affects(BOTH, 0),
        case("kustomization-renamed-recreates", apps(), ks("team/apps", "path: ./apps").replace("name: flux-system}", "name: flux-system, namespace: flux-system}"), (Destructive, Outcome::Recreate), "`flux-system/apps` is renamed to `team/apps`").affects(BOTH, 0),
        case("kustomization-renamed-adopts", ks("apps", "path: ./apps, deletionPolicy: Orphan"), ks("applications", "path: ./apps"), (Info, Outcome::Adopt), "takes over what is there").affects(BOTH, 0),
        // https://fluxcd.io/flux/components/kustomize/kustomizations/#path
        case("kustomization-path-changed", apps(), ks("apps", "path: ./other"), (Destructive, Outcome::Prune), "its `path` goes from `./apps` to `./other`").affects(&["Deployment web/api"], 0),
        case("kustomization-path-changed", remote("apps", "path: ./a"), remote("apps", "path: ./b"), (Destructive, Outcome::Prune), "may be deleted").affects(&[], 1),
        case("kustomization-cannot-be-built", apps(), ks("apps", "path: ./nowhere"), (Notice, Outcome::Stall), "there is no folder `nowhere`").affects(BOTH, 0),
        // https://fluxcd.io/flux/components/kustomize/kustomizations/#source-reference
        case("kustomization-source-changed", apps(), remote("apps", "path: ./apps"), (Destructive, Outcome::Prune), "may be deleted: its source goes from GitRepository `flux-system/flux-system` to OCIRepository `flux-system/far`").affects(BOTH, 1),
        // https://fluxcd.io/flux/components/kustomize/kustomizations/#target-namespace
        case("kustomization-target-namespace-changed", apps(), ks("apps", "path: ./apps, targetNamespace: shop"), (Destructive, Outcome::Recreate), "its `targetNamespace` is `shop` now").affects(BOTH, 0),
        case("kustomization-target-namespace-changed", remote("a", "targetNamespace: x"), remote("a", "targetNamespace: y"), (Destructive, Outcome::Recreate), "from `x` to `y`").affects(&[], 1),
        // https://fluxcd.io/flux/components/kustomize/kustomizations/#name-prefix
        case("kustomization-names-changed", apps(), ks("apps", "path: ./apps, namePrefix: eu-"), (Destructive, Outcome::Recreate), "`namePrefix`").affects(BOTH, 0),
        case("kustomization-names-changed", ks("apps", "path: ./apps, nameSuffix: -a"), ks("apps", "path: ./apps, nameSuffix: -b"), (Destructive, Outcome::Recreate), "from `-a` to `-b`").affects(&["Deployment web/api-a", "Deployment web/web-a"], 0),
        // https://fluxcd.io/flux/components/kustomize/kustomizations/#prune
        case("kustomization-objects-removed", apps(), apps(), (Destructive, Outcome::Prune), "they are gone from its folder")
            .after(&[("apps/web.yaml", WEB)]).affects(&["Deployment web/api"], 0),
        case("kustomization-objects-removed", apps(), apps(), (Notice, Outcome::Prune), "may be deleted")
            .files(&[("apps/kustomization.yaml", "resources: ['https://example.com/a.yaml', web.yaml]"), ("apps/web.yaml", WEB)])
            .after(&[("apps/kustomization.yaml", "resources: [web.yaml]"), ("apps/web.yaml", WEB)]).affects(&[], 1),
        case("kustomization-applies-more", apps(), apps(), (Info, Outcome::Reconcile), "one more object")
            .files(&[("apps/web.yaml", WEB)]).after(&[("apps/web.yaml", WEB), ("apps/api.yaml", API)]).affects(&["Deployment web/api"], 0),
        case("kustomization-objects-orphaned", ks("apps", "path: ./apps, prune: false").replace("prune: true, ", ""), ks("apps", "path: ./other, prune: false").replace("prune: true, ", ""), (Notice, Outcome::Orphan), "its `prune` is off").affects(&["Deployment web/api"], 0),
        // https://fluxcd.io/flux/components/kustomize/kustomizations/#garbage-collection
        case("object-moves-between-kustomizations", [ks("a", "path: ./a"), ks("b", "path: ./b")].concat(), [ks("a", "path: ./a"), ks("b", "path: ./b")].concat(), (Destructive, Outcome::Recreate), "objects move from `a` to `b`")
            .files(&[("a/shop.yaml", SHOP), ("a/web.yaml", WEB), ("b/api.yaml", API)])
            .after(&[("a/web.yaml", WEB), ("b/api.yaml", API), ("b/shop.yaml", SHOP)]).affects(&["Namespace shop"], 0),
        case("object-in-two-kustomizations", ks("a", "path: ./apps"), [ks("a", "path: ./apps"), ks("b", "path: ./other")].concat(), (Notice, Outcome::Adopt), "`a` and `b` apply the same objects").affects(&["Deployment web/web"], 0),
        case("prune-turned-off", apps(), apps().replace("prune: true", "prune: false"), (Notice, Outcome::Orphan), "no longer prunes"),
        case("prune-turned-on", apps().replace("prune: true", "prune: false"), apps(), (Notice, Outcome::Prune), "prunes from now on"),
        case("deletion-policy-changed", apps(), ks("apps", "path: ./apps, deletionPolicy: Orphan"), (Info, Outcome::Reconcile), "leaves what it applied"),
        // https://fluxcd.io/flux/components/kustomize/kustomizations/#force
        case("force-turned-on", apps(), ks("apps", "path: ./apps, force: true"), (Notice, Outcome::Recreate), "refuses to change in place").affects(BOTH, 0),
        case("immutable-field-recreates", ks("apps", "path: ./apps, force: true"), ks("apps", "path: ./apps, force: true"), (Destructive, Outcome::Recreate), "ConfigMap web/one (`data`)")
            .files(&[("apps/one.yaml", FROZEN)]).after(&[("apps/one.yaml", FROZEN_OTHERWISE)]).affects(&["ConfigMap web/one"], 0),
        case("immutable-field-refused", apps(), apps(), (Notice, Outcome::Stall), "cannot be applied, because immutable fields change: ConfigMap web/one (`data`)")
            .files(&[("apps/one.yaml", FROZEN)]).after(&[("apps/one.yaml", FROZEN_OTHERWISE)]).affects(&["ConfigMap web/one"], 0),
        case("reconciliation-suspended", apps(), ks("apps", "path: ./apps, suspend: true"), (Notice, Outcome::Stall), "nothing is applied"),
        case("reconciliation-resumed", ks("apps", "path: ./apps, suspend: true"), apps(), (Notice, Outcome::Reconcile), "takes effect"),
        case("changed-while-suspended", ks("apps", "path: ./apps, suspend: true"), ks("apps", "path: ./other, suspend: true"), (Notice, Outcome::Stall), "when it is resumed"),
        // https://fluxcd.io/flux/components/kustomize/kustomizations/#kubeconfig-remote-clusters
        case("target-cluster-changed", apps(), ks("apps", "path: ./apps, kubeConfig: {secretRef: {name: far}}"), (Notice, Outcome::Orphan), "from this cluster to the cluster of `far`").affects(BOTH, 0),
        case("uninstall-history-changed", release(""), release("uninstall: {keepHistory: true}"), (Info, Outcome::Reconcile), "keeps Helm's records"),
        // https://fluxcd.io/flux/components/helm/helmreleases/#uninstall-configuration
        case("helm-release-deleted-uninstalls", release(""), none(), (Destructive, Outcome::Uninstall), "uninstalls release `shop` in namespace `web`").affects(&[], 1),
        case("helm-release-deleted-orphans", release("suspend: true"), none(), (Notice, Outcome::Orphan), "stays installed").affects(&[], 1),
        // https://fluxcd.io/flux/components/helm/helmreleases/#release-name
        case("helm-release-renamed-reinstalls", release(&chart("a")), hr("web/store", &chart("a")), (Destructive, Outcome::Recreate), "release `shop` in namespace `web` is uninstalled and release `store`").affects(&[], 1),
        case("helm-release-renamed-reinstalls", release("releaseName: r"), hr("web/store", "releaseName: r"), (Destructive, Outcome::Recreate), "while the new one takes it over").affects(&[], 1),
        case("helm-release-renamed-adopts", release("releaseName: r, suspend: true"), hr("web/store, annotations: {test/renamedFrom: shop}", "releaseName: r"), (Info, Outcome::Adopt), "takes over release `r`").affects(&[], 1),
        case("helm-release-target-changed", release("releaseName: a"), release("releaseName: b"), (Destructive, Outcome::Recreate), "the release name goes from `a` to `b`").affects(&[], 1),
        case("helm-release-target-changed", release(""), release("targetNamespace: shop"), (Destructive, Outcome::Recreate), "the release name goes from `shop` to `shop-shop`, the target namespace goes from `web` to `shop`").affects(&[], 1),
        case("helm-release-target-changed", release(""), release("storageNamespace: store"), (Destructive, Outcome::Recreate), "the storage namespace goes from `web` to `store`").affects(&[], 1),
        case("helm-release-chart-changed", release(&chart("a")), release(&chart("b")), (Destructive, Outcome::Recreate), "its chart goes from `a` to `b`").affects(&[], 1),
        case("helm-release-chart-upgraded-in-place", release(&chart("a")), release(&format!("{}, upgrade: {{chartNameChangeStrategy: InPlaceUpdate}}", chart("b"))), (Info, Outcome::Reconcile), "upgraded in place"),
        case("helm-release-chart-may-change", release("chart: {spec: {chart: ./a, sourceRef: {kind: GitRepository, name: x}}}"), release("chart: {spec: {chart: ./b, sourceRef: {kind: GitRepository, name: x}}}"), (Notice, Outcome::Recreate), "if the chart itself has another name").affects(&[], 1),
        case("helm-release-shared", release("releaseName: r"), [release("releaseName: r"), hr("web/twin", "releaseName: r, interval: 5m")].concat(), (Notice, Outcome::Adopt), "are both release `r`").affects(&["HelmRelease web/shop"], 0),
        case("source-deleted", [git("a", "url: 'https://x/y'"), ks("k", "path: ./apps").replace("name: flux-system}, path", "name: a}, path")].concat(), ks("k", "path: ./apps").replace("name: flux-system}, path", "name: a}, path"), (Notice, Outcome::Stall), "GitRepository `a` is deleted").affects(&["Kustomization flux-system/k"], 0),
        // https://fluxcd.io/flux/components/source/gitrepositories/#suspend
        case("source-suspended", [git("a", "url: 'https://x/y'"), ks("k", "").replace("name: flux-system}, ", "name: a}")].concat(), [git("a", "url: 'https://x/y', suspend: true"), ks("k", "").replace("name: flux-system}, ", "name: a}")].concat(), (Notice, Outcome::Stall), "get nothing new").affects(&["Kustomization flux-system/k"], 0),
        case("source-fetches-elsewhere", [git("a", "url: 'https://x/y'"), ks("k", "").replace("name: flux-system}, ", "name: a}")].concat(), [git("a", "url: 'https://x/z'"), ks("k", "").replace("name: flux-system}, ", "name: a}")].concat(), (Notice, Outcome::Prune), "`url` changed").affects(&["Kustomization flux-system/k"], 0),
        case("chart-source-changed", [oci_charts("2.x"), hr("web/a", CHARTS), hr("web/b", CHARTS), hr("web/c", &format!("{CHARTS}, suspend: true"))].concat(), [oci_charts("3.x"), hr("web/a", CHARTS), hr("web/b", CHARTS), hr("web/c", &format!("{CHARTS}, suspend: true"))].concat(), (Notice, Outcome::Reconcile), "goes from `2.x` to `3.x`: 2 Helm releases are upgraded").affects(&["HelmRelease web/a", "HelmRelease web/b"], 0),
        case("kustomization-content-not-known", remote("apps", "path: ./apps"), remote("apps", "path: ./apps"), (Info, Outcome::Reconcile), "files under `./apps` change here")
            .after(&[("apps/web.yaml", WEB)]).affects(&[], 1),
        case("helm-release-chart-files-changed", release(LOCAL), release(LOCAL), (Notice, Outcome::Reconcile), "`shop` is upgraded")
            .files(&[("charts/x/Chart.yaml", "name: x\nversion: 1.0.0\n")]).after(&[("charts/x/Chart.yaml", "name: x\nversion: 1.1.0\n")]),
        case("helm-release-chart-files-changed", release(LOCAL), release(LOCAL), (Notice, Outcome::Stall), "its version is still `1.0.0`")
            .files(&[("charts/x/Chart.yaml", "name: x\nversion: 1.0.0\n")]).after(&[("charts/x/Chart.yaml", "name: x\nversion: 1.0.0\n"), ("charts/x/values.yaml", "a: 1\n")]),
        // The name of a chart in this repository is in its `Chart.yaml`.
        case("helm-release-chart-changed", release(LOCAL), release(&LOCAL.replace("/x", "/y")), (Destructive, Outcome::Recreate), "its chart goes from `x` to `y`")
            .files(&[("charts/x/Chart.yaml", "name: x\n"), ("charts/y/Chart.yaml", "name: y\n")]).affects(&[], 1),
        case("helm-release-chart-changed", release(LOCAL), release(LOCAL), (Destructive, Outcome::Recreate), "its chart goes from `x` to `y`")
            .files(&[("charts/x/Chart.yaml", "name: x\n")]).after(&[("charts/x/Chart.yaml", "name: y\n")]).affects(&[], 1),
        // https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
        case("cluster-wide-rights", none(), binding("ClusterRoleBinding", "edit", "ServiceAccount", "bot"), (Notice, Outcome::Reconcile), "gives ServiceAccount `web/bot` the rights of ClusterRole `edit` in the whole cluster").affects(&["ClusterRoleBinding bot"], 0),
        case("cluster-wide-rights", binding("ClusterRoleBinding", "view", "Group", "ops"), binding("ClusterRoleBinding", "cluster-admin", "Group", "ops"), (Notice, Outcome::Reconcile), "gives Group `web/ops` the rights of ClusterRole `cluster-admin`").affects(&["ClusterRoleBinding ops"], 0),
        case("cluster-wide-rights", none(), binding("RoleBinding", "cluster-admin", "User", "ada"), (Notice, Outcome::Reconcile), "the rights of ClusterRole `cluster-admin` in namespace `web`").affects(&["RoleBinding web/ada"], 0),
        case("cluster-wide-rights", none(), cluster_role("secrets"), (Notice, Outcome::Reconcile), "ClusterRole `reader` defines rights that hold in the whole cluster").affects(&["ClusterRole reader"], 0),
        case("cluster-wide-rights", cluster_role("pods"), cluster_role("secrets"), (Notice, Outcome::Reconcile), "ClusterRole `reader` adds rights").affects(&["ClusterRole reader"], 0),
        // https://fluxcd.io/flux/components/kustomize/kustomizations/#dependencies
        case("depends-on-suspended", [apps(), ks("b", "path: ./x, dependsOn: [{name: apps}]"), ks("c", "path: ./x, dependsOn: [{name: b}]")].concat(), [ks("apps", "path: ./apps, suspend: true"), ks("b", "path: ./x, dependsOn: [{name: apps}]"), ks("c", "path: ./x, dependsOn: [{name: b}]")].concat(), (Notice, Outcome::Stall), "wait until it is resumed").affects(&["Kustomization flux-system/b", "Kustomization flux-system/c"], 0),
        case("depends-on-deleted", [apps(), ks("b", "path: ./x, dependsOn: [{name: apps}]")].concat(), ks("b", "path: ./x, dependsOn: [{name: apps}]"), (Notice, Outcome::Stall), "wait for ever").affects(&["Kustomization flux-system/b"], 0),
        case("deleted-resource-stays", ks("flux-system/apps, annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}", "path: ./apps"), none(), (Notice, Outcome::Orphan), "stays in the cluster").affects(&["Kustomization flux-system/apps"], 0),
        case("object-deleted", SHOP.to_owned(), none(), (Destructive, Outcome::Prune), "with everything in it").affects(&["Namespace shop"], 1),
        case("object-deleted", document("image.toolkit.fluxcd.io/v1", "ImageUpdateAutomation", "a", "{}"), none(), (Notice, Outcome::Prune), "not updated by it any more").affects(&["ImageUpdateAutomation flux-system/a"], 0),
    ]
}

fn find<'a>(findings: &'a [Finding], rule: &str) -> Option<&'a Finding> {
    findings.iter().find(|finding| finding.rule == rule)
}

#[test]
fn every_rule_says_what_the_controllers_do() {
    for (at, case) in cases().iter().enumerate() {
        let what = format!("case {at}, {}", case.rule);
        let before = files(&case.files);
        let after = case.after.as_deref().map_or_else(|| before.clone(), files);
        let told = foretell(
            &side("c", &case.base),
            &side("c", &case.head),
            &before,
            &after,
        );
        let Some(finding) = find(&told.findings, case.rule) else {
            panic!("{what}: not found in {:#?}", told.findings);
        };
        assert_eq!(
            (finding.severity, finding.outcome),
            case.expected,
            "{what}: {finding:#?}"
        );
        assert!(
            finding.message.contains(case.says),
            "{what}: {}",
            finding.message
        );
        let objects: Vec<_> = finding
            .affected
            .objects
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(objects, case.affected.0, "{what}");
        assert_eq!(
            finding.affected.unknown.len(),
            case.affected.1,
            "{what}: {:?}",
            finding.affected
        );
        assert_eq!(finding.clusters, ["c"], "{what}");
        assert!(
            ["https://fluxcd.io/flux/", "https://kubernetes.io/docs/"]
                .iter()
                .any(|site| finding.docs.starts_with(site)),
            "{what}"
        );
        // One thing that happens is one destructive finding.
        let destructive = told
            .findings
            .iter()
            .filter(|it| it.severity == Destructive)
            .count();
        assert!(destructive <= 1, "{what}: {:#?}", told.findings);
    }
}

#[test]
fn every_rule_has_a_case_and_a_page() {
    let tested: BTreeSet<_> = cases().iter().map(|case| case.rule).collect();
    for rule in RULES {
        let is_tested = tested.contains(rule.name) || rule.name == "cluster-removed";
        assert!(is_tested, "{} has no case", rule.name);
        assert!(rule.docs.contains('#'), "{}", rule.name);
        assert!(!rule.summary.is_empty() && !rule.since.is_empty());
    }
    let names: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), RULES.len());
}

#[test]
fn nothing_changed_foretells_nothing() {
    let text = [
        ks("a", "path: ./apps"),
        hr("web/shop", ""),
        git("a", "url: x"),
    ]
    .concat();
    let all = files(&[("apps/web.yaml", WEB)]);
    let told = foretell(&side("c", &text), &side("c", &text), &all, &all);
    assert_eq!(told, Forecast::default());
}

/// <https://github.com/fluxcd/flux2/issues/3316>
#[test]
fn a_renamed_kustomization_that_would_prune_production_is_denied_once_for_all_clusters() {
    let (old, new) = (
        ks("apps", "path: ./apps"),
        ks("applications", "path: ./apps"),
    );
    let all = files(&[("apps/web.yaml", WEB)]);
    let told = foretell(
        &sides(&[("prod", &old), ("staging", &old)]),
        &sides(&[("prod", &new), ("staging", &new)]),
        &all,
        &all,
    );
    assert_eq!(told.findings.len(), 1, "{:#?}", told.findings);
    let finding = &told.findings[0];
    assert_eq!(finding.severity, Destructive);
    assert_eq!(finding.clusters, ["prod", "staging"]);
    assert!(finding.help[0].contains("plan-rename"));
    assert_eq!(finding.changes.len(), 1);
}

/// <https://github.com/fluxcd/kustomize-controller/issues/1724>
#[test]
fn a_namespace_that_two_kustomizations_own_goes_when_one_lets_go_of_it() {
    let both = [ks("a", "path: ./a"), ks("b", "path: ./b")].concat();
    let before = files(&[
        ("a/shop.yaml", SHOP),
        ("a/web.yaml", WEB),
        ("b/shop.yaml", SHOP),
    ]);
    let after = files(&[("a/web.yaml", WEB), ("b/shop.yaml", SHOP)]);
    let told = foretell(&side("c", &both), &side("c", &both), &before, &after);
    let finding = find(&told.findings, "object-moves-between-kustomizations").expect("it is told");
    assert_eq!(finding.severity, Destructive);
    assert!(
        finding.message.contains("that `b` applies too"),
        "{}",
        finding.message
    );
    assert!(finding.notes[0].contains("everything in it"));

    // The same when the whole Kustomization goes.
    let told = foretell(
        &side("c", &both),
        &side("c", &ks("b", "path: ./b")),
        &before,
        &before,
    );
    let rules: Vec<_> = told.findings.iter().map(|it| it.rule.as_str()).collect();
    assert_eq!(
        rules,
        [
            "kustomization-deleted-prunes",
            "object-moves-between-kustomizations"
        ]
    );

    // An object that is kept from pruning stays.
    let marked = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}}\n";
    let before = files(&[
        ("a/shop.yaml", marked),
        ("a/web.yaml", WEB),
        ("b/shop.yaml", marked),
    ]);
    let after = files(&[("a/web.yaml", WEB), ("b/shop.yaml", marked)]);
    let told = foretell(&side("c", &both), &side("c", &both), &before, &after);
    assert!(told.findings.is_empty(), "{:#?}", told.findings);
}

#[test]
fn an_acknowledgement_is_carried_by_the_finding_and_told_when_it_is_not_needed() {
    let marked = |spec: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: apps, namespace: flux-system, annotations: {{test/acknowledge: moved}}}}\nspec: {{prune: true, sourceRef: {{kind: GitRepository, name: flux-system}}, {spec}}}\n"
        )
    };
    let all = files(&[("apps/web.yaml", WEB), ("other/api.yaml", API)]);
    let (old, new) = (
        side("c", &marked("path: ./apps")),
        side("c", &marked("path: ./other")),
    );
    let told = foretell(&old, &new, &all, &all);
    let finding = find(&told.findings, "kustomization-path-changed").expect("it is told");
    assert_eq!(finding.acknowledged.as_deref(), Some("moved"));
    assert!(told.unneeded.is_empty());

    let told = foretell(&new, &new, &all, &all);
    assert_eq!(told.unneeded.len(), 1);
    assert_eq!(told.unneeded[0].name, "Kustomization flux-system/apps");
    assert_eq!(told.unneeded[0].clusters, ["c"]);
}

#[test]
fn a_deletion_is_acknowledged_by_what_is_gone_or_by_its_name() {
    let all = files(&[("apps/web.yaml", WEB)]);
    let acknowledged = BTreeMap::from([
        (
            "Kustomization/flux-system/apps".to_owned(),
            "no longer run".to_owned(),
        ),
        (
            "Kustomization/flux-system/gone".to_owned(),
            "long ago".to_owned(),
        ),
    ]);
    let (old, new) = (side("c", &ks("apps", "path: ./apps")), side("c", ""));
    let told = foretell_with(&old, &new, &all, &all, &acknowledged);
    assert_eq!(
        told.findings[0].acknowledged.as_deref(),
        Some("no longer run")
    );
    let unneeded: Vec<_> = told.unneeded.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(unneeded, ["Kustomization/flux-system/gone"]);
}

#[test]
fn a_cluster_that_leaves_with_its_whole_folder_deletes_nothing() {
    let text = [ks("apps", "path: ./apps"), hr("web/shop", "")].concat();
    let all = files(&[("apps/web.yaml", WEB)]);
    let base = sides(&[("a", &text), ("b", "")]);
    let told = foretell(&base, &sides(&[("b", "")]), &all, &all);
    let rules: Vec<_> = told.findings.iter().map(|it| it.rule.as_str()).collect();
    assert_eq!(rules, ["cluster-removed"]);

    // With files of the user's own the folder stays, and the root Kustomization prunes.
    let mut base = base;
    base.clusters
        .get_mut("a")
        .expect("it is there")
        .root
        .has_own_files = true;
    let told = foretell(&base, &sides(&[("b", "")]), &all, &all);
    let rules: Vec<_> = told.findings.iter().map(|it| it.rule.as_str()).collect();
    assert_eq!(
        rules,
        [
            "kustomization-deleted-prunes",
            "helm-release-deleted-uninstalls"
        ]
    );
}

#[test]
fn before_flux_2_9_another_chart_name_always_reinstalls() {
    let release = |chart: &str| {
        hr(
            "web/shop",
            &format!(
                "upgrade: {{chartNameChangeStrategy: InPlaceUpdate}}, chart: {{spec: {{chart: {chart}, sourceRef: {{kind: HelmRepository, name: x}}}}}}"
            ),
        )
    };
    let all = files(&[]);
    let (old, mut new) = (side("c", &release("a")), side("c", &release("b")));
    for (flux, rule) in [
        ((2, 8), "helm-release-chart-changed"),
        ((2, 9), "helm-release-chart-upgraded-in-place"),
    ] {
        new.clusters.get_mut("c").expect("it is there").flux = Some(flux);
        let told = foretell(&old, &new, &all, &all);
        assert!(
            find(&told.findings, rule).is_some(),
            "{flux:?}: {:#?}",
            told.findings
        );
    }
}

#[test]
fn an_oci_chart_is_named_by_the_end_of_its_url() {
    let oci = |url: &str| {
        [
            document(
                "source.toolkit.fluxcd.io/v1",
                "OCIRepository",
                "web/charts",
                &format!("{{url: 'oci://ghcr.io/acme/{url}'}}"),
            ),
            hr("web/shop", "chartRef: {kind: OCIRepository, name: charts}"),
        ]
        .concat()
    };
    let old = hr(
        "web/shop",
        "chart: {spec: {chart: podinfo, sourceRef: {kind: HelmRepository, name: x}}}",
    );
    let all = files(&[]);
    let told = foretell(&side("c", &old), &side("c", &oci("podinfo")), &all, &all);
    assert!(told.findings.is_empty(), "{:#?}", told.findings);
    let told = foretell(&side("c", &old), &side("c", &oci("other")), &all, &all);
    assert!(find(&told.findings, "helm-release-chart-changed").is_some());
}

#[test]
fn a_rename_is_planned_in_steps_that_delete_nothing() {
    let base = "# ours\n[kustomizations.apps] # keep\npath = \"./apps\"\n";
    let head = "# ours\n[kustomizations.applications]\npath = \"./apps\"\nrenamedFrom = \"apps\"\n";
    let (old, new) = (
        resources(&ks("apps", "path: ./apps")),
        resources(&ks("applications", "path: ./apps")),
    );
    let rename = Rename {
        base_toml: base,
        head_toml: head,
        base_path: &["kustomizations", "apps"],
        head_path: &["kustomizations", "applications"],
        old: &old[0],
        new: &new[0],
    };
    let plan = plan_rename(&rename).expect("it is planned");
    let texts: Vec<_> = plan.steps.iter().map(|step| step.toml.as_str()).collect();
    assert_eq!(
        texts,
        [
            "# ours\n[kustomizations.apps] # keep\npath = \"./apps\"\ndeletionPolicy = \"Orphan\"\n",
            head
        ]
    );
    // Each step, foretold, deletes nothing.
    let all = files(&[("apps/web.yaml", WEB)]);
    let states = [
        side("c", &ks("apps", "path: ./apps")),
        side("c", &ks("apps", "path: ./apps, deletionPolicy: Orphan")),
        side("c", &ks("applications", "path: ./apps")),
    ];
    for step in states.windows(2) {
        let told = foretell(&step[0], &step[1], &all, &all);
        assert!(
            told.findings.iter().all(|it| it.severity < Destructive),
            "{:#?}",
            told.findings
        );
    }

    let missing = Rename {
        base_path: &["kustomizations", "gone"],
        ..rename
    };
    assert_eq!(
        plan_rename(&missing),
        Err(PlanError::NotFound("kustomizations.gone".to_owned()))
    );
    let broken = Rename {
        base_toml: "a = [",
        ..rename
    };
    assert!(matches!(plan_rename(&broken), Err(PlanError::Syntax(_))));
}

#[test]
fn a_renamed_helm_release_keeps_the_release_of_the_old_one() {
    let (old, new) = (
        resources(&hr("web/shop", "targetNamespace: a")),
        resources(&hr("store/store", "")),
    );
    let plan = plan_rename(&Rename {
        base_toml: "[helmReleases.\"web/shop\"]\ntargetNamespace = \"a\"\n",
        head_toml: "[helmReleases.\"store/store\"]\n",
        base_path: &["helmReleases", "web/shop"],
        head_path: &["helmReleases", "store/store"],
        old: &old[0],
        new: &new[0],
    })
    .expect("it is planned");
    let texts: Vec<_> = plan.steps.iter().map(|step| step.toml.as_str()).collect();
    assert_eq!(
        texts,
        [
            "[helmReleases.\"web/shop\"]\ntargetNamespace = \"a\"\nsuspend = true\n",
            "[helmReleases.\"store/store\"]\nreleaseName = \"a-shop\"\ntargetNamespace = \"a\"\nstorageNamespace = \"web\"\n",
        ]
    );
}

#[test]
fn findings_that_differ_in_the_name_of_the_cluster_are_one() {
    let of = |cluster: &str| remote("apps", &format!("path: ./clusters/{cluster}"));
    let (eu, us) = (of("prod-eu"), of("prod-us"));
    let base = sides(&[
        ("prod-eu", &eu),
        ("prod-us", &us),
        ("staging", &of("other")),
    ]);
    let head = sides(&[("prod-eu", ""), ("prod-us", ""), ("staging", "")]);
    let found = foretell(&base, &head, &files(&[]), &files(&[])).findings;
    let told: Vec<(String, String)> = found
        .iter()
        .map(|finding| {
            (
                finding.clusters.join(" "),
                finding.affected.unknown.join(" "),
            )
        })
        .collect();
    let what = |path: &str| {
        format!("what OCIRepository `flux-system/far` holds under `./clusters/{path}`")
    };
    assert_eq!(
        told,
        [
            ("prod-eu prod-us".to_owned(), what("<cluster>")),
            ("staging".to_owned(), what("other")),
        ]
    );
}

/// What is foretold of objects, one line a finding: `destructive may: web/api`.
fn lines(told: &Forecast) -> Vec<String> {
    let objects = |finding: &Finding| {
        let names = finding.affected.objects.iter();
        names
            .map(|it| it.name.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let findings = told.findings.iter();
    let named = findings.filter(|finding| !finding.affected.objects.is_empty());
    named
        .map(|finding| {
            let may = if finding.uncertain { "may " } else { "" };
            let rule = finding.rule.trim_start_matches("kustomization-");
            format!(
                "{} {may}{rule}: {}",
                finding.severity.as_str(),
                objects(finding)
            )
        })
        .collect()
}

/// A child builds the new folder with its old spec as a rule, before its parent applies the new one.
/// Seen on real controllers: with `prune = false` in the same change 7 of 7 deleted, with
/// `suspend = true` 5 of 7; with another `path` and `prune = false` 12 of 12 kept.
#[test]
fn what_leaves_the_folder_in_the_change_of_the_spec_may_be_deleted_by_the_old_spec() {
    let off = |spec: &str| ks("apps", spec).replace("prune: true, ", "prune: false, ");
    let on = |spec: &str| ks("apps", spec);
    let both: &[(&str, &str)] = &[
        ("apps/web.yaml", WEB),
        ("apps/api.yaml", API),
        ("other/web.yaml", WEB),
    ];
    let one: &[(&str, &str)] = &[("apps/web.yaml", WEB), ("other/web.yaml", WEB)];
    let moved: &[(&str, &str)] = &[
        ("apps/web.yaml", WEB),
        ("other/web.yaml", WEB),
        ("other/api.yaml", API),
    ];
    let renamed: &[(&str, &str)] = &[("other/web.yaml", WEB), ("other/api.yaml", API)];
    let apps = "path: ./apps";
    type Row<'a> = (
        &'a str,
        String,
        String,
        &'a [(&'a str, &'a str)],
        &'a [&'a str],
    );
    let table: &[Row<'_>] = &[
        (
            "pruned as ever",
            on(apps),
            on(apps),
            one,
            &["destructive objects-removed: api"],
        ),
        (
            "prune off",
            on(apps),
            off(apps),
            one,
            &["destructive may objects-removed: api"],
        ),
        (
            "prune on",
            off(apps),
            on(apps),
            one,
            &["destructive may objects-removed: api"],
        ),
        (
            "prune stays off",
            off(apps),
            off(apps),
            one,
            &["notice objects-orphaned: api"],
        ),
        (
            "suspended",
            on(apps),
            on("path: ./apps, suspend: true"),
            one,
            &["destructive may objects-removed: api"],
        ),
        (
            "suspended before",
            on("path: ./apps, suspend: true"),
            on("path: ./apps, suspend: true"),
            one,
            &[],
        ),
        (
            "resumed",
            on("path: ./apps, suspend: true"),
            on(apps),
            one,
            &["destructive may objects-removed: api"],
        ),
        (
            "path and prune off",
            on(apps),
            off("path: ./other"),
            both,
            &["notice objects-orphaned: api"],
        ),
        (
            "path, prune off and removed",
            on(apps),
            off("path: ./other"),
            one,
            &["destructive may objects-removed: api"],
        ),
        (
            "path and moved",
            on(apps),
            on("path: ./other"),
            moved,
            &["destructive may path-changed: api"],
        ),
        (
            "path and the whole folder renamed",
            on(apps),
            on("path: ./other"),
            renamed,
            &[],
        ),
        (
            "namespace and prune off",
            on(apps),
            off("path: ./apps, targetNamespace: shop"),
            both,
            &[
                "notice objects-orphaned: api web",
                "info applies-more: api web",
            ],
        ),
        (
            "namespace and removed",
            on(apps),
            on("path: ./apps, targetNamespace: shop"),
            one,
            &[
                "destructive objects-removed: api",
                "destructive target-namespace-changed: web",
                "info applies-more: web",
            ],
        ),
        (
            "path that is not there and removed",
            on(apps),
            on("path: ./nowhere"),
            one,
            &[
                "destructive may objects-removed: api",
                "notice cannot-be-built: api web",
            ],
        ),
        (
            "to another cluster and removed",
            on(apps),
            on("path: ./apps, kubeConfig: {secretRef: {name: far}}"),
            one,
            &[
                "destructive may objects-removed: api",
                "notice target-cluster-changed: api web",
            ],
        ),
        (
            "deleted with Orphan and removed",
            on("path: ./apps, deletionPolicy: Orphan"),
            String::new(),
            one,
            &[
                "destructive may objects-removed: api",
                "notice deleted-orphans: api web",
            ],
        ),
        (
            "deleted without prune and removed",
            off(apps),
            String::new(),
            one,
            &["notice deleted-orphans: api web"],
        ),
        (
            "deleted with Orphan and its folder",
            on("path: ./apps, deletionPolicy: Orphan"),
            String::new(),
            renamed,
            &["notice deleted-orphans: api web"],
        ),
        (
            "deletion policy and removed",
            on(apps),
            on("path: ./apps, deletionPolicy: Orphan"),
            one,
            &["destructive objects-removed: api"],
        ),
        (
            "force, wait, retry and removed",
            on(apps),
            on("path: ./apps, wait: true, retryInterval: 1m"),
            one,
            &["destructive objects-removed: api"],
        ),
        (
            "renamed with Orphan and removed",
            on("path: ./apps, deletionPolicy: Orphan"),
            ks("applications", "path: ./apps"),
            one,
            &[
                "destructive may objects-removed: api",
                "info renamed-adopts: api web",
            ],
        ),
        (
            "substituted names",
            on("path: ./named, postBuild: {substitute: {a: x}}"),
            on("path: ./named, postBuild: {substitute: {a: z}}"),
            both,
            &["destructive objects-removed: x", "info applies-more: z"],
        ),
    ];
    for (what, base, head, after, expected) in table {
        let named = (
            "named/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"${a}\", namespace: web}\n",
        );
        let with = |all: &[(&'static str, &'static str)]| files(&[all, &[named]].concat());
        let told = foretell(
            &side("c", base),
            &side("c", head),
            &with(both),
            &with(after),
        );
        let mut found = lines(&told);
        found.retain(|line| !line.contains("prune-turned"));
        assert_eq!(found, *expected, "{what}: {:#?}", told.findings);
    }
}

/// What `nested` applies from its folder: a Kustomization and its objects.
#[test]
fn what_changes_in_a_folder_of_kustomizations_is_foretold_of_them() {
    let inner = |name: &str, spec: &str| ks(name, spec);
    let before = inner("inner", "path: ./apps");
    let cases: &[(&str, String, &[&str])] = &[
        (
            "its path",
            inner("inner", "path: ./other"),
            &["destructive path-changed: api"],
        ),
        (
            "its prune",
            inner("inner", "path: ./other").replace("prune: true", "prune: false"),
            &["notice objects-orphaned: api"],
        ),
        (
            "its name",
            inner("inner2", "path: ./apps"),
            &[
                "destructive objects-removed: api web inner",
                "info applies-more: inner2",
            ],
        ),
        (
            "suspended",
            inner("inner", "path: ./apps, suspend: true"),
            &[],
        ),
    ];
    let outer = side("c", &ks("outer", "path: ./outer"));
    for (what, after, expected) in cases {
        let all = |text: &str| -> MemoryFiles {
            let others = [
                ("apps/web.yaml", WEB),
                ("apps/api.yaml", API),
                ("other/web.yaml", WEB),
            ];
            others
                .into_iter()
                .chain([("outer/inner.yaml", text)])
                .collect()
        };
        let told = foretell(&outer, &outer, &all(&before), &all(after));
        assert_eq!(lines(&told), *expected, "{what}: {:#?}", told.findings);
    }
}

/// Whether an object survives depends on who comes first, unless one waits for the other.
#[test]
fn an_object_that_moves_is_kept_only_where_the_new_owner_is_known_to_come_first() {
    let text = |a: &str, b: &str| {
        [
            ks("a", &format!("path: ./a{a}")),
            ks("b", &format!("path: ./b{b}")),
        ]
        .concat()
    };
    let before = files(&[
        ("a/shop.yaml", SHOP),
        ("a/web.yaml", WEB),
        ("b/api.yaml", API),
    ]);
    let after = files(&[
        ("a/web.yaml", WEB),
        ("b/api.yaml", API),
        ("b/shop.yaml", SHOP),
    ]);
    let moves = "object-moves-between-kustomizations: shop";
    for (a, b, expected) in [
        ("", "", format!("destructive may {moves}")),
        (", dependsOn: [{name: b}]", "", format!("notice {moves}")),
        (
            "",
            ", dependsOn: [{name: a}]",
            format!("destructive {moves}"),
        ),
    ] {
        let both = side("c", &text(a, b));
        let told = foretell(&both, &both, &before, &after);
        assert_eq!(lines(&told)[0], expected, "{a} {b}: {:#?}", told.findings);
    }
    // Into the TOML file, and out of it.
    let apps = || ks("a", "path: ./a");
    let left = files(&[("a/web.yaml", WEB)]);
    let told = foretell(
        &side("c", &apps()),
        &side("c", &[&apps(), SHOP].concat()),
        &before,
        &left,
    );
    assert_eq!(lines(&told), [format!("destructive may {moves}")]);
    let told = foretell(
        &side("c", &[&apps(), SHOP].concat()),
        &side("c", &apps()),
        &left,
        &before,
    );
    assert_eq!(lines(&told)[0], format!("destructive may {moves}"));
}

/// The API server refuses the change; with `force`, Flux deletes the object and creates it again.
#[test]
fn an_immutable_field_that_changes_recreates_the_object_with_force_and_stops_the_apply_without() {
    let cases: &[(&str, &str, &str, &[&str])] = &[
        // ConfigMaps and Secrets, once `immutable`.
        (
            "v1 ConfigMap",
            "data: {a: '1'}, immutable: true",
            "data: {a: '2'}, immutable: true",
            &["data"],
        ),
        (
            "v1 ConfigMap",
            "data: {a: '1'}, immutable: true",
            "data: {a: '1'}",
            &["immutable"],
        ),
        (
            "v1 ConfigMap",
            "data: {a: '1'}",
            "data: {a: '2'}, immutable: true",
            &[],
        ),
        (
            "v1 ConfigMap",
            "data: {a: '1'}, immutable: true",
            "data: {a: '1'}, immutable: true",
            &[],
        ),
        ("v1 Secret", "type: Opaque", "stringData: {a: b}", &[]),
        (
            "v1 Secret",
            "data: {a: b}",
            "data: {a: b}, type: kubernetes.io/tls",
            &["type"],
        ),
        (
            "v1 Secret",
            "data: {a: b}, immutable: true",
            "data: {a: c}, immutable: true",
            &["data"],
        ),
        // Workloads.
        (
            "apps/v1 Deployment",
            "spec: {selector: {matchLabels: {a: b}}}",
            "spec: {selector: {matchLabels: {a: c}}}",
            &["spec.selector"],
        ),
        (
            "apps/v1 Deployment",
            "spec: {replicas: 1, selector: {matchLabels: {a: b}}}",
            "spec: {replicas: 2, selector: {matchLabels: {a: b}}}",
            &[],
        ),
        (
            "apps/v1 DaemonSet",
            "spec: {selector: {matchLabels: {a: b}}}",
            "spec: {selector: {matchLabels: {a: b, c: d}}}",
            &["spec.selector"],
        ),
        (
            "apps/v1 StatefulSet",
            "spec: {serviceName: a}",
            "spec: {serviceName: b}",
            &["spec.serviceName"],
        ),
        (
            "apps/v1 StatefulSet",
            "spec: {replicas: 1}",
            "spec: {replicas: 2, podManagementPolicy: OrderedReady}",
            &[],
        ),
        (
            "apps/v1 StatefulSet",
            "spec: {volumeClaimTemplates: [{metadata: {name: a}, spec: {storageClassName: x}}]}",
            "spec: {volumeClaimTemplates: [{metadata: {name: a}, spec: {storageClassName: y}}]}",
            &["spec.volumeClaimTemplates"],
        ),
        (
            "apps/v1 StatefulSet",
            "spec: {volumeClaimTemplates: [{metadata: {name: a}}]}",
            "spec: {volumeClaimTemplates: [{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}}]}",
            &[],
        ),
        (
            "batch/v1 Job",
            "spec: {template: {spec: {containers: [{image: 'a:1'}]}}}",
            "spec: {template: {spec: {containers: [{image: 'a:2'}]}}}",
            &["spec.template"],
        ),
        (
            "batch/v1 Job",
            "spec: {parallelism: 1}",
            "spec: {parallelism: 2, backoffLimit: 1}",
            &[],
        ),
        (
            "batch/v1 CronJob",
            "spec: {schedule: a}",
            "spec: {schedule: b}",
            &[],
        ),
        (
            "v1 Pod",
            "spec: {containers: [{name: a, image: 'a:1'}]}",
            "spec: {containers: [{name: a, image: 'a:2'}]}",
            &[],
        ),
        (
            "v1 Pod",
            "spec: {containers: [{name: a, image: 'a:1'}]}",
            "spec: {containers: [{name: a, image: 'a:1', args: [x]}]}",
            &["spec"],
        ),
        // Services keep an address that is not given.
        (
            "v1 Service",
            "spec: {clusterIP: 10.0.0.1}",
            "spec: {clusterIP: 10.0.0.2}",
            &["spec.clusterIP"],
        ),
        (
            "v1 Service",
            "spec: {ports: []}",
            "spec: {clusterIP: None}",
            &["spec.clusterIP"],
        ),
        (
            "v1 Service",
            "spec: {clusterIP: None}",
            "spec: {ports: []}",
            &[],
        ),
        (
            "v1 Service",
            "spec: {type: ExternalName}",
            "spec: {clusterIP: None}",
            &[],
        ),
        (
            "v1 Service",
            "spec: {type: ClusterIP}",
            "spec: {type: NodePort}",
            &[],
        ),
        // Storage.
        (
            "v1 PersistentVolumeClaim",
            "spec: {storageClassName: a}",
            "spec: {storageClassName: b}",
            &["spec.storageClassName"],
        ),
        (
            "v1 PersistentVolumeClaim",
            "spec: {}",
            "spec: {storageClassName: b}",
            &[],
        ),
        (
            "v1 PersistentVolumeClaim",
            "spec: {resources: {requests: {storage: 1Gi}}}",
            "spec: {resources: {requests: {storage: 2Gi}}}",
            &[],
        ),
        (
            "v1 PersistentVolumeClaim",
            "spec: {accessModes: [ReadWriteOnce]}",
            "spec: {accessModes: [ReadWriteMany]}",
            &["spec.accessModes"],
        ),
        (
            "storage.k8s.io/v1 StorageClass",
            "parameters: {type: a}",
            "parameters: {type: b}",
            &["parameters"],
        ),
        (
            "storage.k8s.io/v1 StorageClass",
            "provisioner: a",
            "provisioner: a, reclaimPolicy: Delete",
            &[],
        ),
        (
            "storage.k8s.io/v1 StorageClass",
            "provisioner: a",
            "provisioner: a, reclaimPolicy: Retain",
            &["reclaimPolicy"],
        ),
        (
            "storage.k8s.io/v1 StorageClass",
            "provisioner: a",
            "provisioner: a, allowVolumeExpansion: true",
            &[],
        ),
        // The rest.
        (
            "rbac.authorization.k8s.io/v1 RoleBinding",
            "roleRef: {kind: Role, name: a}",
            "roleRef: {kind: Role, name: b}",
            &["roleRef.name"],
        ),
        (
            "rbac.authorization.k8s.io/v1 ClusterRoleBinding",
            "subjects: []",
            "subjects: [{kind: User, name: a}]",
            &[],
        ),
        (
            "scheduling.k8s.io/v1 PriorityClass",
            "value: 1",
            "value: 2",
            &["value"],
        ),
        (
            "example.org/v1 Deployment",
            "spec: {selector: a}",
            "spec: {selector: b}",
            &[],
        ),
    ];
    for (kind, old, new, expected) in cases {
        let (api_version, name) = kind.split_once(' ').expect("a version and a kind");
        let object = |metadata: &str, rest: &str| {
            format!(
                "{{apiVersion: {api_version}, kind: {name}, metadata: {{name: x{metadata}}}, {rest}}}\n"
            )
        };
        let told = |metadata: &str, before: &str, after: &str| {
            let all = |text: String| -> MemoryFiles {
                [("apps/x.yaml", text.as_str())].into_iter().collect()
            };
            let sides = [before, after]
                .map(|force| side("c", &ks("apps", &format!("path: ./apps{force}"))));
            let [before, after] = &sides;
            let told = foretell(
                before,
                after,
                &all(object("", old)),
                &all(object(metadata, new)),
            );
            let is_it = |it: &&Finding| it.rule.starts_with("immutable-field");
            told.findings.iter().find(is_it).map(|finding| {
                let may = if finding.uncertain { "may " } else { "" };
                (format!("{may}{}", finding.rule), finding.message.clone())
            })
        };
        let rule = |found: &Option<(String, String)>| found.as_ref().map(|(rule, _)| rule.clone());
        let (on, off) = (", force: true", "");
        let mark = ", annotations: {kustomize.toolkit.fluxcd.io/force: Enabled}";
        let found = told("", on, on);
        let Some((_, message)) = &found else {
            assert!(expected.is_empty(), "{kind}: {old} -> {new}");
            continue;
        };
        let fields = format!("(`{}`)", expected.join("`, `"));
        assert!(message.ends_with(&fields), "{kind}: {message}");
        assert_eq!(
            rule(&found).as_deref(),
            Some("immutable-field-recreates"),
            "{kind}"
        );
        assert_eq!(
            rule(&told("", off, on)).as_deref(),
            Some("immutable-field-recreates")
        );
        assert_eq!(
            rule(&told(mark, off, off)).as_deref(),
            Some("immutable-field-recreates")
        );
        assert_eq!(
            rule(&told("", on, off)).as_deref(),
            Some("may immutable-field-recreates")
        );
        assert_eq!(
            rule(&told("", off, off)).as_deref(),
            Some("immutable-field-refused")
        );
        let ignored = ", annotations: {kustomize.toolkit.fluxcd.io/ssa: IfNotPresent}";
        assert_eq!(rule(&told(ignored, off, off)), None);
    }
}

#[test]
fn an_immutable_field_of_the_toml_file_stops_the_whole_cluster() {
    let map = |value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: one, namespace: web}}\ndata: {{a: '{value}'}}\nimmutable: true\n"
        )
    };
    let none = files(&[]);
    let told = foretell(&side("c", &map("1")), &side("c", &map("2")), &none, &none);
    assert_eq!(lines(&told), ["notice immutable-field-refused: one"]);
}

#[test]
fn another_source_of_this_repository_and_its_branch_holds_the_same() {
    let through = |name: &str, url: &str, branch: &str| {
        [
            git(
                "mirror",
                &format!("url: '{url}', ref: {{branch: {branch}}}"),
            ),
            ks("apps", "path: ./apps")
                .replace("name: flux-system}, path", &format!("name: {name}}}, path")),
        ]
        .concat()
    };
    let all = files(&[("apps/web.yaml", WEB)]);
    let same = "https://git.acme.example/acme/fleet.git";
    for (url, branch, expected) in [
        (same, "main", vec![]),
        (same, "old", vec!["destructive may source-changed: web"]),
        (
            "https://elsewhere.example/acme/fleet",
            "main",
            vec!["destructive may source-changed: web"],
        ),
    ] {
        let (old, new) = (
            through("flux-system", url, branch),
            through("mirror", url, branch),
        );
        let told = foretell(&side("c", &old), &side("c", &new), &all, &all);
        assert_eq!(
            lines(&told),
            expected,
            "{url} {branch}: {:#?}",
            told.findings
        );
    }
}

#[test]
fn what_common_metadata_keeps_from_pruning_stays() {
    let marked = "path: ./apps, commonMetadata: {annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}}";
    let before = files(&[("apps/web.yaml", WEB), ("apps/api.yaml", API)]);
    let after = files(&[("apps/web.yaml", WEB)]);
    let both = side("c", &ks("apps", marked));
    assert_eq!(lines(&foretell(&both, &both, &before, &after)), [""; 0]);
    let told = foretell(&both, &side("c", ""), &before, &before);
    assert!(
        told.findings.iter().all(|it| it.severity < Destructive),
        "{told:#?}"
    );
}

#[test]
fn an_object_that_the_toml_file_makes_too_is_reported_as_shared() {
    let before = files(&[("apps/shop.yaml", SHOP)]);
    let (old, new) = (
        ks("apps", "path: ./apps"),
        [&ks("apps", "path: ./apps"), SHOP].concat(),
    );
    let told = foretell(&side("c", &old), &side("c", &new), &before, &before);
    assert_eq!(lines(&told), ["notice object-in-two-kustomizations: shop"]);
    let again = foretell(&side("c", &new), &side("c", &new), &before, &before);
    assert_eq!(lines(&again), [""; 0]);
}
