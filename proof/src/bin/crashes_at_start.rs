//! A version of the program that aborts before it does anything.

fn main() {
    std::process::abort();
}
