//! `layout.schemaComment`: the line by which editors find a document's schema.

use minijinja::Environment;

use super::path::reason;
use crate::diagnostic::Diagnostic;
use crate::expand::{engine, guard};
use crate::resource::Resource;
use crate::settings::Layout;
use crate::source::Span;

/// Makes the lines; none where the TOML file does not ask for them.
pub(crate) struct SchemaComment {
    template: Option<(Environment<'static>, Span)>,
}

const VARIABLES: &str = "use `kind`, `group` and `version`, as in `https://schemas.example.com/{{ group }}/{{ kind }}_{{ version }}.json`";

impl SchemaComment {
    pub(crate) fn new(layout: &Layout) -> Result<Self, Diagnostic> {
        let Some(url) = &layout.schema_comment else {
            return Ok(Self { template: None });
        };
        let mut environment = engine::environment();
        environment.set_fuel(Some(10_000));
        environment
            .add_template_owned("url", guard::template(&url.value))
            .map_err(|error| {
                let message = format!("`layout.schemaComment` is no template: {}", reason(&error));
                Diagnostic::error("layout", message)
                    .at(url.span, "")
                    .with_help(VARIABLES)
            })?;
        Ok(Self {
            template: Some((environment, url.span)),
        })
    }

    /// `# yaml-language-server: $schema=…` for a document.
    pub(crate) fn line(&self, resource: &Resource) -> Result<Option<String>, Diagnostic> {
        let Some((environment, span)) = &self.template else {
            return Ok(None);
        };
        let fault = |message: String| {
            Diagnostic::error("layout", message)
                .at(*span, format!("for {}", resource.identity))
                .with_help(VARIABLES)
        };
        let version = resource.api_version.rsplit('/').next();
        let context = minijinja::context! {
            kind => resource.identity.kind.to_lowercase(),
            group => resource.identity.group.as_str(),
            version => version.unwrap_or_default(),
        };
        let url = environment
            .get_template("url")
            .and_then(|template| template.render(context))
            .map_err(|error| fault(format!("`layout.schemaComment`: {}", reason(&error))))?;
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '{' || c == '}';
        if url.is_empty() || url.contains(is_odd) {
            return Err(fault(format!("`{}` is no URL", url.escape_debug())));
        }
        Ok(Some(format!("# yaml-language-server: $schema={url}\n")))
    }
}
