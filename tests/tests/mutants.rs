//! Every rule of the protocol has an off-switch, and a test that notices when it is off.

use cache_runtime::mutant::Mutant;

macro_rules! places {
    ($($mutant:ident => $file:literal,)*) => {
        /// Where it is noticed: a new rule does not compile without a place.
        fn place(mutant: Mutant) -> (&'static str, &'static str) {
            match mutant {
                $(Mutant::$mutant => ($file, include_str!($file)),)*
            }
        }

        const ALL: &[Mutant] = &[$(Mutant::$mutant,)*];
    };
}

places! {
    StampsAfterLoad => "consistency.rs",
    PlainSet => "consistency.rs",
    PlainFills => "consistency.rs",
    NaiveJoin => "consistency.rs",
    Counters => "replays.rs",
    NoHistory => "replays.rs",
    RetryReusesToken => "late.rs",
    FlightWithoutHistory => "replays.rs",
    GenerationsAfterReply => "consistency.rs",
    NoLease => "consistency.rs",
    LeaseFromReceipt => "consistency.rs",
    NoEpochOnGap => "consistency.rs",
    EpochAtDisconnectOnly => "replays.rs",
    OwnBumpBeforeOnly => "consistency.rs",
    NoOwnBump => "consistency.rs",
    PublishBeforeUnlink => "replays.rs",
    NoPublish => "consistency.rs",
    MessageNotRepeated => "unheard.rs",
    MessagesBehindHeartbeat => "unheard.rs",
    DeposedSubscriber => "replays.rs",
    HiddenSubscriberStays => "unheard.rs",
    InsertFromOtherHistory => "replays.rs",
    OneSubscriber => "replays.rs",
    SlotsNotWatched => "unheard.rs",
    NoFence => "consistency.rs",
}

#[test]
fn each_rule_is_switched_off_where_it_is_said_to_be_noticed() {
    for &mutant in ALL {
        let (file, text) = place(mutant);
        assert!(text.contains(&format!("Mutant::{mutant:?}")), "{file} does not switch off {mutant:?}");
    }
}
