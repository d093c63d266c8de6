//! Line ends of what is read change no byte of what is written.

use super::{files, succeeds, write};

const FILES: &[(&str, &str)] = &[
    (
        "fluxgen.toml",
        "[repo]\nurl = \"https://github.com/acme/fleet\"\n[flux]\nversion = \"2.9.4\"\n[templates]\ndir = \"templates\"\n\
         [clusters.prod]\n[manifests.\"flux-system/a\"]\napiVersion = \"v1\"\nkind = \"ConfigMap\"\n\
         data.literal = '''\none\ntwo\n'''\ndata.basic = \"\"\"one \\\n  two\nthree\"\"\"\n\
         data.escaped = \"a\\r\\nb\"\ndata.script = { file = \"run.sh\" }\n\
         [manifests.\"flux-system/b\"]\napiVersion = \"example.org/v1\"\nkind = \"B\"\nspec = { file = \"v.yaml\" }\n",
    ),
    ("run.sh", "#!/bin/sh\necho hi\n"),
    (
        "v.yaml",
        "a: |\n  one\n  two\nb: plain\n  text\nc: \"quoted\n  text\"\n",
    ),
    (
        "templates/resource.yaml",
        "---\n# ours\n{{ resource | yaml }}\n",
    ),
];

#[test]
fn crlf_and_lf_give_the_same_bytes() {
    let build = |line_end: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in FILES {
            write(folder.path(), path, text.replace('\n', line_end));
        }
        succeeds(folder.path(), &["build"]);
        files(&folder.path().join("clusters"))
    };
    let text = |files: &std::collections::BTreeMap<String, Vec<u8>>| -> String {
        let texts = files.values().map(|bytes| String::from_utf8_lossy(bytes));
        texts.collect()
    };
    let lf = build("\n");
    let escaped = String::from_utf8_lossy(&lf["prod/manifests/configmap-a.yaml"]);
    assert!(escaped.contains("a\\r\\nb"), "{escaped}");
    let crlf = build("\r\n");
    assert_eq!(text(&crlf), text(&lf));
    assert_eq!(crlf, lf);
}
