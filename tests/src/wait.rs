//! How long anything real is waited for, and how the test fails when it does not come.

use std::fmt::Display;
use std::panic::Location;
use std::thread::sleep;
use std::time::Duration;

/// How long anything here is waited for before the test fails. Far above what a loaded machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(2);
/// Between two looks at several servers, each of which costs some commands.
const LOOK: Duration = Duration::from_millis(20);

/// Pauses before each item, for as long as our patience lasts.
pub(crate) fn polls() -> impl Iterator<Item = ()> {
    pauses(POLL)
}

/// Looks again and again until there is what is looked for, and returns it. Fails with what was last said to be missing.
#[track_caller]
pub(crate) fn until<T>(mut look: impl FnMut() -> Result<T, String>) -> T {
    let mut missing = match look() {
        Ok(found) => return found,
        Err(missing) => missing,
    };
    for () in pauses(LOOK) {
        match look() {
            Ok(found) => return found,
            Err(still) => missing = still,
        }
    }
    panic!("waited in vain: {missing}");
}

/// Looks again and again until it holds; between two looks the runtime goes on. Fails with where that was asked for.
#[track_caller]
pub fn eventually(what: impl Display, mut holds: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let place = Location::caller();
    async move {
        let looking = async {
            while !holds().await {
                tokio::time::sleep(POLL).await;
            }
        };
        if tokio::time::timeout(3 * PATIENCE, looking).await.is_err() {
            panic!("waited in vain at {place}: {what}");
        }
    }
}

/// `Ok` if it holds, else what `missing` says.
pub(crate) fn ensure(holds: bool, missing: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(missing()) }
}

fn pauses(length: Duration) -> impl Iterator<Item = ()> {
    (0..PATIENCE.as_millis() / length.as_millis()).map(move |_| sleep(length))
}
