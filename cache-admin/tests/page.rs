//! The page as somebody on call meets it: in a browser, over Redis, with and without a token.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use cache_admin::Admin;
use cache_runtime::{Cache, cached, invalidates};
use serde_json::json;
use tests::{Browser, RedisServer, key};
use tokio::net::TcpListener;

const TOKEN: &str = "a-token-that-nobody-guesses";

#[cached(key = "page:user:{id}", ttl = "10m", tags = ["page:users"], cache = cache, skip(cache))]
async fn page_user(cache: &Cache, id: u64) -> u64 {
    tokio::time::sleep(Duration::from_millis(3)).await;
    id
}

#[cached(key = "page:order:{id}", ttl = "1m", tags = ["page:orders"], cache = cache, skip(cache))]
async fn page_order(cache: &Cache, id: u64) -> u64 {
    id
}

#[invalidates(tags = ["page:users"], cache = cache)]
async fn rename_page_user(cache: &Cache) {}

#[invalidates(page_order(id), tags = ["page:orders"], cache = cache)]
async fn ship_page_order(cache: &Cache, id: u64) {
    let _ = id;
}

mod here {
    use super::{Cache, cached};

    #[cached(key = "page:here:{id}", ttl = "1m", cache = cache, skip(cache))]
    pub(super) async fn namesake(cache: &Cache, id: u64) -> u64 {
        id
    }
}

mod there {
    use super::{Cache, cached};

    #[cached(key = "page:there:{id}", ttl = "1m", cache = cache, skip(cache))]
    pub(super) async fn namesake(cache: &Cache, id: u64) -> u64 {
        id
    }
}

/// A service with a cache over a server of its own, and a browser.
struct Scene {
    // Before the server, which it talks to.
    browser: Browser,
    cache: Cache,
    addr: SocketAddr,
    _redis: RedisServer,
}

impl Scene {
    async fn new(configure: impl FnOnce(Admin) -> Admin) -> Self {
        let redis = RedisServer::start();
        // A loaded machine is no reason to give the cache up.
        let builder = Cache::builder().namespace("page-test").redis(redis.url()).budget(Duration::from_secs(20));
        let cache = builder.build().unwrap();
        let app: Router = Router::new().nest("/admin/cache", configure(Admin::new(&cache)).router());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
        });
        Self { browser: Browser::start(), cache, addr, _redis: redis }
    }

    /// The same, with the page open, and some calls behind it.
    async fn in_use() -> Self {
        let scene = Self::new(|admin| admin).await;
        scene.open();
        scene.browser.wait(SHOWN);
        scene.traffic().await;
        scene
    }

    fn open(&self) {
        self.browser.open(&format!("http://{}/admin/cache", self.addr));
    }

    fn unlock(&self, token: &str) {
        self.browser.wait("!document.querySelector('#unlock').hidden");
        self.browser.write("#token", token);
        self.browser.press(&[key::ENTER]);
    }

    /// A few calls: hits, misses, an invalidation.
    async fn traffic(&self) {
        for id in [1, 2, 1, 1, 2, 3] {
            assert_eq!(page_user(&self.cache, id).await, id);
            page_order(&self.cache, id).await;
        }
        // What is stored in the background can be found.
        self.cache.shutdown().await.unwrap();
    }

    /// What is wider than its place: the page, or the table in its frame.
    fn too_wide(&self) -> serde_json::Value {
        let wide = "return [document.documentElement, ...document.querySelectorAll('.panel, main, section, header')]
            .filter((one) => one.scrollWidth > one.clientWidth)
            .map((one) => `${one.tagName} ${one.id} ${one.scrollWidth} > ${one.clientWidth}`)";
        self.browser.run(wide)
    }
}

const SHOWN: &str = "!document.querySelector('#main').hidden && document.querySelectorAll('[data-tile]').length === 7";

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_it_shows_and_changes_nothing() {
    let scene = Scene::new(|admin| admin).await;
    scene.traffic().await;
    scene.open();
    scene.browser.wait(SHOWN);
    scene.browser.wait("document.querySelector('#state').textContent === 'Redis is in use'");
    scene.browser.wait("document.querySelector('#who').textContent === 'read-only'");

    scene.browser.write("#purge-name", "page:users");
    scene.browser.click("#preview");
    scene.browser.wait("document.querySelector('#purge-result').textContent.includes('3 entries would go')");
    assert_eq!(scene.browser.run("return document.querySelector('#purge-now').disabled"), json!(true));
    assert_eq!(
        scene.cache.get::<u64>(cache_runtime::Key::new("page:user:1").tag("page:users")).await.unwrap(),
        Some(1)
    );
    assert_eq!(scene.browser.complaints(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_charts_and_feed_move() {
    let scene = Scene::in_use().await;
    let row = r#"document.querySelector('[data-function$="::page_user"]')"#;
    scene.browser.wait(&format!("{row}?.querySelector('.meter rect').getAttribute('width') > 0"));
    scene.browser.wait("document.querySelectorAll('#ratio-chart .line, #ratio-chart .mark').length > 0");
    scene.browser.wait("document.querySelectorAll('#load-chart .line, #load-chart .mark').length > 0");
    scene.browser.wait("document.querySelector('#server').textContent.includes('Version')");

    // What is selected stays selected while figures beside it change.
    scene.browser.run(
        "window.kept = [...document.querySelectorAll('#server dt')].find((one) => one.textContent === 'Version').nextSibling.firstChild;
        window.changes = 0;
        new MutationObserver((all) => { window.changes += all.length; }).observe(document.querySelector('#server'),
            { subtree: true, characterData: true, childList: true });",
    );
    scene.browser.wait("window.changes > 2");
    assert_eq!(scene.browser.run("return document.querySelector('#server').contains(window.kept)"), json!(true));

    rename_page_user(&scene.cache).await;
    scene.browser.wait("document.querySelector('#feed ol').textContent.includes('page:users')");
    scene.browser.click("#feed button");
    ship_page_order(&scene.cache, 1).await;
    scene.browser.wait("document.querySelector('#feed button').textContent === 'Go on (1)'");
    scene.browser.click("#feed button");
    scene.browser.wait("document.querySelector('#feed ol').textContent.includes('page:orders')");

    // A tab that nobody sees gives its feed up, and says so when it is seen again.
    let seen = |hidden: bool| {
        scene.browser.run(&format!(
            "Object.defineProperty(document, 'hidden', {{ configurable: true, value: {hidden} }});
            document.dispatchEvent(new Event('visibilitychange'));"
        ));
    };
    seen(true);
    rename_page_user(&scene.cache).await;
    seen(false);
    scene.browser.wait("document.querySelector('#feed ol').textContent.includes('this tab was hidden')");
    let first = "return document.querySelector('#feed ol > li').textContent.includes('page:orders')";
    while scene.browser.run(first) == json!(false) {
        ship_page_order(&scene.cache, 1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let users = "return document.querySelector('#feed ol').textContent.split('page:users').length - 1";
    assert_eq!(scene.browser.run(users), json!(1), "what came meanwhile was not heard");
    assert_eq!(scene.browser.complaints(), [""; 0]);
}

/// What another process answers, which numbers its functions anew, and what breaks off while it starts.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_starts_anew_leaves_the_page_alive() {
    let scene = Scene::in_use().await;
    let empty = "document.querySelector('#ratio-chart .empty').hidden";
    scene.browser.wait(empty);
    let instead = |of: &str, body: &str| {
        scene.browser.run(&format!(
            "window.asked ??= window.fetch;
            window.fetch = async (path, how) => path.includes('{of}') ? new Response({body}) : window.asked(path, how);"
        ));
    };
    instead("/stats", "'{\"half'");
    scene.browser.wait("document.querySelector('#state').textContent === 'the answer of the service broke off'");
    instead("/stats", "'null'");
    scene.browser.wait("document.querySelector('#state').textContent.includes('of null')");
    instead(
        "/history",
        "JSON.stringify({ since_ms: 1, now_ms: Date.now(), step_ms: 2000, functions: [], points: [] })",
    );
    scene.browser.wait(&format!("!{empty} && document.querySelector('#state').textContent === 'Redis is in use'"));
    scene.browser.run("window.fetch = window.asked");
    scene.browser.wait(empty);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_it_asks_for_it_and_purges_what_was_previewed() {
    let scene = Scene::new(|admin| admin.token("night shift", TOKEN).unwrap()).await;
    scene.traffic().await;
    scene.open();
    scene.unlock("a-token-that-is-wrong");
    scene.browser.wait("document.querySelector('#unlock-problem').textContent === 'this token is not known'");
    assert_eq!(scene.browser.run("return document.querySelector('#main').hidden"), json!(true));
    // A header cannot carry it: neither sent nor kept, so that it does not lock the tab out.
    scene.unlock("a-token-with-a-€-in-it");
    scene.browser.wait("document.querySelector('#unlock-problem').textContent.startsWith('a token consists of')");
    assert_eq!(scene.browser.run("return sessionStorage.length"), json!(0));
    // One that was kept by other means is got rid of by giving another.
    scene.browser.run("sessionStorage.setItem('cache-admin-token', 'a-token-with-a-€-in-it')");
    scene.open();
    scene.unlock(TOKEN);
    scene.browser.wait(SHOWN);
    scene.browser.wait("document.querySelector('#who').textContent === 'night shift'");

    scene.browser.write("#purge-name", "page:users");
    assert_eq!(scene.browser.run("return document.querySelector('#purge-now').disabled"), json!(true));
    scene.browser.click("#preview");
    scene.browser.wait("document.querySelector('#purge-now').textContent === 'Purge tag page:users: 3'");
    assert_eq!(scene.browser.run("return document.querySelector('#purge-now').disabled"), json!(false));
    // What is typed now was not previewed, and an answer that comes late is about something else.
    scene.browser.run(
        "window.asked = window.fetch;
        window.fetch = (...what) => new Promise((done) => { window.late = () => done(window.asked(...what)); });",
    );
    scene.browser.click("#preview");
    scene.browser.wait("window.late && document.querySelector('#preview').disabled");
    scene.browser.write("#purge-name", "2");
    scene.browser.run("window.fetch = window.asked; window.late()");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let says =
        "return [document.querySelector('#purge-now').disabled, document.querySelector('#purge-now').textContent]";
    assert_eq!(scene.browser.run(says), json!([true, "Purge"]));
    scene.browser.run("document.querySelector('#purge-name').value = ''");
    scene.browser.write("#purge-name", "page:users");
    scene.browser.click("#preview");
    scene.browser.wait("!document.querySelector('#purge-now').disabled");
    scene.browser.click("#purge-now");
    scene.browser.wait("document.querySelector('#purge-result').textContent.includes('is void')");
    assert_eq!(scene.cache.get::<u64>(cache_runtime::Key::new("page:user:1").tag("page:users")).await.unwrap(), None);
    scene.browser.wait("document.querySelector('#feed ol').textContent.includes('purge tag page:users')");

    // The token stays in the tab, is nowhere in an address, and goes when it is told to.
    let addresses =
        "return [location.href, ...performance.getEntriesByType('resource').map((one) => one.name)].join(' ')";
    assert!(!scene.browser.run(addresses).as_str().unwrap().contains("token-that"));
    scene.open();
    scene.browser.wait(SHOWN);
    scene.browser.click("#forget");
    scene.browser.wait("!document.querySelector('#unlock').hidden && document.querySelector('#main').hidden");
    assert_eq!(scene.browser.run("return sessionStorage.length"), json!(0));
    // The browser itself notes each refusal.
    let complaints = scene.browser.complaints();
    assert!(complaints.iter().all(|told| told.contains("401 (Unauthorized)")), "{complaints:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_switched_off_and_left_to_its_declaration_again() {
    let scene = Scene::new(|admin| admin.token("night shift", TOKEN).unwrap()).await;
    scene.open();
    scene.unlock(TOKEN);
    scene.browser.wait(SHOWN);
    scene.browser.click("[data-function$='::page_order'] button");
    scene.browser.wait("document.querySelector('.steer')");
    scene.browser.write(".steer select", "off");
    scene.browser.click(".steer .primary");
    let state = "document.querySelector('[data-function$=\"::page_order\"] [data-label=State]').textContent";
    scene.browser.wait(&format!("{state} === 'off'"));
    assert_eq!(scene.cache.policy().of("page_order").enabled, Some(false));
    scene.browser.wait("document.querySelector('#feed ol').textContent.includes('enabled = false')");

    scene.browser.write(".steer dd:nth-of-type(2) input", "nonsense");
    scene.browser.click(".steer .primary");
    scene.browser.wait("document.querySelector('.steer .problem').textContent.includes('nonsense')");
    // A percentage with its sign is no number: it says so, and what was said before stays.
    scene.browser.run("document.querySelector('.steer dd:nth-of-type(2) input').value = ''");
    scene.browser.write(".steer dd:nth-of-type(4) input", "50%");
    scene.browser.click(".steer .primary");
    scene.browser.wait("document.querySelector('.steer .problem').textContent.includes('is a text')");
    assert_eq!(scene.cache.policy().of("page_order").enabled, Some(false));
    scene.browser.click(".steer button:not(.primary)");
    scene.browser.wait(&format!("{state} !== 'off'"));
    assert_eq!(scene.cache.policy().of("page_order").enabled, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_found_and_explained() {
    let scene = Scene::new(|admin| admin).await;
    scene.traffic().await;
    scene.open();
    scene.browser.wait(SHOWN);
    scene.browser.run("document.querySelector('#pattern').value = ''");
    scene.browser.write("#pattern", "page:user:*");
    scene.browser.press(&[key::ENTER]);
    scene.browser.wait("document.querySelectorAll('#entries .results li').length === 3");
    scene.browser.click("#entries .results button");
    scene.browser.wait("document.querySelector('.verdict')?.textContent.includes('A read would hit')");

    rename_page_user(&scene.cache).await;
    scene.browser.click("#entry button");
    scene.browser.wait("document.querySelector('.verdict').textContent.includes('A read would miss')");
    assert_eq!(scene.browser.complaints(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_is_walked_by_keyboard() {
    let scene = Scene::new(|admin| admin).await;
    for namesake in [here::namesake(&scene.cache, 1).await, there::namesake(&scene.cache, 1).await] {
        assert_eq!(namesake, 1);
    }
    scene.open();
    scene.browser.wait("document.querySelector('#ratio-chart .readout').textContent.includes('here::namesake')");
    scene.browser.wait("document.querySelectorAll('#graph .node').length >= 7");
    let focused = "return document.activeElement.dataset.id ?? document.activeElement.id";
    scene.browser.run("document.querySelector('#graph-filter').focus()");
    scene.browser.press(&[key::TAB]);
    let first = scene.browser.run(focused);
    assert!(first.as_str().unwrap().starts_with('i'), "an invalidation: {first}");

    // What has the name of another says in which module it is.
    // The tests' library brings functions of its own.
    let names = "return [...document.querySelectorAll('#graph .node.function')].map((one) => one.getAttribute('aria-label').split(',')[0]).filter((name) => !name.endsWith('_row')).sort()";
    assert_eq!(
        scene.browser.run(names),
        json!([
            "cached function here::namesake",
            "cached function page_order",
            "cached function page_user",
            "cached function there::namesake"
        ])
    );
    // Down the column there are both; across, what they name and what carries that.
    let mut met = vec![first];
    scene.browser.press(&[key::DOWN]);
    met.push(scene.browser.run(focused));
    assert_ne!(met[0], met[1]);
    scene.browser.press(&[key::RIGHT]);
    let middle = scene.browser.run(focused);
    assert!(middle.as_str().unwrap().starts_with(['t', 'k']), "a tag or a key: {middle}");
    scene.browser.press(&[key::RIGHT]);
    let function = scene.browser.run(focused);
    assert!(function.as_str().unwrap().starts_with('f'), "a function: {function}");
    let said = scene.browser.run("return document.activeElement.getAttribute('aria-label')");
    assert!(said.as_str().unwrap().starts_with("cached function page_"), "{said}");

    scene.browser.press(&[key::ENTER]);
    scene.browser.wait("document.querySelector('#graph .about').textContent.includes('Voided by')");
    assert_eq!(scene.browser.run(focused), function, "the focus stays where it was");
    assert_eq!(scene.browser.run("return document.activeElement.getAttribute('aria-pressed')"), json!("true"));
    assert!(scene.browser.run("return document.querySelectorAll('#graph .edge.lit').length").as_u64() >= Some(2));
    scene.browser.press(&[key::ESCAPE]);
    scene.browser.wait("document.querySelectorAll('#graph .edge.lit').length === 0");
    assert_eq!(scene.browser.complaints(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_fits_any_screen_in_light_and_dark() {
    let scene = Scene::new(|admin| admin).await;
    scene.traffic().await;
    scene.browser.look(1280, 800, false);
    scene.open();
    scene.browser.wait(SHOWN);
    scene.browser.wait("document.querySelector('#server').textContent.includes('Version')");
    // With all that opens open.
    scene.browser.click("[data-function$='::page_user'] button");
    scene.browser.wait("document.querySelector('.details')");
    scene.browser.write("#purge-name", "page:users");
    scene.browser.click("#preview");
    scene.browser.wait("document.querySelector('#purge-result li')");
    scene.browser.click("#entries .primary");
    scene.browser.wait("document.querySelector('#entries .results button')");
    scene.browser.click("#entries .results button");
    scene.browser.wait("document.querySelector('.verdict')");
    let background = "return getComputedStyle(document.body).backgroundColor";
    let mut seen = Vec::new();
    for dark in [false, true] {
        for width in [360, 600, 760, 850, 950, 1280, 2000] {
            scene.browser.look(width, 800, dark);
            assert_eq!(scene.too_wide(), json!([]), "{width} pixels, dark: {dark}");
        }
        seen.push(scene.browser.run(background));
    }
    assert_ne!(seen[0], seen[1]);
    assert_eq!(scene.browser.complaints(), [""; 0]);
}

/// Every control says what it is, and the headings make an outline.
#[tokio::test(flavor = "multi_thread")]
async fn everything_has_a_name_for_who_does_not_see_it() {
    let scene = Scene::new(|admin| admin).await;
    scene.open();
    scene.browser.wait(SHOWN);
    let nameless = "return [...document.querySelectorAll('button, input, a, svg[role], [role=button]')]
        .filter((one) => !one.textContent.trim() && !one.getAttribute('aria-label') && !(one.labels?.length > 0))
        .map((one) => one.outerHTML)";
    assert_eq!(scene.browser.run(nameless), json!([]));
    let outline = "return [...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))
        .every((level, index, levels) => index === 0 ? level === 1 : level <= levels[index - 1] + 1)";
    assert_eq!(scene.browser.run(outline), json!(true));
    let twice = "return [...document.querySelectorAll('[id]')].length === new Set([...document.querySelectorAll('[id]')].map((one) => one.id)).size";
    assert_eq!(scene.browser.run(twice), json!(true));
}
