//! Progress on a terminal: who watches, and a bar for downloads that take a while.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::install::Watch;

/// Work that is over sooner is not shown.
pub(super) const SHORT: Duration = Duration::from_millis(500);

/// Somebody watches stderr, on a terminal that can take a line back.
pub(super) fn is_watched() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Shows each download that takes longer than [`SHORT`]; it is taken away when it ends.
#[derive(Debug, Default)]
pub(super) struct Downloads(Mutex<Option<Running>>);

#[derive(Debug)]
struct Running {
    bar: ProgressBar,
    /// Dropped to say that it is over.
    over: Sender<()>,
    shower: JoinHandle<()>,
}

impl Downloads {
    fn running(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Watch for Downloads {
    fn begin(&self, url: &str) {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
            .with_style(style("{spinner} fetching {wide_msg}"))
            .with_message(url.to_owned());
        let (over, is_over) = channel();
        // A server that does not answer is shown as well, so the bar cannot wait for the first byte.
        let shown = bar.clone();
        let shower = std::thread::spawn(move || {
            if is_over.recv_timeout(SHORT) == Err(RecvTimeoutError::Timeout) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(Duration::from_millis(100));
            }
        });
        *self.running() = Some(Running { bar, over, shower });
    }

    fn received(&self, bytes: u64, of: Option<u64>) {
        let running = self.running();
        let Some(Running { bar, .. }) = running.as_ref() else {
            return;
        };
        if bytes == 0 {
            match of {
                Some(size) => {
                    bar.set_length(size);
                    bar.set_style(style("[{bar:20}] {bytes} of {total_bytes}  {wide_msg}"));
                }
                None => bar.set_style(style("{spinner} {bytes}  {wide_msg}")),
            }
        }
        bar.set_position(bytes);
    }

    fn end(&self) {
        let Some(Running { bar, over, shower }) = self.running().take() else {
            return;
        };
        drop(over);
        // Not before it is known whether the bar is shown, so that none stays behind.
        let _ = shower.join();
        bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
