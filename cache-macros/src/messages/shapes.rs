//! Messages about what an attribute or a derive is put on.

use super::Message;

pub(crate) fn not_a_function(attribute: &str, keyword: &str) -> Message {
    let message = Message::new(format!("`#[{attribute}]` belongs on an `async fn`, not on this `{keyword}`"));
    match keyword {
        "impl" | "trait" | "mod" => message.help("move it onto a function inside"),
        _ => message.help("move it onto an `async fn`"),
    }
}

pub(crate) fn no_body(attribute: &str) -> Message {
    Message::new(format!("`#[{attribute}]` needs a function with a body"))
        .help("move it onto the function in the `impl` block")
}

pub(crate) fn not_understood(attribute: &str, reason: &str) -> Message {
    Message::new(format!("`#[{attribute}]` cannot read this function: {reason}")).help("write an `async fn`")
}

pub(crate) fn not_async(attribute: &str, function: &str) -> Message {
    Message::new(format!("`{function}` is not async, and `#[{attribute}]` awaits the cache"))
        .help(format!("write `async fn {function}`"))
}

/// `const fn`, `unsafe fn`, `extern fn`.
pub(crate) fn qualifier(attribute: &str, keyword: &str, function: &str) -> Message {
    let message =
        Message::new(format!("`#[{attribute}]` cannot be put on an `{keyword} fn`").replace("an `const", "a `const"));
    match keyword {
        "unsafe" => message
            .note("a hit would skip the body that its callers vouch for")
            .help(format!("write a safe `async fn {function}` that calls it")),
        _ => message.help(format!("remove `{keyword}`: write `async fn {function}`")),
    }
}

pub(crate) fn variadic(attribute: &str) -> Message {
    Message::new(format!("`#[{attribute}]` cannot be put on a function with `...`")).help("list the parameters")
}

pub(crate) fn stream(function: &str) -> Message {
    Message::new(format!("`{function}` returns a stream, which cannot be cached"))
        .note("an entry is one value, complete when the function returns")
        .help("collect it: return a `Vec` of the items")
}

pub(crate) fn borrowed(function: &str, ty: &str, owned: Option<&str>) -> Message {
    let message = Message::new(format!("`{function}` returns the borrowed `{ty}`, which cannot be cached"))
        .note("what it returns is handed to other callers, too, so it must be owned");
    match owned {
        Some(owned) => message.help(format!("return `{owned}`")),
        None => message.help("return an owned type"),
    }
}

pub(crate) fn unnamed(function: &str, ty: &str) -> Message {
    Message::new(format!("`{function}` returns `{ty}`, which cannot be cached"))
        .note("the type must have a name to be decoded into")
        .help("return a named type")
}

pub(crate) fn never(function: &str) -> Message {
    Message::new(format!("`{function}` never returns, so there is nothing to cache")).help("remove the attribute")
}

pub(crate) fn enum_with_fields(name: &str) -> Message {
    Message::new(format!("`KeyPart` cannot be derived for `{name}`: this variant has fields")).help(format!(
        "derive `Serialize` and write `{{name:hash}}` in the template, or write `impl KeyPart for {name}`"
    ))
}

pub(crate) fn empty_enum(name: &str) -> Message {
    Message::new(format!("`KeyPart` cannot be derived for `{name}`, which has no values")).help("remove the derive")
}

pub(crate) fn union(name: &str) -> Message {
    Message::new(format!("`KeyPart` cannot be derived for the union `{name}`"))
        .note("nothing says which of its fields holds a value")
        .help(format!("write `impl KeyPart for {name}`"))
}

pub(crate) fn key_part_option() -> Message {
    Message::new("`#[key_part]` has one option, `crate`")
        .help("write `#[key_part(crate = ::my_crate::cache_runtime)]`, or remove the attribute")
}
