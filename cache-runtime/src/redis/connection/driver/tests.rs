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
    ask_for(requests, bytes, replies, true)
}

fn ask_for(requests: &Requests, bytes: Vec<u8>, replies: usize, is_patient: bool) -> Told {
    let (tell, told) = oneshot::channel();
    let _ = requests.send(Request { bytes, replies, is_patient, tell });
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
                    let mut told = ask(&requests, asked.clone(), replies);
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

#[tokio::test]
async fn what_is_patient_waits_for_it_once_where_others_are_asked_for() {
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    let (here, mut there) = duplex(4096);
    let (requests, mut driver) = Driver::new(here);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut told = Vec::new();
    // What is asked by the patient and by others, in one poll, what is written by then, and whether it asks for another.
    let mut polled = |patient: &[u8], others: &[u8]| {
        for (asked, is_patient) in [(patient, true), (others, false)] {
            told.extend(asked.iter().map(|byte| ask_for(&requests, vec![*byte], 1, is_patient)));
        }
        let before = woken.0.load(Relaxed);
        assert!(Pin::new(&mut driver).poll(&mut Context::from_waker(&waker)).is_pending());
        let mut sent = [0; 16];
        let length = there.read(&mut sent).now_or_never().map_or(0, |read| read.expect("it can be read"));
        (String::from_utf8_lossy(&sent[..length]).into_owned(), woken.0.load(Relaxed) > before)
    };
    let written = |text: &str| (text.to_owned(), false);
    let waits = (String::new(), true);
    assert_eq!(polled(b"a", b""), written("a"), "nobody else is under way");
    assert_eq!(polled(b"b", b""), waits);
    assert_eq!(polled(b"c", b""), written("bc"), "it waits once");
    assert_eq!(polled(b"", b""), written(""), "there is nothing");
    assert_eq!(polled(b"d", b"e"), written("de"), "one of them is not patient");
    assert_eq!(polled(b"f", b""), waits);
    assert_eq!(polled(b"", b""), written("f"), "nobody came");
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
