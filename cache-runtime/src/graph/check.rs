//! The graph as a test: nothing is wrong, except what is allowed.

use std::fmt;

use serde::Serialize;

use super::{Finding, Graph};
use crate::suggest::closest;

impl Graph {
    /// Fails if anything is probably a mistake: for a test of one line.
    ///
    /// ```rust,standalone_crate
    /// # use cache_runtime::{cached, invalidates};
    /// #[cached(key = "user:{id}", ttl = "10m", tags = ["user:{id}"])]
    /// async fn get_user(id: u64) -> u64 { id }
    ///
    /// #[invalidates(tags = ["usr:{id}"])]
    /// async fn rename_user(id: u64) {}
    ///
    /// # fn main() {
    /// let findings = cache_runtime::graph().check().unwrap_err();
    /// assert_eq!(findings.len(), 2);
    /// assert!(findings.to_string().contains("no entry carries the tag `usr:{id}`"));
    /// assert!(findings.to_string().contains("did you mean `user:{id}`?"));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// With every [`Finding`], readable in `Display` and `Debug`.
    pub fn check(&self) -> Result<(), Findings> {
        self.check_except::<[&str; 0]>([])
    }

    /// As [`check`](Self::check), but for the findings with these [ids](Finding::id). One that does not occur fails as well,
    /// so that the list is never longer than it has to be.
    ///
    /// ```rust,standalone_crate
    /// # use cache_runtime::cached;
    /// #[cached(key = "rates", ttl = "7d")]
    /// async fn exchange_rates() -> Vec<u64> { vec![] }
    ///
    /// # fn main() -> Result<(), cache_runtime::graph::Findings> {
    /// cache_runtime::graph().check_except([
    ///     // The nightly import calls `exchange_rates::invalidate()`.
    ///     concat!("unreachable: ", module_path!(), "::exchange_rates"),
    /// ])
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// With the findings that are not allowed, and with a [`Finding::NotFound`] for each id without a finding.
    pub fn check_except<I>(&self, allowed: I) -> Result<(), Findings>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut findings = self.findings();
        let mut in_vain = Vec::new();
        for allowed in allowed {
            let before = findings.len();
            findings.retain(|finding| finding.id() != allowed.as_ref());
            if findings.len() == before {
                in_vain.push(allowed.as_ref().to_owned());
            }
        }
        let ids: Vec<String> = findings.iter().map(Finding::id).collect();
        findings.extend(in_vain.into_iter().map(|allowed| {
            let closest = closest(&allowed, ids.iter().map(String::as_str)).map(str::to_owned);
            Finding::NotFound { allowed, closest }
        }));
        if findings.is_empty() { Ok(()) } else { Err(Findings(findings)) }
    }
}

/// What [`Graph::check`] found: one or more.
///
/// `Debug` is as readable as `Display`, since `unwrap`, and a test that returns it, print that.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// One after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// How many there are; never 0.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.0 {
            write!(f, "{finding}\n\n")?;
        }
        match self.0.len() {
            1 => write!(f, "the graph of invalidation has 1 finding"),
            more => write!(f, "the graph of invalidation has {more} findings"),
        }
    }
}

/// Begins on a line of its own: what prints it has begun another.
impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl std::error::Error for Findings {}
