//! Messages about the attribute's options.

use super::Message;
use crate::duration;

/// `a`, `b` and `c`, in backticks.
pub(crate) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// What a name could have been.
pub(crate) fn parameters(params: &[&str]) -> String {
    match params {
        [one] => format!("the only parameter is `{one}`"),
        params => format!("the parameters are {}", list(params)),
    }
}

pub(crate) fn not_an_option() -> Message {
    Message::new("this is not an option").help("options are written `name = value`, separated by commas")
}

pub(crate) fn comma_missing() -> Message {
    Message::new("expected a comma here").help("put `,` between two options")
}

pub(crate) fn value_missing(option: &str) -> Message {
    Message::new(format!("option `{option}` has no value")).help(format!("write `{}`", example(option)))
}

pub(crate) fn unknown_option(option: &str, attribute: &str, meant: Option<&str>, known: &[&str]) -> Message {
    Message::new(format!("`#[{attribute}]` has no option `{option}`"))
        .meant(meant, format!("the options are {}", list(known)))
}

pub(crate) fn given_twice(option: &str) -> Message {
    Message::new(format!("option `{option}` is given twice")).help("remove one of them")
}

/// The option is there, in a form it does not have.
pub(crate) fn wrong_form(option: &str) -> Message {
    Message::new(format!("this is not how option `{option}` is written")).help(format!("write `{}`", example(option)))
}

/// One well-formed use of the option.
fn example(option: &str) -> &'static str {
    match option {
        "key" => r#"key = "user:{id}""#,
        "ttl" => r#"ttl = "10m""#,
        "tags" => r#"tags = ["user:{id}"]"#,
        "keys" => r#"keys = ["user:{id}"]"#,
        "skip" => "skip(db)",
        "bind" => "bind(org = ctx.org_id())",
        "negative_ttl" => r#"negative_ttl = "30s""#,
        "local" => r#"local = "5s""#,
        "version" => "version = 2",
        "codec" => "codec = cache_runtime::codec::Json",
        "cache" => "cache = &self.cache",
        "crate" => "crate = ::my_crate::cache_runtime",
        "on" => r#"on = "ok""#,
        "fence" => r#"fence = "require""#,
        _ => "name = value",
    }
}

pub(crate) fn ttl_missing(function: &str) -> Message {
    Message::new(format!("`{function}` is cached without saying for how long")).help(r#"add an option: `ttl = "10m"`"#)
}

pub(crate) fn bad_duration(option: &str, text: &str, mistake: &duration::Mistake) -> Message {
    use duration::Mistake as M;
    let message = |text: String| Message::new(text);
    let quoted = |text: &String| format!("\"{text}\"");
    let units = "the units are `ms`, `s`, `m`, `h`, `d` and `w`: `\"1h30m\"`";
    match mistake {
        M::NoNumber => message(format!("`{text}` is not a duration"))
            .help(format!("write a number and a unit: `{option} = \"10m\"`")),
        M::NoUnit { suggestion } => {
            message(format!("the duration `{text}` has no unit")).help(format!("for seconds, write `\"{suggestion}\"`"))
        }
        M::UnknownUnit { unit, suggestion } => {
            message(format!("`{unit}` is not a unit of time")).meant(suggestion.as_ref().map(quoted), units)
        }
        M::Fraction { suggestion } => message(format!("the duration `{text}` is not a whole number"))
            .meant(suggestion.as_ref().map(quoted), units),
        M::Negative { suggestion } => {
            message(format!("the duration `{text}` is negative")).meant(Some(quoted(suggestion)), "")
        }
        M::Space { suggestion } => {
            message(format!("the duration `{text}` has spaces in it")).meant(Some(quoted(suggestion)), "")
        }
        M::Order { suggestion } => {
            message(format!("the parts of the duration `{text}` are not in order, longest first"))
                .meant(Some(quoted(suggestion)), "")
        }
        M::Zero if option == "local" => message("an in-process lifetime of zero keeps nothing".to_owned())
            .help("to keep nothing in process, write `local = false`"),
        M::Zero => message(format!("a `{option}` of zero caches nothing"))
            .help(format!("write a duration: `{option} = \"10m\"`")),
        M::TooLong => {
            message(format!("the duration `{text}` is longer than a hundred years")).help("the longest is `\"36499d\"`")
        }
    }
}

/// `ttl = 1.5`, `ttl = true`, `ttl = -1`.
pub(crate) fn not_a_duration(option: &str, text: &str) -> Message {
    Message::new(format!("`{text}` is not a duration")).help(format!(
        "write `{option} = \"10m\"`, seconds as in `{option} = 600`, or an expression of type `Duration`"
    ))
}

/// `ttl = 10m`.
pub(crate) fn unquoted_duration(text: &str) -> Message {
    Message::new("a duration with a unit is written in quotes").help(format!("write `\"{text}\"`"))
}

pub(crate) fn local_true() -> Message {
    Message::new("`local` is a lifetime or `false`").help(r#"write `local = "5s"`, or remove the option"#)
}

pub(crate) fn not_a_string(option: &str, text: &str) -> Message {
    Message::new(format!("option `{option}` is a string literal, not `{text}`"))
        .note("templates are checked when the program is compiled")
        .help(format!("write `{}`", example(option)))
}

/// `tags = "users"`.
pub(crate) fn not_a_list(option: &str, literal: Option<&str>) -> Message {
    let message = Message::new(format!("option `{option}` is a list"));
    match literal {
        Some(literal) => message.help(format!("write `{option} = [{literal}]`")),
        None => message.help(format!("write `{}`", example(option))),
    }
}

pub(crate) fn empty_list(option: &str) -> Message {
    Message::new(format!("the list of `{option}` is empty")).help("remove the option")
}

pub(crate) fn template_twice(option: &str, text: &str) -> Message {
    let one = option.trim_end_matches('s');
    Message::new(format!("the {one} `{text}` is given twice")).help("remove one of them")
}

pub(crate) fn not_a_version(text: &str) -> Message {
    Message::new(format!("`{text}` is not a version")).help("write a whole number: `version = 2`")
}

pub(crate) fn not_a_codec(text: &str) -> Message {
    Message::new(format!("option `codec` is the path of a type, not `{text}`"))
        .help("write `codec = cache_runtime::codec::Json`")
}

pub(crate) fn unknown_on(text: &str) -> Message {
    Message::new(format!("`on` cannot be `{text}`"))
        .note(r#"an invalidation runs after every return, or with `on = "ok"` only after a good one"#)
        .help(r#"write `on = "ok"`, or remove the option"#)
}

/// `fence = "must"`, `fence = true`: as spelled.
pub(crate) fn unknown_fence(text: &str) -> Message {
    let message = Message::new(format!("`fence` cannot be `{}`", text.trim_matches('"')));
    match text {
        "require" => Message::new("the value of `fence` is written in quotes").help(r#"write `fence = "require"`"#),
        "true" => message.help("write `fence` alone"),
        "false" => message.help("remove the option"),
        _ => message
            .note(r#"where no fence can be set, `fence` runs the body all the same, and `fence = "require"` returns an error"#)
            .help(r#"write `fence = "require"`, or `fence` alone"#),
    }
}

/// Only `{return..}` with a `fence`.
pub(crate) fn nothing_to_fence(function: &str) -> Message {
    Message::new(format!("`{function}` has nothing to fence before its body runs"))
        .note("all that it invalidates is named by what it returns, which is not known then")
        .help(r#"name a tag that the arguments give, as in `tags = ["user:{id}"]`, or remove `fence`"#)
}

pub(crate) fn skip_unknown(name: &str, function: &str, meant: Option<&str>, params: &[&str]) -> Message {
    let otherwise = if params.is_empty() {
        format!("`{function}` has no parameters: remove the option")
    } else {
        parameters(params)
    };
    Message::new(format!("`{name}` is not a parameter of `{function}`")).meant(meant, otherwise)
}

pub(crate) fn skip_twice(name: &str) -> Message {
    Message::new(format!("`{name}` is skipped twice")).help("remove one of them")
}

pub(crate) fn skip_in_key(name: &str, written: &str) -> Message {
    Message::new(format!("`{name}` is skipped, but the key names it"))
        .help(format!("remove `{name}` from `skip(..)`, or `{written}` from the key"))
}

pub(crate) fn skip_bound(name: &str) -> Message {
    Message::new(format!("`{name}` is bound, and only parameters can be skipped"))
        .help(format!("remove `{name}` from `skip(..)`"))
}

pub(crate) fn bad_skip() -> Message {
    Message::new("`skip` lists names of parameters").help("write `skip(db)`")
}

pub(crate) fn bad_bind() -> Message {
    Message::new("`bind` gives names to expressions").help("write `bind(org = ctx.org_id())`")
}

pub(crate) fn bind_parameter(name: &str) -> Message {
    Message::new(format!("`{name}` is already a parameter")).help("give the bound expression a name of its own")
}

pub(crate) fn bind_twice(name: &str) -> Message {
    Message::new(format!("`{name}` is bound twice")).help("give one of them another name")
}

pub(crate) fn bind_unused(name: &str) -> Message {
    Message::new(format!("`{name}` is bound, but no template names it"))
        .help(format!("write `{{{name}}}` in a template, or remove it from `bind(..)`"))
}

pub(crate) fn no_target(function: &str) -> Message {
    Message::new(format!("nothing says what `{function}` invalidates"))
        .help(r#"name tags, `tags = ["users"]`, or a cached function, `get_user(id)`"#)
}

pub(crate) fn method_target() -> Message {
    Message::new("only a free function can be invalidated by its name")
        .note("methods have no type of their own name for the compiler to check against")
        .help(r#"name a tag of the method: `tags = ["user:{id}"]`"#)
}

pub(crate) fn bare_target(name: &str) -> Message {
    Message::new(format!("`{name}` is written without arguments"))
        .help(format!("write `{name}(id)` to invalidate the entry of `id`"))
}

pub(crate) fn bad_target_arguments(reason: &str) -> Message {
    Message::new(format!("these arguments cannot be read: {reason}"))
        .help("write them as in a call: `get_user(id, return.version)`")
}
