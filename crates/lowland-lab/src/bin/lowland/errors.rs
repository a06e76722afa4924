//! Shows an error: what, where, and what to do.

use std::fmt;
use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;

use lowland_lab::Error;
use lowland_lab::config::{ConfigError, Location};
use miette::{
    Diagnostic, GraphicalReportHandler, LabeledSpan, NamedSource, SourceCode, SourceSpan,
};

/// Prints an error on standard error: one plain line, and on a terminal the part of the file too.
pub fn report(error: &Error) -> ExitCode {
    let code = ExitCode::from(error.exit_code());
    // A reader who has gone away changes nothing about the exit code.
    let _ = match error {
        Error::Config(mistake) if stderr().is_terminal() => {
            let mut text = String::new();
            let excerpt = Excerpt::of(mistake);
            match GraphicalReportHandler::new().render_report(&mut text, &excerpt) {
                Ok(()) => write!(stderr(), "{text}"),
                Err(_) => writeln!(stderr(), "error: {error}"),
            }
        }
        _ => writeln!(stderr(), "error: {error}"),
    };
    code
}

/// A mistake in a config with the lines around it.
#[derive(Debug)]
struct Excerpt {
    message: String,
    help: String,
    source: Option<(NamedSource<String>, SourceSpan)>,
    label: String,
}

impl Excerpt {
    fn of(mistake: &ConfigError) -> Excerpt {
        let label = mistake.problem().to_string();
        let field = match mistake.field() {
            "" => String::new(),
            field => format!("field `{field}`: "),
        };
        let source = match mistake.location() {
            Location::File { file, text, range } => {
                Some((NamedSource::new(file, text.to_string()), range.clone().into()))
            }
            _ => None,
        };
        Excerpt {
            message: format!("{}: {field}{label}", mistake.location()),
            help: mistake.allowed().to_string(),
            source,
            label,
        }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Excerpt {}

impl Diagnostic for Excerpt {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.help.is_empty()).then(|| Box::new(&self.help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|(source, _)| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (_, span) = self.source.as_ref()?;
        let label = LabeledSpan::new_with_span(Some(self.label.clone()), *span);
        Some(Box::new(std::iter::once(label)))
    }
}
