//! Strings of field sections in Huffman code (RFC 7541, section 5.2 and appendix B). The code is canonical, so that the
//! lengths of its words say all of it.

use std::sync::LazyLock;

/// Bits of each word: one for every octet, and last the end of the string, which no string may hold.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// The word for the end of the string.
const END: u16 = 256;

/// A string is no Huffman code: a word without meaning, the end within it, or a padding that is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Broken;

/// All words of one length, which stand in a row.
#[derive(Debug)]
struct Row {
    bits: u32,
    /// The first word behind them, as the uppermost of 32 bits.
    end: u64,
    /// The first of them.
    first: u32,
    /// Where its symbol stands.
    at: usize,
}

#[derive(Debug)]
struct Code {
    /// By the next eight bits: a symbol and the length of its word; 0 where the word is longer.
    short: [(u8, u8); 256],
    rows: Vec<Row>,
    symbols: Vec<u16>,
}

static CODE: LazyLock<Code> = LazyLock::new(|| {
    let mut symbols: Vec<u16> = (0..=END).collect();
    symbols.sort_by_key(|symbol| (LENGTHS[usize::from(*symbol)], *symbol));
    let mut code = Code { short: [(0, 0); 256], rows: Vec::new(), symbols };
    let (mut word, mut bits) = (0u64, 0u32);
    for (at, symbol) in code.symbols.iter().enumerate() {
        let length = u32::from(LENGTHS[usize::from(*symbol)]);
        word <<= length - bits;
        bits = length;
        if code.rows.last().is_none_or(|row| row.bits != bits) {
            code.rows.push(Row { bits, end: 0, first: u32::try_from(word).unwrap_or(u32::MAX), at });
        }
        if let (Ok(symbol), Some(free)) = (u8::try_from(*symbol), 8u32.checked_sub(bits)) {
            let first = usize::try_from(word << free).unwrap_or(0);
            code.short[first..first + (1 << free)].fill((symbol, LENGTHS[usize::from(symbol)]));
        }
        word += 1;
        if let Some(row) = code.rows.last_mut() {
            row.end = word << (32 - bits);
        }
    }
    code
});

impl Code {
    /// The symbol whose word these 32 bits begin with, and its length.
    fn symbol(&self, window: u32) -> (u16, u32) {
        let (symbol, bits) = self.short[(window >> 24) as usize];
        if bits > 0 {
            return (symbol.into(), bits.into());
        }
        let row = self.rows.iter().find(|row| u64::from(window) < row.end);
        row.map_or((END, 30), |row| {
            let word = window >> (32 - row.bits);
            (self.symbols[row.at + (word - row.first) as usize], row.bits)
        })
    }
}

/// Appends what `coded` says.
pub(super) fn decode(coded: &[u8], into: &mut Vec<u8>) -> Result<(), Broken> {
    let code = &*CODE;
    let mut coded = coded.iter();
    // The uppermost `have` bits of `bits` are unread.
    let (mut bits, mut have) = (0u64, 0u32);
    loop {
        while have <= 56
            && let Some(byte) = coded.next()
        {
            bits |= u64::from(*byte) << (56 - have);
            have += 8;
        }
        if have == 0 {
            return Ok(());
        }
        let padded = bits | u64::MAX.checked_shr(have).unwrap_or(0);
        let (symbol, length) = code.symbol((padded >> 32) as u32);
        if length > have {
            // Less than an octet is left, and all of it is the beginning of the end's word.
            return if have < 8 && padded == u64::MAX { Ok(()) } else { Err(Broken) };
        }
        into.push(u8::try_from(symbol).map_err(|_| Broken)?);
        bits <<= length;
        have -= length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard_are_read() {
        for (coded, text) in [
            // RFC 7541, appendix C.4 and C.6.
            (
                &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff][..],
                "www.example.com",
            ),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (&[0x64, 0x02], "302"),
            (
                &[
                    0x9d, 0x29, 0xad, 0x17, 0x18, 0x63, 0xc7, 0x8f, 0x0b, 0x97, 0xc8, 0xe9, 0xae, 0x82, 0xae,
                    0x43, 0xd3,
                ],
                "https://www.example.com",
            ),
            (&[], ""),
        ] {
            let mut read = Vec::new();
            assert_eq!(decode(coded, &mut read), Ok(()));
            assert_eq!(String::from_utf8(read).unwrap(), text);
        }
    }

    #[test]
    fn each_octet_is_read_from_its_word_and_a_wrong_padding_is_refused() {
        for symbol in 0..=255u8 {
            let at = CODE.symbols.iter().position(|other| *other == u16::from(symbol)).unwrap();
            let row = CODE.rows.iter().rev().find(|row| row.at <= at).unwrap();
            let word = u64::from(row.first) + (at - row.at) as u64;
            let padded = (word << (64 - row.bits)) | (u64::MAX >> row.bits);
            let bytes = &padded.to_be_bytes()[..row.bits.div_ceil(8) as usize];
            let mut read = Vec::new();
            assert_eq!((decode(bytes, &mut read), read), (Ok(()), vec![symbol]));
        }
        for coded in [
            // The end of the string, a whole octet of padding, a padding of zeros, a word cut short.
            &[0xff, 0xff, 0xff, 0xff][..],
            &[0x1f, 0xff],
            &[0x18],
            &[0xff, 0xc0],
        ] {
            assert_eq!(decode(coded, &mut Vec::new()), Err(Broken), "{coded:x?}");
        }
    }
}
