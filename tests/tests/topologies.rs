//! The ground of the tests that need more than one server, or TLS: clusters, sentinels, pairs and certificates do what
//! their names say.

use redis::{Client, ErrorKind, RedisResult, ServerErrorKind, Value};
use tests::{Mode, Pair, Predecessor, RedisCluster, RedisServer, Sentinels, TlsServer};

fn ask<T: redis::FromRedisValue>(url: &str, command: &[&str]) -> RedisResult<T> {
    redis::Cmd::new().arg(command).query(&mut Client::open(url)?.get_connection()?)
}

fn get(url: &str, key: &str) -> Option<String> {
    ask(url, &["GET", key]).expect("it answers")
}

fn set(url: &str, key: &str, value: &str) {
    ask::<()>(url, &["SET", key, value]).expect("it is stored");
}

/// Where the reply says that the key is: the kind of the redirection, and the url.
fn redirection(url: &str, key: &str) -> (ErrorKind, String) {
    let error = ask::<Value>(url, &["GET", key]).expect_err("it is elsewhere");
    let (address, _) = error.redirect_node().expect("the reply says where");
    (error.kind(), format!("redis://{address}"))
}

const MOVED: ErrorKind = ErrorKind::Server(ServerErrorKind::Moved);
const ASK: ErrorKind = ErrorKind::Server(ServerErrorKind::Ask);

mod cluster {
    use super::*;

    #[test]
    fn slots_are_spread_and_replicas_follow() {
        let cluster = RedisCluster::start(3, 1);
        assert_eq!((cluster.masters(), cluster.replicas()), (vec![0, 1, 2], vec![3, 4, 5]));
        assert_eq!([0, 1, 2].map(|master| cluster.replicas_of(master)), [[3], [4], [5]]);
        assert_eq!([0, 5460, 5461, 10_921, 10_922, 16_383].map(|slot| cluster.owner_of(slot)), [0, 0, 1, 1, 2, 2]);

        let urls = cluster.urls();
        assert_eq!(cluster.url(), urls[0]);
        for key in ["a", "b", "c", "d", "{a}:1"] {
            let owner = cluster.owner(key);
            set(&urls[owner], key, "value");
            for (at, url) in urls.iter().enumerate().filter(|&(at, _)| at != owner) {
                assert_eq!(redirection(url, key), (MOVED, urls[owner].clone()), "{key} asked of node {at}");
            }
            cluster.wait_in_step();
            assert_eq!(cluster.node(owner + 3).keys(), cluster.node(owner).keys());
        }
        assert_eq!(cluster.slot("{a}:1"), cluster.slot("a"));
    }

    #[test]
    fn a_failover_loses_nothing_and_can_be_undone() {
        let cluster = RedisCluster::start(3, 1);
        let owner = cluster.owner("key");
        set(&cluster.urls()[owner], "key", "value");
        for (successor, old) in [(owner + 3, owner), (owner, owner + 3)] {
            cluster.failover(successor);
            assert_eq!(cluster.owner("key"), successor);
            assert_eq!(cluster.replicas_of(successor), [old]);
            assert_eq!(get(&cluster.urls()[successor], "key").as_deref(), Some("value"));
            assert_eq!(redirection(&cluster.urls()[old], "key"), (MOVED, cluster.urls()[successor].clone()));
        }
    }

    #[test]
    fn a_killed_master_is_replaced_and_comes_back_as_a_replica() {
        let mut cluster = RedisCluster::start(3, 1);
        let owner = cluster.owner("key");
        set(&cluster.urls()[owner], "key", "value");
        cluster.wait_in_step();

        cluster.kill(owner);
        assert_eq!(cluster.wait_owner_changes("key", owner), owner + 3);
        assert!(cluster.masters().contains(&(owner + 3)) && !cluster.masters().contains(&owner));
        assert!(ask::<Value>(&cluster.urls()[owner], &["PING"]).expect_err("it is down").is_connection_refusal());

        cluster.restart(owner);
        cluster.wait_ok();
        assert_eq!(cluster.replicas_of(owner + 3), [owner]);
        assert_eq!(get(&cluster.urls()[owner + 3], "key").as_deref(), Some("value"));
    }

    #[test]
    fn a_master_that_was_paused_for_long_is_a_replica_afterwards() {
        let cluster = RedisCluster::start(3, 1);
        let owner = cluster.owner("key");
        cluster.pause(owner);
        cluster.wait_ok();
        assert_eq!(cluster.owner("key"), owner + 3);
        cluster.resume(owner);
        cluster.wait_ok();
        assert_eq!(cluster.replicas_of(owner + 3), [owner]);
    }

    #[test]
    fn a_master_that_is_out_of_touch_is_reached_by_clients_and_replaced() {
        let cluster = RedisCluster::start(3, 1);
        let owner = cluster.owner("key");
        let url = &cluster.urls()[owner];
        cluster.cut_bus(owner);
        assert_eq!(cluster.wait_owner_changes("key", owner), owner + 3);
        assert_eq!(ask::<String>(url, &["PING"]).expect("clients reach it"), "PONG");
        assert!(cluster.masters().contains(&owner), "it has not heard of it");
        let refused = ask::<Value>(url, &["GET", "key"]).expect_err("it does not know who owns what");
        assert_eq!(refused.code(), Some("CLUSTERDOWN"));
        set(&cluster.urls()[owner + 3], "key", "value");

        cluster.mend_bus(owner);
        cluster.wait_ok();
        assert_eq!(cluster.replicas_of(owner + 3), [owner]);
    }

    #[test]
    fn a_takeover_needs_nobody() {
        let mut cluster = RedisCluster::start(3, 1);
        for master in 0..3 {
            cluster.kill(master);
        }
        for replica in 3..6 {
            cluster.takeover(replica);
        }
        cluster.wait_ok();
        assert_eq!((cluster.masters(), cluster.replicas()), (vec![3, 4, 5], vec![]));
        assert_eq!(cluster.owner("key") % 3, usize::from(cluster.slot("key")) * 3 / 16_384);
    }

    #[test]
    fn in_the_middle_of_a_move_missing_keys_are_asked_for_elsewhere() {
        let cluster = RedisCluster::start(2, 0);
        let urls = cluster.urls();
        let (here, missing) = ("{tag}:here", "{tag}:missing");
        let (slot, from) = (cluster.slot("tag"), cluster.owner("tag"));
        let to = 1 - from;
        set(&urls[from], here, "value");

        cluster.begin_move(slot, to);
        assert_eq!(get(&urls[from], here).as_deref(), Some("value"));
        assert_eq!(redirection(&urls[from], missing), (ASK, urls[to].clone()));
        assert_eq!(redirection(&urls[to], missing), (MOVED, urls[from].clone()));
        assert_eq!(cluster.owner("tag"), from);
        let both = ask::<Value>(&urls[from], &["MGET", here, missing]).expect_err("it has one of them");
        assert_eq!(both.code(), Some("TRYAGAIN"));

        cluster.move_keys(slot, to);
        assert_eq!(redirection(&urls[from], here), (ASK, urls[to].clone()));
        let mut asking = Client::open(urls[to].as_str()).and_then(|client| client.get_connection()).expect("it is up");
        let (): () = redis::cmd("ASKING").query(&mut asking).expect("it answers");
        assert_eq!(redis::cmd("GET").arg(here).query::<String>(&mut asking).expect("it has it"), "value");

        cluster.finish_move(slot, to);
        assert_eq!(cluster.owner("tag"), to);
        assert_eq!(get(&urls[to], here).as_deref(), Some("value"));
        assert_eq!(redirection(&urls[from], here), (MOVED, urls[to].clone()));
        cluster.wait_ok();
    }

    #[test]
    fn a_moved_slot_takes_its_keys_along_bytes_and_all() {
        let cluster = RedisCluster::start(3, 1);
        let (slot, from) = (cluster.slot("tag"), cluster.owner("tag"));
        for at in 0..250 {
            set(&cluster.urls()[from], &format!("{{tag}}:{at}"), "value");
        }
        cluster.node(from).set_raw("{tag}:\r\n\u{0}", &[0, 255]);
        let to = (from + 1) % 3;
        cluster.move_slot(slot, to);
        assert_eq!(cluster.node(to).keys().len(), 251);
        assert_eq!(cluster.node(to).get_raw("{tag}:\r\n\u{0}").as_deref(), Some([0, 255].as_slice()));
        assert!(cluster.node(from).keys().is_empty());

        cluster.move_slot(slot, from);
        assert_eq!(cluster.owner("tag"), from);
        assert_eq!(cluster.node(from).keys().len(), 251);
    }

    #[test]
    fn behind_proxies_each_node_has_a_network_of_its_own() {
        let cluster = RedisCluster::behind_proxies(3, 1);
        let urls = cluster.urls();
        let (owner, key) = (cluster.owner("key"), "key");
        let other = (owner + 1) % 3;
        assert_eq!(urls[owner], cluster.proxy(owner).url());
        assert_eq!(redirection(&urls[other], key), (MOVED, urls[owner].clone()));

        cluster.proxy(owner).set(Mode::Reset);
        assert!(ask::<Value>(&urls[owner], &["GET", key]).is_err());
        assert_eq!(redirection(&urls[other], key), (MOVED, urls[owner].clone()));
        assert_eq!(cluster.node(owner).get_raw(key), None);

        cluster.proxy(owner).set(Mode::Pass);
        cluster.wait_ok();
        cluster.failover(owner + 3);
        assert_eq!(redirection(&urls[owner], key), (MOVED, urls[owner + 3].clone()));
        cluster.move_slot(cluster.slot(key), other);
        assert_eq!(redirection(&urls[owner + 3], key), (MOVED, urls[other].clone()));
    }
}

mod sentinels {
    use super::*;

    fn role(group: &Sentinels, at: usize) -> String {
        group.node(at).text(&["ROLE"]).lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn they_know_the_master_and_its_replicas() {
        let mut group = Sentinels::start(2);
        assert_eq!((group.master(), group.replicas()), (0, vec![1, 2]));
        assert_eq!([0, 1, 2].map(|at| role(&group, at)), ["master", "slave", "slave"]);
        let ports = group.sentinel_ports();
        let url =
            format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{},127.0.0.1:{}/mymaster", ports[0], ports[1], ports[2]);
        assert_eq!(group.url(), url);
        for port in ports {
            let told: (String, u16) =
                ask(&format!("redis://127.0.0.1:{port}"), &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", group.name()])
                    .expect("it knows");
            assert_eq!(told, ("127.0.0.1".to_owned(), group.node(0).port()));
        }

        group.kill_sentinel(0);
        assert_eq!(group.failover(), group.master());
        group.restart_sentinel(0);
        group.wait_ok();
        assert_ne!(group.master(), 0, "a sentinel that missed it learns it");
    }

    #[test]
    fn a_killed_master_is_replaced_and_comes_back_as_a_replica() {
        let mut group = Sentinels::start(1);
        set(&group.urls()[0], "key", "value");
        group.wait_in_step();
        group.kill(0);
        assert_eq!(group.wait_master_changes_from(0), 1);
        assert_eq!((group.master(), role(&group, 1)), (1, "master".to_owned()));
        set(&group.urls()[1], "later", "value");

        group.restart(0);
        group.wait_ok();
        assert_eq!((group.master(), role(&group, 0)), (1, "slave".to_owned()));
        assert_eq!(group.node(0).keys(), ["key", "later"]);
    }

    #[test]
    fn a_failover_is_complete_on_return_and_can_be_undone() {
        let group = Sentinels::start(1);
        for master in [1, 0] {
            assert_eq!(group.failover(), master);
            assert_eq!([role(&group, master), role(&group, 1 - master)], ["master", "slave"]);
        }
    }

    #[test]
    fn a_master_that_was_paused_takes_writes_afterwards_and_forgets_them() {
        let group = Sentinels::start(1);
        group.pause(0);
        assert_eq!(group.wait_master_changes_from(0), 1);
        group.resume(0);
        group.wait_ok();
        assert_eq!([role(&group, 0), role(&group, 1)], ["slave", "master"]);
    }

    #[test]
    fn behind_proxies_a_master_that_cannot_be_reached_is_replaced() {
        let group = Sentinels::behind_proxies(1);
        assert_eq!(group.urls()[0], group.proxy(0).url());
        group.proxy(0).set(Mode::BlackHole);
        assert_eq!(group.wait_master_changes_from(0), 1);
        assert_eq!([role(&group, 0), role(&group, 1)], ["master", "master"], "it has not heard of it");
        let told: (String, u16) = group.sentinel(0).query(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", group.name()]);
        assert_eq!(told.1, group.proxy(1).port());

        group.proxy(0).set(Mode::Pass);
        group.wait_ok();
        assert_eq!(role(&group, 0), "slave");
    }
}

mod pair {
    use super::*;

    #[test]
    fn writes_reach_the_replica_until_replication_is_cut_and_after_it_is_mended() {
        let pair = Pair::start();
        set(&pair.url(), "early", "value");
        pair.wait_in_step();
        assert_eq!(pair.replica().keys(), ["early"]);
        pair.cut_replication();
        set(&pair.url(), "late", "value");
        assert_eq!(pair.replica().keys(), ["early"]);
        pair.mend_replication();
        assert_eq!(pair.replica().keys(), ["early", "late"]);
    }

    #[test]
    fn what_the_replica_has_not_heard_of_is_lost() {
        for predecessor in [Predecessor::Killed, Predecessor::Demoted, Predecessor::Unaware] {
            let mut pair = Pair::start();
            set(&pair.url(), "early", "value");
            pair.wait_in_step();
            pair.cut_replication();
            set(&pair.url(), "late", "value");
            let mut connected = Client::open(pair.url()).and_then(|client| client.get_connection()).expect("it is up");

            pair.promote(predecessor);
            assert_eq!(pair.master().keys(), ["early"], "{predecessor:?}");
            assert_eq!(get(&pair.url(), "late"), None, "{predecessor:?}");
            set(&pair.url(), "new", "value");
            let stayed = redis::cmd("SET").arg("astray").arg("value").exec(&mut connected);
            match predecessor {
                Predecessor::Killed => assert!(stayed.expect_err("its server is gone").code().is_none()),
                Predecessor::Demoted => assert_eq!(stayed.expect_err("it may only read").code(), Some("READONLY")),
                Predecessor::Unaware => {
                    stayed.expect("it may write");
                    assert_eq!(pair.replica().keys(), ["astray", "early", "late"]);
                }
            }

            pair.demote();
            assert_eq!(pair.replica().keys(), ["early", "new"], "{predecessor:?}");
        }
    }

    #[test]
    fn a_pair_can_swap_again_and_again() {
        let mut pair = Pair::start();
        for _ in 0..4 {
            let port = pair.replica().port();
            pair.promote(Predecessor::Demoted);
            assert_eq!(pair.master().port(), port);
            set(&pair.url(), "key", &port.to_string());
            pair.wait_in_step();
            assert_eq!(pair.replica().get_raw("key"), Some(port.to_string().into_bytes()));
        }
    }
}

mod tls {
    use redis::{ClientTlsConfig, TlsCertificates};

    use super::*;

    /// What a client reads who trusts this authority, and shows this certificate.
    fn over_tls(
        server: &TlsServer,
        authority: &TlsServer,
        shown: Option<(String, String)>,
    ) -> redis::RedisResult<Option<String>> {
        let client_tls = shown.map(|(certificate, key)| ClientTlsConfig {
            client_cert: certificate.into_bytes(),
            client_key: key.into_bytes(),
        });
        let certificates = TlsCertificates { client_tls, root_cert: Some(authority.ca_pem().into()) };
        let mut client = Client::build_with_tls(server.url(), certificates)?.get_connection()?;
        redis::cmd("GET").arg("key").query(&mut client)
    }

    #[test]
    fn plain_text_is_refused() {
        let server = TlsServer::start();
        assert_eq!(server.url(), format!("rediss://localhost:{}", server.port()));
        assert!(ask::<Value>(&format!("redis://127.0.0.1:{}", server.port()), &["PING"]).is_err());
        assert_eq!(server.server().text(&["PING"]), "PONG");
    }

    #[test]
    fn a_client_that_trusts_the_authority_is_served_and_none_else_connects() {
        let mut server = TlsServer::start();
        let other = TlsServer::start();
        assert_eq!(std::fs::read_to_string(server.ca_path()).expect("it is there"), server.ca_pem());
        assert_ne!(server.ca_pem(), other.ca_pem());

        server.server().command(&["SET", "key", "value"]);
        assert_eq!(over_tls(&server, &server, None).expect("it trusts").as_deref(), Some("value"));
        let refused = over_tls(&server, &other, None).expect_err("another authority").to_string();
        assert!(refused.contains("invalid peer certificate"), "{refused}");

        let before = server.ca_pem().to_owned();
        server.server_mut().restart();
        assert_eq!(over_tls(&server, &server, None).expect("the same certificate"), None);
        assert_eq!(server.ca_pem(), before);
    }

    #[test]
    fn a_client_without_a_certificate_is_refused_where_one_is_demanded() {
        let server = TlsServer::demanding_certificates();
        let refused = over_tls(&server, &server, None).expect_err("it shows none").to_string();
        assert!(refused.contains("CertificateRequired"), "{refused}");
        assert_eq!(over_tls(&server, &server, Some(server.client_pem())).expect("it is known"), None);
        let other = TlsServer::start();
        assert!(over_tls(&server, &server, Some(other.client_pem())).is_err(), "by another authority");
    }
}

mod server {
    use super::*;

    #[tokio::test]
    async fn the_same_server_is_behind_its_socket() {
        let server = RedisServer::with_args(&["--requirepass", "secret"]);
        set(&server.url(), "key", "value");
        assert!(server.unix_url().starts_with("unix:///"), "{}", server.unix_url());
        assert_eq!(get(&server.unix_url(), "key").as_deref(), Some("value"));
        let mut client = Client::open(server.unix_url())
            .expect("the url is well-formed")
            .get_multiplexed_async_connection()
            .await
            .expect("it takes connections");
        assert_eq!(redis::cmd("GET").arg("key").query_async::<String>(&mut client).await.expect("it answers"), "value");
    }

    #[test]
    fn users_have_passwords_and_rights_and_databases_are_apart() {
        let server = RedisServer::with_args(&["--user", "alice", "on", ">secret", "~cache:*", "+@all"]);
        let alice =
            |password: &str, database: u8| format!("redis://alice:{password}@127.0.0.1:{}/{database}", server.port());
        set(&alice("secret", 3), "cache:key", "value");
        assert_eq!(get(&alice("secret", 3), "cache:key").as_deref(), Some("value"));
        assert_eq!(get(&alice("secret", 0), "cache:key"), None);
        let refused = ask::<Value>(&alice("secret", 3), &["GET", "other"]).expect_err("the key is not hers");
        assert_eq!(refused.code(), Some("NOPERM"));
        let refused = ask::<Value>(&alice("wrong", 3), &["PING"]).expect_err("the password is wrong");
        assert_eq!(refused.kind(), ErrorKind::AuthenticationFailed);
    }
}
