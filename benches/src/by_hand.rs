//! What is written without a framework: cache-aside on one shared connection.

use std::sync::OnceLock;

use bincode::config::standard;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, AsyncConnectionConfig};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::PATIENCE;
use crate::path::Path;
use crate::value::User;

static SHARED: OnceLock<MultiplexedConnection> = OnceLock::new();

/// As the client comes, but with [`PATIENCE`]; it would wait for half a second.
pub fn patient() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE))
}

/// Makes the connection.
pub async fn connect(url: &str) {
    let client = redis::Client::open(url).expect("a URL");
    let connection = client.get_multiplexed_async_connection_with_config(&patient()).await.expect("up");
    SHARED.get_or_init(|| connection);
}

/// The shared connection.
pub fn connection() -> MultiplexedConnection {
    SHARED.get().expect("made by `connect`").clone()
}

/// In the form that the cache has by default.
pub fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, standard()).expect("has a form")
}

/// The other way.
pub fn decoded<T: DeserializeOwned>(bytes: &[u8]) -> T {
    bincode::serde::decode_from_slice(bytes, standard()).expect("encoded by hand").0
}

/// `GET`, and where that finds nothing the load and `SET EX`.
pub async fn user(id: u64) -> User {
    let mut connection = connection();
    let key = format!("hand:{id}");
    let found: Option<Vec<u8>> = connection.get(&key).await.expect("up");
    match found {
        Some(bytes) => decoded(&bytes),
        None => {
            let user = User::load(id);
            connection.set_ex::<_, _, ()>(&key, encoded(&user), 3600).await.expect("up");
            user
        }
    }
}

/// `DEL`.
pub async fn forget(id: u64) {
    connection().del::<_, ()>(format!("hand:{id}")).await.expect("up");
}

/// A hit.
pub fn hit() -> Path {
    Path::over_redis("by hand", user)
}
