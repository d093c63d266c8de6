//! Runs a program and tells what it took.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What one run of a program took.
#[derive(Clone, Copy)]
pub struct Usage {
    pub wall: Duration,
    /// Of all its threads, in the program and in the kernel.
    pub cpu: Duration,
    /// The most memory that it held at once, in bytes.
    pub peak: u64,
}

/// Runs a program with its output thrown away. `expected` is how it should end.
#[expect(clippy::zombie_processes, reason = "wait4 waits for it")]
pub fn run(command: &mut Command, expected: i32) -> Usage {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let child = command.spawn().expect("the program starts");
    let id = libc::pid_t::try_from(child.id()).expect("a process id");
    let mut status = 0;
    // SAFETY: a zeroed `rusage` is a valid one, and all pointers live as long as the call.
    let (waited, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(id, &raw mut status, 0, &raw mut usage), usage)
    };
    let wall = start.elapsed();
    assert_eq!(waited, id);
    assert!(libc::WIFEXITED(status), "{command:?} was killed");
    assert_eq!(libc::WEXITSTATUS(status), expected, "{command:?}");
    let time = |time: libc::timeval| {
        let micros = u64::try_from(time.tv_sec * 1_000_000 + time.tv_usec).expect("a time");
        Duration::from_micros(micros)
    };
    Usage {
        wall,
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        peak: u64::try_from(usage.ru_maxrss).expect("a size") * 1024,
    }
}
