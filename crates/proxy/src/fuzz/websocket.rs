//! Frames of WebSockets: a place between two of them is found in whatever pieces they come.

use crate::websocket::Frames;

pub(super) fn run(data: &[u8]) {
    let ends = ends(data);
    let (mut whole, mut bytes) = (Frames::default(), Frames::default());
    whole.feed(data);
    for (at, byte) in data.iter().enumerate() {
        assert_eq!(bytes.are_whole(), ends.contains(&at), "before byte {at}");
        bytes.feed(&[*byte]);
    }
    assert_eq!(bytes.are_whole(), ends.contains(&data.len()));
    assert_eq!(whole.are_whole(), bytes.are_whole());
}

/// Where frames end, by RFC 6455, section 5.2, read from the front.
fn ends(data: &[u8]) -> Vec<usize> {
    let (mut ends, mut at) = (vec![0], 0_usize);
    while let Some(&[_, second]) = data.get(at..).and_then(|rest| rest.first_chunk()) {
        let number = |count: usize| {
            let digits = data.get(at + 2..at + 2 + count)?;
            Some(digits.iter().fold(0_u64, |number, digit| number << 8 | u64::from(*digit)))
        };
        let (length, head) = match second & 0x7f {
            126 => (number(2), 4),
            127 => (number(8), 10),
            short => (Some(u64::from(short)), 2),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let size = length.and_then(|length| usize::try_from(length).ok()?.checked_add(head + mask));
        let Some(end) = size.and_then(|size| at.checked_add(size)).filter(|end| *end <= data.len()) else {
            break;
        };
        at = end;
        ends.push(at);
    }
    ends
}
