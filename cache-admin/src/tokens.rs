//! The tokens that open the routes, known by their hashes only.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A token that can be guessed is refused.
const SHORTEST: usize = 16;

/// Why a token cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// It has fewer than 16 characters.
    TooShort,
    /// It has characters that no `Authorization: Bearer` header carries: others than letters, digits and `-._~+/=`.
    BadCharacter,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "the token has fewer than 16 characters; take one from `openssl rand -hex 32`",
            Self::BadCharacter => "a token consists of letters, digits and `-._~+/=`",
        })
    }
}

impl std::error::Error for TokenError {}

/// Who may do what: names by the hash of their token.
#[derive(Clone, Default)]
pub(crate) struct Tokens(Vec<(Arc<str>, [u8; 32])>);

impl Tokens {
    pub(crate) fn add(&mut self, name: &str, token: &str) -> Result<(), TokenError> {
        if token.len() < SHORTEST {
            return Err(TokenError::TooShort);
        }
        if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)) {
            return Err(TokenError::BadCharacter);
        }
        self.0.push((name.into(), hash(token)));
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose token it is. Compares with all of them, and each in constant time: how long it takes tells nothing.
    pub(crate) fn owner(&self, token: &str) -> Option<Arc<str>> {
        let given = hash(token);
        let mut owner = None;
        for (name, hash) in &self.0 {
            if bool::from(hash.ct_eq(&given)) {
                owner = Some(name);
            }
        }
        owner.cloned()
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_owner() {
        let mut tokens = Tokens::default();
        tokens.add("night shift", "0123456789abcdef").unwrap();
        tokens.add("deploys", "fedcba9876543210").unwrap();
        assert_eq!(tokens.owner("0123456789abcdef").as_deref(), Some("night shift"));
        assert_eq!(tokens.owner("fedcba9876543210").as_deref(), Some("deploys"));
        for wrong in ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF"] {
            assert_eq!(tokens.owner(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_token_that_can_be_guessed_or_not_be_sent_is_refused() {
        let mut tokens = Tokens::default();
        for short in ["", "secret", "0123456789abcde"] {
            assert_eq!(tokens.add("anyone", short), Err(TokenError::TooShort), "{short}");
        }
        for odd in ["with a space in it", "zeilen\numbruch-und-mehr", "schlüssel-mit-umlaut"] {
            assert_eq!(tokens.add("anyone", odd), Err(TokenError::BadCharacter), "{odd}");
        }
        assert!(tokens.is_empty());
    }
}
