//! Running git, kubectl and the ssh tools: arguments, environment, standard input, and what came back.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::{Command, Stdio};

use camino::Utf8Path;

use super::environment::Environment;
use super::error::{Error, Result};
use super::secret::Secret;

/// The variable that holds the password of the image registry.
pub const REGISTRY_PASSWORD: &str = "FLUXGEN_REGISTRY_PASSWORD";

/// The variable that holds the passphrase of the cluster's private key.
pub const KEY_PASSPHRASE: &str = "FLUXGEN_KEY_PASSPHRASE";

/// The variables that hold tokens and passwords.
const SECRET_VARIABLES: [&str; 7] = [
    "GITHUB_TOKEN",
    "GITLAB_TOKEN",
    "GITEA_TOKEN",
    "BITBUCKET_TOKEN",
    "GIT_PASSWORD",
    REGISTRY_PASSWORD,
    KEY_PASSPHRASE,
];

/// One call of an external program. Secrets go in through [`Program::secret_var`] and
/// [`Program::stdin`], never through [`Program::arg`].
pub(crate) struct Program<'a> {
    env: &'a Environment,
    name: &'static str,
    args: Vec<OsString>,
    vars: Vec<(&'static str, OsString)>,
    stdin: Option<Vec<u8>>,
    dir: Option<&'a Utf8Path>,
}

/// What a program left behind.
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl<'a> Program<'a> {
    pub(crate) fn new(env: &'a Environment, name: &'static str) -> Self {
        Self {
            env,
            name,
            args: Vec::new(),
            vars: Vec::new(),
            stdin: None,
            dir: None,
        }
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn var(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.vars.push((name, value.into()));
        self
    }

    pub(crate) fn secret_var(self, name: &'static str, value: &Secret) -> Self {
        self.var(name, value.expose())
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    pub(crate) fn dir(mut self, dir: &'a Utf8Path) -> Self {
        self.dir = Some(dir);
        self
    }

    /// Git's credential helpers may live by a token of the environment; nothing else needs one.
    fn may_see(&self, variable: &std::ffi::OsStr) -> bool {
        let is_secret = SECRET_VARIABLES.iter().any(|name| variable == *name);
        let is_gits = variable != REGISTRY_PASSWORD && variable != KEY_PASSPHRASE;
        !is_secret || (self.name == "git" && is_gits)
    }

    /// Runs it to its end. An error means that it could not be run at all.
    pub(crate) fn run(self) -> Result<Output> {
        let Some(path) = self.env.find_program(self.name) else {
            return Err(missing(self.name));
        };
        let failed = |error: std::io::Error| {
            Error::new(format!("`{}` could not be run: {error}", self.name))
        };
        let mut command = Command::new(path);
        command
            .args(&self.args)
            .env_clear()
            .envs(self.env.vars().filter(|(name, _)| self.may_see(name)))
            .envs(self.vars.iter().map(|(key, value)| (key, value)))
            .stdin(if self.stdin.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(dir) = self.dir {
            command.current_dir(dir);
        }
        let mut child = command.spawn().map_err(failed)?;
        // A program may answer before it has read everything, so its input needs a thread;
        // one that stops reading early says why on its standard error.
        let writer = self.stdin.zip(child.stdin.take()).map(|(bytes, mut pipe)| {
            std::thread::spawn(move || {
                let _ = pipe.write_all(&bytes);
            })
        });
        let output = child.wait_with_output().map_err(failed)?;
        if let Some(writer) = writer {
            let _ = writer.join();
        }
        Ok(Output {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr)
                .trim_end()
                .to_owned(),
        })
    }
}

impl Output {
    pub(crate) fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard output without its last line ends.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }
}

/// The error for a program that is not on the PATH.
pub(crate) fn missing(name: &str) -> Error {
    let where_from = match name {
        "git" => "https://git-scm.com/downloads",
        "kubectl" => "https://kubernetes.io/docs/tasks/tools/",
        _ => "https://www.openssh.com/portable.html",
    };
    Error::new(format!("`{name}` is not on the PATH")).help(format!("install it: {where_from}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Environment {
        Environment::new(".", [("PATH", "/usr/bin:/bin")])
    }

    #[test]
    fn a_missing_program_is_named_with_where_to_get_it() {
        let env = Environment::new(".", [("PATH", "/nowhere")]);
        let Err(error) = Program::new(&env, "kubectl").run() else {
            panic!("there is nothing in /nowhere");
        };
        assert_eq!(error.message, "`kubectl` is not on the PATH");
    }

    #[test]
    fn more_input_than_a_pipe_holds_does_not_block() {
        let env = env();
        let bytes = vec![b'x'; 1 << 20];
        let output = Program::new(&env, "cat")
            .stdin(bytes.clone())
            .run()
            .unwrap();
        assert!(output.is_success() && output.stdout == bytes);
    }

    #[test]
    fn only_the_given_environment_reaches_a_program() {
        let env = env();
        let output = Program::new(&env, "env")
            .secret_var("TOKEN", &Secret::new("x"))
            .run()
            .unwrap();
        assert_eq!(output.text(), "PATH=/usr/bin:/bin\nTOKEN=x");
    }
}
