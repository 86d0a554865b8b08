//! What the network does to whose connections.

use std::collections::HashMap;

use tokio::sync::watch;

use super::Mode;

/// How a client asks for RESP3.
const HELLO: &[u8] = b"HELLO\r\n$1\r\n3\r\n";
/// What stands before the length and the name of the user that a client logs in as.
const AUTH: &[u8] = b"AUTH\r\n$";

/// Whose connection it is, as far as its first words tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Client {
    /// One who asks for RESP3 is one who subscribes.
    subscribes: bool,
    user: Option<String>,
}

impl Client {
    pub(super) fn introduced_by(words: &[u8]) -> Self {
        let find = |what: &[u8]| words.windows(what.len()).position(|window| window == what);
        let user = find(AUTH).and_then(|at| {
            let behind = std::str::from_utf8(&words[at + AUTH.len()..]).ok()?;
            let (length, behind) = behind.split_once("\r\n")?;
            behind.get(..length.parse().ok()?).map(str::to_owned)
        });
        Self { subscribes: find(HELLO).is_some(), user }
    }
}

/// What happens to the connections on which a client subscribes, and to his others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Modes {
    pub(super) data: Mode,
    pub(super) subscribers: Mode,
}

/// What the network does.
#[derive(Clone, Debug)]
pub(super) struct Weather {
    pub(super) all: Modes,
    /// To these users it does something else.
    pub(super) users: HashMap<String, Modes>,
}

impl Weather {
    pub(super) fn same_for_all(mode: Mode) -> Self {
        Self { all: Modes { data: mode, subscribers: mode }, users: HashMap::new() }
    }

    fn over(&self, client: &Client) -> Mode {
        let own = client.user.as_ref().and_then(|user| self.users.get(user));
        let modes = own.unwrap_or(&self.all);
        if client.subscribes { modes.subscribers } else { modes.data }
    }
}

/// The weather as one connection has it.
#[derive(Clone)]
pub(super) struct Outlook {
    weather: watch::Receiver<Weather>,
    client: Client,
}

impl Outlook {
    /// Of somebody who has not spoken yet.
    pub(super) fn new(weather: watch::Receiver<Weather>) -> Self {
        Self { weather, client: Client::default() }
    }

    pub(super) fn of(self, client: Client) -> Self {
        Self { client, ..self }
    }

    pub(super) fn subscribes(&self) -> bool {
        self.client.subscribes
    }

    pub(super) fn mode(&self) -> Mode {
        self.weather.borrow().over(&self.client)
    }

    /// Waits for a mode that is as wanted. `None`: the proxy is being dropped.
    pub(super) async fn when(&mut self, mut wanted: impl FnMut(Mode) -> bool) -> Option<Mode> {
        let Self { weather, client } = self;
        weather.wait_for(|weather| wanted(weather.over(client))).await.ok().map(|weather| weather.over(client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_introduce_themselves() {
        let client = |words: &str| Client::introduced_by(words.as_bytes());
        let named = |subscribes, user: &str| Client { subscribes, user: Some(user.to_owned()) };
        assert_eq!(client("*1\r\n$4\r\nPING\r\n"), Client::default());
        assert_eq!(client("*3\r\n$4\r\nAUTH\r\n$5\r\nnode1\r\n$1\r\nx\r\n"), named(false, "node1"));
        assert_eq!(
            client("*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$5\r\nnode1\r\n$1\r\nx\r\n"),
            named(true, "node1")
        );
        assert_eq!(client("*3\r\n$4\r\nAUTH\r\n$500\r\nnode"), Client::default());
    }

    #[test]
    fn a_user_may_have_weather_of_his_own() {
        let mut weather = Weather::same_for_all(Mode::Pass);
        weather.users.insert("a".to_owned(), Modes { data: Mode::Pass, subscribers: Mode::Stall });
        let over = |user: &str, subscribes| weather.over(&Client { subscribes, user: Some(user.to_owned()) });
        assert_eq!([over("a", true), over("a", false), over("b", true)], [Mode::Stall, Mode::Pass, Mode::Pass]);
    }
}
