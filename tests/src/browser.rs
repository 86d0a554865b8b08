//! A headless Chromium for one test, spoken to through its `chromedriver`: a session of its own, gone when the test is.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::wait::polls;

/// What a browser does on its own it does not do here: there may be no network, and nobody sandboxes root.
const ARGUMENTS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
];

/// A browser with one page.
///
/// ```no_run
/// use serde_json::json;
///
/// let browser = tests::Browser::start();
/// browser.open("http://127.0.0.1:3000/");
/// browser.wait("document.querySelector('h1')");
/// assert_eq!(browser.run("return document.title"), json!("Cache"));
/// assert!(browser.complaints().is_empty());
/// ```
///
/// Its methods block, which a test may do where its server runs on other threads. They panic with what the browser says
/// when it does not do as it is told.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: PathBuf,
}

impl Browser {
    /// A browser with an empty profile. The program is the one that `CHROMEDRIVER` names, else `chromedriver` on the `PATH`;
    /// it finds Chromium by itself.
    ///
    /// # Panics
    ///
    /// When there is none; the message says how to get one.
    #[track_caller]
    pub fn start() -> Self {
        let program = std::env::var_os("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let mut driver = Command::new(&program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                let program = program.to_string_lossy();
                panic!("{program} cannot be started ({error}); install it: apt-get install -y chromium chromium-driver")
            });
        let mut lines = BufReader::new(driver.stdout.take().expect("stdout is piped")).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let port = port.expect("chromedriver tells its port");
        // Nobody reads on: a full pipe would hold it up.
        std::thread::spawn(move || lines.for_each(drop));
        let profile = std::env::temp_dir().join(format!("cache-test-browser-{}-{port}", std::process::id()));
        let mut browser = Self { driver, port, session: String::new(), profile };
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", browser.profile.display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let made = browser.send("POST", "/session", &wanted);
        browser.session = made["sessionId"].as_str().expect("a session has an id").to_owned();
        browser
    }

    /// Goes to an address and waits until it has loaded.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.tell("url", json!({ "url": url }));
    }

    /// Runs a script in the page, and gives what it returns: `return document.title`.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.tell("execute/sync", json!({ "script": script, "args": [] }))
    }

    /// Waits until an expression is true in the page, and gives its value.
    #[track_caller]
    pub fn wait(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        for _ in polls() {
            let value = self.run(&script);
            if !matches!(&value, Value::Null | Value::Bool(false)) && value != json!(0) && value != json!("") {
                return value;
            }
        }
        panic!("never came true: {expression}\nthe page says: {}", self.run("return document.body.innerText"));
    }

    /// Clicks on what a selector finds first, as a pointer would: not through what covers it.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.tell(&format!("element/{element}/click"), json!({}));
    }

    /// Types into what a selector finds first.
    #[track_caller]
    pub fn write(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.tell(&format!("element/{element}/value"), json!({ "text": text }));
    }

    /// Presses keys wherever the focus is. [`key`] has those that are no letters.
    #[track_caller]
    pub fn press(&self, keys: &[char]) {
        let strokes = keys
            .iter()
            .flat_map(|key| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]);
        let actions = json!([{ "type": "key", "id": "keyboard", "actions": strokes.collect::<Vec<_>>() }]);
        self.tell("actions", json!({ "actions": actions }));
    }

    /// Sets the size of the page in CSS pixels, however small, and whether dark colours are preferred.
    #[track_caller]
    pub fn look(&self, width: u32, height: u32, dark: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// What the page looks like, as a PNG; all of it, if it is higher than the window.
    #[track_caller]
    pub fn picture(&self, whole: bool) -> Vec<u8> {
        let taken = self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": whole, "format": "png" }));
        decoded(taken["data"].as_str().expect("a picture is text"))
    }

    /// What the console has been told since this was last called: errors, warnings, refused scripts and styles.
    #[track_caller]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.tell("se/log", json!({ "type": "browser" }));
        let told = log.as_array().expect("a log is a list").iter();
        told.filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    #[track_caller]
    fn find(&self, selector: &str) -> String {
        let found = self.tell("element", json!({ "using": "css selector", "value": selector }));
        let id = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        id.unwrap_or_else(|| panic!("there is no `{selector}`")).to_owned()
    }

    #[track_caller]
    fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.tell("goog/cdp/execute", json!({ "cmd": command, "params": parameters }))
    }

    #[track_caller]
    fn tell(&self, command: &str, parameters: Value) -> Value {
        self.send("POST", &format!("/session/{}/{command}", self.session), &parameters)
    }

    #[track_caller]
    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = exchange(self.port, method, path, &body.to_string());
        let mut answer = answer.unwrap_or_else(|error| panic!("chromedriver does not answer: {error}"));
        if let Some(error) = answer["value"]["error"].as_str() {
            panic!("{path}: {error}: {}", answer["value"]["message"].as_str().unwrap_or_default());
        }
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // It closes Chromium; without it, that would be left behind.
            let _ = exchange(self.port, "DELETE", &format!("/session/{}", self.session), "");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        // Chromium may still be writing.
        for _ in 0..20 {
            if std::fs::remove_dir_all(&self.profile).is_ok() || !self.profile.exists() {
                return;
            }
            sleep(Duration::from_millis(50));
        }
    }
}

/// Keys that are no letters, as WebDriver numbers them.
pub mod key {
    /// Tabulator.
    pub const TAB: char = '\u{e004}';
    /// Enter.
    pub const ENTER: char = '\u{e007}';
    /// Escape.
    pub const ESCAPE: char = '\u{e00c}';
    /// To the left.
    pub const LEFT: char = '\u{e012}';
    /// Up.
    pub const UP: char = '\u{e013}';
    /// To the right.
    pub const RIGHT: char = '\u{e014}';
    /// Down.
    pub const DOWN: char = '\u{e015}';
}

/// One request on a connection of its own.
fn exchange(port: u16, method: &str, path: &str, body: &str) -> std::io::Result<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut text = vec![0; length];
    reader.read_exact(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Base64, as pictures come.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u32> = text.bytes().filter_map(digit).map(u32::from).collect();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for four in digits.chunks(4) {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - four.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_whatever_its_length() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob")] {
            assert_eq!(decoded(text), bytes.as_bytes());
        }
        assert_eq!(decoded("+/8A"), [0xfb, 0xff, 0x00]);
    }
}
