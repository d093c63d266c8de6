//! The command: everything is in the library.

use std::process::ExitCode;

/// A build makes many small values on all cores, which the C library's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    outlive_file_size_limits();
    fluxgen::cli::run()
}

/// Lets a write beyond the limit of `ulimit -f` fail with an error that names the file, where the
/// signal would end the program without a word.
fn outlive_file_size_limits() {
    // SAFETY: no other thread runs yet, and ignoring a signal runs no code in a handler.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
