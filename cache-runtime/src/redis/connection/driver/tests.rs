use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Wake, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinSet;

use super::*;

type Requests = mpsc::UnboundedSender<Request>;
type Told = oneshot::Receiver<RedisResult<Bytes>>;

/// A connection, and what it is connected to, which takes and brings so many bytes at a time.
fn connection(bytes: usize) -> (Requests, DuplexStream) {
    let (here, there) = duplex(bytes);
    let (requests, driver) = Driver::new(here);
    tokio::spawn(driver);
    (requests, there)
}

fn ask(requests: &Requests, bytes: Vec<u8>, replies: usize) -> Told {
    ask_when(When::WithOthers, requests, bytes, replies)
}

fn ask_when(when: When, requests: &Requests, bytes: Vec<u8>, replies: usize) -> Told {
    let (tell, told) = oneshot::channel();
    let _ = requests.send(Request { bytes, replies, when, tell });
    told
}

fn bulk(text: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

/// What was sent, as far as it is asked for.
async fn taken<const LENGTH: usize>(there: &mut DuplexStream) -> [u8; LENGTH] {
    let mut sent = [0; LENGTH];
    there.read_exact(&mut sent).await.expect("it is sent");
    sent
}

/// Whether nothing more is sent, ever.
async fn is_closed(there: &mut DuplexStream) -> bool {
    there.read(&mut [0]).await.expect("it can be read") == 0
}

/// Sends back what was sent, whatever it is, until nobody sends any more.
async fn echo(there: DuplexStream) {
    let (mut from, mut to) = tokio::io::split(there);
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

/// So many replies, each of which names who asked.
fn question(caller: usize, replies: usize) -> Vec<u8> {
    let text = format!("{caller}:{}", "x".repeat(caller * 37 % 500));
    (0..replies).flat_map(|_| bulk(text.as_bytes())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_told_his_own_replies_also_when_others_leave() {
    for bytes in [1, 7, 64, 100_000] {
        let (requests, there) = connection(bytes);
        let server = tokio::spawn(echo(there));
        let mut callers = JoinSet::new();
        for caller in 0..40 {
            let requests = requests.clone();
            callers.spawn(async move {
                for round in 0..20 {
                    let replies = (caller + round) % 4 + 1;
                    let asked = question(caller, replies);
                    let when = if caller % 2 == 0 { When::AtOnce } else { When::WithOthers };
                    let mut told = ask_when(when, &requests, asked.clone(), replies);
                    if (caller + round) % 3 == 0 {
                        // Before it is sent, while it is, or when it has been told.
                        let _ = tokio::time::timeout(Duration::from_micros(caller as u64), &mut told).await;
                        continue;
                    }
                    assert_eq!(told.await.expect("it runs").expect("in order"), asked);
                }
            });
        }
        callers.join_all().await;
        drop(requests);
        server.await.expect("it ends when nobody is left to ask");
    }
}

#[tokio::test]
async fn requests_and_replies_that_fill_both_ways_go_through() {
    let (requests, there) = connection(4096);
    tokio::spawn(echo(there));
    let large = bulk(&vec![b'v'; 1 << 20]);
    let told: Vec<Told> = (0..4).map(|_| ask(&requests, large.clone(), 1)).collect();
    for told in told {
        assert!(told.await.expect("it runs").expect("in order") == large);
    }
}

/// A connection that is polled by hand.
struct Polled {
    requests: Requests,
    driver: Driver<DuplexStream>,
    there: DuplexStream,
    woken: Arc<Woken>,
}

/// How often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// What is written by the end of a poll.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    Written(&'static str),
    /// Nothing, and it is polled again.
    HeldBack,
}

impl Polled {
    fn new() -> Self {
        let (here, there) = duplex(1 << 16);
        let (requests, driver) = Driver::new(here);
        Self { requests, driver, there, woken: Arc::default() }
    }

    /// One that somebody is under way on.
    fn busy() -> (Self, Told) {
        let mut connection = Self::new();
        let told = connection.ask(When::AtOnce, "a");
        connection.polled(Then::Written("a"));
        (connection, told)
    }

    fn ask(&self, when: When, asked: &str) -> Told {
        ask_when(when, &self.requests, asked.as_bytes().to_vec(), 1)
    }

    fn poll(&mut self) -> Poll<()> {
        Pin::new(&mut self.driver).poll(&mut Context::from_waker(&Waker::from(Arc::clone(&self.woken))))
    }

    #[track_caller]
    fn polled(&mut self, then: Then) {
        let before = self.woken.0.load(Relaxed);
        assert!(self.poll().is_pending());
        let is_woken = self.woken.0.load(Relaxed) > before;
        let mut sent = vec![0; 1 << 16];
        let length = self.there.read(&mut sent).now_or_never().map_or(0, |read| read.expect("it can be read"));
        let expected = match then {
            Then::Written(text) => (text, false),
            Then::HeldBack => ("", true),
        };
        assert_eq!((str::from_utf8(&sent[..length]).expect("text"), is_woken), expected);
    }

    /// So many replies, which nobody has been told yet.
    fn answered(&mut self, replies: usize) {
        let replies = "+OK\r\n".repeat(replies);
        self.there.write_all(replies.as_bytes()).now_or_never().expect("there is room").expect("it is read");
    }
}

#[test]
fn what_goes_with_others_is_held_back_once_behind_others() {
    let mut connection = Polled::new();
    let _a = connection.ask(When::WithOthers, "a");
    connection.polled(Then::Written("a"));
    let _b = connection.ask(When::WithOthers, "b");
    connection.polled(Then::HeldBack);
    let _c = connection.ask(When::WithOthers, "c");
    connection.polled(Then::Written("bc"));
    connection.polled(Then::Written(""));
    let _d = connection.ask(When::WithOthers, "d");
    connection.polled(Then::HeldBack);
    connection.polled(Then::Written("d"));
}

#[test]
fn what_is_written_at_once_takes_the_others_along() {
    let (mut connection, _a) = Polled::busy();
    let _bc = [connection.ask(When::WithOthers, "b"), connection.ask(When::AtOnce, "c")];
    connection.polled(Then::Written("bc"));
    let _de = [connection.ask(When::AtOnce, "d"), connection.ask(When::WithOthers, "e")];
    connection.polled(Then::Written("de"));
    let _f = connection.ask(When::WithOthers, "f");
    connection.polled(Then::HeldBack);
    let _g = connection.ask(When::AtOnce, "g");
    connection.polled(Then::Written("fg"));
}

#[test]
fn nothing_is_held_back_behind_those_who_were_answered() {
    let mut connection = Polled::new();
    let _ab = ["a", "b"].map(|asked| connection.ask(When::AtOnce, asked));
    connection.polled(Then::Written("ab"));
    connection.answered(1);
    let _c = connection.ask(When::WithOthers, "c");
    connection.polled(Then::HeldBack);
    connection.polled(Then::Written("c"));
    connection.answered(2);
    connection.polled(Then::Written(""));
    let _d = connection.ask(When::WithOthers, "d");
    connection.polled(Then::Written("d"));
    // Also where the answer is there, and was not read.
    connection.answered(1);
    let _e = connection.ask(When::WithOthers, "e");
    connection.polled(Then::Written("e"));
}

#[test]
fn those_who_come_while_others_who_waited_are_written_are_not_forgotten() {
    let (mut connection, _a) = Polled::busy();
    connection.answered(1);
    // More than are taken up with the first ones, and again with those who came meanwhile.
    let all: Vec<Told> = (0..2 * TAKEN + 1).map(|_| connection.ask(When::WithOthers, "x")).collect();
    let before = connection.woken.0.load(Relaxed);
    assert!(connection.poll().is_pending());
    assert!(connection.woken.0.load(Relaxed) > before, "the last one is held back, and it is polled again");
    assert!(connection.poll().is_pending());
    connection.answered(all.len());
    assert!(connection.poll().is_pending());
    for told in all {
        told.now_or_never().expect("he is told").expect("it runs").expect("in order");
    }
}

#[test]
fn what_is_long_is_not_held_back() {
    let (mut connection, _a) = Polled::busy();
    let long = String::leak("x".repeat(HELD_BACK + 1));
    let _long = connection.ask(When::WithOthers, long);
    connection.polled(Then::Written(long));
    let _short = connection.ask(When::WithOthers, &long[..HELD_BACK]);
    connection.polled(Then::HeldBack);
}

#[test]
fn whoever_leaves_while_he_is_held_back_is_not_asked_for() {
    let (mut connection, _a) = Polled::busy();
    let leaves = connection.ask(When::WithOthers, "leaves");
    connection.polled(Then::HeldBack);
    drop(leaves);
    connection.polled(Then::Written(""));
}

#[test]
fn who_is_held_back_may_ask_again_when_the_connection_ends() {
    let (mut connection, a) = Polled::busy();
    // The second one answers nobody.
    connection.answered(2);
    let b = connection.ask(When::WithOthers, "b");
    assert!(connection.poll().is_ready());
    drop(connection);
    assert_eq!(a.now_or_never().expect("it is there").expect("he is told").expect("in order"), "+OK\r\n");
    let error = b.now_or_never().expect("it is there").expect("he is told").expect_err("it has ended");
    assert!(error.is_connection_dropped(), "{error}");
}

#[tokio::test]
async fn whoever_leaves_before_his_turn_is_not_asked_for() {
    let (requests, mut there) = connection(4096);
    drop(ask(&requests, b"gone".to_vec(), 1));
    let told = ask(&requests, b"here".to_vec(), 1);
    let sent: [u8; 4] = taken(&mut there).await;
    assert_eq!(&sent, b"here");
    there.write_all(b"+OK\r\n").await.expect("it is read");
    assert_eq!(told.await.expect("it runs").expect("in order"), "+OK\r\n");
}

#[tokio::test]
async fn more_than_are_taken_up_at_a_time_are_asked_for_also_behind_many_who_left() {
    let (requests, there) = connection(64);
    let mut told = Vec::new();
    for caller in 0..4 * TAKEN {
        let asked = question(caller, 1);
        let one = ask(&requests, asked.clone(), 1);
        // All of the second and the third that are taken up have left.
        if !(TAKEN..3 * TAKEN).contains(&caller) {
            told.push((asked, one));
        }
    }
    tokio::spawn(echo(there));
    for (asked, told) in told {
        assert_eq!(told.await.expect("it runs").expect("in order"), asked);
    }
}

#[tokio::test]
async fn all_are_told_when_the_connection_ends() {
    let (requests, mut there) = connection(4096);
    let told: Vec<Told> = (0..3).map(|_| ask(&requests, b"x".to_vec(), 1)).collect();
    there.write_all(b"+OK\r\n$5\r\nab").await.expect("it is read");
    drop(there);
    let mut told = told.into_iter();
    assert_eq!(told.next().expect("three").await.expect("it runs").expect("whole"), "+OK\r\n");
    for told in told {
        let error = told.await.expect("he is told").expect_err("it has ended");
        assert!(error.is_connection_dropped() && error.to_string().contains("was closed"), "{error}");
    }
    while ask(&requests, b"x".to_vec(), 1).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_no_answer_ends_the_connection_and_only_the_first_one_is_told_so() {
    for wrong in [&b"?\r\n"[..], b"$2\r\nabc\r\n"] {
        let (requests, mut there) = connection(4096);
        let told: Vec<Told> = (0..3).map(|_| ask(&requests, b"x".to_vec(), 1)).collect();
        taken::<3>(&mut there).await;
        there.write_all(wrong).await.expect("it is read");
        let mut errors = Vec::new();
        for told in told {
            errors.push(told.await.expect("he is told").expect_err("it is no reply"));
        }
        assert_eq!(errors[0].kind(), ErrorKind::Parse);
        assert!(errors[1..].iter().all(RedisError::is_connection_dropped), "they may ask again: {errors:?}");
        assert!(is_closed(&mut there).await);
        assert!(requests.is_closed());
    }
}

#[tokio::test]
async fn what_nobody_asked_for_ends_the_connection() {
    let (requests, mut there) = connection(4096);
    let told = ask(&requests, b"x".to_vec(), 1);
    taken::<1>(&mut there).await;
    there.write_all(b"+OK\r\n+nobody asked for this\r\n").await.expect("it is read");
    assert_eq!(told.await.expect("he is told").expect("in order"), "+OK\r\n");
    assert!(is_closed(&mut there).await);
}

#[tokio::test]
async fn the_room_for_a_large_value_is_not_kept() {
    let (here, there) = duplex(1 << 16);
    let (requests, mut driver) = Driver::new(here);
    tokio::spawn(echo(there));
    let large = bulk(&vec![b'v'; 4 << 20]);
    let told = [ask(&requests, large.clone(), 1), ask(&requests, bulk(b"small"), 1)];
    let all = futures_util::future::join_all(told);
    let told = tokio::select! {
        () = &mut driver => panic!("it has ended"),
        told = all => told,
    };
    let lengths = told.into_iter().map(|told| told.expect("it runs").expect("in order").len());
    assert_eq!(lengths.collect::<Vec<_>>(), [large.len(), bulk(b"small").len()]);
    assert!(driver.read.capacity() <= READ && driver.out.capacity() <= WRITTEN);
}

#[tokio::test]
async fn a_connection_that_nobody_holds_is_closed_also_when_the_server_answers_nothing() {
    let (requests, mut there) = connection(4096);
    drop(ask(&requests, b"x".to_vec(), 1));
    let told = ask(&requests, b"y".to_vec(), 1);
    taken::<1>(&mut there).await;
    drop(requests);
    assert!(is_closed(&mut there).await);
    assert!(told.await.expect("he is told").expect_err("it has ended").is_connection_dropped());
}
