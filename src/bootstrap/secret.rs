//! Tokens, passwords and private keys: values that no output, argument list, file or error may hold.

use std::cell::RefCell;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A text that shows itself as `***`.
///
/// [`Secret::expose`] is the only way to the value; its uses are an HTTP header, the
/// environment of a child process and the standard input of kubectl.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Hides the secrets of a run in texts that come from elsewhere: a server's error body, a
/// program's standard error. The second line of defence; the first is not to pass them there.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    secrets: RefCell<Vec<Secret>>,
}

impl Redactor {
    /// Shorter values would hide ordinary words.
    const SHORTEST: usize = 6;

    pub(crate) fn learn(&self, secret: &Secret) {
        if secret.expose().len() < Self::SHORTEST {
            return;
        }
        let encoded = Secret::new(STANDARD.encode(secret.expose()));
        let mut secrets = self.secrets.borrow_mut();
        for secret in [secret.clone(), encoded] {
            if !secrets.contains(&secret) {
                secrets.push(secret);
            }
        }
    }

    /// Learns a password also as HTTP basic authentication writes it.
    pub(crate) fn learn_login(&self, username: &str, password: &Secret) {
        self.learn(password);
        if password.expose().len() >= Self::SHORTEST {
            self.learn(&Secret::new(
                STANDARD.encode(format!("{username}:{}", password.expose())),
            ));
        }
    }

    pub(crate) fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets.borrow().iter() {
            if text.contains(secret.expose()) {
                text = text.replace(secret.expose(), "***");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_its_value() {
        let secret = Secret::new("ghp_example");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "*** *** Some(***)"
        );
    }

    #[test]
    fn a_learned_secret_is_hidden_in_plain_and_in_base64() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("hunter22"));
        let encoded = STANDARD.encode("hunter22");
        assert_eq!(
            redactor.hide(&format!("a hunter22 b {encoded}")),
            "a *** b ***"
        );
    }
}
