//! The client's streams in one direction: control, and those of QPACK (RFC 9114, section 6.2; RFC 9204, section 4.2).

use super::conn::Shared;
use super::frames::{Code, Fault, Kind, Reader};
use super::{qpack, varint};
use quinn::RecvStream;
use std::future::poll_fn;
use std::rc::Rc;

const CONTROL: u64 = 0x00;
const PUSH: u64 = 0x01;
const QPACK_ENCODER: u64 = 0x02;
const QPACK_DECODER: u64 = 0x03;

/// Bytes of one read: what comes on these streams is small.
const PIECE: usize = 256;
/// The longest SETTINGS frame that is taken.
const LONGEST_SETTINGS: u64 = 4096;

/// Takes the streams as they come, until the connection ends.
pub(super) async fn accept(shared: Rc<Shared>) {
    while let Ok(stream) = shared.connection().accept_uni().await {
        if let Err(Fault::Protocol(code)) = shared.charge_frame() {
            return shared.fail(code);
        }
        let shared = shared.clone();
        tokio::task::spawn_local(async move {
            if let Err(Fault::Protocol(code)) = serve(stream, &shared).await {
                shared.fail(code);
            }
        });
    }
}

async fn serve(stream: RecvStream, shared: &Shared) -> Result<(), Fault> {
    let mut reader = Reader::new(stream, Vec::new(), PIECE);
    // A stream may end before it has said what it is (RFC 9114, section 6.2).
    let kind = match poll_fn(|cx| reader.poll_integer(cx)).await {
        Ok(Some(kind)) => kind,
        Ok(None) | Err(_) => return Ok(()),
    };
    match kind {
        CONTROL | QPACK_ENCODER | QPACK_DECODER if !shared.is_first(kind) => {
            return Err(Fault::Protocol(Code::STREAM_CREATION_ERROR));
        }
        // Only servers push.
        PUSH => return Err(Fault::Protocol(Code::STREAM_CREATION_ERROR)),
        CONTROL | QPACK_ENCODER | QPACK_DECODER => {}
        _ => {
            reader.stop(Code::STREAM_CREATION_ERROR);
            return Ok(());
        }
    }
    let ended = match kind {
        CONTROL => control(&mut reader, shared).await,
        QPACK_ENCODER => encoder(&mut reader, shared).await,
        _ => decoder(&mut reader, shared).await,
    };
    // These streams end with the connection only.
    match ended {
        Ok(()) | Err(Fault::Reset) => Err(Fault::Protocol(Code::CLOSED_CRITICAL_STREAM)),
        Err(fault) => Err(fault),
    }
}

async fn control(reader: &mut Reader, shared: &Shared) -> Result<(), Fault> {
    let mut is_first = true;
    // Of GOAWAY, which only falls, and of MAX_PUSH_ID, which only grows.
    let (mut last, mut most) = (u64::MAX, 0);
    while let Some(header) = poll_fn(|cx| reader.poll_header(cx)).await? {
        if std::mem::replace(&mut is_first, false) != (header.kind == Kind::Settings) {
            let missing = header.kind != Kind::Settings;
            return Err(Fault::Protocol(if missing {
                Code::MISSING_SETTINGS
            } else {
                Code::FRAME_UNEXPECTED
            }));
        }
        shared.charge_frame()?;
        match header.kind {
            Kind::Settings if header.length > LONGEST_SETTINGS => {
                return Err(Fault::Protocol(Code::EXCESSIVE_LOAD));
            }
            Kind::Settings => {
                let length = usize::try_from(header.length).unwrap_or(usize::MAX);
                poll_fn(|cx| reader.poll_bytes(cx, length)).await?;
                settings(&reader.data()[..length])?;
                reader.consume(length);
            }
            Kind::GoAway | Kind::MaxPushId | Kind::CancelPush => {
                let id = identifier(reader, header.length).await?;
                let is_wrong = match header.kind {
                    Kind::GoAway => id > std::mem::replace(&mut last, id),
                    Kind::MaxPushId => id < std::mem::replace(&mut most, id),
                    // Nothing was promised, so that nothing can be called off (section 7.2.3).
                    _ => true,
                };
                if is_wrong {
                    return Err(Fault::Protocol(Code::ID_ERROR));
                }
            }
            Kind::Data | Kind::Headers | Kind::PushPromise | Kind::Forbidden => {
                return Err(Fault::Protocol(Code::FRAME_UNEXPECTED));
            }
            Kind::Unknown => {
                let mut left = header.length;
                poll_fn(|cx| reader.poll_skip(cx, &mut left)).await?;
            }
        }
    }
    Ok(())
}

/// A frame that holds one integer, and nothing else.
async fn identifier(reader: &mut Reader, length: u64) -> Result<u64, Fault> {
    let length = usize::try_from(length).ok().filter(|length| (1..=8).contains(length));
    let length = length.ok_or(Fault::Protocol(Code::FRAME_ERROR))?;
    poll_fn(|cx| reader.poll_bytes(cx, length)).await?;
    let read = varint::read(&reader.data()[..length]).filter(|(_, used)| *used == length);
    let (id, _) = read.ok_or(Fault::Protocol(Code::FRAME_ERROR))?;
    reader.consume(length);
    Ok(id)
}

/// Checks settings (section 7.2.4). Nothing that they can say changes what we send: no dynamic table, no pushes.
fn settings(mut payload: &[u8]) -> Result<(), Fault> {
    let mut known = Vec::new();
    while !payload.is_empty() {
        let mut integer = || {
            let (value, length) = varint::read(payload).ok_or(Fault::Protocol(Code::FRAME_ERROR))?;
            payload = &payload[length..];
            Ok::<_, Fault>(value)
        };
        let (identifier, _) = (integer()?, integer()?);
        // Of HTTP/2, or twice.
        if matches!(identifier, 0x02..=0x05) || known.contains(&identifier) {
            return Err(Fault::Protocol(Code::SETTINGS_ERROR));
        }
        known.push(identifier);
    }
    Ok(())
}

/// The client's instructions for a dynamic table that it may not have.
async fn encoder(reader: &mut Reader, shared: &Shared) -> Result<(), Fault> {
    const WRONG: Fault = Fault::Protocol(Code::QPACK_ENCODER_STREAM_ERROR);
    instructions(reader, shared, WRONG, |first| match first {
        // Set Dynamic Table Capacity, to nothing.
        0b0010_0000..=0b0011_1111 => Some((5, |capacity| capacity == 0)),
        _ => None,
    })
    .await
}

/// What the client says about sections of ours, none of which needed its table.
async fn decoder(reader: &mut Reader, shared: &Shared) -> Result<(), Fault> {
    const WRONG: Fault = Fault::Protocol(Code::QPACK_DECODER_STREAM_ERROR);
    instructions(reader, shared, WRONG, |first| match first {
        // Stream Cancellation.
        0b0100_0000..=0b0111_1111 => Some((6, |_| true)),
        _ => None,
    })
    .await
}

/// The bits of an instruction's integer in its first octet, and which integers are right.
type Instruction = (u32, fn(u64) -> bool);

async fn instructions(
    reader: &mut Reader,
    shared: &Shared,
    wrong: Fault,
    known: impl Fn(u8) -> Option<Instruction>,
) -> Result<(), Fault> {
    loop {
        let Some(first) = reader.data().first() else {
            if !poll_fn(|cx| reader.poll_more(cx)).await? {
                return Ok(());
            }
            continue;
        };
        let (prefix, is_right) = known(*first).ok_or(wrong)?;
        match qpack::read_integer(reader.data(), prefix).map_err(|_| wrong)? {
            Some((value, _)) if !is_right(value) => return Err(wrong),
            Some((_, length)) => {
                reader.consume(length);
                shared.charge_frame()?;
            }
            None if !poll_fn(|cx| reader.poll_more(cx)).await? => return Ok(()),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_no_pairs_or_of_another_protocol_or_twice_are_refused() {
        for (payload, expected) in [
            (&[][..], Ok(())),
            (&[0x06, 0x44, 0x00, 0x01, 0x00], Ok(())),
            (&[0x21, 0x07], Ok(())),
            (&[0x06], Err(Code::FRAME_ERROR)),
            (&[0x06, 0x44], Err(Code::FRAME_ERROR)),
            (&[0x02, 0x00], Err(Code::SETTINGS_ERROR)),
            (&[0x05, 0x00], Err(Code::SETTINGS_ERROR)),
            (&[0x06, 0x01, 0x06, 0x01], Err(Code::SETTINGS_ERROR)),
        ] {
            assert_eq!(settings(payload), expected.map_err(Fault::Protocol), "{payload:x?}");
        }
    }
}
