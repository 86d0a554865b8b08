//! The value that all paths answer with, and how often one was made.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

static LOADS: AtomicU64 = AtomicU64::new(0);

/// What a service keeps: 60 bytes or so when encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its number.
    pub id: u64,
    /// A name.
    pub name: String,
    /// An address.
    pub email: String,
    /// A flag.
    pub active: bool,
}

impl User {
    /// The body of all cached functions. Counted: a path that hits makes no value.
    pub fn load(id: u64) -> Self {
        loaded();
        Self::new(id)
    }

    /// The same, not counted.
    pub fn new(id: u64) -> Self {
        Self { id, name: format!("user number {id}"), email: format!("user{id}@example.com"), active: true }
    }
}

/// Counts a body that ran.
pub fn loaded() {
    LOADS.fetch_add(1, Relaxed);
}

/// How many values were made since the program started.
pub fn loads() -> u64 {
    LOADS.load(Relaxed)
}

/// What says whose value it is, so that a driver sees that it was given the right one.
pub trait Answer: Send {
    /// The number that was asked for.
    fn id(&self) -> u64;
}

impl Answer for User {
    fn id(&self) -> u64 {
        self.id
    }
}

impl Answer for Arc<User> {
    fn id(&self) -> u64 {
        self.as_ref().id
    }
}

impl Answer for u64 {
    fn id(&self) -> u64 {
        *self
    }
}
