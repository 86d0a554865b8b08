//! Who the master is, asked of the Sentinels.

use std::sync::Mutex;

use redis::ConnectionInfo;

use super::Failure;
use super::address::moved;
use super::look::{Found, Look, Looking};
use super::scout::Scout;

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
        let asked = self.sentinels.iter().map(|sentinel| self.ask_one(sentinel));
        let mut latest: Option<(u64, String, u16)> = None;
        let (mut answered, mut failure) = (false, None);
        for answer in futures_util::future::join_all(asked).await {
            match answer {
                Ok(Some(told)) if latest.as_ref().is_none_or(|latest| latest.0 < told.0) => latest = Some(told),
                Ok(_) => answered = true,
                // It answers, and has never heard of it.
                Err(error) if error.is("ERR") => answered = true,
                Err(error) => failure = Some(error),
            }
        }
        let Some((epoch, host, port)) = latest else {
            let unknown = || Failure::refused(format!("no Sentinel knows a master called `{}`", self.service));
            return Err(failure.filter(|_| !answered).unwrap_or_else(unknown));
        };
        let mut highest = self.epoch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if epoch < *highest {
            return Err(Failure::refused("the Sentinels that answer are behind those that answered before"));
        }
        *highest = epoch;
        drop(highest);
        Ok(Found {
            masters: vec![moved(&self.master, &host, port)],
            #[cfg(feature = "cluster")]
            slots: Vec::new(),
            fingerprint: None,
        })
    }

    /// The configuration epoch, and then the address.
    ///
    /// In this order, so that the address is at least as new. And not both from `MASTER`: a Sentinel that is leading a
    /// failover goes on to name the old address there, with the new epoch, until all replicas have been told.
    async fn ask_one(&self, sentinel: &Scout) -> Result<Option<(u64, String, u16)>, Failure> {
        let (mut state, mut address) = (redis::cmd("SENTINEL"), redis::cmd("SENTINEL"));
        state.arg("MASTER").arg(&self.service);
        address.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.service);
        let fields: Vec<String> = sentinel.ask(&state).await?;
        let epoch = fields.chunks_exact(2).find(|pair| pair[0] == "config-epoch").and_then(|pair| pair[1].parse().ok());
        let address: Option<(String, u16)> = sentinel.ask(&address).await?;
        Ok(epoch.zip(address).map(|(epoch, (host, port))| (epoch, host, port)))
    }
}

impl Look for Watch {
    fn look(&self, _known: Vec<ConnectionInfo>) -> Looking<'_, Result<Found, Failure>> {
        Box::pin(self.ask())
    }

    fn confirms<'a>(&'a self, master: &'a ConnectionInfo) -> Looking<'a, bool> {
        Box::pin(async move {
            let found = self.ask().await;
            found.map_or(true, |found| found.masters.iter().any(|named| named.addr() == master.addr()))
        })
    }
}
