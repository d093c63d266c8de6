//! A private key of the user's own that the cluster is to have, and its passphrase.

use camino::{Utf8Path, Utf8PathBuf};
use ssh_key::{Cipher, PrivateKey, PublicKey};

use super::credentials::KeyPair;
use super::environment::{Environment, Ui};
use super::error::{Error, Result};
use super::program::{KEY_PASSPHRASE, Program};
use super::secret::Secret;

/// The key as its file has it.
pub(crate) struct OwnKey {
    file: Utf8PathBuf,
    text: Secret,
    public: String,
    is_locked: bool,
}

impl OwnKey {
    /// Reads the file. The public half of a key in OpenSSH's form is there without its passphrase.
    pub(crate) fn read(file: &Utf8Path) -> Result<Self> {
        let text = fs_err::read_to_string(file)
            .map_err(|error| Error::new(format!("the private key cannot be read: {error}")))?;
        let failed = |why: &str| Error::new(format!("`{file}` cannot be the cluster's key: {why}"));
        let key = PrivateKey::from_openssh(text.trim()).map_err(|_| {
            failed("it is no OpenSSH private key").help(format!(
                "rewrite a PEM key with `ssh-keygen -p -f {file}`, or make one with `ssh-keygen -t ed25519 -f FILE`"
            ))
        })?;
        // What source-controller can decrypt.
        // Source: golang.org/x/crypto, ssh/keys.go, `passphraseProtectedOpenSSHKey`.
        if !matches!(
            key.cipher(),
            Cipher::None | Cipher::Aes256Cbc | Cipher::Aes256Ctr
        ) {
            return Err(
                failed(&format!("Flux cannot decrypt `{}`", key.cipher().as_str())).help(format!(
                    "rewrite it with `ssh-keygen -p -Z aes256-ctr -f {file}`"
                )),
            );
        }
        let public = PublicKey::new(key.public_key().key_data().clone(), "");
        let public = public
            .to_openssh()
            .map_err(|_| failed("its public half cannot be written"))?;
        Ok(Self {
            file: file.to_owned(),
            public: public.trim().to_owned(),
            is_locked: key.is_encrypted(),
            text: Secret::new(text),
        })
    }

    pub(crate) fn public(&self) -> &str {
        &self.public
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// The key pair, with the passphrase where there is one: of the environment, else asked for.
    pub(crate) fn unlock(&self, env: &Environment, ui: &dyn Ui) -> Result<KeyPair> {
        let mut keys = KeyPair {
            private: self.text.clone(),
            public: self.public.clone(),
            passphrase: None,
        };
        if !self.is_locked {
            return Ok(keys);
        }
        let file = &self.file;
        let given = passphrase_of(env).or_else(|| ui.secret(&format!("passphrase of `{file}`: ")));
        let Some(passphrase) = given.filter(|given| !given.is_empty()) else {
            return Err(
                Error::new(format!("there is no passphrase for `{file}`")).help(format!(
                    "set `{KEY_PASSPHRASE}`, or run it on a terminal to be asked"
                )),
            );
        };
        self.try_passphrase(env, &passphrase)?;
        keys.passphrase = Some(passphrase);
        Ok(keys)
    }

    /// Has ssh-keygen open the key, which asks as git asks: through a script that holds no secret.
    ///
    /// Source: <https://man.openbsd.org/ssh.1#SSH_ASKPASS_REQUIRE>
    fn try_passphrase(&self, env: &Environment, passphrase: &Secret) -> Result<()> {
        const SCRIPT: &str = "#!/bin/sh\nprintf '%s\\n' \"$FLUXGEN_ASKED\"\n";
        let failed = |error: std::io::Error| Error::new(error.to_string());
        let scratch = tempfile::Builder::new()
            .prefix("fluxgen-")
            .tempdir()
            .map_err(failed)?;
        let script = scratch.path().join("askpass");
        fs_err::write(&script, SCRIPT).map_err(failed)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs_err::set_permissions(&script, std::fs::Permissions::from_mode(0o700))
                .map_err(failed)?;
        }
        let file = &self.file;
        let output = Program::new(env, "ssh-keygen")
            .args(["-y", "-f", file.as_str()])
            .var("LC_ALL", "C")
            .var("SSH_ASKPASS", script)
            .var("SSH_ASKPASS_REQUIRE", "force")
            .secret_var("FLUXGEN_ASKED", passphrase)
            .run()?;
        if output.is_success() {
            return Ok(());
        }
        if output.stderr.contains("incorrect passphrase") {
            return Err(
                Error::new(format!("the passphrase does not open `{file}`")).help(format!(
                    "try it with `ssh-keygen -y -f {file}`, and set `{KEY_PASSPHRASE}` to it"
                )),
            );
        }
        let error = Error::new(format!("ssh-keygen cannot read `{file}`"));
        let is_open = output.stderr.contains("bad permissions");
        Err(match is_open {
            true => error
                .note("others may read it, which ssh does not accept")
                .help(format!("run `chmod 600 {file}`")),
            false => error.note(output.stderr),
        })
    }
}

/// The passphrase that the environment has.
pub(crate) fn passphrase_of(env: &Environment) -> Option<Secret> {
    env.var(KEY_PASSPHRASE).map(Secret::new)
}
