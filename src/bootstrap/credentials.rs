//! The Secrets of a cluster: made in memory, sent to the cluster, kept nowhere else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, LineEnding, PrivateKey, PublicKey};

use super::error::{Error, Result};
use super::secret::Secret;
use super::target::{AgeKey, ImagePull, KeyAlgorithm, Target};

/// A fresh key pair for one cluster.
pub(crate) struct KeyPair {
    pub(crate) private: Secret,
    /// One line: kind and key, without a comment.
    pub(crate) public: String,
    /// Of a private half that is encrypted: the controller needs it to read the key.
    pub(crate) passphrase: Option<Secret>,
}

impl KeyPair {
    pub(crate) fn make(algorithm: KeyAlgorithm) -> Result<Self> {
        let algorithm = match algorithm {
            KeyAlgorithm::EcdsaP384 => Algorithm::Ecdsa {
                curve: EcdsaCurve::NistP384,
            },
            KeyAlgorithm::Ed25519 => Algorithm::Ed25519,
        };
        let failed = |error: ssh_key::Error| Error::new(format!("no key could be made: {error}"));
        let key = PrivateKey::random(&mut OsRng, algorithm).map_err(failed)?;
        let private = key.to_openssh(LineEnding::LF).map_err(failed)?;
        Ok(Self {
            private: Secret::new(private.as_str()),
            public: key.public_key().to_openssh().map_err(failed)?,
            passphrase: None,
        })
    }
}

/// The key's fingerprint as ssh prints it: `SHA256:…`.
pub(crate) fn fingerprint(public: &str) -> Result<String> {
    let key = PublicKey::from_openssh(public.trim())
        .map_err(|error| Error::new(format!("the cluster's public key cannot be read: {error}")))?;
    Ok(key.fingerprint(HashAlg::Sha256).to_string())
}

/// The deploy key's name with the forge: what it is for, and the start of its fingerprint, so
/// that no two keys share one.
pub(crate) fn deploy_key_title(target: &Target, public: &str) -> Result<String> {
    let fingerprint = fingerprint(public)?;
    let start: String = fingerprint
        .trim_start_matches("SHA256:")
        .chars()
        .take(12)
        .collect();
    Ok(format!("{} {start}", deploy_key_prefix(target)))
}

/// What the names of all keys of a cluster begin with.
pub(crate) fn deploy_key_prefix(target: &Target) -> String {
    format!("flux {} {}", target.path, target.namespace)
}

/// The Secret of the GitRepository over ssh.
///
/// Source: <https://fluxcd.io/flux/components/source/gitrepositories/#ssh-authentication>
pub(crate) fn ssh_secret(target: &Target, keys: &KeyPair, known_hosts: &[String]) -> Value {
    let mut entries = vec![
        ("identity", keys.private.expose().to_owned()),
        ("identity.pub", format!("{}\n", keys.public)),
        ("known_hosts", format!("{}\n", known_hosts.join("\n"))),
    ];
    if let Some(passphrase) = &keys.passphrase {
        entries.push(("password", passphrase.expose().to_owned()));
    }
    secret(target, &target.credentials.secret, "Opaque", entries)
}

/// The Secret of the GitRepository over https.
///
/// Source: <https://fluxcd.io/flux/components/source/gitrepositories/#basic-access-authentication>
pub(crate) fn token_secret(target: &Target, username: &str, password: &Secret) -> Value {
    let mut entries = vec![
        ("username", username.to_owned()),
        ("password", password.expose().to_owned()),
    ];
    if let Some(ca) = &target.credentials.ca {
        entries.push(("ca.crt", ca.clone()));
    }
    secret(target, &target.credentials.secret, "Opaque", entries)
}

/// Source: <https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/>
pub(crate) fn image_pull_secret(
    target: &Target,
    pull: &ImagePull,
    (username, password): &(String, Secret),
) -> Value {
    let auth = STANDARD.encode(format!("{username}:{}", password.expose()));
    let config = json!({
        "auths": { &pull.registry: {
            "username": username,
            "password": password.expose(),
            "auth": auth,
        } }
    });
    secret(
        target,
        &pull.secret,
        "kubernetes.io/dockerconfigjson",
        [(".dockerconfigjson", config.to_string())],
    )
}

/// The private age key under a name that ends in `.agekey`.
///
/// Source: <https://fluxcd.io/flux/components/kustomize/kustomizations/#age-secret-entry>
pub(crate) fn age_secret(target: &Target, age: &AgeKey) -> Result<Value> {
    let text = fs_err::read_to_string(&age.file).map_err(|error| {
        Error::new(format!("the age key cannot be read: {error}"))
            .help("make one with `age-keygen -o FILE`")
    })?;
    if !text
        .lines()
        .any(|line| line.trim().starts_with("AGE-SECRET-KEY-"))
    {
        return Err(
            Error::new(format!("`{}` holds no private age key", age.file))
                .help("make one with `age-keygen -o FILE`"),
        );
    }
    Ok(secret(
        target,
        &age.secret,
        "Opaque",
        [("age.agekey", text)],
    ))
}

fn secret<K: Into<String>>(
    target: &Target,
    name: &str,
    kind: &str,
    entries: impl IntoIterator<Item = (K, String)>,
) -> Value {
    let data: Map<String, Value> = entries
        .into_iter()
        .map(|(key, value)| (key.into(), Value::String(STANDARD.encode(value))))
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": name, "namespace": target.namespace },
        "type": kind,
        "data": data,
    })
}

/// An entry of a Secret as the cluster gives it.
pub(crate) fn entry(secret: &Value, key: &str) -> Option<String> {
    let bytes = STANDARD.decode(secret["data"][key].as_str()?).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_the_kind_that_was_asked_for() {
        for (algorithm, kind, bytes) in [
            (
                KeyAlgorithm::EcdsaP384,
                "ecdsa-sha2-nistp384 ",
                "OPENSSH PRIVATE KEY",
            ),
            (KeyAlgorithm::Ed25519, "ssh-ed25519 ", "OPENSSH PRIVATE KEY"),
        ] {
            let pair = KeyPair::make(algorithm).unwrap();
            assert!(pair.public.starts_with(kind), "{}", pair.public);
            assert!(pair.private.expose().contains(bytes));
            let read = PrivateKey::from_openssh(pair.private.expose()).unwrap();
            assert_eq!(read.public_key().to_openssh().unwrap(), pair.public);
        }
    }

    #[test]
    fn two_keys_of_a_cluster_have_two_fingerprints() {
        let make = || KeyPair::make(KeyAlgorithm::Ed25519).unwrap().public;
        assert_ne!(fingerprint(&make()).unwrap(), fingerprint(&make()).unwrap());
    }
}
