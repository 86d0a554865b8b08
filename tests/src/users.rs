//! Users who may do everything, and exist so that a [`Proxy`](crate::Proxy) can tell whose connection it carries.

/// Their names.
pub(crate) const USERS: [&str; 3] = ["node0", "node1", "node2"];

/// The options of a `redis-server` that knows them. Any password will do.
pub(crate) fn options() -> impl Iterator<Item = String> {
    let user = |name| ["--user", name, "on", "nopass", "allkeys", "allchannels", "allcommands"];
    USERS.into_iter().flat_map(user).map(str::to_owned)
}

/// The URL of somebody who logs in as this user: `node0`, `node1` or `node2`, whom the servers of a
/// [`RedisCluster`](crate::RedisCluster) and a [`Pair`](crate::Pair) know. They may do everything.
pub fn log_in(url: &str, user: &str) -> String {
    url.replacen("://", &format!("://{user}:any@"), 1)
}
