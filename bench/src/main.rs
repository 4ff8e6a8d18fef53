//! Side-by-side benchmark (`make bench`).
fn main() {}
