//! Whether a value comes back from its codec as it went in.
//!
//! bincode and postcard write no names: a field that is skipped, flattened or untagged makes them fail on the way
//! back, or read something else. A cache that stored such values would miss for ever, or lie.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, CodecError};
use crate::canonical::{self, Order};

/// Why a value does not survive.
#[derive(Debug)]
pub enum Unfit {
    /// Its bytes do not decode.
    Undecodable(CodecError),
    /// They decode to something else.
    Changed,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable(error) => write!(f, "what was written does not decode: {error}"),
            Self::Changed => f.write_str("what was written decodes to another value"),
        }
    }
}

/// Decodes `encoded`, and compares what came back by its canonical form, in which hash maps and sets have no order.
///
/// That encoding the copy gives the same bytes is not enough: JSON writes `Some(NaN)` and `Some(None)` as `null`, reads
/// that as `None`, and writes `null` again. Bytes decide only where there is no canonical form.
pub(crate) fn survives<C: Codec, T: Serialize + DeserializeOwned>(value: &T, encoded: &[u8]) -> Result<(), Unfit> {
    let copy: T = C::decode(encoded).map_err(Unfit::Undecodable)?;
    let same = match (canonical::digest(value, Order::Ignored), canonical::digest(&copy, Order::Ignored)) {
        (Ok(before), Ok(after)) => before == after,
        _ => {
            let mut again = Vec::with_capacity(encoded.len());
            C::encode(&copy, &mut again).map_err(Unfit::Undecodable)?;
            again == encoded
        }
    };
    if same { Ok(()) } else { Err(Unfit::Changed) }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use serde::Deserialize;

    use super::*;
    use crate::codec::Bincode;

    fn check<C: Codec, T: Serialize + DeserializeOwned>(value: &T) -> Result<(), Unfit> {
        let mut encoded = Vec::new();
        C::encode(value, &mut encoded).map_err(Unfit::Undecodable)?;
        survives::<C, T>(value, &encoded)
    }

    #[derive(Serialize, Deserialize)]
    struct Skipping {
        #[serde(skip_serializing_if = "Option::is_none")]
        nick: Option<u8>,
        age: Option<u8>,
    }

    #[derive(Serialize, Deserialize)]
    struct Flattened {
        id: u8,
        #[serde(flatten)]
        rest: HashMap<String, u8>,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(u32),
        Text(String),
    }

    #[test]
    fn what_needs_names_does_not_survive_bincode() {
        assert!(check::<Bincode, _>(&Skipping { nick: None, age: Some(3) }).is_err());
        assert!(check::<Bincode, _>(&Flattened { id: 1, rest: HashMap::from([("a".into(), 1)]) }).is_err());
        assert!(check::<Bincode, _>(&Untagged::Number(1)).is_err());
        assert!(check::<Bincode, _>(&Untagged::Text("a".into())).is_err());
    }

    #[cfg(feature = "json")]
    #[test]
    fn what_needs_names_survives_json() {
        use crate::codec::Json;
        assert!(check::<Json, _>(&Skipping { nick: None, age: Some(3) }).is_ok());
        assert!(check::<Json, _>(&Flattened { id: 1, rest: HashMap::from([("a".into(), 1)]) }).is_ok());
        assert!(check::<Json, _>(&Untagged::Text("a".into())).is_ok());
        assert!(check::<Json, _>(&serde_json::json!({"a": [1, null]})).is_ok());
        assert!(check::<Bincode, _>(&serde_json::json!({"a": [1, null]})).is_err());
        assert!(check::<Json, _>(&f64::NAN).is_err(), "JSON has no form for it");
    }

    #[cfg(feature = "json")]
    #[test]
    fn what_comes_back_as_none_does_not_survive_json() {
        use crate::codec::Json;
        assert!(check::<Json, _>(&Some(1.5)).is_ok());
        assert!(check::<Json, _>(&None::<f64>).is_ok());
        assert!(check::<Json, _>(&Some(f64::NAN)).is_err());
        assert!(check::<Json, _>(&(1, Some(None::<u8>))).is_err());
    }

    /// Without serde_json's `float_roundtrip`, one in ten comes back as its neighbour.
    #[cfg(feature = "json")]
    #[test]
    fn any_finite_float_survives_json() {
        use crate::codec::Json;
        for n in 0..10_000_u32 {
            let float = f64::from(n) / 7.0 + 0.1;
            assert!(check::<Json, _>(&float).is_ok(), "{float}");
        }
    }

    #[test]
    fn maps_and_sets_in_any_order_survive() {
        let map: HashMap<u32, String> = (0..100).map(|n| (n, n.to_string())).collect();
        let set: HashSet<u32> = (0..100).collect();
        assert!(check::<Bincode, _>(&(map, set)).is_ok());
        assert!(check::<Bincode, _>(&f64::NAN).is_ok());
    }
}
