//! The task of a connection: it writes what is asked, and tells what is answered, in the same order.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use redis::{ErrorKind, RedisError, RedisResult};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::replies::Scan;

/// More room than that is not kept for what is written.
const WRITTEN: usize = 64 * 1024;
/// How many requests are taken up at a time.
const TAKEN: usize = 128;
/// What is longer is not held back: to send it costs little beside it.
const HELD_BACK: usize = 16 * 1024;
/// How much is read at a time. What is handed on keeps as much from being freed.
const READ: usize = 32 * 1024;
/// With less room than that, the next piece begins.
const ROOM: usize = 4 * 1024;
/// As much room is made for a value on the word of its header.
const TRUSTED: usize = 1024 * 1024;

/// Commands, and who is told the replies to them.
pub(super) struct Request {
    pub(super) bytes: Vec<u8>,
    pub(super) replies: usize,
    pub(super) when: When,
    pub(super) tell: oneshot::Sender<RedisResult<Bytes>>,
}

/// When a request is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    AtOnce,
    /// If others are under way, once those have run who can: what they ask goes with it.
    WithOthers,
}

/// Whose request has been written, or is being.
struct Waiting {
    replies: usize,
    tell: oneshot::Sender<RedisResult<Bytes>>,
}

/// Ends with the last of those who may ask, or with the connection; then all who wait are told why.
pub(super) struct Driver<S> {
    stream: S,
    /// As many as callers wait, each of whom has one under way and leaves when his budget ends.
    requests: mpsc::UnboundedReceiver<Request>,
    taken: Vec<Request>,
    /// Whether these are held back until those have run who can.
    holds_back: bool,
    /// What is being written, and how much of it has been.
    out: Vec<u8>,
    written: usize,
    waiting: VecDeque<Waiting>,
    /// What has come of replies that nobody was told yet.
    read: BytesMut,
    scan: Scan,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(stream: S) -> (mpsc::UnboundedSender<Request>, Self) {
        let (sender, requests) = mpsc::unbounded_channel();
        let driver = Self {
            stream,
            requests,
            taken: Vec::new(),
            holds_back: false,
            out: Vec::new(),
            written: 0,
            waiting: VecDeque::new(),
            read: BytesMut::with_capacity(READ),
            scan: Scan::default(),
        };
        (sender, driver)
    }

    /// Reads and writes: a server that is not read from does not read either.
    fn advance(&mut self, context: &mut Context<'_>) -> Poll<RedisResult<()>> {
        let mut written = self.write(context);
        if let Poll::Ready(failed) = self.receive(context) {
            return Poll::Ready(Err(failed));
        }
        if self.holds_back && self.waiting.is_empty() {
            // Those whom they were to follow have been answered by now.
            written = self.write(context);
        }
        if self.holds_back {
            context.waker().wake_by_ref();
        }
        written
    }

    /// Ready when nobody is left who might ask, or with an error.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<RedisResult<()>> {
        loop {
            ready!(self.flush(context))?;
            // Whoever came while others were held back goes with them; nobody may have.
            let more = self.requests.poll_recv_many(context, &mut self.taken, TAKEN);
            if !std::mem::take(&mut self.holds_back) {
                if ready!(more) == 0 {
                    return Poll::Ready(Ok(()));
                }
                self.holds_back = self.may_hold_back();
                if self.holds_back {
                    return Poll::Pending;
                }
            }
            self.line_up();
        }
    }

    /// Ready when all that was lined up has been written.
    fn flush(&mut self, context: &mut Context<'_>) -> Poll<RedisResult<()>> {
        while self.written < self.out.len() {
            let (stream, rest) = (Pin::new(&mut self.stream), &self.out[self.written..]);
            match ready!(stream.poll_write(context, rest)) {
                Ok(0) => return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into())),
                Ok(count) => self.written += count,
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
        self.written = 0;
        self.out.clear();
        if self.out.capacity() > WRITTEN {
            self.out = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Whether those who were taken up would stand behind others at the server as well.
    fn may_hold_back(&self) -> bool {
        !self.waiting.is_empty()
            && self.taken.iter().all(|request| request.when == When::WithOthers)
            && self.taken.iter().map(|request| request.bytes.len()).sum::<usize>() <= HELD_BACK
    }

    /// Those who were taken up will be written now, but for those who have left.
    fn line_up(&mut self) {
        for request in self.taken.drain(..).filter(|request| !request.tell.is_closed()) {
            if self.out.is_empty() && request.bytes.len() > self.out.capacity() {
                self.out = request.bytes;
            } else {
                self.out.extend_from_slice(&request.bytes);
            }
            self.waiting.push_back(Waiting { replies: request.replies, tell: request.tell });
        }
    }

    /// Ready with what went wrong.
    fn receive(&mut self, context: &mut Context<'_>) -> Poll<RedisError> {
        loop {
            if self.read.capacity() - self.read.len() < self.scan.missing.clamp(ROOM, TRUSTED) {
                self.read.reserve(self.scan.missing.clamp(READ, TRUSTED));
            }
            let read = ready!(pin!(self.stream.read_buf(&mut self.read)).poll(context));
            match read.map_err(RedisError::from).and_then(|count| if count == 0 { Err(closed()) } else { self.tell() })
            {
                Ok(()) => {}
                Err(error) => return Poll::Ready(error),
            }
        }
    }

    /// Tells those whose replies have come.
    fn tell(&mut self) -> RedisResult<()> {
        while !self.read.is_empty() {
            let first = self.waiting.front().ok_or_else(unasked)?;
            let Some(end) = self.scan.end(&self.read, first.replies)? else { return Ok(()) };
            self.scan = Scan::default();
            let replies = self.read.split_to(end).freeze();
            if replies.len() > READ {
                // Whoever comes next is not to keep all of that.
                let mut rest = BytesMut::with_capacity(READ.max(self.read.len()));
                rest.extend_from_slice(&self.read);
                self.read = rest;
            }
            if let Some(first) = self.waiting.pop_front() {
                // Whoever has left is not missed.
                let _ = first.tell.send(Ok(replies));
            }
        }
        Ok(())
    }
}

/// Also with its runtime: who still waits may ask again.
impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        self.requests.close();
        let taken = self.taken.drain(..).map(|request| request.tell);
        let told = self.waiting.drain(..).map(|waiting| waiting.tell).chain(taken);
        told.for_each(|tell| _ = tell.send(Err(closed())));
        loop {
            match self.requests.try_recv() {
                Ok(request) => _ = request.tell.send(Err(closed())),
                // Somebody is about to leave his.
                Err(TryRecvError::Empty) => std::thread::yield_now(),
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Driver<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Err(error) = ready!(self.advance(context)) {
            // The first one is told what went wrong.
            if let Some(first) = self.waiting.pop_front() {
                let _ = first.tell.send(Err(error));
            }
            self.requests.close();
        }
        Poll::Ready(())
    }
}

pub(super) fn closed() -> RedisError {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was closed").into()
}

fn unasked() -> RedisError {
    (ErrorKind::Parse, "the server answered what nobody asked").into()
}
