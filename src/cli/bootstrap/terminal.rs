//! The terminal of a bootstrap: the plan on stdout, all else on stderr, a line of progress where
//! somebody watches.

use std::cell::RefCell;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::bootstrap::{Answer, Secret, Ui};
use crate::cli::progress::{SHORT, is_watched};
use crate::cli::readable;

pub(super) struct Terminal {
    started: Instant,
    /// Somebody watches stderr.
    is_watched: bool,
    bar: RefCell<Option<ProgressBar>>,
    /// What a log was told last.
    told: RefCell<String>,
}

impl Terminal {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            is_watched: is_watched(),
            bar: RefCell::new(None),
            told: RefCell::new(String::new()),
        }
    }

    /// Takes the line of progress away.
    pub(super) fn finish(&self) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }

    fn can_ask(&self) -> bool {
        std::io::stderr().is_terminal() && std::io::stdin().is_terminal()
    }

    fn show(&self, text: &str) {
        let mut bar = self.bar.borrow_mut();
        if bar.is_none() && self.started.elapsed() < SHORT {
            return;
        }
        let bar = bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            ProgressBar::new_spinner()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        bar.set_message(readable(text));
        bar.tick();
    }

    /// A log gets a line when something else is waited for, not one a second.
    fn log(&self, text: &str) {
        let what = text.rsplit_once(" (").map_or(text, |(what, _)| what);
        let mut told = self.told.borrow_mut();
        if what.starts_with("waiting") && *told != what {
            eprintln!("{}", readable(what));
            what.clone_into(&mut told);
        }
    }
}

impl Ui for Terminal {
    fn plan(&self, text: &str) {
        self.finish();
        // A reader that went away is no reason to stop half-way.
        let _ = writeln!(std::io::stdout(), "{}", readable(text));
    }

    fn say(&self, text: &str) {
        self.finish();
        eprintln!("{}", readable(text));
    }

    fn progress(&self, text: &str) {
        if self.is_watched {
            self.show(text);
        } else {
            self.log(text);
        }
    }

    fn secret(&self, question: &str) -> Option<Secret> {
        self.finish();
        if !self.can_ask() {
            return None;
        }
        let mut line = String::new();
        let read = {
            // Before the question: an answer typed at once would be shown, and lost.
            let _hidden = Unechoed::begin()?;
            eprint!("{}", readable(question));
            std::io::stdin().lock().read_line(&mut line)
        };
        eprintln!();
        read.ok()?;
        Some(Secret::new(line.trim_end_matches(['\n', '\r'])))
    }

    fn confirm(&self, question: &str) -> Answer {
        self.finish();
        if !self.can_ask() {
            return Answer::Nobody;
        }
        eprint!("{} [y/N] ", readable(question));
        let mut line = String::new();
        match std::io::stdin().lock().read_line(&mut line) {
            Ok(_) if matches!(line.trim(), "y" | "Y" | "yes" | "Yes") => Answer::Yes,
            Ok(_) | Err(_) => Answer::No,
        }
    }
}

/// Standard input whose terminal does not show what is typed, until it is dropped.
struct Unechoed(Termios);

impl Unechoed {
    /// `None` where the terminal cannot be set: then nothing secret is to be typed.
    fn begin() -> Option<Self> {
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &hidden).ok()?;
        Some(Self(before))
    }
}

impl Drop for Unechoed {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.0);
    }
}
