//! Field sections of HTTP/3: every head that comes out of one, and every trailer, against HTTP/1: what is written to an
//! origin is read there as it was meant. The first byte says which of the two.

use super::{http2, strict};
use crate::field;
use crate::quic::{read_head, read_trailers};
use crate::request::Request;

pub(super) fn run(data: &[u8]) {
    let Some((first, section)) = data.split_first() else { return };
    if first & 1 == 0 {
        let mut request = Request::default();
        let read = read_head(section, &mut request).map(|reader| reader.finish(first & 2 == 0));
        if let Ok(Ok(())) = read {
            http2::hold(&request);
        }
        return;
    }
    let mut text = b"GET / HTTP/1.1\r\n".to_vec();
    let mut count = 0;
    let read = read_trailers(section, |name, value| {
        count += 1;
        field::put(&mut text, name, value);
    });
    if read.is_ok() {
        text.extend_from_slice(b"\r\n");
        let head = strict::request(&text).expect("a head of HTTP/1").expect("one that ends");
        assert_eq!((head.size, head.fields.len()), (text.len(), count));
    }
}
