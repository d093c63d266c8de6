use serde_json::Value as Json;

use super::{Spot, hide, json};
use crate::source::Sources;
use crate::yaml;

/// What is shown of a document of YAML.
fn shown(text: &str) -> String {
    let file = Sources::default().add("a.yaml", text);
    let documents = yaml::read_all(text, file).expect(text);
    let all: Vec<Json> = documents
        .iter()
        .map(|document| json(document, Spot::root()).0)
        .collect();
    serde_json::to_string(&all).expect("it is JSON")
}

#[test]
fn a_value_is_secret_by_where_it_is() {
    for text in [
        // Secrets at any depth
        "{kind: List, items: [{apiVersion: v1, kind: Secret, stringData: {a: LEAKED}}]}",
        "{spec: {template: {apiVersion: v1, kind: Secret, data: {a: LEAKED}}}}",
        "{apiVersion: v1, kind: Secret, stringData: {name: LEAKED, a: 'true LEAKED'}}",
        "{patches: [{patch: \"kind: Secret\\nstringData:\\n  a: LEAKED\\n\"}]}",
        "{patches: [{target: {kind: Secret}, patch: \"[{op: add, path: /data/a, value: LEAKED}]\"}]}",
        "{patches: [{target: {name: x}, patch: \"- op: add\\n  path: /stringData/a\\n  value: LEAKED\\n\"}]}",
        "{data: {m.yaml: \"apiVersion: v1\\nkind: Secret\\nstringData:\\n  a: |\\n    LEAKED\\n    LEAKED\\n\"}}",
        "{secretGenerator: [{name: x, literals: [a=LEAKED]}]}",
        "{data: {c: '{\"kind\":\"Secret\",\"data\":{\"a\":\"LEAKED\"}}'}}",
        // below the name of a secret
        "{password: {value: LEAKED}}",
        "{passwords: {admin: LEAKED}}",
        "{tokens: [LEAKED]}",
        "{credentials: {items: [{value: LEAKED}]}}",
        "{license: {key: LEAKED}}",
        // beside the name of a secret
        "{env: [{name: DB_PASSWORD, value: LEAKED}]}",
        "{parameters: [{key: db.password, value: LEAKED}]}",
        "[{op: replace, path: /spec/values/adminPassword, value: LEAKED}]",
        // flags
        "{args: [--token, LEAKED]}",
        "{args: [--token=LEAKED]}",
        "{args: [login, -p, LEAKED]}",
        // sensitive by the schema
        "{apiVersion: notification.toolkit.fluxcd.io/v1beta3, kind: Provider, spec: {type: generic, address: 'https://h/LEAKED'}}",
        "{apiVersion: notification.toolkit.fluxcd.io/v1beta3, kind: Provider, spec: {type: generic, proxy: 'http://h:8080/LEAKED'}}",
        // texts in texts
        "{data: {app.properties: \"user=me\\ndb.password=LEAKED\\n\"}}",
        "{data: {values.yaml: \"db:\\n  auth:\\n    adminPass: LEAKED\\n\"}}",
        "{data: {a: \"one\\ntwo password=LEAKED\\nLEAKED\\n\"}}",
        "{password: 12345678}",
        // names that may hold a word hide what is none
        "{auth: me-LEAKED}",
        "{cookie: 'sid=LEAKED'}",
        "{license: ABCD-1234-LEAKED}",
        "{seed: LEAKED0}",
        "{data: {a.env: \"auth=LEAKED\\nlicense=x1-LEAKED\\n\"}}",
        "{sshKey: '-----BEGIN CERTIFICATE-----\\nx\\n-----BEGIN RSA PRIVATE KEY-----\\nLEAKED'}",
    ] {
        let shown = shown(text);
        assert!(
            !shown.contains("LEAKED") && !shown.contains("12345"),
            "{text}\n{shown}"
        );
        assert!(shown.contains("***"), "{text}\n{shown}");
    }
}

#[test]
fn a_text_is_secret_by_its_letters() {
    for text in [
        "https://LEAKED@git.example/a",
        "https://me:LEAKED@git.example/a",
        "postgres://me:LEAKED@db/a",
        "redis://:LEAKED@cache:6379/0",
        "postgres://me:LE/LEAKED@db/a",
        "ssh://git:LEAKED@git.example/a",
        "https://a.example/x?token=LEAKED&b=1",
        "https://a.example/x?a=1&private_token=LEAKED",
        "https://a.example/x?sv=1&sig=LEAKED",
        "https://hooks.slack.com/services/T0/B0/LEAKED",
        "https://discord.com/api/webhooks/1/LEAKED",
        "https://acme.webhook.office.com/webhookb2/LEAKED",
        "https://api.telegram.org/botLEAKED/send",
        "https://chat.example/hooks/LEAKEDabc123def456",
        "--password=LEAKED",
        "app --password LEAKED -v",
        "app --db-password 'LEAKED LEAKED'",
        "mysql -u root -p LEAKED",
        "curl -u me:LEAKED https://a.example",
        "java -Dspring.datasource.password=LEAKED",
        "Authorization: Bearer LEAKED",
        "curl -H 'Authorization: Basic LEAKED'",
        "X-Api-Key: LEAKED",
        "Server=a;User Id=b;Password=LEAKED;",
        "host=a user=b password=LEAKED dbname=c",
        "{\"a\": {\"clientSecret\": \"LEAKED\"}}",
        "{\"auths\":{\"r.example\":{\"auth\":\"LEAKED\"}}}",
        "<settings><password>LEAKED</password></settings>",
        "machine a.example login b password LEAKED",
        "export GITHUB_TOKEN=LEAKED",
        "//registry.npmjs.org/:_authToken=LEAKED",
        "[db]\npassword = LEAKED LEAKED\n",
        "password: LEAKED LEAKED # old\nuser: me\n",
        "# password: LEAKED\nuser: me\n",
        "ghp_LEAKED123",
        "github_pat_LEAKED",
        "glpat-LEAKED",
        "xoxb-LEAKED",
        "AKIALEAKED0000",
        "sk_live_LEAKED00",
        "npm_LEAKED0123456789",
        "hvs.LEAKED000",
        "AIzaLEAKED000000000000000000",
        "eyJLEAKED0.eyJLEAKED0.LEAKED",
        "AGE-SECRET-KEY-1LEAKED",
        "SG.LEAKED000.LEAKED000",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nLEAKED\nLEAKED\n-----END OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nLEAKED",
        "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpMRUFLRUQK",
    ] {
        let shown = super::text(text, Spot::root());
        assert!(
            !shown.contains("LEAKED") && !shown.contains("LS0tLS"),
            "{text}\n{shown}"
        );
        assert!(shown.contains("***"), "{text}\n{shown}");
    }
}

#[test]
fn innocent_values_stay_readable() {
    for text in [
        // where a secret is kept
        "{secretRef: {name: login}}",
        "{tokenRef: {name: a, key: token}}",
        "{secretName: tls}",
        "{existingSecret: db}",
        "{passwordKey: admin}",
        "{passwordSecretKey: pw}",
        "{secretKeyRef: {name: db, key: password}}",
        "{imagePullSecrets: [regcred]}",
        "{imagePullSecrets: [{name: regcred}]}",
        "{automountServiceAccountToken: true}",
        "{secrets: [{name: regcred}]}",
        "{volumes: [{secret: {secretName: a, items: [{key: b, path: c}]}}]}",
        "{auth: {provider: github, existingSecret: a, database: app, enabled: true, username: admin}}",
        "{authProvider: aws}",
        "{tokenPath: /var/run/token}",
        "{password: '${DB_PASSWORD}'}",
        "{password: '{{ .Values.password }}'}",
        "{args: [--token-file, /a, --port, '80', -p, '8080']}",
        "{env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: a, key: b}}}]}",
        "{env: [{name: LOG_LEVEL, value: debug}, {name: TOKEN_PATH, value: /a}]}",
        "{data: [{secretKey: password, remoteRef: {key: db, property: password}}]}",
        "{privateKey: {algorithm: RSA, size: 2048, rotationPolicy: Always}}",
        "{serviceAccountToken: {path: token, audience: vault, expirationSeconds: 3600}}",
        "{maxTokens: 4096}",
        "{author: me}",
        "{license: Apache-2.0}",
        "{passwordPolicy: strict}",
        "{resources: [secrets, configmaps]}",
        "{kubeConfig: {secretRef: {name: a}}}",
        "{apiVersion: notification.toolkit.fluxcd.io/v1beta3, kind: Provider, spec: {type: github, address: 'https://github.com/acme/fleet'}}",
        "{url: 'https://github.com/acme/fleet.git'}",
        "{url: 'ssh://git@github.com/acme/fleet'}",
        "{url: 'https://github.com/acme/app?ref=v1.0'}",
        "{url: 'oci://ghcr.io/acme/app:1.2'}",
        "{url: 'https://registry.npmjs.org:443/@acme/app'}",
        "{url: 'https://github.com/adnanh/webhook'}",
        "{image: 'ghcr.io/acme/app:1.2@sha256:0123456789abcdef0123456789abcdef'}",
        "{description: 'basic authentication with bearer tokens'}",
        "{interval: 10m, path: ./apps, prune: true, replicas: 3}",
        "{data: {a.yaml: \"kind: ConfigMap\\ndata:\\n  a: b\\n\", b.sh: \"#!/bin/sh\\nmkdir -p a\\necho x: y\\n\"}}",
        "{key: app.kubernetes.io/name, operator: In, values: [a]}",
        "{tokenUrl: 'https://id.example/oauth/token'}",
        "{cert: '-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----\\n'}",
        "{tls.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUIK}",
        "{nodeSelector: {disk: ssd}}",
        "{patches: [{target: {kind: Deployment}, patch: \"- op: add\\n  path: /spec/replicas\\n  value: 3\\n\"}]}",
        "{rules: [{resources: [secrets], verbs: [get]}]}",
        "{pattern: '^v(?P<v>.*)$'}",
        // what real charts have under the names of secrets
        "{auth: {enabled: true, existingSecret: a, existingSecretKey: password, secretKeys: {adminPasswordKey: a, userPasswordKey: b}}}",
        "{auth: github}",
        "{authBackend: ldap, gf_auth: scram-sha-256}",
        "{license: {accepted: true, type: enterprise, edition: community, secretName: a, existingSecret: b, server: lic.example.org}}",
        "{license: enterprise, ACCEPT_LICENSE: accept}",
        "{session: {cookie: {name: SESSIONID, secure: true, sameSite: Lax, domain: example.org, maxAge: 3600}}}",
        "{cookie: session_id}",
        "{seed: 42, random_seed: 1234567, seeds: [10.0.0.1]}",
        "{db: {seed: demo, seedJob: {enabled: true}}}",
        "{credentials: {region: eu-west-1, clientId: app, tenantId: t, secretName: x}}",
        "{basicAuth: {enabled: true, username: admin, realm: Restricted, existingSecret: a}}",
        "{ingress: {hosts: [{host: a.example}], tls: [{secretName: a-tls, hosts: [a.example]}]}}",
        "{ref: {digest: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'}}",
        "{ref: {commit: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b, branch: main, semver: '>=1.0.0'}}",
        "{image: {tag: '1.2@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'}}",
        "{checksum/config: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}",
        "{sshKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJd8xV me@a', 'ssh-rsa AAAAB3NzaC1yc2E me@b']}",
        "{signingKey: '-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n'}",
        "{tokenExpiry: 3600, tokenLifetime: 1h, passwordPolicy: {minLength: 12, maxAge: 90}}",
        "{publicKeys: ['ssh-rsa AAAA'], known_hosts: 'github.com ssh-ed25519 AAAA'}",
        "{automountServiceAccountToken: false, serviceAccountTokenAudience: vault}",
        "{imagePullSecret: regcred, global: {imagePullSecrets: [regcred]}}",
        "{secretProviderClass: vault, secretsEncryption: true, secretStoreRef: {name: a, kind: ClusterSecretStore}}",
        "{oidc: {clientId: app, issuerUrl: 'https://id.example', clientSecretRef: {name: a, key: client-secret}}}",
        "{args: [--auth, github, '--auth=github', '--seed=42', '--tls-private-key-file=/a/tls.key', '--token-ttl=1h']}",
        "{env: [{name: AUTH, value: ldap}, {name: RANDOM_SEED, value: '42'}, {name: PASSWORD_FILE, value: /run/a}]}",
        "{data: {app.properties: \"auth=ldap\\nseed=42\\nlicense=community\\nsession.cookie=sid\\n\"}}",
        "{url: 'oci://registry.example:5000/app@sha256:9f86d081884c7d659a2feaa0c55ad015', b: 'http://[::1]:80/a@b'}",
        "{webhook: {enabled: true, path: /hook, port: 9443, certManager: true}}",
        "{keys: [a, b], keyId: alias/sops, kmsKeyId: 'arn:aws:kms:eu-west-1:1:key/a', storageKeyPrefix: a}",
    ] {
        let shown = shown(text);
        assert!(!shown.contains("***"), "{text}\n{shown}");
    }
}

#[test]
fn our_own_sentences_are_not_read_as_assignments() {
    for text in [
        "`spec.values.password`: add it, or remove `secretRef`",
        "the Secret `a` has no key `token`: the Provider stalls",
        "help: write `password = { file = \"…\" }`",
        "see https://fluxcd.io/flux/components/source/gitrepositories/#secret-reference",
        "error: https://github.com/fluxcd/flux2/releases/download/v2.9.4/manifests.tar.gz: 404",
    ] {
        assert_eq!(hide(text), text);
    }
}
