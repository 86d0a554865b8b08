//! A connection on which only the topology is asked about: to a Sentinel, or to a node of a Cluster.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionInfo, FromRedisValue};
use tokio::sync::Mutex;

use super::Failure;

/// How long one question may take, a dial included.
const PATIENCE: Duration = Duration::from_millis(500);

pub(super) struct Scout {
    pub(super) info: ConnectionInfo,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Scout {
    pub(super) fn new(info: ConnectionInfo) -> Self {
        Self { info, connection: Mutex::new(None) }
    }

    /// Asks, on a new connection if the old one fails.
    pub(super) async fn ask<T: FromRedisValue>(&self, question: &Cmd) -> Result<T, Failure> {
        let asking = async {
            let mut kept = self.connection.lock().await;
            if let Some(mut connection) = kept.take()
                && let Ok(answer) = question.query_async(&mut connection).await
            {
                *kept = Some(connection);
                return Ok(answer);
            }
            let settings =
                AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(None);
            let client = Client::open(self.info.clone())?;
            let mut connection = client.get_multiplexed_async_connection_with_config(&settings).await?;
            let answer = question.query_async(&mut connection).await?;
            *kept = Some(connection);
            Ok(answer)
        };
        tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(Failure::timeout()))
    }
}
