//! An ImagePolicy's rule and filter, built as image-reflector-controller builds them.

use std::fmt;

use crate::go::regexp::{Regexp, RegexpError, Template};
use crate::go::semver::{Constraint, ConstraintError};

/// How a policy orders the tags that its filter passes; the last one is the latest.
///
/// Source: <https://fluxcd.io/flux/components/image/imagepolicies/#policy>
#[derive(Debug, Clone)]
pub enum Policy {
    SemVer {
        range: String,
        constraint: Constraint,
    },
    Alphabetical {
        order: Order,
    },
    Numerical {
        order: Order,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The greatest is the latest.
    Asc,
    /// The least is the latest.
    Desc,
}

/// `filterTags`: which tags take part, and what of a tag is ordered.
#[derive(Debug, Clone)]
pub struct Filter {
    pub regexp: Regexp,
    /// A template over the pattern's groups; empty for the tag itself.
    pub extract: String,
    /// The same, read.
    template: Template,
}

/// Why a policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyError {
    Range(ConstraintError),
    Order(String),
    Pattern { pattern: String, error: RegexpError },
}

impl PolicyError {
    /// Whether the policy may be sound and only could not be judged here.
    pub fn is_not_checked(&self) -> bool {
        matches!(
            self,
            Self::Pattern {
                error: RegexpError::NotChecked(_),
                ..
            }
        )
    }
}

/// Displays the controller's words, which the ImagePolicy's Ready condition shows.
impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(error) => f.write_str(&error.go),
            Self::Order(order) => {
                write!(
                    f,
                    "invalid order argument provided: '{order}', must be one of: ASC, DESC"
                )
            }
            Self::Pattern {
                error: RegexpError::NotChecked(reason),
                ..
            } => write!(f, "not checked: {reason}"),
            Self::Pattern { pattern, error } => {
                write!(f, "invalid regular expression pattern '{pattern}': {error}")
            }
        }
    }
}

impl std::error::Error for PolicyError {}

impl Policy {
    pub fn semver(range: &str) -> Result<Self, PolicyError> {
        let constraint = Constraint::parse(range).map_err(PolicyError::Range)?;
        Ok(Self::SemVer {
            range: range.to_owned(),
            constraint,
        })
    }

    /// `order` as a resource writes it: `asc`, `desc` or nothing.
    pub fn alphabetical(order: &str) -> Result<Self, PolicyError> {
        Ok(Self::Alphabetical {
            order: Order::parse(&order.to_uppercase())?,
        })
    }

    /// `order` as a resource writes it: `asc`, `desc` or nothing.
    pub fn numerical(order: &str) -> Result<Self, PolicyError> {
        Ok(Self::Numerical {
            order: Order::parse(&order.to_uppercase())?,
        })
    }

    pub fn order(&self) -> Option<Order> {
        match self {
            Self::SemVer { .. } => None,
            Self::Alphabetical { order } | Self::Numerical { order } => Some(*order),
        }
    }
}

impl Order {
    /// Reads the controller's argument: `ASC`, `DESC`, or nothing for `ASC`.
    pub fn parse(argument: &str) -> Result<Self, PolicyError> {
        match argument {
            "" | "ASC" => Ok(Self::Asc),
            "DESC" => Ok(Self::Desc),
            other => Err(PolicyError::Order(other.to_owned())),
        }
    }

    /// As a resource writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }
}

/// Displays the rule in a few words: `semver 6.x`, `numerical asc`.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SemVer { range, .. } => write!(f, "semver {range}"),
            Self::Alphabetical { order } => write!(f, "alphabetical {}", order.as_str()),
            Self::Numerical { order } => write!(f, "numerical {}", order.as_str()),
        }
    }
}

/// The longest `extract` that is judged: each `$1` of it repeats a part of every tag.
const MAX_EXTRACT: usize = 512;

impl Filter {
    pub fn new(pattern: &str, extract: &str) -> Result<Self, PolicyError> {
        if extract.len() > MAX_EXTRACT {
            let reason = format!(
                "`extract` has {} bytes, more than {MAX_EXTRACT}",
                extract.len()
            );
            return Err(PolicyError::Pattern {
                pattern: pattern.to_owned(),
                error: RegexpError::NotChecked(reason),
            });
        }
        let regexp = Regexp::compile(pattern).map_err(|error| PolicyError::Pattern {
            pattern: pattern.to_owned(),
            error,
        })?;
        Ok(Self {
            template: regexp.template(extract),
            extract: extract.to_owned(),
            regexp,
        })
    }

    /// What of a tag is ordered; none where the pattern does not match.
    pub fn apply(&self, tag: &str) -> Option<String> {
        if self.extract.is_empty() {
            return self.regexp.is_match(tag).then(|| tag.to_owned());
        }
        self.regexp.extract(tag, &self.template)
    }
}
