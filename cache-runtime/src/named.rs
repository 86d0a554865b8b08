//! Which function is meant by a name: by all of its path, or by the end of it.

use crate::mistake::Mistake;

/// The path that is meant: as a whole, or its last names, as long as no other path ends in them.
pub(crate) fn path<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> Result<&'a str, Mistake> {
    let mut all: Vec<&'a str> = all.into_iter().collect();
    all.sort_unstable();
    all.dedup();
    if let Some(whole) = all.iter().find(|path| **path == name) {
        return Ok(whole);
    }
    let ends = |path: &&&str| path.strip_suffix(name).is_some_and(|rest| rest.ends_with("::"));
    let meant: Vec<&'a str> = all.iter().filter(ends).copied().collect();
    match meant[..] {
        [one] => Ok(one),
        [] => {
            // As many names of each path as were typed.
            let count = name.split("::").count();
            let last = |path: &'a str| {
                let cut = path.rmatch_indices("::").nth(count - 1);
                cut.map_or(path, |(at, _)| &path[at + 2..])
            };
            Err(Mistake::unknown("cached function", name, all.iter().map(|path| last(path))))
        }
        _ => {
            let these: Vec<String> = meant.iter().map(|path| format!("`{path}`")).collect();
            Err(Mistake::new(format!("several cached functions are called `{name}`"))
                .help(format!("one of {}", these.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 4] = ["shop::users::get", "shop::users::get_user", "shop::orders::get", "shop::rates"];

    fn found(name: &str) -> Result<&'static str, String> {
        path(name, ALL).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn a_function_is_named_as_far_as_it_takes() {
        assert_eq!(found("shop::users::get"), Ok("shop::users::get"));
        assert_eq!(found("users::get"), Ok("shop::users::get"));
        assert_eq!(found("get_user"), Ok("shop::users::get_user"));
        let several = "several cached functions are called `get`; one of `shop::orders::get`, `shop::users::get`";
        assert_eq!(found("get"), Err(several.to_owned()));
        let slip = "there is no cached function `get_usr`; did you mean `get_user`?";
        assert_eq!(found("get_usr"), Err(slip.to_owned()));
        let slip = "there is no cached function `user::get`; did you mean `users::get`?";
        assert_eq!(found("user::get"), Err(slip.to_owned()));
        assert!(found("ser").is_err_and(|mistake| mistake.starts_with("there is no cached function `ser`")));
    }

    #[test]
    fn a_whole_path_is_meant_before_one_that_ends_so() {
        assert_eq!(path("a::get", ["b::a::get", "a::get"]), Ok("a::get"));
    }
}
