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
    /// Whether it lets those run who can before it is written, if others are under way: what they ask goes with it.
    pub(super) is_patient: bool,
    pub(super) tell: oneshot::Sender<RedisResult<Bytes>>,
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
    /// What is being written, and how much of it has been.
    out: Vec<u8>,
    written: usize,
    /// Whether that waits until those have run who can.
    waits: bool,
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
            out: Vec::new(),
            written: 0,
            waits: false,
            waiting: VecDeque::new(),
            read: BytesMut::with_capacity(READ),
            scan: Scan::default(),
        };
        (sender, driver)
    }

    /// Reads and writes: a server that is not read from does not read either.
    fn advance(&mut self, context: &mut Context<'_>) -> Poll<RedisResult<()>> {
        let written = self.write(context);
        match self.receive(context) {
            Poll::Ready(failed) => Poll::Ready(Err(failed)),
            Poll::Pending => written,
        }
    }

    /// Ready when nobody is left who might ask, or with an error.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<RedisResult<()>> {
        if std::mem::take(&mut self.waits) {
            _ = self.take_up(context);
        }
        loop {
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
            let is_busy = !self.waiting.is_empty();
            let is_patient = ready!(self.gather(context));
            if self.out.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if is_busy && is_patient {
                // It would stand behind others at the server as well.
                self.waits = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Takes up what was asked meanwhile, for some of those who have not left. Ready with nothing when nobody is left who
    /// might ask. Whether all of them are patient.
    fn gather(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let mut is_patient = true;
        // Asked again once that is written: a look that finds nothing costs as much as one that does.
        while self.out.is_empty() {
            let Some(of_these) = ready!(self.take_up(context)) else { break };
            is_patient &= of_these;
        }
        Poll::Ready(is_patient)
    }

    /// Once. Ready with `None` when nobody is left who might ask.
    fn take_up(&mut self, context: &mut Context<'_>) -> Poll<Option<bool>> {
        let taken = ready!(self.requests.poll_recv_many(context, &mut self.taken, TAKEN));
        let mut is_patient = true;
        for request in self.taken.drain(..) {
            // He has left.
            if request.tell.is_closed() {
                continue;
            }
            is_patient &= request.is_patient;
            if self.out.is_empty() && request.bytes.len() > self.out.capacity() {
                self.out = request.bytes;
            } else {
                self.out.extend_from_slice(&request.bytes);
            }
            self.waiting.push_back(Waiting { replies: request.replies, tell: request.tell });
        }
        Poll::Ready((taken > 0).then_some(is_patient))
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
        self.waiting.drain(..).for_each(|waiting| _ = waiting.tell.send(Err(closed())));
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
