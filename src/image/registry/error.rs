//! Why the tags of a repository could not be read.

use std::fmt;
use std::time::Duration;

/// What went wrong, with the host it went wrong at.
#[derive(Debug)]
pub struct RegistryError {
    pub host: String,
    pub fault: RegistryFault,
}

#[derive(Debug)]
pub enum RegistryFault {
    /// The time limit was reached.
    TooSlow(Duration),
    /// No answer: the name, the connection or TLS.
    Unreachable(String),
    /// Credentials are wanted or were not accepted.
    Unauthorized {
        with_credentials: bool,
    },
    NotFound(String),
    /// The registry asks to wait.
    TooManyRequests,
    /// Any other status.
    Status(u16),
    /// The answer is not what the API promises, or larger than is sound.
    Answer(String),
    /// The docker config file or one of its helpers.
    Credentials(String),
}

impl RegistryError {
    pub fn help(&self) -> Option<String> {
        Some(match &self.fault {
            RegistryFault::Unauthorized {
                with_credentials: false,
            } => format!("log in with `docker login {}`", self.host),
            RegistryFault::Unauthorized {
                with_credentials: true,
            } => {
                format!(
                    "the account may not read the image, or its password is old: `docker login {}`",
                    self.host
                )
            }
            RegistryFault::NotFound(_) => {
                "check the image's spelling; a private image may be hidden as well".into()
            }
            RegistryFault::Unreachable(_) => {
                "check the host; for a registry without TLS set `insecure = true` on the image"
                    .into()
            }
            RegistryFault::TooSlow(_) | RegistryFault::TooManyRequests => {
                "try again later, or give the tags with `--tags`".into()
            }
            RegistryFault::Status(_) | RegistryFault::Answer(_) | RegistryFault::Credentials(_) => {
                return None;
            }
        })
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match &self.fault {
            RegistryFault::TooSlow(limit) => write!(
                f,
                "the registry `{host}` did not answer within {} seconds",
                limit.as_secs_f32()
            ),
            RegistryFault::Unreachable(reason) => {
                write!(f, "cannot reach the registry `{host}`: {reason}")
            }
            RegistryFault::Unauthorized {
                with_credentials: true,
            } => {
                write!(
                    f,
                    "the registry `{host}` does not accept the credentials of the docker config file"
                )
            }
            RegistryFault::Unauthorized {
                with_credentials: false,
            } => write!(f, "the registry `{host}` wants credentials"),
            RegistryFault::NotFound(path) => {
                write!(f, "the registry `{host}` has no image `{path}`")
            }
            RegistryFault::TooManyRequests => {
                write!(f, "the registry `{host}` refuses more requests for now")
            }
            RegistryFault::Status(status) => {
                write!(f, "the registry `{host}` answered with status {status}")
            }
            RegistryFault::Answer(reason) => write!(
                f,
                "the registry `{host}` gave an answer that cannot be used: {reason}"
            ),
            RegistryFault::Credentials(reason) => {
                write!(f, "cannot read the credentials for `{host}`: {reason}")
            }
        }
    }
}

impl std::error::Error for RegistryError {}
