//! What the integration tests stand on: a real server of their own, a network that can be broken, and a server
//! that says whatever a test wants it to say.
//!
//! | to have | take |
//! |---|---|
//! | a Redis that is empty, yours alone, and may be killed, paused and restarted | [`RedisServer`] |
//! | a server that speaks TLS only, with a certificate of an authority of its own | [`TlsServer`] |
//! | a cluster whose nodes fail over, lose touch and give away slots | [`RedisCluster`] |
//! | a master that sentinels replace | [`Sentinels`] |
//! | a failover that loses acknowledged writes, exactly then | [`Pair`] |
//! | a network between a cache and its server: late, deaf, refusing, cutting | [`Proxy`] with a [`Mode`] |
//! | a browser that shows a page, is clicked and typed into, and tells what it complains of | [`Browser`] |
//! | a server that answers `LOADING`, `MOVED`, half a reply or nonsense | [`FakeRedis`] with [`reply`] |
//!
//! Each of them ends with its value, also when the test panics. Nothing here knows the cache: what they do can
//! be believed when a test of the cache fails.
//!
//! Modules depend downward only: `cluster`, `sentinels`, `pair` and `tls` over `server`, `proxy`, `fake` and `bus`, and
//! those over `reply`, `request`, `background`, `port`, `users` and `wait`; `browser` over `wait` alone.

mod background;
mod browser;
mod bus;
#[cfg(feature = "checker")]
pub mod checker;
mod cluster;
mod fake;
mod pair;
mod port;
mod proxy;
pub mod reply;
mod request;
mod sentinels;
mod server;
mod tls;
mod users;
mod wait;

pub use browser::{Browser, key};
pub use cluster::RedisCluster;
pub use fake::FakeRedis;
pub use pair::{Pair, Predecessor};
pub use proxy::{Mode, Proxy};
pub use reply::Reply;
pub use sentinels::Sentinels;
pub use server::RedisServer;
pub use tls::TlsServer;
pub use users::log_in;
pub use wait::eventually;
