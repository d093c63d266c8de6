//! A recording kubectl: a script that hands its arguments, environment and input to the test and
//! prints what the test answers. It knows the calls that bootstrap makes, and no other flags.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::cluster::{Call, Cluster, State};

/// The contexts of the stub's kubeconfig; the first is the current one.
pub const CONTEXTS: [&str; 2] = ["kind-staging", "other"];

/// Writes the script to a folder for the PATH.
pub fn install(folder: &Path, cluster: &Cluster) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let cluster = cluster.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream, &cluster);
        }
    });
    // Everything ends with a NUL; an empty text ends the environment.
    let script = format!(
        "#!/usr/bin/env bash\n\
         input=\n\
         case \" $* \" in *' --filename=- '*) IFS= read -r -d '' input ;; esac\n\
         exec 3<>/dev/tcp/127.0.0.1/{port}\n\
         {{ printf '%s\\0' \"$#\" \"$@\"; env -0; printf '\\0'; printf '%s\\0' \"$input\"; }} >&3\n\
         IFS= read -r -d '' code <&3\n\
         IFS= read -r -d '' out <&3\n\
         IFS= read -r -d '' err <&3\n\
         [ \"$code\" = kill ] && kill -9 $PPID && exit 0\n\
         printf '%s' \"$out\"\n\
         printf '%s' \"$err\" >&2\n\
         exit \"$code\"\n"
    );
    let path = folder.join("kubectl");
    fs_err::write(&path, script).expect("written");
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
}

fn answer(mut stream: TcpStream, cluster: &Cluster) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut text = || {
        let mut bytes = Vec::new();
        reader.read_until(0, &mut bytes).expect("read");
        bytes.pop();
        String::from_utf8(bytes).expect("UTF-8")
    };
    let count: usize = text().parse().expect("a number");
    let args: Vec<String> = (0..count).map(|_| text()).collect();
    let mut env = Vec::new();
    loop {
        let entry = text();
        if entry.is_empty() {
            break;
        }
        env.push(entry);
    }
    let stdin = text();
    let (code, out, err) = {
        let mut state = cluster.state();
        let reply = run(&mut state, &args, &stdin);
        let is_change = args.iter().any(|arg| arg == "apply" || arg == "annotate");
        state.calls.push(Call { args, env });
        match state.kill_in {
            Some(0) if is_change => {
                state.kill_in = None;
                ("kill".to_owned(), String::new(), String::new())
            }
            left => {
                let left = left.map(|left| left - usize::from(is_change));
                state.kill_in = left;
                (reply.0.to_string(), reply.1, reply.2)
            }
        }
    };
    stream
        .write_all(format!("{code}\0{out}\0{err}\0").as_bytes())
        .ok();
}

type Said = (i32, String, String);

fn ok(text: impl Into<String>) -> Said {
    (0, text.into(), String::new())
}

fn failed(text: impl Into<String>) -> Said {
    (1, String::new(), format!("{}\n", text.into()))
}

/// The arguments apart: words, and flags with their values.
struct Flags<'a> {
    words: Vec<&'a str>,
    flags: Vec<(&'a str, &'a str)>,
}

impl<'a> Flags<'a> {
    fn read(args: &'a [String]) -> Self {
        let mut read = Self {
            words: Vec::new(),
            flags: Vec::new(),
        };
        for arg in args {
            match arg.strip_prefix("--") {
                Some(flag) => read.flags.push(flag.split_once('=').unwrap_or((flag, ""))),
                None => read.words.push(arg),
            }
        }
        read
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.flags.iter().find(|(flag, _)| *flag == name);
        found.map(|(_, value)| *value)
    }

    /// A flag that a call of this kind does not have.
    fn unknown(&self, known: &[&str]) -> Option<Said> {
        let global = ["context", "kubeconfig", "request-timeout"];
        let found = self
            .flags
            .iter()
            .find(|(flag, _)| !known.contains(flag) && !global.contains(flag));
        found.map(|(flag, _)| failed(format!("error: unknown flag: --{flag}")))
    }
}

fn run(state: &mut State, args: &[String], stdin: &str) -> Said {
    let flags = Flags::read(args);
    match flags.words.as_slice() {
        ["config", "current-context"] => return ok(format!("{}\n", CONTEXTS[0])),
        ["version"] => {
            let version = json!({ "clientVersion": { "major": "1", "minor": "34" } });
            return ok(version.to_string());
        }
        ["kustomize", folder] => return kustomize(folder),
        _ => {}
    }
    if let Some(context) = flags.get("context")
        && !CONTEXTS.contains(&context)
    {
        return failed(format!("error: context \"{context}\" does not exist"));
    }
    if let Some(said) = &state.faults.unreachable {
        return failed(said.clone());
    }
    let namespace = flags.get("namespace").unwrap_or_default();
    match flags.words.as_slice() {
        ["get", "/version"] => {
            let unknown = flags.unknown(&["raw"]);
            let version = json!({ "major": "1", "minor": state.minor });
            unknown.unwrap_or_else(|| ok(version.to_string()))
        }
        ["auth", "can-i", verb, resource] => {
            let asked = format!("{verb} {resource}");
            let denied = &state.faults.denied;
            let is_denied = denied.contains(&asked) || (!denied.is_empty() && asked == "* *");
            match flags.unknown(&["namespace", "all-namespaces"]) {
                Some(unknown) => unknown,
                None if is_denied => (1, "no\n".to_owned(), String::new()),
                None => ok("yes\n"),
            }
        }
        ["get", resource, name] => {
            if let Some(unknown) = flags.unknown(&["output", "namespace"]) {
                return unknown;
            }
            if !state.has_resource(resource) {
                let kind = resource.split('.').next().unwrap_or(resource);
                return failed(format!(
                    "error: the server doesn't have a resource type \"{kind}\""
                ));
            }
            match state.look(resource, namespace, name) {
                Some(object) => ok(object.to_string()),
                None => failed(format!(
                    "Error from server (NotFound): {resource} \"{name}\" not found"
                )),
            }
        }
        ["get", resource] => {
            if let Some(unknown) = flags.unknown(&["output", "namespace", "field-selector"]) {
                return unknown;
            }
            ok(json!({ "kind": "List", "items": list(state, resource, namespace, flags.get("field-selector")) }).to_string())
        }
        ["apply"] => {
            let known = [
                "server-side",
                "force-conflicts",
                "validate",
                "field-manager",
                "output",
                "filename",
            ];
            flags.unknown(&known).unwrap_or_else(|| apply(state, stdin))
        }
        ["annotate", resource, name, annotation] => {
            if let Some(unknown) = flags.unknown(&["overwrite", "field-manager", "namespace"]) {
                return unknown;
            }
            let key = (
                (*resource).to_owned(),
                namespace.to_owned(),
                (*name).to_owned(),
            );
            let (Some(object), Some((key, value))) =
                (state.objects.get_mut(&key), annotation.split_once('='))
            else {
                return failed("Error from server (NotFound)");
            };
            object["metadata"]["annotations"][key] = json!(value);
            ok(format!("{name} annotated\n"))
        }
        other => failed(format!("error: unknown command {other:?}")),
    }
}

/// The objects of a resource, of everywhere where no namespace is named.
pub fn list(state: &mut State, resource: &str, namespace: &str, field: Option<&str>) -> Vec<Value> {
    let keys: Vec<_> = state
        .objects
        .keys()
        .filter(|key| key.0 == resource && (namespace.is_empty() || key.1 == namespace))
        .cloned()
        .collect();
    let involved = field.and_then(|field| field.strip_prefix("involvedObject.name="));
    keys.into_iter()
        .filter_map(|key| state.look(&key.0, &key.1, &key.2))
        .filter(|object| involved.is_none_or(|name| object["involvedObject"]["name"] == name))
        .collect()
}

/// Reads a stream of YAML or JSON documents.
pub fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).expect("YAML"))
        .filter(|value| !value.is_null())
        .collect()
}

fn apply(state: &mut State, stdin: &str) -> Said {
    let mut out = String::new();
    for object in documents(stdin) {
        match state.apply(object) {
            Ok((resource, _, name)) => out.push_str(&format!("{resource}/{name}\n")),
            Err(error) => return failed(error),
        }
    }
    ok(out)
}

/// The listed files one after the other, which is what the program prints where there are no patches;
/// with patches, what the real one makes of them.
fn kustomize(folder: &str) -> Said {
    let kustomization: Value = documents(
        &fs_err::read_to_string(Path::new(folder).join("kustomization.yaml")).expect("read"),
    )
    .remove(0);
    let has_patches = !kustomization["patches"].is_null();
    if has_patches && let Ok(output) = Command::new("kubectl").args(["kustomize", folder]).output()
    {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().unwrap_or(1);
        return (code, text(output.stdout), text(output.stderr));
    }
    let read = |file: &str| {
        let mut text = String::new();
        let opened = fs_err::File::open(Path::new(folder).join(file));
        opened
            .and_then(|mut file| file.read_to_string(&mut text))
            .expect("read");
        text
    };
    let mut out = String::new();
    for file in kustomization["resources"].as_array().expect("resources") {
        out.push_str(&format!("---\n{}\n", read(file.as_str().expect("a name"))));
    }
    ok(out)
}
