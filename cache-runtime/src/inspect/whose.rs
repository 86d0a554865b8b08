//! Which function an entry belongs to, and which tags it then has: by joining its key with the templates.

use std::sync::{Arc, LazyLock};

use crate::graph::{Function, Graph, Place};
use crate::site::{SITES, Site};
use crate::{Error, Key, named};

/// The functions that entries are explained by.
pub(super) struct Functions {
    all: Vec<Function>,
    /// Whether they are this program's own, so that more is known of them than a graph tells.
    ours: bool,
}

/// A function whose key template the key fits.
pub(super) struct Owner {
    pub(super) place: Place,
    /// The key with the tags that it carries, but for those that the result names; `None` where the key does not tell
    /// them.
    pub(super) key: Option<Key>,
    /// The function itself, if it is one of this program's.
    pub(super) site: Option<&'static Site>,
    /// The shape of what it reads, if it was called in this process.
    pub(super) shape: Option<u64>,
}

/// A reader of another shape than this, if all of whom it is known read another.
pub(super) fn misreader(owners: &[Owner], shape: u64) -> Option<&Owner> {
    let reader = owners.iter().find(|owner| owner.shape.is_some())?;
    owners.iter().all(|owner| owner.shape != Some(shape)).then_some(reader)
}

impl Functions {
    pub(super) fn of_this_program() -> Arc<Self> {
        static OURS: LazyLock<Arc<Functions>> =
            LazyLock::new(|| Arc::new(Functions { all: crate::graph().functions, ours: true }));
        Arc::clone(&OURS)
    }

    pub(super) fn of(graph: &Graph) -> Self {
        Self { all: graph.functions.clone(), ours: false }
    }

    /// Those that the key can belong to.
    pub(super) fn owners(&self, key: &str) -> Vec<Owner> {
        let owner = |function: &Function| {
            let bound = function.key.bind(key)?;
            let declared = function.tags.iter().filter(|tag| !tag.names_result());
            let tags: Option<Vec<String>> = declared.map(|tag| tag.with(&bound)).collect();
            let tagged = tags.map(|tags| tags.into_iter().fold(Key::new(key), Key::tag));
            let site = self.site(&function.place);
            Some(Owner { place: function.place.clone(), key: tagged, site, shape: site.and_then(Site::shape) })
        };
        self.all.iter().filter_map(owner).collect()
    }

    fn site(&self, place: &Place) -> Option<&'static Site> {
        let is_it = |declared: &crate::site::Declaration| {
            declared.function == place.path && declared.file == place.file && declared.line == place.line
        };
        SITES.iter().copied().filter(|_| self.ours).find(|site| is_it(&site.declaration))
    }

    /// The functions of this name: all of their path, else the end of it. Several can have one path, such as methods of one
    /// module.
    ///
    /// # Errors
    ///
    /// If there is none, or if they have several paths.
    pub(super) fn named(&self, name: &str) -> Result<Vec<&Function>, Error> {
        let path = named::path(name, self.all.iter().map(|function| &*function.place.path)).map_err(Error::mistaken)?;
        Ok(self.all.iter().filter(|function| function.place.path == path).collect())
    }
}
