//! Which tags an entry carries, and which of them stand.

use std::collections::HashMap;

use super::explain::{TagStanding, TagState};
use super::{Inspect, budget, failed};
use crate::Error;
use crate::core::Remote;
use crate::entry::{self, Envelope, Stamp};
use crate::redis::Answers;

/// What the tags of an entry hold, beside what it carries.
pub(super) fn tags(
    envelope: Option<Envelope<'_>>,
    declared: &[String],
    found: &[String],
    held: &Answers,
) -> Vec<TagState> {
    let carried: Vec<&[u8]> = envelope.iter().flat_map(|envelope| envelope.stamps()).collect();
    let named = declared.len() + found.len();
    // Of tags that are not known here there are stamps and no names. Those of the result are the last.
    let unknown = match envelope {
        Some(_) => carried.len().saturating_sub(named),
        None => 0,
    };
    let unknown = (0..unknown).map(|_| TagState { name: None, from_result: false, standing: TagStanding::Unknown });
    let declared_count = declared.len();
    let in_place = carried.len() == named;
    let state = |(index, name): (usize, &String)| {
        let of_result = index >= declared_count;
        let now = held.held(index);
        let stamp = match in_place {
            true => carried.get(index),
            // Found tags are the last; of the others nobody knows which stamp is whose.
            false if of_result => carried.len().checked_sub(named - index).and_then(|place| carried.get(place)),
            false => None,
        };
        let standing = match now {
            Some(now) if entry::fence(now).is_some() => TagStanding::Fenced,
            Some(now) if entry::current_stamp(now, held.witness(index).history()).is_none() => TagStanding::Missing,
            None => TagStanding::Missing,
            Some(now) if stamp.is_none_or(|stamp| *stamp == now) => TagStanding::Stands,
            Some(_) => TagStanding::Void,
        };
        TagState { name: Some(name.clone()), from_result: of_result, standing }
    };
    let states = declared.iter().chain(found).enumerate().map(state);
    let mut states: Vec<_> = states.collect();
    let at = declared_count.min(states.len());
    states.splice(at..at, unknown);
    states
}

impl Inspect {
    /// Finds the tags whose names are not known by their stamps, which no two tags share. A stamp that no tag holds any more
    /// is that of a tag which was invalidated.
    pub(super) async fn search(
        &self,
        remote: &Remote,
        envelope: Envelope<'_>,
        states: &mut [TagState],
    ) -> Result<(), Error> {
        let server = &remote.server;
        let mut wanted: HashMap<Stamp, &mut TagState> = HashMap::new();
        for (stamp, state) in envelope.stamps().zip(states) {
            if let (TagStanding::Unknown, Ok(stamp)) = (state.standing, Stamp::try_from(stamp)) {
                state.standing = TagStanding::Void;
                wanted.insert(stamp, state);
            }
        }
        let mut cursor = None;
        while !wanted.is_empty() {
            let walked = self.walk(server, &server.names.tags("*"), cursor, 1).await?;
            let heads = walked.node.heads(&mut budget(), &walked.names, size_of::<Stamp>()).await.map_err(failed)?;
            for (name, head) in walked.names.iter().zip(heads) {
                let stamp = head.and_then(|head| Stamp::try_from(head.as_ref()).ok());
                if let Some(state) = stamp.and_then(|stamp| wanted.remove(&stamp)) {
                    state.standing = TagStanding::Stands;
                    state.name = server.names.tag_in(name).map(str::to_owned);
                }
            }
            cursor = walked.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(())
    }
}
