//! What the integration tests stand on: a real server of their own, a network that can be broken, and a server
//! that says whatever a test wants it to say.
//!
//! | to have | take |
//! |---|---|
//! | a Redis that is empty, yours alone, and may be killed, paused and restarted | [`RedisServer`] |
//! | a network between a cache and its server: late, deaf, refusing, cutting | [`Proxy`] with a [`Mode`] |
//! | a server that answers `LOADING`, `MOVED`, half a reply or nonsense | [`FakeRedis`] with [`reply`] |
//!
//! Each of them ends with its value, also when the test panics. Nothing here knows the cache: what these three do
//! can be believed when a test of the cache fails.
//!
//! Modules depend downward only: `server`, `proxy` and `fake` over `reply`, `request`, `background` and `port`.

mod background;
mod fake;
mod port;
mod proxy;
pub mod reply;
mod request;
mod server;

pub use fake::FakeRedis;
pub use proxy::{Mode, Proxy};
pub use reply::Reply;
pub use server::RedisServer;
