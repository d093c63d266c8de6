//! A forge whose certificate is signed by an authority of its own, which `repo.caFile` names.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use fluxgen::bootstrap::ForgeKind;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::forge::Forge;
use crate::scene::{Scene, TOKEN};

/// What the server shows, and the authority's certificate in PEM.
fn authority() -> Option<(Arc<ServerConfig>, String)> {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let openssl = |args: &[&str]| openssl(at, args);
    fs_err::write(at.join("san"), "subjectAltName=IP:127.0.0.1\n").expect("written");
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ];
    let mut ca = vec![
        "req", "-x509", "-days", "2", "-subj", "/CN=Acme", "-keyout", "ca.key",
    ];
    ca.extend(["-out", "ca.pem", "-addext", "keyUsage=critical,keyCertSign"]);
    ca.extend(key);
    let mut request = vec![
        "req",
        "-subj",
        "/CN=forge",
        "-keyout",
        "key.pem",
        "-out",
        "csr",
    ];
    request.extend(key);
    let sign = [
        "x509",
        "-req",
        "-in",
        "csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "san",
        "-out",
        "cert.pem",
    ];
    if !(openssl(&ca) && openssl(&request) && openssl(&sign)) {
        eprintln!("skipped: there is no openssl");
        return None;
    }
    let certificate = CertificateDer::from_pem_file(at.join("cert.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(at.join("key.pem")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they belong together");
    let ca = fs_err::read_to_string(at.join("ca.pem")).expect("read");
    Some((Arc::new(config), ca))
}

fn openssl(folder: &Path, args: &[&str]) -> bool {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(args)
        .output();
    match output {
        Ok(output) if !output.status.success() => {
            panic!("{args:?}: {}", String::from_utf8_lossy(&output.stderr))
        }
        output => output.is_ok(),
    }
}

/// A run ends where nobody vouches for the server.
fn is_not_trusted(scene: &mut Scene) -> String {
    let error = scene.run().expect_err("nobody vouches for it");
    let message = "the certificate of `127.0.0.1` is not trusted";
    assert!(error.message.ends_with(message), "{error}");
    error.help.concat()
}

#[test]
fn git_trusts_the_authority_of_the_ca_file_and_no_other_unknown_one() {
    let Some((tls, ca)) = authority() else { return };
    let mut scene = Scene::served(Some(tls), "git");
    scene
        .vars
        .insert("GIT_PASSWORD".to_owned(), TOKEN.to_owned());
    let help = is_not_trusted(&mut scene);
    assert!(help.contains("`repo.caFile`"), "{help}");
    let (_, other) = authority().expect("there is an openssl");
    scene.target.credentials.ca = Some(other.clone());
    scene.run().expect_err("another authority");
    assert_eq!(scene.head("main"), None);
    // What the user's git trusts is trusted as well.
    let file = scene.path("home/trusted.pem");
    fs_err::write(&file, ca.trim_end()).expect("written");
    scene.git(&["config", "http.sslCAInfo", &file.display().to_string()]);
    scene.complete();
    assert_eq!(scene.cluster.secret("flux-system", "ca.crt"), Some(other));
}

#[test]
fn the_api_of_a_forge_is_asked_under_the_authority_of_the_ca_file() {
    let Some((tls, ca)) = authority() else { return };
    for kind in [ForgeKind::GitHub, ForgeKind::Gitea] {
        let user = if kind == ForgeKind::Gitea {
            "ada"
        } else {
            "git"
        };
        let mut scene = Scene::served(Some(tls.clone()), user);
        let forge = Forge::with(Some(tls.clone()), kind, &scene.remote());
        let mut provider = forge.provider();
        provider.host = "127.0.0.1".to_owned();
        scene.target.provider = Some(provider);
        scene
            .vars
            .insert(kind.token_variable().to_owned(), TOKEN.to_owned());
        is_not_trusted(&mut scene);
        assert!(forge.state().requests.is_empty(), "the token is not sent");
        scene.target.credentials.ca = Some(ca.clone());
        scene.complete();
        assert!(!forge.state().requests.is_empty());
    }
}
