//! Graphs made by hand: what joins, what is found, and what is allowed.

use super::{Finding, Findings, Graph, Link, registry};
use crate::site::{Companion, Declaration, InvalidationDeclaration, InvalidationSite, Site, Template, Ttl};

const MINUTE: Ttl = Ttl::Millis(60_000);

fn templates(sources: &[&'static str]) -> &'static [Template] {
    let templates: Vec<Template> = sources.iter().map(|source| Template { source, segments: &[] }).collect();
    templates.leak()
}

fn declared(function: &'static str, key: &'static str, tags: &[&'static str]) -> Declaration {
    let key = Template { source: key, segments: &[] };
    Declaration { function, file: "src/a.rs", line: 1, key, tags: templates(tags), ttl: MINUTE, ..Declaration::DEFAULT }
}

fn site(declaration: Declaration) -> &'static Site {
    Box::leak(Box::new(Site::new(declaration)))
}

fn cached(function: &'static str, key: &'static str, tags: &[&'static str]) -> &'static Site {
    site(declared(function, key, tags))
}

fn invalidation(declaration: InvalidationDeclaration) -> &'static InvalidationSite {
    Box::leak(Box::new(InvalidationSite::new(declaration)))
}

fn invalidates(function: &'static str, tags: &[&'static str], keys: &[&'static str]) -> &'static InvalidationSite {
    let (tags, keys) = (templates(tags), templates(keys));
    let file = "src/b.rs";
    invalidation(InvalidationDeclaration { function, file, line: 2, tags, keys, ..InvalidationDeclaration::DEFAULT })
}

/// The findings of one that has some.
fn findings_of(checked: Result<(), Findings>) -> Findings {
    checked.expect_err("there is something to find")
}

fn ids(graph: &Graph) -> Vec<String> {
    graph.findings().iter().map(Finding::id).collect()
}

/// Keys of cached functions, and what is found.
fn ids_of_keys(keys: &[&'static str]) -> Vec<String> {
    let sites: Vec<&Site> = keys.iter().map(|key| cached("m::f", key, &[])).collect();
    ids(&registry::collect(&sites, &[]))
}

#[test]
fn a_typed_target_joins_its_function_and_no_other() {
    struct Mine;
    struct Other;
    let of = |companion| Declaration { companion, ..declared("m::get", "user:{id}", &[]) };
    let sites = [
        site(Declaration { line: 1, ..of(Other::ID) }),
        site(Declaration { line: 2, ..of(Mine::ID) }),
        site(Declaration { line: 3, ..of(None) }),
    ];
    let targets = &[("get(id)", Mine::ID)];
    let graph = registry::collect(
        &sites,
        &[invalidation(InvalidationDeclaration { targets, ..InvalidationDeclaration::DEFAULT })],
    );
    let [edge] = &graph.edges[..] else { panic!("{:?}", graph.edges) };
    assert_eq!(graph.functions[edge.function].place.line, 2);
    assert_eq!(edge.link, Link::Target { target: "get(id)".to_owned() });
}

#[test]
fn templates_join_whatever_their_names_are() {
    let graph = registry::collect(
        &[cached("m::get", "user:{id}", &["user:{id}", "users"])],
        &[invalidates("m::set", &["user:{user_id}", "orders"], &["user:7", "user:7:x"])],
    );
    let links: Vec<&Link> = graph.edges.iter().map(|edge| &edge.link).collect();
    assert_eq!(
        links,
        [
            &Link::Key { invalidated: "user:7".into() },
            &Link::Tag { invalidated: "user:{user_id}".into(), carried: "user:{id}".into() },
        ]
    );
}

#[test]
fn tags_that_the_result_names_join_too() {
    let get =
        Declaration { found: templates(&["org:{return.org}"]), ..declared("m::get", "user:{id}", &["user:{id}"]) };
    let graph = registry::collect(&[site(get)], &[invalidates("m::set", &["org:{id}", "user:{id}"], &[])]);
    assert_eq!(graph.edges.len(), 2);
    graph.check().expect("nothing is wrong");
}

#[test]
fn the_order_is_not_the_linkers() {
    let mut sites = [cached("b::f", "b", &["t"]), cached("a::f", "a", &["t"]), cached("c::f", "c", &["t"])];
    let mut invalidations = [invalidates("z::f", &["t"], &[]), invalidates("y::f", &["t"], &[])];
    let graph = registry::collect(&sites, &invalidations);
    sites.reverse();
    invalidations.reverse();
    assert_eq!(registry::collect(&sites, &invalidations), graph);
    let names: Vec<&str> = graph.functions.iter().map(|function| function.place.module()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn a_tag_that_nothing_invalidates_is_found_once_however_many_carry_it() {
    let sites = [cached("m::a", "a:{x}", &["users", "u:{x}"]), cached("m::b", "other", &["users"])];
    let graph = registry::collect(&sites, &[invalidates("m::set", &["u:{id}"], &[])]);
    let [Finding::NeverInvalidated { tag, carried_by, closest }] = &graph.findings()[..] else {
        panic!("{:?}", graph.findings())
    };
    assert_eq!((tag.as_str(), carried_by.len(), closest), ("users", 2, &None));
}

#[test]
fn a_tag_that_nothing_carries_is_found_with_the_closest_in_its_own_names() {
    let sites = [cached("m::a", "a:{x}", &["organisation:{org_id}:members"])];
    let graph = registry::collect(&sites, &[invalidates("m::set", &["organization:{return.org}:members"], &[])]);
    let closest = |finding: &Finding| match finding {
        Finding::NeverInvalidated { closest, .. } | Finding::NeverCarried { closest, .. } => closest.clone(),
        other => panic!("{other}"),
    };
    let closest: Vec<_> = graph.findings().iter().map(closest).collect();
    assert_eq!(
        closest,
        [Some("organization:{org_id}:members".into()), Some("organisation:{return.org}:members".into())]
    );
}

#[test]
fn a_key_that_no_function_has_is_found() {
    let sites = [cached("m::get", "user:{id}", &[])];
    let graph = registry::collect(&sites, &[invalidates("m::set", &[], &["usr:{user}", "user:{user}"])]);
    let [Finding::NoSuchKey { key, closest, .. }] = &graph.findings()[..] else { panic!("{:?}", graph.findings()) };
    assert_eq!((key, closest), (&"usr:{user}".into(), &Some("user:{user}".into())));
}

#[test]
fn functions_on_one_key_are_found_under_any_names() {
    assert_eq!(ids_of_keys(&["user:{id}", "team:{id}"]), [""; 0]);
    let sites = [cached("m::a", "user:{id}", &[]), cached("m::b", "user:{user_id}", &[]), cached("m::c", "user", &[])];
    let graph = registry::collect(&sites, &[]);
    let [Finding::OneKey { functions, .. }] = &graph.findings()[..] else { panic!("{:?}", graph.findings()) };
    let names: Vec<&str> = functions.iter().map(|place| place.name()).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn keys_that_are_one_for_some_arguments_are_found() {
    assert_eq!(ids_of_keys(&["user:{id}", "user:me"]), ["overlapping keys: user:me, user:{id}"]);
    assert_eq!(ids_of_keys(&["{org}:{id}", "a:{x}"]), ["overlapping keys: a:{x}, {org}:{id}"]);
    assert_eq!(ids_of_keys(&["user:{id}", "user:{id}:orders", "user"]), [""; 0]);
}

#[test]
fn keys_that_differ_in_a_letter_are_found_and_other_words_are_not() {
    assert_eq!(ids_of_keys(&["user:{id}", "usr:{id}"]), ["similar keys: user:{id}, usr:{id}"]);
    assert_eq!(ids_of_keys(&["user:{id}:profile", "user:{id}:porfile"]).len(), 1, "neighbours are swapped");
    assert_eq!(ids_of_keys(&["user:{id}", "user/{id}"]).len(), 1, "another separator");
    for different in [
        ["user:{id}", "order:{id}"],
        ["user:{id}", "users:{page}"],
        ["a:{id}", "b:{id}"],
        ["rates", "taxes"],
        ["v1:{id}", "v2:{id}"],
        ["user:{id}", "user:{id}:x"],
        ["user:{id}:name", "usr:{id}:nme"],
        ["m::f:{id}", "m::g:{id}"],
    ] {
        assert_eq!(ids_of_keys(&different), [""; 0], "{different:?}");
    }
    let default_keys = [cached("m::get_a", "m::get_a:{id}", &[]), cached("m::get_b", "m::get_b:{id}", &[])];
    registry::collect(&default_keys, &[]).check().expect("nothing is wrong");
}

#[test]
fn entries_that_nothing_reaches_may_live_for_an_hour() {
    let lives = |ttl| site(Declaration { ttl, ..declared("m::rates", "rates", &[]) });
    let hour = 3_600_000;
    assert_eq!(ids(&registry::collect(&[lives(Ttl::Millis(hour))], &[])), [""; 0]);
    assert_eq!(ids(&registry::collect(&[lives(Ttl::Dynamic)], &[])), [""; 0]);
    let long = registry::collect(&[lives(Ttl::Millis(hour + 1))], &[]);
    assert_eq!(ids(&long), ["unreachable: m::rates"]);
    let reached = registry::collect(&[lives(Ttl::Millis(24 * hour))], &[invalidates("m::set", &[], &["rates"])]);
    reached.check().expect("nothing is wrong");
}

#[test]
fn a_graph_without_functions_is_a_finding() {
    let graph = registry::collect(&[], &[invalidates("m::set", &["users"], &[])]);
    assert_eq!(graph.findings(), [Finding::NothingLinked]);
    graph.check_except(["nothing linked"]).expect("all of it is allowed");
}

#[test]
fn what_is_allowed_is_no_finding_as_long_as_it_occurs() {
    let graph = registry::collect(&[cached("m::get", "user:{id}", &["users", "team"])], &[]);
    assert_eq!(findings_of(graph.check()).len(), 2);
    graph.check_except(["never invalidated: users", "never invalidated: team"]).expect("all of it is allowed");
    let findings = graph.check_except(vec!["never invalidated: users".to_owned(), "never carried: x".to_owned()]);
    let ids: Vec<String> = findings_of(findings).iter().map(Finding::id).collect();
    assert_eq!(ids, ["never invalidated: team", "not found: never carried: x"]);
}

#[test]
fn an_allowance_with_a_slip_is_told_what_was_meant() {
    let graph = registry::collect(&[cached("m::get", "user:{id}", &["users"])], &[]);
    let findings = findings_of(graph.check_except(["never invalidated: user"]));
    let Some(Finding::NotFound { closest: Some(closest), .. }) = findings.into_iter().last() else { panic!() };
    assert_eq!(closest, "never invalidated: users");
}

#[test]
fn what_a_failing_test_prints_is_readable() {
    let graph = registry::collect(
        &[cached("shop::get_user", "user:{id}", &["user:{id}"])],
        &[invalidates("shop::rename", &["user:{id}", "usr:{id}"], &[])],
    );
    let printed = format!("{:?}", findings_of(graph.check()));
    let expected = r#"
error: no entry carries the tag `usr:{id}`

       note: nothing is invalidated by it
       help: did you mean `user:{id}`?
       help: if it is meant so, allow it: "never carried: usr:{id}"
  --> src/b.rs:2 (shop::rename)

the graph of invalidation has 1 finding"#;
    assert_eq!(printed, expected);
}

#[test]
fn labels_are_no_syntax() {
    let graph = registry::collect(
        &[cached("m::get", "a\"b#<{id}>\\%", &["t"])],
        &[invalidates("m::set", &["t"], &["a\"b#<{id}>\\%"])],
    );
    let mermaid = graph.to_mermaid();
    assert!(mermaid.contains(r##"f0["m::get<br/>a#quot;b#35;#60;{id}#62;#92;#37;, 1m"]"##), "{mermaid}");
    let dot = graph.to_dot();
    assert!(dot.contains(r#"f0 [label="m::get\na\"b#<{id}>\\%, 1m"];"#), "{dot}");
    assert!(dot.contains(r#"i0 -> f0 [label="t"];"#), "{dot}");
}

#[test]
fn lifetimes_are_written_as_the_attribute_takes_them() {
    let cases = [(1, "1ms"), (250, "250ms"), (5_400_000, "1h30m"), (86_400_000, "1d"), (90_061_001, "1d1h1m1s1ms")];
    for (millis, written) in cases {
        assert_eq!(super::render::lifetime(millis), written);
    }
}

#[cfg(feature = "json")]
#[test]
fn json_can_be_read_again() {
    let graph = registry::collect(
        &[cached("m::get", "user:{id}", &["user:{id}"])],
        &[invalidates("m::set", &["user:{id}"], &["user:7"])],
    );
    let read: Graph = serde_json::from_str(&graph.to_json()).expect("it was written as JSON");
    assert_eq!(read, graph);
    assert_eq!(graph.edges.len(), 2);
}
