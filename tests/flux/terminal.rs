//! A terminal for the program under test: its standard input and error are there, its output is not.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};

/// In milliseconds; a program that waits for what was not typed fails its test.
const LONGEST_SILENCE: libc::c_int = 120_000;

pub struct Terminal {
    master: File,
    /// All that was shown so far.
    shown: String,
}

/// Starts the program on a terminal of 24 lines and 100 columns.
pub fn start(command: &mut Command) -> (Child, Terminal) {
    let (mut master, mut slave) = (-1, -1);
    let size = libc::winsize {
        ws_row: 24,
        ws_col: 100,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: both places are ours, and name and settings may be null.
    let (master, slave) = unsafe {
        let opened = libc::openpty(
            &raw mut master,
            &raw mut slave,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            (&raw const size).cast_mut(),
        );
        assert_eq!(opened, 0, "a terminal");
        libc::fcntl(master, libc::F_SETFD, libc::FD_CLOEXEC);
        (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave))
    };
    let child = command
        .stdin(slave.try_clone().expect("a second handle"))
        .stdout(Stdio::piped())
        .stderr(slave)
        .spawn()
        .expect("the program runs");
    // The command holds the slave open otherwise, and the end would never be read.
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let master = File::from(master);
    (
        child,
        Terminal {
            master,
            shown: String::new(),
        },
    )
}

impl Terminal {
    /// Reads on until these words were shown, and types an answer.
    pub fn wait_for(&mut self, words: &str, answer: &str) {
        while !self.shown.contains(words) {
            assert!(self.read(), "`{words}` is not in\n{}", self.shown);
        }
        self.master.write_all(answer.as_bytes()).expect("typed");
    }

    /// Reads to the end; gives all that was shown.
    pub fn rest(mut self) -> String {
        while self.read() {}
        self.shown
    }

    fn read(&mut self) -> bool {
        let mut waiting = libc::pollfd {
            fd: self.master.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: the one entry lives as long as the call.
        let ready = unsafe { libc::poll(&raw mut waiting, 1, LONGEST_SILENCE) };
        assert_ne!(ready, 0, "nothing more is shown after\n{}", self.shown);
        let mut bytes = [0; 4096];
        // A terminal that nobody holds open any more is an error, not an end.
        let read = self.master.read(&mut bytes).unwrap_or(0);
        self.shown
            .push_str(&String::from_utf8_lossy(&bytes[..read]));
        read > 0
    }
}
