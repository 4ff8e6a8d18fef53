//! Read buffers and their per-thread free list. A connection holds a buffer only while it holds bytes, so an
//! idle connection costs no buffer. Buffers are zeroed once and then reused, which needs no unsafe code.

use crate::io::Io;
use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll};

/// Size of a read buffer in bytes: an answer of 64 KiB and its head fit in one read.
const SIZE: usize = 72 * 1024;
/// Buffers and vectors kept per thread; more are given back to the allocator.
const KEPT: usize = 64;
/// The capacity above which a vector is not kept.
const LARGEST_KEPT: usize = 256 * 1024;

/// Bytes that were read and not yet used: `start..end` of a fixed block.
#[derive(Debug)]
pub(crate) struct Buffer {
    block: Box<[u8]>,
    start: usize,
    end: usize,
}

/// Free buffers of one thread.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    blocks: RefCell<Vec<Box<[u8]>>>,
    vectors: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    fn take(&self) -> Buffer {
        let block = self.blocks.borrow_mut().pop().unwrap_or_else(|| vec![0; SIZE].into_boxed_slice());
        Buffer { block, start: 0, end: 0 }
    }

    fn give(&self, buffer: Buffer) {
        let mut blocks = self.blocks.borrow_mut();
        if blocks.len() < KEPT {
            blocks.push(buffer.block);
        }
    }

    /// An empty vector for a head that is being built.
    pub(crate) fn take_vector(&self) -> Vec<u8> {
        self.vectors.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(4 * 1024))
    }

    /// Gives a vector back.
    pub(crate) fn give_vector(&self, mut vector: Vec<u8>) {
        let mut vectors = self.vectors.borrow_mut();
        if vectors.len() < KEPT && vector.capacity() > 0 && vector.capacity() <= LARGEST_KEPT {
            vector.clear();
            vectors.push(vector);
        }
    }
}

/// The reading end of a connection: a buffer while there are bytes, and none otherwise.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Option<Buffer>);

impl Inbox {
    /// The bytes that were read and not yet consumed.
    pub(crate) fn data(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |buffer| &buffer.block[buffer.start..buffer.end])
    }

    /// The same bytes, to be changed in place.
    pub(crate) fn data_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().map_or(&mut [], |buffer| &mut buffer.block[buffer.start..buffer.end])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|buffer| buffer.start == buffer.end)
    }

    /// Whether there is no room for one more byte.
    pub(crate) fn is_full(&self) -> bool {
        self.0.as_ref().is_some_and(|buffer| buffer.end - buffer.start == SIZE)
    }

    /// Drops the first `count` bytes.
    pub(crate) fn consume(&mut self, count: usize, buffers: &Buffers) {
        if let Some(buffer) = &mut self.0 {
            buffer.start = (buffer.start + count).min(buffer.end);
        }
        self.release(buffers);
    }

    /// Gives the buffer back when it holds nothing.
    pub(crate) fn release(&mut self, buffers: &Buffers) {
        if self.is_empty()
            && let Some(buffer) = self.0.take()
        {
            buffers.give(buffer);
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self, buffers: &Buffers) {
        if let Some(buffer) = self.0.take() {
            buffers.give(buffer);
        }
    }

    /// Reads once. `Ready(Ok(0))` is the end of the stream. Must not be called on a full inbox.
    pub(crate) fn poll_fill(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
        buffers: &Buffers,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = self.0.take().unwrap_or_else(|| buffers.take());
        if buffer.end == SIZE {
            buffer.compact();
        }
        let read = io.poll_read(cx, &mut buffer.block[buffer.end..]);
        if let Poll::Ready(Ok(count)) = read {
            buffer.end += count;
        }
        self.0 = Some(buffer);
        self.release(buffers);
        read
    }
}

impl Buffer {
    fn compact(&mut self) {
        if self.start > 0 {
            self.block.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }
}
