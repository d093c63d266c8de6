//! What `fluxgen explain CODE` says: every code that a message can carry has a page.
//!
//! Rules, lints and forecasts bring their own; those of the stages before the rules are here.

use std::fmt;

use crate::forecast;
use crate::image::lint::LINTS;
use crate::review::system;
use crate::rules::RULES;
use crate::upgrade::FACTS;

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub code: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What is wrong, why it matters and what to do.
    pub text: &'static str,
    /// Where Flux documents it; empty where it is fluxgen's own.
    pub docs: &'static str,
}

const fn of_stage(code: &'static str, summary: &'static str, text: &'static str) -> Page {
    Page {
        code,
        summary,
        text,
        docs: "",
    }
}

/// The pages of the stages, in alphabetical order.
static STAGES: &[Page] = &[
    of_stage(
        "adopting-loses",
        "adopting a file would lose or change what it says",
        "\
`fluxgen build --adopt` replaces a file of your own by the generated one. What only your file says would be lost, and
Flux would change or prune it in the cluster; so it is refused, with each field and, where there is one, the key of the
TOML file for it. Of the files that `flux bootstrap` made, `gotk-sync.yaml` is what `[repo]` and `flux.sync` say (the
root Kustomization's `interval` is `flux.sync.rootInterval`; `decryption`, `postBuild`, `timeout` and others have their
own names), `gotk-components.yaml` is `flux.version` and the options beside it, and patches of `kustomization.yaml`
are `flux.patches`. Say the same in the TOML file, or remove from your file what you do not want any longer.",
    ),
    of_stage(
        "api-version-removed",
        "a file of the repository uses an API version that an upgrade takes away",
        "\
Each minor release of Flux may stop serving old versions of its APIs. What is applied with such a version
is refused by the API server after the upgrade. `fluxgen upgrade` looks at the lines of the repository's own
YAML; what fluxgen generates follows `flux.version` by itself. `flux migrate -f PATH` writes the served
version into files. See <https://fluxcd.io/flux/cmd/flux_migrate/>.",
    ),
    of_stage(
        "cannot-work",
        "a resource is accepted and cannot do its work",
        "\
Flux accepts the resource, and each attempt to use it fails: a Provider without an address, a registry's
path that no registry has. The message shows what is missing.",
    ),
    of_stage(
        "cluster-name",
        "a cluster's name cannot be a folder's",
        "\
A cluster's name is the name of its folder below `clusters/`, unless `path` sets another. It may hold letters, digits, `-`, `_`
and `.`, and must begin with a letter or a digit; two names may not differ only in case, since some file
systems cannot tell them apart. Rename the cluster.",
    ),
    of_stage(
        "cluster-path",
        "a cluster's folder cannot be where `path` says",
        "\
`[clusters.NAME] path` is the folder of a cluster's files, from the folder of the TOML file; without it, that is
`clusters/NAME`. It stays below the folder of the TOML file and out of `.git`. Flux applies a whole folder, so that
no cluster's folder may be inside another's: give both a folder of their own, as in `kubernetes/prod/flux` and
`kubernetes/staging/flux`. Case does not count: macOS and Windows would take the two for one.",
    ),
    of_stage(
        "conflicting-groups",
        "two groups of one priority set one value differently",
        "\
A cluster may be in several groups. Those with a higher `priority` are laid over those with a lower
one; of equals nobody can say who wins, so they may not disagree. Give one of the groups a higher
`priority`, or set the value on the cluster itself, which wins over all groups.",
    ),
    of_stage(
        "deprecated-api-version",
        "an object is written in an API version that a later Flux drops",
        "\
The API server of the pinned Flux version still takes the older version, and converts it. It is gone in
the version that the message names: the object would be refused after the upgrade. fluxgen knows the
fields of the newest version alone, so that those of an older one are not checked. Write the version
that the help names; `flux migrate -f PATH` does so for all files.",
    ),
    of_stage(
        "distribution-without-version",
        "the distribution is one release of Flux, whatever version is pinned",
        "\
`flux.distribution` names an archive, a folder or a manifest, and nothing in its path depends on the
version: after an upgrade it would still give the old controllers. Put the new release in its place, or
write `{version}` in the path, which stands for the pinned version.",
    ),
    of_stage(
        "duplicate-item",
        "a list that must not repeat itself does",
        "\
The Flux API keys the list by a field, and the API server refuses two items with one key. Remove one
of them.",
    ),
    of_stage(
        "duplicate-resource",
        "two tables make one resource",
        "\
Within a cluster, API group, kind, namespace and name make a resource what it is. Both tables would be
applied in turn, the last one winning each time. Rename one of them, or send them to different clusters
with `clusters`. A file of your own under `clusters/<name>/` counts as well: kustomize refuses a folder
that holds a resource twice, and Flux would apply nothing of it. Remove the resource from one of them.",
    ),
    of_stage(
        "expression",
        "an expression cannot be evaluated",
        "\
`${{ … }}` is evaluated when the tree is built, strictly: what is not defined, a filter that is not
known and a syntax error are refused. `${var}` is Flux's own and passes through, and so does `{{ … }}`.
In an expression there are `cluster`, `vars`, `repo`, `flux`, `name`, `namespace`, and `inputs` in sets.",
    ),
    of_stage(
        "file-in-the-way",
        "a file that is not fluxgen's stands where one would be written",
        "\
fluxgen replaces and removes only files that begin with its header, and follows no symbolic link. Move
the file away, or let `fluxgen build --adopt PATH` take it over, which replaces what is in it.

A header names the TOML file. Where two TOML files in one folder have a cluster of one name, neither writes
over what the other made. Files made from a TOML file that is gone are taken over without a word: it was
renamed.",
    ),
    of_stage(
        "flux-downgrade",
        "`fluxgen upgrade` was asked for an older version",
        "\
`fluxgen upgrade` only raises versions. An older Flux may not serve the API versions in which the cluster
stores its objects, and the API server then refuses the older CRDs. To go back right after an upgrade,
revert its commit; otherwise set `flux.version` by hand, knowing what the cluster stores.",
    ),
    of_stage(
        "flux-minor-skipped",
        "an upgrade leaves out minor versions of Flux",
        "\
Flux removes old API versions minor by minor, after a minor that still converts from them. A cluster that
jumps over minors may hold objects that no installed version can convert. Upgrade to each minor in turn,
run `flux migrate` before each, and let the clusters become ready in between.
See <https://github.com/fluxcd/flux2/discussions/5572>.",
    ),
    of_stage(
        "flux-release",
        "`flux.distribution` or `flux.version` names no release of Flux",
        "\
With `flux.install = \"release\"` the tree holds the install manifest of Flux, made from the release
that `flux.distribution` and `flux.version` name: an https address, or a local archive, folder or
finished manifest. What they name is none of these, or the release lacks a component that is asked for.",
    ),
    of_stage(
        "flux-release-unavailable",
        "the manifests of a release of Flux cannot be had",
        "\
`fluxgen lock` fetches the release, checks it and records it in fluxgen.lock; `fluxgen build` does so
where it may. The download failed, its bytes are not those that the lock records, or this run may not
download. `check` and `diff` never use the network: the release is in the cache, or the committed
manifest is the one that the lock records. No change of the TOML file is called for, so that a command
that ends with this exits with 2.",
    ),
    of_stage(
        "flux-sync",
        "Flux would not sync the repository as the settings stand",
        "\
Flux names the GitRepository and the Kustomization that sync the cluster's folder after its own
namespace, and what `repo.name` says must be that name. The folder that Flux syncs, `flux.sync.path`, is the
cluster's folder or one above it that holds no other cluster's: what is generated elsewhere would never be
applied. To move the files, set `path` in `[clusters.NAME]`; `flux.sync.path` follows it. Under the Flux Operator a FluxInstance takes
their place: it fetches the release itself, and its patches have `patch` and `target` alone.",
    ),
    of_stage(
        "flux-version",
        "the pinned Flux version lacks a kind, a field or a value",
        "\
Each cluster pins its Flux version, and the API server of that version prunes or refuses what it does
not know. Raise `flux.version` (`fluxgen upgrade` says what else changes), leave the field out, or
keep the resource out of the cluster with `clusters`.",
    ),
    of_stage(
        "flux-version-unknown",
        "the pinned Flux version is not one that fluxgen knows",
        "\
fluxgen knows the API of Flux 2.6, 2.7, 2.8 and 2.9. A newer version is taken for the newest known:
new fields are refused and new rules are not checked. An older version is refused.",
    ),
    of_stage(
        "hand-edited",
        "a generated file was changed by hand",
        "\
Flux applies what is committed below `clusters/`, so the change works until the next `fluxgen build`, which takes
it back and names the file. Change the TOML file instead. What it cannot say belongs in a file of your own beside
the generated ones. `git diff clusters` shows what was changed.",
    ),
    of_stage(
        "hand-edited-tree",
        "a committed tree was changed by hand",
        "\
A file with fluxgen's header changed and the TOML file did not: the next build takes the change back.
Make it in the TOML file and run `fluxgen build`. Marked image values are the cluster's own and are no
such change.",
    ),
    of_stage(
        "image-automation-branch",
        "an image automation has no branch to push to",
        "\
An ImageUpdateAutomation pushes to `git.push.branch`, else to the branch that it checked out. Where the
GitRepository follows a tag, a commit or a version there is none. Set `git.push.branch`, or `ref.branch`.",
    ),
    of_stage(
        "image-automation-namespace",
        "an image automation is in another namespace than the policy",
        "\
An ImageUpdateAutomation takes the policies of its own namespace alone. A marker of another namespace's
policy is never set. Move the automation, or the policy.",
    ),
    of_stage(
        "image-automation-path",
        "an image automation works on a folder that is not there",
        "\
An ImageUpdateAutomation sets the markers below its `update.path`, a folder of its repository from the
root; where there is none it fails. Without `update.path` it works on the whole repository.",
    ),
    of_stage(
        "image-commit-template",
        "a commit message template uses what Flux 2.7 removed",
        "\
`.Updated` and `.Changed.ImageResult` are gone since Flux 2.7; a template with them fails each commit.
`.Changed.Changes` lists each change with `.OldValue` and `.NewValue`, `.Changed.Objects` by object.",
    ),
    of_stage(
        "image-files-passed-over",
        "files with image markers could not be read",
        "\
Files that are no valid YAML, templates of Helm and the like, and files over 16 MiB are passed over. The
automation passes over what it cannot read as well. What their markers hold was not checked.",
    ),
    of_stage(
        "image-marker-misplaced",
        "an image marker stands where no setter finds it",
        "\
A marker is a comment after a scalar on one line: `tag: 1.0.0 # {\"$imagepolicy\": \"flux-system:app:tag\"}`,
with nothing else in the comment. Inside a block of text it is no comment but part of the text; after a
list or table in brackets, an alias, or on a line of its own it marks nothing, and neither does it in the
items of a `kind: List`, which the automation takes apart. It names `NAMESPACE:NAME`, perhaps with
`:tag`, `:name` or `:digest`. In the TOML file write `{ imagePolicy = \"app:tag\", initial = \"1.0.0\" }`.",
    ),
    of_stage(
        "image-marker-on-number",
        "a marked value is a number to YAML",
        "\
A tag such as `6.10`, `5` or `2024-01-31` without quotes is a number or a date. The automation puts the
new tag in its place and keeps the type: `!!float 6.10.1`, which neither Flux nor fluxgen can read. Put
the value in quotes; the automation keeps them. In the TOML file `initial` is always a string.",
    ),
    of_stage(
        "image-marker-other-image",
        "a marked value is of another image than its policy",
        "\
The automation would put the policy's image, or its tag, in the place of another image's: one that is
marked whole or by name, or one whose tag is marked and whose name stands beside it. Name the policy of
the image, or correct the image. A tag alone is a warning, since the tags of a mirror may be meant.",
    ),
    of_stage(
        "image-marker-outside",
        "no image automation reaches a marker",
        "\
An ImageUpdateAutomation sets the markers below its `update.path` in its repository. A marker elsewhere
is never set. Widen the path, or remove the marker.",
    ),
    of_stage(
        "image-marker-without-digest",
        "a marker wants a digest that its policy does not report",
        "\
A marker with `:digest` is set to the digest of the policy's pick. Without `digestReflectionPolicy` the
policy reports none, and the automation would write an empty text. Set it to `IfNotPresent`, or to
`Always` with an `interval` for tags that move.",
    ),
    of_stage(
        "image-marker-without-policy",
        "a marker names a policy that is not there",
        "\
The automation passes over a marker whose ImagePolicy is not in its cluster. Define the policy with
`[images.NAME]`, send it to the cluster, or correct the marker.",
    ),
    of_stage(
        "image-selector",
        "the selector of an image automation selects no policy",
        "\
`policySelector` takes the ImagePolicies of the automation's namespace whose labels it matches. Where it
matches none, nothing is ever updated. An image's `labels` are those of its policies too.",
    ),
    of_stage(
        "image-tag-not-of-policy",
        "a marked tag is none that its policy could pick",
        "\
The tag is outside of the policy's range, or its filter does not pass it. The next run of the automation
replaces it, or it stays for ever if the policy picks nothing. Change the policy, or the value.",
    ),
    of_stage(
        "include",
        "a file to include cannot be had",
        "\
`{ file = \"…\" }` names a file by its path from the folder of the TOML file. It must lie inside that
folder, symbolic links followed, be UTF-8 and at most 8 MiB. Where an object is expected the file is
read as YAML, JSON or TOML and must hold one document.",
    ),
    of_stage(
        "install-manifest-not-held",
        "a committed install manifest is not what the lock says",
        "\
`gotk-components.yaml` installs Flux, with all rights in the cluster. `fluxgen.lock` holds the sum of each release
and of the manifest that fluxgen makes of it with a cluster's options; a local distribution is compared itself.
What is committed is neither: it was changed by hand, or the lock was. Run `fluxgen build`, which writes the
manifest again, and look at who changed it. Where nothing here can say what the manifest should be, that is said
as a note, and a change of it is refused by `diff --deny destructive`.",
    ),
    of_stage(
        "kubernetes-version",
        "the cluster's Kubernetes does not have a kind or a field",
        "\
The built-in kinds of Kubernetes gain and lose apiVersions and fields with its minor versions. `clusters.NAME.kubernetes`
says which one a cluster runs; an object in `manifests` may use only what that version has. Without the setting, it may use what
any known version has. Correct the setting, or give the object to the clusters that have it: `clusters = [\"NAME\"]`.",
    ),
    of_stage(
        "layout",
        "the layout gives no usable path",
        "\
`layout.path` is a template of the path of each resource's file below the cluster's folder. The path
must stay in that folder, keep out of `flux-system`, end in `.yaml` or `.yml`, and not differ from
another path only in case. Resources with one path share the file.",
    ),
    of_stage(
        "left-over-tree",
        "a folder holds generated files, and no cluster has it",
        "\
No cluster of the TOML file has the folder, so that no build changes it any longer. It is not removed: a
cluster that still syncs it would lose everything. Remove the folder when the cluster is gone. If the
cluster has another name or `path` now, move the folder with `git mv` and let the cluster sync the new
one, by the `spec.path` of its root Kustomization, before you remove anything.",
    ),
    of_stage(
        "merged-image-value",
        "a merge left two values for an image, and one was picked",
        "\
Both branches hold what image automation set in them. Of the two tags `fluxgen build` keeps the one that
the policy picks, which is the newer; look at the file before you commit the merge.",
    ),
    of_stage(
        "missing-field",
        "a required field is not set",
        "\
The Flux API or fluxgen needs the field. `fluxgen explain SECTION.FIELD` says what goes there.",
    ),
    of_stage(
        "missing-install-manifest",
        "the tree of a cluster has no manifest to install Flux from",
        "\
With `flux.install = \"release\"` Flux is installed from `gotk-components.yaml` in the cluster's tree, and goes
on to apply it from there. Without the file Flux would not find what its `kustomization.yaml` lists, and
stop at its own folder. `fluxgen build` writes it.",
    ),
    of_stage(
        "no-clusters",
        "no cluster is defined",
        "\
A tree belongs to a cluster. Add `[clusters.NAME]`; an empty table is enough.",
    ),
    of_stage(
        "not-applied",
        "a kustomize file of your own leaves generated files out",
        "\
Flux takes every YAML file below the cluster's folder, unless a `kustomization.yaml` stands there: then it
applies what that names, and no more. Remove the file, or name the generated files in its `resources`.",
    ),
    of_stage(
        "override-without-resource",
        "an override names a resource that does not go to its clusters",
        "\
A table under `[groups.NAME.SECTION]` or `[clusters.NAME.SECTION]` changes a resource that is defined
at the top level and goes to these clusters. To define a resource for one cluster alone, put it at the
top level with `clusters = [\"NAME\"]`.",
    ),
    of_stage(
        "pattern-without-match",
        "a pattern of clusters or groups matches nothing",
        "\
`clusters` and `groups` hold names, or patterns in which `*` stands for any characters. One that matches
nothing is most often a misspelling or a cluster that is gone.",
    ),
    of_stage(
        "project-too-large",
        "the project takes more memory or work than fluxgen gives one",
        "\
A few lines can ask for more values than any machine holds: variables that double each other, a long value
in every resource of every cluster, a template that loops. One budget holds for all clusters together, far
above any fleet: 640 MiB of values and files, 200 million steps of expressions and templates, 2 million
resources counted in every cluster. The finding names the place where it was used up.

Make the value smaller, use it in fewer places, or divide the fleet into several TOML files.",
    ),
    of_stage(
        "refused-combination",
        "fields are combined in a way that the API refuses",
        "\
Some fields exclude or need each other. The API server refuses the resource, as a rule of its
CustomResourceDefinition says. The message tells what to add or to remove.",
    ),
    of_stage(
        "secret-in-url",
        "a URL holds a password",
        "\
What is committed can be read by all who can read the repository, for as long as its history lives.
Put the credentials into a Secret and name it with `secretRef`; change the password.",
    ),
    of_stage(
        "source-twice",
        "a source is given twice",
        "\
`source = \"git.NAME\"` is the short form of `sourceRef` (of `chartRef` for a chart). Use one of them.",
    ),
    of_stage(
        "stale-tree",
        "a committed tree is not what the TOML file gives",
        "\
Flux applies what is committed below `clusters/`, not the TOML file. Somebody changed the TOML file and
did not build, or did not commit what the build wrote. Run `fluxgen build` and commit the trees.

`fluxgen check --staged` and the hook refuse to let such a tree be committed. In a diff, whose sides are
committed already, it is a warning.",
    ),
    of_stage(
        "stored-versions",
        "new CRDs come without API versions that objects may be stored in",
        "\
A CRD remembers in `status.storedVersions` every version that its objects were ever stored in, and the API
server refuses a CRD without one of them: Flux could not upgrade itself. `flux migrate` stores all objects
in the newest version and clears the list; run it with the new Flux's command against each cluster before
the upgrade is merged. The Flux Operator does this by itself.
See <https://github.com/fluxcd/flux2/discussions/5572>.",
    ),
    of_stage(
        "template",
        "a template does not render what it was given",
        "\
What a template rendered is read back and must equal the resource. A value gets into a file through
`{{ x | yaml }}` alone; what is written by hand beside it must not change the resource.",
    ),
    of_stage(
        "toml-not-utf8",
        "the TOML file is not UTF-8",
        "\
TOML files are UTF-8. Save the file as UTF-8; the message tells the first byte that is not.",
    ),
    of_stage(
        "toml-syntax",
        "the TOML file cannot be read",
        "\
The text is not TOML 1.0, or nests deeper than 100 levels. All syntax errors are told in one run; see
<https://toml.io/en/v1.0.0>.",
    ),
    of_stage(
        "toml-too-large",
        "the TOML file is larger than 16 MiB",
        "\
A file of this size is hardly written by people. Long values can live in files of their own:
`{ file = \"…\" }`.",
    ),
    of_stage(
        "too-many-findings",
        "there are more findings than are kept",
        "\
A wrong default in a large fleet can be wrong a million times. The first 50,000 findings are kept; fix these
and run again.",
    ),
    of_stage(
        "unknown-key",
        "a key is not known here",
        "\
Keys of a resource are those of the Flux API; others are fluxgen's own. The API server would drop an
unknown field without a word, so it is an error here. `fluxgen explain SECTION` lists the known ones.",
    ),
    of_stage(
        "unknown-kind",
        "a kind is not one of Kubernetes' own",
        "\
Groups such as `v1`, `apps` and `batch` hold the built-in kinds of Kubernetes and no custom resources, so a kind that they do not
have is a mistake: the API server would refuse the object, and Flux would apply nothing of the same Kustomization. In groups that
custom resources can share, only a kind that is nearly a built-in one is reported.",
    ),
    of_stage(
        "unknown-variable",
        "an expression uses a variable that is not defined",
        "\
`vars` come from `[vars]`, `[groups.NAME.vars]` and `[clusters.NAME.vars]`; `inputs` from the set. A
variable that is used in a cluster must be defined there: define it, or correct its name.",
    ),
    of_stage(
        "unneeded-acknowledgement",
        "nothing destructive happens to what is acknowledged",
        "\
`acknowledge` on a resource, or an entry of `diff.acknowledge`, lets one destructive change through the
gate. Once that is merged it would let the next one through too. Remove it.",
    ),
    of_stage(
        "unreadable-tree",
        "a generated file with marked values cannot be read",
        "\
A merge may have left a conflict in it, and Flux cannot read it either. Its marked values belong to the
cluster. `fluxgen build` makes the file anew from the TOML file; of two tags it keeps the one that the
policy picks. Where the policy does not tell, take one side with `git checkout --ours` or `--theirs` and
build. To start from `initial`, remove the file.",
    ),
    of_stage(
        "unsafe-rename",
        "a rename in one step deletes what was applied",
        "\
For Flux a Kustomization or HelmRelease of another name is another one: the old one is deleted, and with
it all that it applied or installed, while the new one starts. `fluxgen plan-rename` writes two steps
that delete nothing. `check` refuses the single step where `diff.deny` is set and `renamedFrom` says
that it is a rename; `diff --against` tells of it in any case.

See https://fluxcd.io/flux/faq/#how-can-i-safely-rename-a-flux-kustomization",
    ),
    of_stage(
        "unused-group",
        "nothing uses a group",
        "\
The group has neither `vars`, `flux` nor overrides, and no resource names it in `groups`. Remove it, or
give it something to do.",
    ),
    of_stage(
        "unused-ignore",
        "a comment that ignores findings ignores nothing",
        "\
`# fluxgen: ignore[CODE]` after a value hides the findings of that code on its line; on a line of its
own, those of the next line. It is told when nothing is there to hide, when no finding has such a code,
and when the finding is one that cannot be ignored: what cannot be read or compiled, and a name that
Kubernetes refuses. Findings of `fluxgen diff` are not ignored but answered, with `acknowledge`.",
    ),
    of_stage(
        "unused-image-policy",
        "no marker uses an image policy",
        "\
No marked value of the repository names the policy, so what it picks goes nowhere. Mark a value with
`{ imagePolicy = \"NAME:tag\", initial = \"1.0.0\" }`, or remove the policy.",
    ),
    of_stage(
        "unused-set",
        "a set makes nothing",
        "\
A set makes each of its resources once per table in `inputs`. Without inputs or without resources it
makes nothing. Complete it, or remove it.",
    ),
    of_stage(
        "unused-var",
        "nothing uses a variable",
        "\
No expression uses the variable. Remove it, or use it as `${{ vars.NAME }}`.",
    ),
    of_stage(
        "upgrade-not-known",
        "what `fluxgen upgrade` could not look at",
        "\
`fluxgen upgrade` sees this repository alone: the TOML file, the folders that its Kustomizations apply, and
other YAML. It asks no cluster. What is stored there, which Kubernetes runs, and what charts, images and
other repositories bring is for you to check.",
    ),
    of_stage(
        "wrong-api-version",
        "a built-in kind of Kubernetes has another apiVersion",
        "\
No known version of Kubernetes serves the kind under this apiVersion: the group is another one, or the version was removed, as
`extensions/v1beta1` and `policy/v1beta1` were. Write the apiVersion that the message names. Fields may differ between versions;
those of the new one are checked then. See <https://kubernetes.io/docs/reference/using-api/deprecation-guide/>.",
    ),
    of_stage(
        "wrong-label",
        "a label or an annotation is not valid in Kubernetes",
        "\
A key is a name of at most 63 characters, perhaps after a DNS prefix and `/`. A label's value has at
most 63 characters: letters, digits, `-`, `_` and `.`, beginning and ending with a letter or a digit.
See <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>.",
    ),
    of_stage(
        "wrong-name",
        "a name is not valid in Kubernetes",
        "\
Names of Flux resources are DNS subdomains: lower-case letters, digits, `-` and `.`, at most 253
characters; namespaces are DNS labels of at most 63.
See <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>.",
    ),
    of_stage(
        "wrong-source-kind",
        "a source of this kind cannot stand here",
        "\
A `source` shorthand names a kind that the field does not accept: a Kustomization, for one, takes no
HelmRepository. `fluxgen explain SECTION.sourceRef.kind` lists those it does.",
    ),
    of_stage(
        "wrong-type",
        "a value has another type than its field",
        "\
TOML tells strings, integers, floats, booleans, arrays and tables apart, and so does the Flux API. A
number or boolean where a string is meant needs quotes.",
    ),
    of_stage(
        "wrong-value",
        "a value is none that the field accepts",
        "\
The value breaks the field's enum, pattern or bounds, or is no duration, version range, regular
expression or other format that the controller parses. The message tells what is accepted;
`fluxgen explain SECTION.FIELD` tells more.",
    ),
];

/// The page of a code.
pub fn page(code: &str) -> Option<Page> {
    all().find(|page| page.code == code)
}

/// Every code, for the nearest name.
pub fn codes() -> impl Iterator<Item = &'static str> {
    all().map(|page| page.code)
}

fn all() -> impl Iterator<Item = Page> {
    let rules = RULES
        .iter()
        .map(|rule| of_stage(rule.code, rule.summary, rule.page));
    let lints = LINTS
        .iter()
        .map(|lint| of_stage(lint.code, lint.summary, lint.page));
    // What the forecast or an upgrade brings may be a rule as well, which then has the page.
    let is_rule = |code: &str| RULES.iter().any(|rule| rule.code == code);
    let forecasts = forecast::RULES
        .iter()
        .filter(move |rule| !is_rule(rule.name));
    let forecasts = forecasts.map(|rule| Page {
        code: rule.name,
        summary: rule.summary,
        text: "",
        docs: rule.docs,
    });
    let facts = FACTS.iter().filter(move |fact| !is_rule(fact.code));
    let facts = facts.map(|fact| Page {
        code: fact.code,
        summary: fact.message,
        text: fact.page,
        docs: fact.docs,
    });
    // `check` finds some of what a comparison does, by the same code.
    let is_stage = |code: &str| STAGES.iter().any(|page| page.code == code);
    let reviews = system::RULES
        .iter()
        .filter(move |rule| !is_stage(rule.name));
    let reviews = reviews.map(|rule| Page {
        code: rule.name,
        summary: rule.summary,
        text: "",
        docs: rule.docs,
    });
    STAGES
        .iter()
        .copied()
        .chain(reviews)
        .chain(rules)
        .chain(lints)
        .chain(forecasts)
        .chain(facts)
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.code, self.summary)?;
        if !self.text.is_empty() {
            writeln!(f, "\n{}", self.text.trim_end())?;
        }
        if !self.docs.is_empty() {
            writeln!(f, "\nSee {}", self.docs)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex::Regex;

    use super::*;

    #[test]
    fn every_code_that_a_message_carries_has_a_page() {
        let code = Regex::new(r#"Diagnostic::(?:error|warning|note)\(\s*"([a-z0-9-]+)""#)
            .expect("a pattern");
        // `let code = if … { "one" } else { "other" };`
        let chosen = Regex::new(r"(?s)let code = .*?;").expect("a pattern");
        let name = Regex::new(r#""([a-z0-9]+(?:-[a-z0-9]+)*)""#).expect("a pattern");
        let mut missing = BTreeSet::new();
        let mut seen = 0;
        let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        for entry in walkdir::WalkDir::new(sources) {
            let path = entry.expect("an entry").into_path();
            if path.extension().is_none_or(|extension| extension != "rs")
                || path.ends_with("tests.rs")
            {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source file");
            let text = text
                .split("#[cfg(test)]\nmod tests")
                .next()
                .expect("a first part");
            let chosen: Vec<&str> = chosen.find_iter(text).map(|found| found.as_str()).collect();
            let written = code.captures_iter(text);
            for found in written.chain(chosen.iter().flat_map(|text| name.captures_iter(text))) {
                seen += 1;
                if page(&found[1]).is_none() {
                    missing.insert(found[1].to_owned());
                }
            }
        }
        assert!(missing.is_empty(), "{missing:?}");
        assert!(seen > 100, "{seen}");
    }

    #[test]
    fn pages_stand_in_order_and_none_twice() {
        let stages: Vec<&str> = STAGES.iter().map(|page| page.code).collect();
        assert!(stages.is_sorted(), "{stages:?}");
        let mut seen = BTreeSet::new();
        for code in codes() {
            assert!(seen.insert(code), "{code}");
        }
    }
}
