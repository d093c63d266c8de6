//! Secrets inside of a text of which nothing is known but its letters: URLs, headers, command lines,
//! assignments, and tokens that are known by their shape.

use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine as _;
use regex::{Captures, Regex};

use super::name::{is_secret, vague_word};

/// Tokens, keys and signed values that cannot be anything else. Every group named `secret` is hidden,
/// or the whole match where there is none.
static SHAPES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // private keys in PEM, whole; an end that is missing is the end of the text
        r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*-----|\z)",
        r"(?s)PuTTY-User-Key-File-\d.*",
        // JSON in base64: tokens with signature (JWT), and the logins of `.dockerconfigjson`
        r"\beyJ[A-Za-z0-9_+/-]{6,}(?:[.=][A-Za-z0-9_.=+/-]*)?",
        // forges
        r"\bgh[pousr]_\w{4,}",
        r"\bgithub_pat_\w{4,}",
        r"\bgl(?:pat|ptt|cbt|dt|soat|rt|ft|imt|agent|oas)-[\w.-]{4,}",
        r"\b(?:ATBB|ATATT3)[\w=-]{8,}",
        // clouds
        r"\b(?:AKIA|ASIA)[A-Z0-9]{8,}",
        r"\bAIza[\w-]{20,}",
        r"\bya29\.[\w.-]{8,}",
        r"\bdop_v1_\w{8,}",
        r"\bdapi[0-9a-f]{16,}",
        r"\bhv[sbr]\.[\w-]{8,}",
        // chat, payment, mail, registries, models, monitoring
        r"\bxox[a-z]-[\w-]{4,}",
        r"\bxapp-[\w-]{8,}",
        r"\b(?:sk|rk)_(?:live|test)_\w{8,}",
        r"\bwhsec_[\w+/=]{8,}",
        r"\bSG\.[\w-]{8,}\.[\w-]{8,}",
        r"\bnpm_\w{16,}",
        r"\bpypi-[\w-]{16,}",
        r"\bdckr_pat_[\w-]{8,}",
        r"\bsk-[\w-]{16,}",
        r"\bhf_[A-Za-z0-9]{16,}",
        r"\bglsa_\w{8,}",
        r"\bNRAK-[A-Z0-9]{8,}",
        r"\bsntr[ysu]+_[\w=+/-]{8,}",
        r"\btskey-[\w-]{8,}",
        r"\bshp(?:at|ca|pa|ss)_\w{8,}",
        r"\bxkeysib-[\w-]{8,}",
        r"\blin_api_\w{8,}",
        r"AGE-SECRET-KEY-[A-Z0-9-]+",
        r"\b\d{6,12}:AA[\w-]{24,}",
    ]
    .iter()
    .map(|pattern| Regex::new(pattern).expect("it is tested"))
    .collect()
});

/// PEM in base64, of which only private keys are secret.
static ENCODED_PEM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]+").expect("it is tested"));

static URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>[^\s"'`<>|\\]+)"#)
        .expect("it is tested")
});

static QUERY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[?&;#](?P<name>[A-Za-z0-9_.-]+)=(?P<value>[^&;#\s]+)").expect("it is tested")
});

/// Names in a query string that hold a secret there, beside those that do everywhere.
const QUERY_SECRETS: [&str; 8] = [
    "key",
    "sig",
    "signature",
    "code",
    "tok",
    "hmac",
    "sas",
    "apikey",
];

/// Hosts and paths of addresses that are a credential as a whole, and what of their path is public.
static WEBHOOK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)^(?:",
        r"hooks\.[^/]+/|",
        r"[^/]*\.webhook\.office(?:365)?\.com/|outlook\.office(?:365)?\.com/webhook(?:b2)?/|",
        r"[^/]*\.(?:logic\.azure|powerplatform)\.com(?::\d+)?/|",
        r"(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/|",
        r"api\.telegram\.org/(?:file/)?bot|",
        r"events\.pagerduty\.com/integration/|",
        r"webexapis\.com/v1/webhooks/incoming/|",
        r"open\.(?:feishu\.cn|larksuite\.com)/open-apis/bot/v\d+/hook/|",
        r"hc-ping\.com/|maker\.ifttt\.com/trigger/[^/]+/(?:json/)?with/key/|",
        r"chat\.googleapis\.com/v1/spaces/",
        r")",
    ))
    .expect("it is tested")
});

/// A path on any host that ends in a segment such as `hooks` and something drawn by lot.
static HOOK_PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)/(?:hooks?|webhooks?|incoming|services)/(?P<secret>[^?#]*)")
        .expect("it is tested")
});

static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)\b(?:proxy-)?authorization\b[\x22'\\]*\s*[:=]\s*[\x22'\\]*(?:(?:bearer|basic|token|digest|apikey|negotiate|splunk)\s+)?",
        r"(?P<secret>[^\s\x22',;\\]+)",
    ))
    .expect("it is tested")
});

static SCHEME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:bearer|basic)\s+(?P<secret>[A-Za-z0-9._~+/=-]{8,})")
        .expect("it is tested")
});

/// `--password=x`, `--token x`, `-Dapp.password=x`.
static FLAG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?:^|[\s"'\[,(])-{1,2}(?P<name>[A-Za-z][\w.-]*)(?:=|\s+)(?P<value>"[^"]*"|'[^']*'|[^\s"',\])]+)"#)
        .expect("it is tested")
});

/// `curl -u me:x`, `--user me:x`.
static USER_FLAG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?:^|\s)(?:-u|--user)[ =]["']?[^\s:"']+:(?P<secret>[^\s"']+)"#)
        .expect("it is tested")
});

/// `-p x`, a port or a path excepted.
static P_FLAG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|\s)-[pa](?:\s+)(?P<secret>[^\s-]\S*)").expect("it is tested")
});

/// Programs whose `-p` (redis: `-a`) is a password.
static LOGIN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:login|mysql\w*|mariadb\w*|sshpass|redis-cli|htpasswd|mongo\w*|ldap\w+|(?:-u|--user|--username)[ =]\S+)")
        .expect("it is tested")
});

/// `name=`, `name: `, `"name": `, anywhere in a line.
static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?P<name>[A-Za-z0-9_.$/\[\]-]+)\\?["']?\s*(?:=>|:=|=|:)\s*"#)
        .expect("it is tested")
});

/// What follows one of [`ASSIGNED`].
static ASSIGNED_VALUE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\A(?:\\?"(?:[^"\\]|\\[^"])*\\?"|'[^']*'|[^\s,;&}\])]+)"#).expect("it is tested")
});

/// `password: x y z`, `- "api_token" = "x"`: a line of its own.
static LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?m)^[ \t+>|]*(?:[-*][ \t]+)?(?:(?:export|set|ENV|ARG)[ \t]+)?["']?(?P<name>[A-Za-z0-9_./-]+)["']?"#,
        r"[ \t]*[:=][ \t]*(?P<value>\S.*)$"
    ))
    .expect("it is tested")
});

/// `<password>x</password>`, `password="x"` being an assignment.
static ELEMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"<(?P<name>[A-Za-z][\w.:-]*)(?:\s[^<>]*)?>(?P<value>[^<]+)</")
        .expect("it is tested")
});

/// A machine of `.netrc`.
static NETRC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\bmachine\s+\S+\s+login\s+\S+\s+password\s+(?P<secret>\S+)").expect("it is tested")
});

/// What can be said of any text, our own messages too: nothing here reads prose as an assignment.
pub(super) fn shapes(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // Most texts have none of these letters, and no secret.
    if text.len() < 8 {
        return found;
    }
    for shape in SHAPES.iter() {
        found.extend(shape.find_iter(text).map(|it| it.range()));
    }
    for pem in ENCODED_PEM.find_iter(text) {
        let whole = &pem.as_str()[..pem.len() - pem.len() % 4];
        let engine = base64::engine::general_purpose::STANDARD;
        let head = whole.get(..64.min(whole.len()));
        let decoded = head.and_then(|head| engine.decode(head).ok());
        if decoded.is_none_or(|bytes| String::from_utf8_lossy(&bytes).contains("PRIVATE KEY")) {
            found.push(pem.range());
        }
    }
    if text.contains("://") {
        for url in URL.captures_iter(text) {
            of_url(&url, &mut found);
        }
    }
    for header in HEADER.captures_iter(text) {
        push_unless_reference(text, header.name("secret"), &mut found);
    }
    for scheme in SCHEME.captures_iter(text) {
        let Some(value) = scheme.name("secret") else {
            continue;
        };
        let is_word = value
            .as_str()
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || b".-/".contains(&byte));
        if !is_word || value.len() >= 24 {
            found.push(value.range());
        }
    }
    found
}

/// What can be said of a value: [`shapes`], and what it assigns to names of secrets.
pub(super) fn values(text: &str) -> Vec<Range<usize>> {
    let mut found = shapes(text);
    if text.contains("machine ") {
        let netrc = NETRC.captures_iter(text).filter_map(|it| it.name("secret"));
        found.extend(netrc.map(|it| it.range()));
    }
    if text.contains('-') {
        flags(text, &mut found);
    }
    if text.contains("</") {
        for element in ELEMENT.captures_iter(text) {
            let (Some(name), Some(value)) = (element.name("name"), element.name("value")) else {
                continue;
            };
            if names_secret(name.as_str())
                && !is_reference(value.as_str())
                && !is_public(vague_word(name.as_str()), value.as_str().trim())
            {
                found.push(value.range());
            }
        }
    }
    if !text.contains(['=', ':']) {
        return found;
    }
    let mut end = 0;
    for assigned in ASSIGNED.captures_iter(text) {
        let (Some(whole), Some(name)) = (assigned.get(0), assigned.name("name")) else {
            continue;
        };
        // What a value holds of assignments is hidden with it.
        if whole.start() < end || !names_secret(name.as_str()) {
            continue;
        }
        let Some(value) = ASSIGNED_VALUE.find(&text[whole.end()..]) else {
            continue;
        };
        // `https://…` is not an assignment
        if value.as_str().starts_with("//") {
            continue;
        }
        end = whole.end() + value.end();
        let bare = trimmed(text, whole.end()..end);
        let said = &text[bare.clone()];
        if !is_reference(said) && !is_public(vague_word(name.as_str()), said) {
            found.push(bare);
        }
    }
    for line in LINE.captures_iter(text) {
        let (Some(name), Some(value)) = (line.name("name"), line.name("value")) else {
            continue;
        };
        let bare = trimmed(text, value.range());
        let said = &text[bare.clone()];
        let is_said = !is_reference(said) && !is_public(vague_word(name.as_str()), said);
        if names_secret(name.as_str())
            && is_said
            && !value.as_str().starts_with(['{', '[', '|', '>', '&'])
        {
            found.push(bare);
        }
    }
    found
}

/// Whether the item of a list after this one is a secret: `--token`, `-p`.
pub(super) fn announces(item: &str) -> bool {
    match item.strip_prefix('-') {
        Some("p") => true,
        Some(flag) => !flag.contains(['=', ' ']) && is_secret(flag.trim_start_matches('-')),
        None => false,
    }
}

/// What could be the value of `-p` and is no password: a port, a path, another flag.
pub(super) fn is_port_or_path(text: &str) -> bool {
    text.starts_with(['/', '.', '-', '~'])
        || text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b",:-".contains(&byte))
            && text.len() < 12
}

/// A value that is only taken from elsewhere: `$PASSWORD`, `${PASSWORD}`, `$(PASSWORD)`, `{{ .x }}`.
pub(super) fn is_reference(text: &str) -> bool {
    let text = text.trim();
    let inner = |open: &str, close: &str| {
        text.strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
            .is_some_and(|inner| {
                !inner.contains(open) && !inner.contains(":-") && !inner.contains(":=")
            })
    };
    let is_variable = text.strip_prefix('$').is_some_and(|name| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    });
    is_variable || inner("${{", "}}") || inner("${", "}") || inner("$(", ")") || inner("{{", "}}")
}

/// A value that says whether, not what.
pub(super) fn is_switch(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let is_license = [
        "apache-", "bsd-", "gpl-", "lgpl-", "agpl-", "mpl-", "cc-by", "cc0",
    ]
    .iter()
    .any(|start| text.starts_with(start));
    is_license || SWITCHES.contains(&text.as_str())
}

/// Whether a value under the name of a secret is one that everybody may read; `vague` is what
/// [`vague_word`] gives of the name.
pub(super) fn is_public(vague: Option<&str>, value: &str) -> bool {
    if is_switch(value) || is_public_key(value) {
        return true;
    }
    let is_word = value.len() <= 16
        && value
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || b"_-".contains(&byte));
    match vague {
        Some("auth") => AUTH_METHODS.contains(&value.to_ascii_lowercase().as_str()),
        Some("seed") => {
            is_word || (value.len() < 10 && value.bytes().all(|byte| byte.is_ascii_digit()))
        }
        Some(_) => is_word,
        None => false,
    }
}

fn is_public_key(value: &str) -> bool {
    let starts = [
        "ssh-rsa ",
        "ssh-ed25519 ",
        "ecdsa-sha2-",
        "sk-ssh-",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
    ];
    starts.iter().any(|start| value.starts_with(start)) && !value.contains("PRIVATE KEY")
}

/// Values of `auth` that name how somebody logs in, beside [`SWITCHES`].
const AUTH_METHODS: [&str; 28] = [
    "github",
    "gitlab",
    "google",
    "azure",
    "aws",
    "gcp",
    "iam",
    "irsa",
    "workload-identity",
    "kubernetes",
    "serviceaccount",
    "approle",
    "userpass",
    "cert",
    "x509",
    "tls",
    "kerberos",
    "sasl",
    "plain",
    "scram-sha-256",
    "scram-sha-512",
    "md5",
    "trust",
    "peer",
    "anonymous",
    "internal",
    "external",
    "jwt",
];

/// Values of fields such as `auth` and `license` that everybody may read.
const SWITCHES: [&str; 38] = [
    "",
    "true",
    "false",
    "null",
    "~",
    "none",
    "yes",
    "no",
    "on",
    "off",
    "***",
    "{}",
    "[]",
    "|",
    ">",
    "enabled",
    "disabled",
    "required",
    "optional",
    "default",
    "always",
    "never",
    "auto",
    "basic",
    "bearer",
    "token",
    "password",
    "ldap",
    "oidc",
    "oauth",
    "oauth2",
    "saml",
    "rbac",
    "mtls",
    "mit",
    "isc",
    "unlicense",
    "proprietary",
];

fn names_secret(name: &str) -> bool {
    let last = name.rsplit(['.', '/']).next().unwrap_or(name);
    is_secret(name) || is_secret(last)
}

fn flags(text: &str, found: &mut Vec<Range<usize>>) {
    for flag in FLAG.captures_iter(text) {
        let (Some(name), Some(value)) = (flag.name("name"), flag.name("value")) else {
            continue;
        };
        let bare = trimmed(text, value.range());
        let said = &text[bare.clone()];
        if names_secret(name.as_str())
            && !said.starts_with("--")
            && !is_reference(said)
            && !is_public(vague_word(name.as_str()), said)
        {
            found.push(bare);
        }
    }
    for flag in USER_FLAG.captures_iter(text) {
        let Some(value) = flag.name("secret") else {
            continue;
        };
        if !value.as_str().bytes().all(|byte| byte.is_ascii_digit())
            && !is_reference(value.as_str())
        {
            found.push(value.range());
        }
    }
    if LOGIN.is_match(text) {
        for flag in P_FLAG.captures_iter(text) {
            let Some(value) = flag.name("secret") else {
                continue;
            };
            if !is_port_or_path(value.as_str()) && !is_reference(value.as_str()) {
                found.push(value.range());
            }
        }
    }
}

/// What of a URL is a secret: its login, values of its query, and the path of a webhook.
fn of_url(url: &Captures<'_>, found: &mut Vec<Range<usize>>) {
    let (Some(scheme), Some(rest)) = (url.name("scheme"), url.name("rest")) else {
        return;
    };
    let (text, start) = (rest.as_str(), rest.start());
    let at = |range: Range<usize>| start + range.start..start + range.end;
    let authority_end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let mut host = 0;
    if let Some(sign) = text[..authority_end].rfind('@') {
        host = sign + 1;
        let is_ssh = scheme.as_str().to_ascii_lowercase().contains("ssh");
        match text[..sign].split_once(':') {
            Some((_, password)) if is_reference(password) => {}
            Some((user, _)) if is_ssh => found.push(at(user.len() + 1..sign)),
            Some(_) => found.push(at(0..sign)),
            // A token alone is a login to a web server; elsewhere it is a name.
            None => {
                let is_web = scheme.as_str().to_ascii_lowercase().starts_with("http");
                let is_name = matches!(&text[..sign], "git" | "anonymous");
                if is_web && !is_name && !is_reference(&text[..sign]) {
                    found.push(at(0..sign));
                }
            }
        }
    } else if let Some(sign) = text.rfind('@') {
        // A password with `/` in it ends the authority before its `@`.
        let before = &text[..authority_end];
        if let Some((user, password)) = before.split_once(':')
            && !password.is_empty()
            && !password.bytes().all(|byte| byte.is_ascii_digit())
            && !user.is_empty()
            // an IPv6 address
            && !user.starts_with('[')
        {
            found.push(at(0..sign));
            host = sign + 1;
        }
    }
    for pair in QUERY.captures_iter(text) {
        let (Some(name), Some(value)) = (pair.name("name"), pair.name("value")) else {
            continue;
        };
        let lower = name.as_str().to_ascii_lowercase();
        let is_known = QUERY_SECRETS.contains(&lower.as_str())
            || ["-signature", "-credential", "-token"]
                .iter()
                .any(|end| lower.ends_with(end));
        if (is_known || is_secret(&lower)) && !is_reference(value.as_str()) {
            found.push(at(value.range()));
        }
    }
    let after = &text[host..];
    let path_end = host + after.find(['?', '#']).unwrap_or(after.len());
    if let Some(public) = WEBHOOK.find(after) {
        let from = host + public.end();
        if from < path_end {
            found.push(at(from..text.len()));
        }
    } else if let Some(hook) = HOOK_PATH.captures(&text[host..path_end])
        && let Some(secret) = hook.name("secret")
        && secret.as_str().split('/').any(is_drawn_by_lot)
    {
        found.push(at(host + secret.start()..host + secret.end()));
    }
}

/// Whether a path's segment is an identifier that no person chose.
fn is_drawn_by_lot(segment: &str) -> bool {
    let count = |test: fn(&u8) -> bool| segment.bytes().filter(test).count();
    let digits = count(u8::is_ascii_digit);
    let has_capitals = count(u8::is_ascii_uppercase) > 2 && count(u8::is_ascii_lowercase) > 2;
    segment.len() >= 12 && (digits >= 2 || has_capitals) || segment.len() >= 32
}

/// A range without the quotes around it.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let value = &text[range.clone()];
    let start = value
        .trim_start_matches('\\')
        .trim_start_matches(['"', '\'']);
    let end = start
        .trim_end_matches([',', ';', ' ', '\r'])
        .trim_end_matches(['"', '\''])
        .trim_end_matches('\\');
    let from = range.start + value.len() - start.len();
    from..from + end.len()
}

fn push_unless_reference(
    text: &str,
    found: Option<regex::Match<'_>>,
    into: &mut Vec<Range<usize>>,
) {
    if let Some(found) = found {
        let bare = trimmed(text, found.range());
        if !is_reference(&text[bare.clone()]) {
            into.push(bare);
        }
    }
}
