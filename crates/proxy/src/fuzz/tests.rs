//! The corpus that fuzzing found, and a seeded random part of it, through every target.

use super::{TARGETS, run};
use std::path::{Path, PathBuf};

/// Random inputs for each target.
const RANDOM: usize = 800;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// A generator of numbers that is the same each time (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % below.max(1) as u64).unwrap()
    }
}

/// One input of the corpus with some bytes changed, doubled, or replaced by a piece of another.
fn changed(corpus: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    const SPICE: &[&[u8]] = &[
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"\t",
        b":",
        b";",
        b"%2e",
        b"/../",
        b"..",
        b"chunked",
        b"0\r\n\r\n",
        b"Transfer-Encoding",
        b"Content-Length: 5",
        b"\xff",
        b"\x80",
        b"GET / HTTP/1.1\r\n",
    ];
    let mut input = corpus[numbers.next(corpus.len())].clone();
    for _ in 0..=numbers.next(4) {
        let at = numbers.next(input.len() + 1);
        match numbers.next(5) {
            0 if at < input.len() => input[at] = u8::try_from(numbers.next(256)).unwrap(),
            1 => {
                let end = at + numbers.next(input.len() + 1 - at);
                input.drain(at..end);
            }
            2 => {
                let other = &corpus[numbers.next(corpus.len())];
                let piece = other[numbers.next(other.len() + 1)..].to_vec();
                input.splice(at..at, piece);
            }
            _ => {
                input.splice(at..at, SPICE[numbers.next(SPICE.len())].iter().copied());
            }
        }
    }
    input
}

#[test]
fn what_fuzzing_has_found_is_read_in_one_way_and_so_is_what_is_made_of_it() {
    for (number, (target, _)) in TARGETS.iter().enumerate() {
        let corpus = corpus(target);
        assert!(!corpus.is_empty(), "{target} has no corpus");
        for input in &corpus {
            check(target, input);
        }
        let mut numbers = Numbers(number as u64);
        for _ in 0..RANDOM {
            check(target, &changed(&corpus, &mut numbers));
        }
    }
}

/// Runs a target, and names the input when it fails.
fn check(target: &str, input: &[u8]) {
    let run = std::panic::catch_unwind(|| run(target, input));
    assert!(run.is_ok(), "{target}: {}", input.escape_ascii());
}

#[test]
fn a_reader_that_is_wrong_is_found() {
    // The strict reading takes what ours refuses, and the other way round it must show.
    let lax = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
    let head = super::strict::request(lax).unwrap().unwrap();
    assert!(head.framing().is_err());
    assert!(super::strict::request(b"GET / HTTP/1.1\nHost: a\r\n\r\n").is_err());
    assert!(super::strict::request(b"GET / HTTP/1.1\r\nA : b\r\n\r\n").is_err());
    assert_eq!(
        super::strict::chunked(b"5\r\nhello\r\n0\r\n\r\nx"),
        Ok(Some((b"hello".to_vec(), b"x".as_slice())))
    );
    assert!(super::strict::chunked(b"5x\r\nhello\r\n0\r\n\r\n").is_err());
}
