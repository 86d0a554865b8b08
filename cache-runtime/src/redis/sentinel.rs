//! Who the master is, asked of the Sentinels.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use redis::ConnectionInfo;

use super::Failure;
use super::address::moved;
use super::look::{Layout, Look, Looking};
use super::scout::Scout;

/// How long the last Sentinels are waited for when most have answered.
const STRAGGLERS: Duration = Duration::from_millis(50);

/// The configuration epoch, and the master's address.
type Told = (u64, String, u16);

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
    async fn ask(&self) -> Result<Layout, Failure> {
        let mut asked: FuturesUnordered<_> = self.sentinels.iter().map(|sentinel| self.ask_one(sentinel)).collect();
        let mut latest: Option<Told> = None;
        let (mut answered, mut agreeing, mut failure) = (0, 0, None);
        loop {
            // When most have answered, one that is silent holds nobody up.
            let patience = if self.is_majority(answered) { STRAGGLERS } else { Duration::MAX };
            let Ok(Some(answer)) = tokio::time::timeout(patience, asked.next()).await else { break };
            answered += usize::from(answer.is_ok());
            match answer {
                Ok(Some(told)) if latest.as_ref() == Some(&told) => agreeing += 1,
                Ok(Some(told)) if latest.as_ref().is_none_or(|latest| latest.0 < told.0) => {
                    (latest, agreeing) = (Some(told), 1);
                }
                Ok(_) => {}
                Err(error) => failure = Some(error),
            }
        }
        let Some((epoch, host, port)) = latest else {
            let unknown = || Failure::refused(format!("no Sentinel knows a master called `{}`", self.service));
            return Err(failure.filter(|_| answered == 0).unwrap_or_else(unknown));
        };
        let mut highest = self.epoch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Unless most of them agree: Sentinels that were set up anew count from the beginning.
        if epoch < *highest && !self.is_majority(agreeing) {
            return Err(Failure::refused("the Sentinels that answer are behind those that answered before"));
        }
        *highest = epoch;
        drop(highest);
        Ok(Layout {
            masters: vec![moved(&self.master, &host, port)],
            #[cfg(feature = "cluster")]
            slots: Vec::new(),
            fingerprint: None,
        })
    }

    fn is_majority(&self, of_them: usize) -> bool {
        of_them * 2 > self.sentinels.len()
    }

    /// The configuration epoch, and then the address; `None` if it has never heard of the master.
    ///
    /// In this order, so that the address is at least as new. And not both from `MASTER`: a Sentinel that is leading a
    /// failover goes on to name the old address there, with the new epoch, until all replicas have been told.
    async fn ask_one(&self, sentinel: &Scout) -> Result<Option<Told>, Failure> {
        let (mut state, mut address) = (redis::cmd("SENTINEL"), redis::cmd("SENTINEL"));
        state.arg("MASTER").arg(&self.service);
        address.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.service);
        let fields: Vec<String> = match sentinel.ask(&state).await {
            Err(error) if error.is("ERR") => return Ok(None),
            answer => answer?,
        };
        let epoch = fields.chunks_exact(2).find(|pair| pair[0] == "config-epoch").and_then(|pair| pair[1].parse().ok());
        let address: Option<(String, u16)> = sentinel.ask(&address).await?;
        Ok(epoch.zip(address).map(|(epoch, (host, port))| (epoch, host, port)))
    }
}

impl Look for Watch {
    fn look(&self, _known: Vec<ConnectionInfo>) -> Looking<'_, Result<Layout, Failure>> {
        Box::pin(self.ask())
    }

    fn confirms<'a>(&'a self, master: &'a ConnectionInfo) -> Looking<'a, bool> {
        Box::pin(async move {
            let found = self.ask().await;
            found.map_or(true, |found| found.masters.iter().any(|named| named.addr() == master.addr()))
        })
    }
}
