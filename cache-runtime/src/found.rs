//! Tags that are known only from what the body returned.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Key;
use crate::key::KeyPart;
use crate::site::Site;

/// The tags that one call found in its result. The call and the future of its body hold it both: the one reads
/// when the other is done.
#[derive(Clone)]
pub struct FoundTags {
    site: &'static Site,
    found: Arc<Mutex<Named>>,
}

/// What was found so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Rendered, in the order of their templates.
    pub(crate) tags: Vec<String>,
    /// Why one of them could not be rendered: then nothing says what invalidates the value.
    pub(crate) unfit: Option<Box<str>>,
}

impl FoundTags {
    pub(crate) fn new(site: &'static Site) -> Self {
        Self { site, found: Arc::default() }
    }

    /// Adds the tag of this template.
    pub fn tag(&self, index: u16, parts: &[&dyn KeyPart]) {
        let tag = Key::start(0, |out| self.site.declaration.found[usize::from(index)].render(parts, out));
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.tags.push(tag.as_str().to_owned());
        found.unfit = found.unfit.take().or(tag.unfit().map(Into::into));
    }

    /// What was found, once: afterwards there is nothing.
    pub(crate) fn take(&self) -> Named {
        std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::HashPart;
    use crate::site::{Declaration, Segment, Template};

    struct Refuses;

    impl serde::Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }

    static SITE: Site = Site::new(Declaration {
        found: &[
            Template { source: "org:{return.org}", segments: &[Segment::Text("org:"), Segment::Part(0)] },
            Template { source: "{return.name}", segments: &[Segment::Part(0)] },
        ],
        ..Declaration::DEFAULT
    });

    #[test]
    fn tags_are_rendered_as_those_of_keys_are() {
        let found = FoundTags::new(&SITE);
        let long = "a".repeat(1000);
        found.clone().tag(0, &[&"a:b"]);
        found.tag(1, &[&long]);
        let Named { tags, unfit } = found.take();
        let of_key = Key::new("").tag(&long);
        assert_eq!(tags, ["org:a%3Ab", of_key.tags().next().expect("one was added")]);
        assert_eq!(unfit, None);
        assert_eq!(found.take(), Named::default());
    }

    #[test]
    fn one_that_cannot_be_rendered_is_remembered() {
        let found = FoundTags::new(&SITE);
        found.tag(0, &[&HashPart(&Refuses)]);
        found.tag(1, &[&"fine"]);
        assert!(found.take().unfit.is_some());
    }
}
