//! No password where others can read it: not in the process title, and not in a message.

use crate::session::URLS;

/// A URL with a password on the command line can be read by everybody on the machine (`ps`). So the program starts
/// itself again with it in the environment, which only its own user can read.
#[cfg(unix)]
pub(crate) fn leave_the_command_line() {
    use std::ffi::OsString;
    use std::os::unix::process::CommandExt;

    let given: Vec<OsString> = std::env::args_os().collect();
    let Some((rest, url)) = without_secret_url(&given) else { return };
    let Ok(program) = std::env::current_exe() else { return };
    let mut again = std::process::Command::new(program);
    if let Some((name, arguments)) = rest.split_first() {
        again.arg0(name).args(arguments);
    }
    let error = again.env(URLS[0], url).exec();
    anstream::eprintln!("cachectl: the password stays in the process title: {error}");
}

#[cfg(not(unix))]
pub(crate) fn leave_the_command_line() {}

/// The arguments without their `--url`, and what it was, if it may hold a password.
#[cfg(unix)]
fn without_secret_url(given: &[std::ffi::OsString]) -> Option<(Vec<std::ffi::OsString>, String)> {
    let mut rest = Vec::with_capacity(given.len());
    let mut url = None;
    let mut arguments = given.iter();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--url") => url = Some(arguments.next()?.to_str()?.to_owned()),
            Some(text) if text.starts_with("--url=") => url = text.strip_prefix("--url=").map(str::to_owned),
            _ => rest.push(argument.clone()),
        }
    }
    url.filter(|url| url.contains('@') || url.contains('?')).map(|url| (rest, url))
}

/// A text without what may be a password in a URL in it.
pub(crate) fn redacted(text: &str) -> String {
    let given = std::env::args_os().chain(URLS.into_iter().filter_map(std::env::var_os));
    redacted_of(text, given.map(|given| given.to_string_lossy().into_owned()))
}

/// The same for a program that was `given` these: a URL ends at white space, unless there is some in what was given.
fn redacted_of(text: &str, given: impl Iterator<Item = String>) -> String {
    let behind_scheme = given.filter_map(|given| Some(given.split_once("://")?.1.to_owned()));
    let mut broken: Vec<String> = behind_scheme.filter(|url| url.contains(char::is_whitespace)).collect();
    // One may be part of another.
    broken.sort_by_key(|url| std::cmp::Reverse(url.len()));
    let whole = broken.iter().fold(text.to_owned(), |text, url| text.replace(url, &harmless(url)));
    let mut clean = String::with_capacity(whole.len());
    let mut rest = whole.as_str();
    while let Some(at) = rest.find("://") {
        let (before, behind) = rest.split_at(at + 3);
        // Not at a quote: a password may have one.
        let (url, behind) = behind.split_at(behind.find(char::is_whitespace).unwrap_or(behind.len()));
        clean.extend([before, &harmless(url)]);
        rest = behind;
    }
    clean + rest
}

/// Of what stands behind `://`, what may be shown.
fn harmless(url: &str) -> String {
    let (secret, host) = url.rsplit_once('@').map_or(("", url), |(_, host)| ("***@", host));
    match host.split_once('?') {
        Some((path, _)) => format!("{secret}{path}?***"),
        None => format!("{secret}{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_taken_out_of_whatever_is_said() {
        for (text, clean) in [
            ("unknown 'redis://:hunter2@host:1' here", "unknown 'redis://***@host:1' here"),
            ("redis://user:hun@ter2@a,b/x and more", "redis://***@a,b/x and more"),
            ("'redis://:hun'ter2@host' or \"redis://:hun\"ter2@host\"", "'redis://***@host' or \"redis://***@host\""),
            ("unix:///run/r.sock?pass=hunter2", "unix:///run/r.sock?***"),
            ("redis://host", "redis://host"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(redacted_of(text, std::iter::empty()), clean);
        }
    }

    #[test]
    fn what_was_given_is_taken_out_with_its_white_space() {
        for (given, text, clean) in [
            (["redis://:hun ter2@host", ""], "'redis://:hun ter2@host' for --url", "'redis://***@host' for --url"),
            (
                ["--url=redis://:a b@h:1", ""],
                "redis://:a b@h:1: no redis://:a b@h:1",
                "redis://***@h:1: no redis://***@h:1",
            ),
            (["unix:///r.sock?pass=a b", ""], "unix:///r.sock?pass=a b here", "unix:///r.sock?*** here"),
            (["unix:///s?p=a", "unix:///s?p=a b"], "unix:///s?p=a b", "unix:///s?***"),
            (["unix:///s?p=a b c", "unix:///s?p=a b"], "unix:///s?p=a b c", "unix:///s?***"),
            (["unix:///s?p=a b", "unix:///s?p=a b c"], "unix:///s?p=a b c", "unix:///s?***"),
            (["redis://h o", "://"], "redis://h o is no URL", "redis://h o is no URL"),
            (["x://?", "a://@"], "is it? write a@b", "is it? write a@b"),
        ] {
            assert_eq!(redacted_of(text, given.into_iter().map(str::to_owned)), clean);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_url_with_a_password_leaves_the_arguments() {
        let given = |arguments: &[&str]| arguments.iter().map(Into::into).collect::<Vec<std::ffi::OsString>>();
        let expected = Some((given(&["cachectl", "stats", "--json"]), "redis://:pw@h".to_owned()));
        assert_eq!(without_secret_url(&given(&["cachectl", "--url", "redis://:pw@h", "stats", "--json"])), expected);
        assert_eq!(without_secret_url(&given(&["cachectl", "stats", "--url=redis://:pw@h", "--json"])), expected);
        assert_eq!(without_secret_url(&given(&["cachectl", "--url", "redis://h", "stats"])), None);
        assert_eq!(without_secret_url(&given(&["cachectl", "stats"])), None);
    }
}
