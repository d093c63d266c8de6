//! The command: everything is in the library.

use std::process::ExitCode;

/// A build makes many small values on all cores, which the C library's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    outlive_file_size_limits();
    limit_threads();
    fluxgen::cli::run()
}

/// The most threads: each has a stack of its own, and more than the machine has cores are of little use.
const MOST_THREADS: usize = 64;

/// Takes RAYON_NUM_THREADS for what it means, within reason.
fn limit_threads() {
    let asked = std::env::var("RAYON_NUM_THREADS").ok();
    let asked = asked
        .and_then(|number| number.parse().ok())
        .filter(|number| *number > 0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = asked.unwrap_or(cores).min(MOST_THREADS);
    // A pool that cannot be made is made when it is needed, and fails with the reason then.
    let _ = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global();
}

/// Lets a write beyond the limit of `ulimit -f` fail with an error that names the file, where the
/// signal would end the program without a word.
fn outlive_file_size_limits() {
    // SAFETY: no other thread runs yet, and ignoring a signal runs no code in a handler.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
