//! Who may come in. With tokens: whoever sends one of them. Without: programs on this machine, and only to look.
//!
//! Without a token the peer's address is the only proof, so everything that could lend it to somebody else is refused:
//!
//! 1. A request that says it was forwarded: the peer is then a proxy, and who is behind it is not known. What the
//!    headers of proxies say is never believed, it only ever closes the door.
//! 2. A `Host` that is no name of this machine: a page of another site whose name resolves to 127.0.0.1 (DNS rebinding).
//! 3. A request that a page of another origin makes a browser send. Only the page itself, in which nothing is, may be opened
//!    by a link from elsewhere.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::Serialize;

use crate::problem::Problem;
use crate::tokens::Tokens;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Caller {
    /// The name that was configured with the token; `None` without a token, from this machine.
    pub name: Option<Arc<str>>,
    /// The peer's address, if the service provides `ConnectInfo`. Behind a proxy it is the proxy's.
    pub peer: Option<SocketAddr>,
}

impl Caller {
    /// Whether changes are allowed.
    pub(crate) fn changes(&self) -> Result<(), Problem> {
        match self.name {
            Some(_) => Ok(()),
            None => Err(Problem::forbidden(
                "no token is configured: this is for looking only; configure one with `Admin::token`",
            )),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("this machine");
        match self.peer {
            Some(peer) => write!(f, "{name} ({})", peer.ip().to_canonical()),
            None => f.write_str(name),
        }
    }
}

/// Lets a request through with its [`Caller`], or refuses it.
pub(crate) async fn guard(State(tokens): State<Tokens>, mut request: Request, next: Next) -> Result<Response, Problem> {
    let peer = peer(&request);
    let caller = if tokens.is_empty() {
        local(&request, peer, What::Data)?
    } else {
        Caller { name: Some(bearer(&tokens, request.headers())?), peer }
    };
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Lets a request for the page itself through, which has no data in it: with tokens, the page asks for one.
pub(crate) async fn guard_page(
    State(tokens): State<Tokens>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if tokens.is_empty() {
        local(&request, peer(&request), What::Page)?;
    }
    Ok(next.run(request).await)
}

fn peer(request: &Request) -> Option<SocketAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

fn bearer(tokens: &Tokens, headers: &HeaderMap) -> Result<Arc<str>, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(Problem::unauthorized("one `Authorization: Bearer <token>` is needed"));
    };
    let value = value.to_str().unwrap_or_default();
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => return Err(Problem::unauthorized("`Authorization` is not `Bearer <token>`")),
    };
    tokens.owner(token).ok_or_else(|| Problem::unauthorized("this token is not known"))
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Page,
    Data,
}

/// What proxies add. None is believed; each says that somebody else may have sent the request.
const FORWARDED: [&str; 9] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "cf-connecting-ip",
    "true-client-ip",
    "fastly-client-ip",
];
const FORWARDED_BEGIN: [&str; 2] = ["x-forwarded", "x-original-"];

fn was_forwarded(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .map(HeaderName::as_str)
        .any(|name| FORWARDED.contains(&name) || FORWARDED_BEGIN.iter().any(|beginning| name.starts_with(beginning)))
}

/// The rules of a router without tokens: see the top of this file.
fn local(request: &Request, peer: Option<SocketAddr>, what: What) -> Result<Caller, Problem> {
    let Some(peer) = peer else {
        let why = "the peer's address is not known: configure a token, or serve with \
                   `into_make_service_with_connect_info::<SocketAddr>()`";
        return Err(Problem::forbidden(why));
    };
    if !peer.ip().to_canonical().is_loopback() {
        let why = "no token is configured: only this machine may look; configure one with `Admin::token`";
        return Err(Problem::forbidden(why));
    }
    let headers = request.headers();
    if was_forwarded(headers) {
        return Err(Problem::forbidden("the request was forwarded; behind a proxy, configure a token"));
    }
    if request.version() < Version::HTTP_11 {
        let why = "a request by HTTP/1.0 is most likely a proxy's; behind a proxy, configure a token";
        return Err(Problem::forbidden(why));
    }
    let host = host(request).ok_or_else(|| Problem::bad_input("one `Host` is needed"))?;
    if !names_this_machine(host.host()) {
        return Err(Problem::forbidden("`Host` is no name of this machine; under another name, configure a token"));
    }
    if headers.get_all(header::ORIGIN).iter().any(|origin| !same_origin(origin.as_bytes(), &host)) {
        return Err(Problem::forbidden("the request comes from a page of another origin"));
    }
    let text = |name| headers.get(name).map(|value| value.as_bytes());
    let followed_a_link =
        what == What::Page && request.method() == Method::GET && text("sec-fetch-mode") == Some(b"navigate");
    let from_elsewhere = matches!(text("sec-fetch-site"), Some(site) if site != b"same-origin" && site != b"none");
    if from_elsewhere && !followed_a_link {
        return Err(Problem::forbidden("the request comes from a page of another site"));
    }
    Ok(Caller { name: None, peer: Some(peer) })
}

/// The one that the client named: in the URI (HTTP/2, absolute form), else in `Host`.
fn host(request: &Request) -> Option<Authority> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.clone());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    host.to_str().ok()?.parse().ok()
}

fn names_this_machine(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address = bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    address || bare.eq_ignore_ascii_case("localhost")
}

fn same_origin(origin: &[u8], host: &Authority) -> bool {
    let rest = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
    rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host.as_str().as_bytes()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use axum::body::Body;

    use super::*;

    fn asked(from: Option<&str>, headers: &[(&str, &str)]) -> Result<Caller, Problem> {
        asked_for(What::Data, from, headers)
    }

    fn asked_for(what: What, from: Option<&str>, headers: &[(&str, &str)]) -> Result<Caller, Problem> {
        let mut request = Request::builder().uri("/stats");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        local(&request.body(Body::empty()).unwrap(), from.map(|from| from.parse().unwrap()), what)
    }

    const HERE: Option<&str> = Some("127.0.0.1:50000");

    #[test]
    fn this_machine_may_look() {
        for peer in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            for host in ["localhost", "localhost:3000", "LOCALHOST:3000", "127.0.0.1:3000", "[::1]:3000"] {
                assert!(asked(Some(peer), &[("host", host)]).is_ok(), "{peer} {host}");
            }
        }
    }

    #[test]
    fn others_may_not_whatever_their_headers_say() {
        for peer in ["10.0.0.1:1", "192.168.1.7:1", "[fe80::1]:1", "[::ffff:10.0.0.1]:1", "0.0.0.0:1"] {
            for claim in [("host", "localhost"), ("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1")] {
                assert!(asked(Some(peer), &[("host", "localhost"), claim]).is_err(), "{peer} {claim:?}");
            }
        }
        assert!(asked(None, &[("host", "localhost")]).is_err(), "the service does not tell who it is");
    }

    #[test]
    fn what_was_forwarded_has_an_unknown_sender() {
        let others = ["x-forwarded-for", "X-Forwarded-Host", "x-forwarded-proto", "X-Original-URL", "x-original-for"];
        for name in FORWARDED.into_iter().chain(others) {
            assert!(asked(HERE, &[("host", "localhost"), (name, "127.0.0.1")]).is_err(), "{name}");
        }
    }

    #[test]
    fn what_speaks_as_proxies_do_by_themselves_is_refused() {
        for (version, lets_in) in [(Version::HTTP_10, false), (Version::HTTP_11, true), (Version::HTTP_2, true)] {
            let request = Request::builder().uri("/stats").version(version).header("host", "localhost");
            let request = request.body(Body::empty()).unwrap();
            let peer = HERE.map(|peer| peer.parse().unwrap());
            assert_eq!(local(&request, peer, What::Data).is_ok(), lets_in, "{version:?}");
        }
    }

    #[test]
    fn another_name_that_resolves_to_this_machine_is_no_name_of_it() {
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""] {
            assert!(asked(HERE, &[("host", host)]).is_err(), "{host}");
        }
        assert!(asked(HERE, &[]).is_err());
        assert!(asked(HERE, &[("host", "localhost"), ("host", "localhost")]).is_err());
    }

    #[test]
    fn pages_of_other_origins_reach_nothing() {
        let host = ("host", "localhost:3000");
        assert!(asked(HERE, &[host, ("origin", "http://localhost:3000")]).is_ok());
        for origin in ["null", "http://evil.example", "http://localhost:8080", "http://localhost", "file://"] {
            assert!(asked(HERE, &[host, ("origin", origin)]).is_err(), "{origin}");
        }
        for site in ["cross-site", "same-site", "nonsense"] {
            assert!(asked(HERE, &[host, ("sec-fetch-site", site)]).is_err(), "{site}");
            let link = [host, ("sec-fetch-site", site), ("sec-fetch-mode", "navigate")];
            assert!(asked_for(What::Page, HERE, &link).is_ok(), "a link may lead here: {site}");
            assert!(asked(HERE, &link).is_err(), "but to no data: {site}");
        }
        assert!(asked(HERE, &[host, ("sec-fetch-site", "same-origin")]).is_ok());
    }
}
