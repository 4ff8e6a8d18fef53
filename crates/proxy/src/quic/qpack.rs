//! Field sections (QPACK, RFC 9204) without a dynamic table: we grant none to clients, and use none of theirs. So no
//! section waits for another stream, and what a client can make us remember is nothing.

use super::huffman;
use super::static_table::STATIC;

/// What each field costs beyond its text, by the standard's count (RFC 9114, section 4.2.2).
const FIELD_COST: usize = 32;

/// Why a field section is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// It cannot be read (`QPACK_DECOMPRESSION_FAILED`).
    Broken,
    /// It is larger than allowed.
    TooLarge,
}

/// Reads an integer of which the first `prefix` bits stand in the first octet (RFC 7541, section 5.1).
pub(super) fn read_integer(bytes: &[u8], prefix: u32) -> Result<Option<(u64, usize)>, Refused> {
    let Some(first) = bytes.first() else { return Ok(None) };
    let most = (1u64 << prefix) - 1;
    let mut value = u64::from(*first) & most;
    if value < most {
        return Ok(Some((value, 1)));
    }
    // RFC 9204, section 4.1.1: integers have at most 62 bits.
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        let shift = 7 * (at - 1);
        if shift > 56 {
            return Err(Refused::Broken);
        }
        value += u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(Some((value, at + 1)));
        }
    }
    Ok(None)
}

/// What is left of a section.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn integer(&mut self, prefix: u32) -> Result<usize, Refused> {
        let (value, length) = read_integer(self.0, prefix)?.ok_or(Refused::Broken)?;
        self.0 = &self.0[length..];
        usize::try_from(value).map_err(|_| Refused::Broken)
    }

    /// A string whose length has a prefix of so many bits, below the bit that says whether it is Huffman code.
    fn string<'s>(&mut self, prefix: u32, space: &'s mut Vec<u8>) -> Result<&'s [u8], Refused>
    where
        'a: 's,
    {
        let coded = self.0.first().is_some_and(|first| first >> prefix & 1 == 1);
        let length = self.integer(prefix)?;
        let text = self.0.get(..length).ok_or(Refused::Broken)?;
        self.0 = &self.0[length..];
        if !coded {
            return Ok(text);
        }
        space.clear();
        huffman::decode(text, space).map_err(|huffman::Broken| Refused::Broken)?;
        Ok(space)
    }
}

/// Reads a field section and gives out its fields in order. `most` is the size that it may have by the standard's count.
///
/// # Errors
/// The first that `field` gives, or, as its source, why the section is not taken.
pub(super) fn decode<E: From<Refused>>(
    section: &[u8],
    most: usize,
    mut field: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut input = Input(section);
    // Sections that need entries of the dynamic table are impossible, and so is a base below none.
    let needed = input.integer(8)?;
    let is_below = input.0.first().is_some_and(|first| first & 0x80 != 0);
    input.integer(7)?;
    if needed != 0 || is_below {
        return Err(Refused::Broken.into());
    }
    let (mut names, mut values) = (Vec::new(), Vec::new());
    let mut size = 0;
    while let Some(first) = input.0.first() {
        let entry = |index: usize| STATIC.get(index).ok_or(Refused::Broken);
        let (name, value) = match *first {
            // Indexed, static.
            0b1100_0000.. => *entry(input.integer(6)?)?,
            // A literal with the name of a static entry.
            0b0101_0000..=0b0101_1111 | 0b0111_0000..=0b0111_1111 => {
                let (name, _) = *entry(input.integer(4)?)?;
                (name, input.string(7, &mut values)?)
            }
            // A literal with a name of its own.
            0b0010_0000..=0b0011_1111 => {
                let name = input.string(3, &mut names)?;
                (name, input.string(7, &mut values)?)
            }
            // All others name the dynamic table, which is empty.
            _ => return Err(Refused::Broken.into()),
        };
        size += name.len() + value.len() + FIELD_COST;
        if size > most {
            return Err(Refused::TooLarge.into());
        }
        field(name, value)?;
    }
    Ok(())
}

fn put_integer(out: &mut Vec<u8>, flags: u8, prefix: u32, value: usize) {
    let most = (1usize << prefix) - 1;
    if value < most {
        return out.push(flags | value.to_le_bytes()[0]);
    }
    out.push(flags | most.to_le_bytes()[0]);
    let mut rest = value - most;
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

/// Begins a section.
pub(super) fn begin(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0]);
}

/// Appends `:status`.
pub(super) fn put_status(out: &mut Vec<u8>, status: u16) {
    let index = match status {
        103 => 24,
        200 => 25,
        304 => 26,
        404 => 27,
        503 => 28,
        100 => 63,
        204 => 64,
        206 => 65,
        302 => 66,
        400 => 67,
        403 => 68,
        421 => 69,
        425 => 70,
        500 => 71,
        _ => {
            put_integer(out, 0b0101_0000, 4, 24);
            put_integer(out, 0, 7, 3);
            return out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
        }
    };
    put_integer(out, 0b1100_0000, 6, index);
}

/// Appends a field; its name is brought into lower case.
pub(super) fn put(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    match known(name) {
        Some(index) => put_integer(out, 0b0101_0000, 4, index),
        None => {
            put_integer(out, 0b0010_0000, 3, name.len());
            out.extend(name.iter().map(u8::to_ascii_lowercase));
        }
    }
    put_integer(out, 0, 7, value.len());
    out.extend_from_slice(value);
}

/// Names that answers have often, where they stand first in the static table.
const KNOWN: [usize; 26] =
    [2, 3, 4, 6, 7, 10, 11, 12, 14, 32, 33, 35, 36, 42, 44, 56, 59, 61, 62, 73, 76, 79, 83, 85, 92, 97];

fn known(name: &[u8]) -> Option<usize> {
    let is =
        |index: &usize| STATIC[*index].0.len() == name.len() && STATIC[*index].0.eq_ignore_ascii_case(name);
    KNOWN.into_iter().find(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl From<Refused> for String {
        fn from(refused: Refused) -> Self {
            format!("{refused:?}")
        }
    }

    fn read(section: &[u8], most: usize) -> Result<String, String> {
        let mut lines = String::new();
        decode::<String>(section, most, |name, value| {
            lines += &format!("{}={};", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
            Ok(())
        })?;
        Ok(lines)
    }

    #[test]
    fn what_is_written_is_read_again_in_lower_case() {
        let mut out = Vec::new();
        begin(&mut out);
        put_status(&mut out, 418);
        put_status(&mut out, 304);
        put(&mut out, b"Content-Type", b"text/plain");
        put(&mut out, b"X-A-Name-Of-Its-Own", "v".repeat(300).as_bytes());
        put(&mut out, b"Alt-Svc", b"clear");
        let long = "v".repeat(300);
        let expected = format!(
            ":status=418;:status=304;content-type=text/plain;x-a-name-of-its-own={long};alt-svc=clear;"
        );
        assert_eq!(read(&out, 10_000), Ok(expected));
        assert_eq!(read(&out, 100), Err("TooLarge".to_owned()));
        for cut in 3..out.len() {
            // Never more than there is; a cut between two fields is a shorter section.
            let _ = read(&out[..cut], 10_000);
        }
    }

    #[test]
    fn the_example_of_the_standard_is_read_and_what_names_the_dynamic_table_is_refused() {
        // RFC 9204, appendix B.1.
        let example = [0, 0, 0x51, 0x0b, 0x2f, 0x69, 0x6e, 0x64, 0x65, 0x78, 0x2e, 0x68, 0x74, 0x6d, 0x6c];
        assert_eq!(read(&example, 1000), Ok(":path=/index.html;".to_owned()));
        for section in [
            // Nothing, an entry that is needed, a base below none, an entry of the dynamic table in four forms, a
            // static one that is not there, a string that ends early, an integer without end.
            &[][..],
            &[0],
            &[2, 0],
            &[0, 0x80],
            &[0, 0, 0x80],
            &[0, 0, 0x40, 0],
            &[0, 0, 0x10],
            &[0, 0, 0x00, 0],
            &[0, 0, 0xff, 36],
            &[0, 0, 0x51, 5, b'a'],
            &[0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ] {
            assert_eq!(read(section, 1000), Err("Broken".to_owned()), "{section:x?}");
        }
    }
}
