//! Which field names say that their value is a secret, and which only name where one is kept.

/// Ends of names, in lower case and without separators, whose values are secrets.
const SECRETS: [&str; 42] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passwort",
    "pwd",
    "token",
    "secret",
    "credential",
    "cred",
    "apikey",
    "privatekey",
    "privkey",
    "secretkey",
    "secretid",
    "accesskey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "licensekey",
    "licencekey",
    "authkey",
    "sharedkey",
    "sshkey",
    "deploykey",
    "storagekey",
    "accountkey",
    "sessionkey",
    "clientkey",
    "integrationkey",
    "routingkey",
    "hmackey",
    "aeskey",
    "rsakey",
    "connectionstring",
    "connstring",
    "connstr",
    "passwordhash",
    "htpasswd",
    "kubeconfig",
    "dockerconfigjson",
    "keytab",
];

/// Addresses that are a credential as a whole.
const ADDRESSES: [&str; 4] = ["webhookurl", "webhookuri", "connectionuri", "connectionurl"];

/// Last words of names whose values are secrets: too short to be looked for inside of words.
const SECRET_WORDS: [&str; 16] = [
    "pass",
    "pw",
    "pat",
    "auth",
    "authorization",
    "jwt",
    "psk",
    "bearer",
    "license",
    "licence",
    "dsn",
    "cookie",
    "pepper",
    "otp",
    "seed",
    "mnemonic",
];

/// Last words of names that hold a secret in one chart and an ordinary word in the next.
const VAGUE: [&str; 5] = ["auth", "cookie", "license", "licence", "seed"];

/// Fields below the name of a secret that hold something else: `credentials.region`.
const BESIDE: [&str; 22] = [
    "apiversion",
    "create",
    "email",
    "database",
    "description",
    "edition",
    "tier",
    "plan",
    "server",
    "realm",
    "domain",
    "samesite",
    "secure",
    "httponly",
    "maxage",
    "scope",
    "scopes",
    "region",
    "clientid",
    "tenantid",
    "subscriptionid",
    "engine",
];

/// The names by which SSH keeps private keys.
const SSH_KEYS: [&str; 4] = ["idrsa", "ided25519", "idecdsa", "iddsa"];

/// Last words of names that tell something about a secret: where it is kept, how long it lives.
const QUALIFIERS: [&str; 77] = [
    "ref",
    "refs",
    "name",
    "names",
    "namespace",
    "namespaces",
    "path",
    "paths",
    "file",
    "files",
    "filename",
    "dir",
    "directory",
    "folder",
    "mount",
    "mode",
    "type",
    "types",
    "kind",
    "format",
    "enabled",
    "disabled",
    "enable",
    "disable",
    "required",
    "optional",
    "provider",
    "providers",
    "url",
    "uri",
    "endpoint",
    "endpoints",
    "host",
    "port",
    "class",
    "policy",
    "length",
    "size",
    "ttl",
    "expiry",
    "expiration",
    "expires",
    "duration",
    "interval",
    "timeout",
    "lifetime",
    "rotation",
    "audience",
    "audiences",
    "issuer",
    "issuers",
    "method",
    "methods",
    "mechanism",
    "algorithm",
    "header",
    "prefix",
    "suffix",
    "selector",
    "version",
    "seconds",
    "minutes",
    "hours",
    "days",
    "bytes",
    "count",
    "limit",
    "username",
    "user",
    "store",
    "generator",
    "reviewer",
    "review",
    "reviews",
    "template",
    "annotations",
    "labels",
];

/// Names of what Kubernetes and charts call a Secret object, not its content.
const OBJECTS: [&str; 9] = [
    "pullsecret",
    "existingsecret",
    "externalsecret",
    "sealedsecret",
    "createsecret",
    "tlssecret",
    "certsecret",
    "casecret",
    "volumesecret",
];

/// What a secret is called whose key in a Secret a field names: `passwordKey`, `userPasswordSecretKey`.
const KEPT: [&str; 9] = [
    "password",
    "passwd",
    "pass",
    "token",
    "username",
    "user",
    "credential",
    "credentials",
    "secret",
];

/// Whether a scalar in a field of this name is a secret, and a table's scalars are.
pub(super) fn is_secret(name: &str) -> bool {
    let words = words(name);
    let Some(last) = words.last() else {
        return false;
    };
    let joined = words.concat();
    if is_address(&joined) {
        return true;
    }
    if is_qualifier(&words) {
        return false;
    }
    let plain = joined.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if SSH_KEYS.iter().any(|key| joined.ends_with(key)) {
        return true;
    }
    let singular = plain.strip_suffix('s').unwrap_or(plain);
    if OBJECTS
        .iter()
        .any(|end| singular.ends_with(end) || plain.ends_with(end))
    {
        return false;
    }
    // `tls.key`, `server.key`: the file names of private keys
    if last == "key" && name.ends_with(".key") && !name.ends_with("public.key") {
        return true;
    }
    let last = last.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let ends = |text: &str| SECRETS.iter().any(|end| text.ends_with(end));
    ends(plain) || ends(singular) || (SECRET_WORDS.contains(&last) && joined != "proxypass")
}

/// Whether a field tells something about a secret and is none: `secretRef`, `tokenPath`,
/// `passwordKey`, `existingSecret`.
pub(super) fn is_about(name: &str) -> bool {
    let words = words(name);
    let joined = words.concat();
    let singular = joined.strip_suffix('s').unwrap_or(&joined);
    (is_qualifier(&words) && !is_address(&joined))
        || OBJECTS.iter().any(|end| singular.ends_with(end))
        || BESIDE.contains(&joined.as_str())
}

/// The word that makes a name one whose value may be a secret or may not: `auth` of `dbAuth`.
pub(super) fn vague_word(name: &str) -> Option<&'static str> {
    let words = words(name);
    let last = words.last()?;
    VAGUE.into_iter().find(|vague| vague == last)
}

fn is_address(joined: &str) -> bool {
    ADDRESSES.iter().any(|end| joined.ends_with(end))
}

fn is_qualifier(words: &[String]) -> bool {
    let [before @ .., last] = words else {
        return false;
    };
    if QUALIFIERS.contains(&last.as_str()) {
        return true;
    }
    // the limits of a language model: `maxTokens`
    if let [first, .., "tokens"] = words.iter().map(String::as_str).collect::<Vec<_>>()[..]
        && ["max", "min", "num", "total"].contains(&first)
    {
        return true;
    }
    let is_key = matches!(last.as_str(), "key" | "keys");
    let object = before.concat();
    if is_key && OBJECTS.iter().any(|end| object.ends_with(end)) {
        return true;
    }
    let kept = match before {
        [inner @ .., secret] if secret == "secret" && !inner.is_empty() => inner.last(),
        [.., kept] if kept != "secret" => Some(kept),
        _ => None,
    };
    is_key && kept.is_some_and(|kept| KEPT.contains(&kept.as_str()))
}

/// The words of a name in lower case: `dbPassword`, `DB_PASSWORD` and `db-password` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let letters: Vec<char> = name.chars().collect();
    let mut word = String::new();
    for (at, letter) in letters.iter().enumerate() {
        if !letter.is_alphanumeric() {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            continue;
        }
        let before = at.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(at + 1);
        let begins = letter.is_uppercase()
            && (before.is_some_and(|it| it.is_lowercase() || it.is_ascii_digit())
                || (before.is_some_and(char::is_uppercase)
                    && after.is_some_and(|it| it.is_lowercase())));
        if begins {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
        word.extend(letter.to_lowercase());
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for name in [
            "password",
            "passwords",
            "DB_PASSWORD",
            "dbPassword",
            "db-password",
            "rootpassword",
            "PASSWORD2",
            "passwd",
            "pwd",
            "passphrase",
            "pass",
            "dbPass",
            "pat",
            "GITHUB_PAT",
            "token",
            "tokens",
            "api-token",
            "apiToken",
            "APIToken",
            "bearer",
            "auth",
            "psk",
            "wifiPSK",
            "clientSecret",
            "secret",
            "secrets",
            "SECRET_KEY",
            "secretKey",
            "apiKey",
            "APIKey",
            "API_KEY",
            "api_keys",
            "apikey",
            "privateKey",
            "private_key",
            "id_rsa",
            "id_ed25519",
            "ssh.id_rsa",
            "AWS_ACCESS_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "signingKey",
            "encryptionKey",
            "licenseKey",
            "license",
            "credential",
            "credentials",
            "creds",
            "connectionString",
            "password_hash",
            "passwordHash",
            "webhookUrl",
            "webhook_url",
            "tls.key",
            "server.key",
            "htpasswd",
            ".dockerconfigjson",
            "kubeconfig",
            "jwt",
            "x-auth-token",
            "Authorization",
            "DATABASE_DSN",
            "secret_id",
            "rootPassword.value_password",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn references_to_secrets_and_what_is_about_them_are_not() {
        for name in [
            "secretRef",
            "tokenRef",
            "secretName",
            "tokenName",
            "passwordSecretRef",
            "passwordSecretName",
            "passwordKey",
            "passwordSecretKey",
            "adminPasswordKey",
            "userPasswordKey",
            "tokenKey",
            "secretKeyRef",
            "existingSecret",
            "existingSecrets",
            "existingSecretKey",
            "existingSecretPasswordKey",
            "imagePullSecrets",
            "imagePullSecret",
            "pullSecrets",
            "tokenPath",
            "passwordFile",
            "privateKeyPath",
            "keyPrefix",
            "author",
            "authors",
            "authority",
            "bypass",
            "compass",
            "authProvider",
            "authType",
            "authEnabled",
            "authentication",
            "tokenUrl",
            "tokenTTL",
            "token_expiration",
            "tokenExpirationSeconds",
            "maxTokens",
            "max_tokens",
            "proxy_pass",
            "credentialsSecretRef",
            "secretStore",
            "secretStoreRef",
            "secretGenerator",
            "passwordPolicy",
            "passwordLength",
            "issuer",
            "path",
            "tlsSecret",
            "patches",
            "key",
            "public.key",
            "publicKey",
            "keyring",
            "tokenReview",
            "pattern",
            "compat",
            "seeds.count",
            "name",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
