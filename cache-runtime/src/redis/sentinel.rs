//! Who the master is, asked of the Sentinels.

use std::sync::{Arc, Mutex};

use redis::ConnectionInfo;

use super::Failure;
use super::address::moved;
use super::node::Node;
use super::scout::Scout;
use super::topology::{Found, Look, Looking};

pub(super) struct Watch {
    sentinels: Vec<Scout>,
    service: String,
    master: ConnectionInfo,
    /// The highest configuration epoch heard of: an older one is from a Sentinel that was cut off.
    epoch: Mutex<u64>,
}

impl Watch {
    pub(super) fn new(sentinels: Vec<ConnectionInfo>, service: String, master: ConnectionInfo) -> Self {
        let sentinels = sentinels.into_iter().map(Scout::new).collect();
        Self { sentinels, service, master, epoch: Mutex::new(0) }
    }

    /// Asks all Sentinels and believes the latest configuration.
    async fn ask(&self) -> Result<Found, Failure> {
        let mut question = redis::cmd("SENTINEL");
        question.arg("MASTER").arg(&self.service);
        let asked = self.sentinels.iter().map(|sentinel| sentinel.ask::<Vec<String>>(&question));
        let mut latest: Option<(u64, String, u16)> = None;
        let mut failure = None;
        for answer in futures_util::future::join_all(asked).await {
            match answer {
                Ok(fields) => {
                    let field =
                        |name: &str| fields.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str());
                    let read = (|| {
                        let epoch = field("config-epoch")?.parse().ok()?;
                        Some((epoch, field("ip")?.to_owned(), field("port")?.parse().ok()?))
                    })();
                    if let Some(read) = read
                        && latest.as_ref().is_none_or(|latest| latest.0 < read.0)
                    {
                        latest = Some(read);
                    }
                }
                Err(error) => failure = Some(error),
            }
        }
        let Some((epoch, host, port)) = latest else {
            let unknown = || Failure::refused(format!("no Sentinel knows a master called `{}`", self.service));
            return Err(failure.unwrap_or_else(unknown));
        };
        let mut highest = self.epoch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if epoch < *highest {
            return Err(Failure::refused("the Sentinels that answer are behind those that answered before"));
        }
        *highest = epoch;
        Ok(Found {
            masters: vec![moved(&self.master, &host, port)],
            #[cfg(feature = "cluster")]
            slots: Vec::new(),
            fingerprint: None,
        })
    }
}

impl Look for Watch {
    fn look<'a>(&'a self, _known: &'a [Arc<Node>]) -> Looking<'a> {
        Box::pin(self.ask())
    }
}
