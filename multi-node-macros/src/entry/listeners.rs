//! `listen(name = "address", …)`: names are judged here, and addresses as far as they are literals.

use std::net::Ipv6Addr;

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{Expr, Lit, LitStr};

use super::model::{Argument, Call};
use super::options::Given;
use super::value::Written;
use crate::errors::Errors;

/// What an address looks like, for error messages.
const EXPECTED: &str =
    "an address such as \"0.0.0.0:80\", \"[::]:80\", \"localhost:80\" or \"unix:/run/app.sock\"";

/// The calls for the listeners that are right; every one that is not is reported and left out.
pub(super) fn check(option: &Ident, listed: Vec<Given>, errors: &mut Errors) -> Vec<Call> {
    if listed.is_empty() {
        errors
            .at(option, format!("`{option}` names no listener: `{option}(http = \"0.0.0.0:80\")`"));
    }
    let mut calls = Vec::new();
    let mut seen: Vec<Ident> = Vec::new();
    for Given { name, value, listed } in listed {
        if seen.contains(&name) {
            errors.at(&name, format!("the listener `{name}` is given twice"));
            continue;
        }
        match value.filter(|_| listed.is_none()) {
            Some(value) if is_wrong(&value) => {
                errors.at(value, format!("the listener `{name}` takes {EXPECTED}"));
            }
            Some(value) => {
                let text = LitStr::new(&name.unraw().to_string(), name.span());
                let argument = Argument::Listener(text, value);
                calls.push(Call { method: option.clone(), argument });
            }
            None => {
                errors.at(&name, format!("the listener `{name}` has no value: it takes {EXPECTED}"))
            }
        }
        seen.push(name);
    }
    calls
}

/// Whether this is a literal that cannot be an address.
fn is_wrong(value: &Expr) -> bool {
    match Written::from(value) {
        Written::Literal(Lit::Str(text)) => !is_address(&text.value()),
        Written::Literal(_) => true,
        Written::Negative(_) | Written::Path(_) | Written::Other => false,
    }
}

/// Whether the builder will take it; it knows more, such as how long a path may be.
fn is_address(text: &str) -> bool {
    let (place, query) = match text.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (text, None),
    };
    if let Some(path) = place.strip_prefix("unix:") {
        let is_mode = |mode: &str| u32::from_str_radix(mode, 8).is_ok_and(|mode| mode <= 0o777);
        let takes_mode = !path.starts_with('@');
        return !path.is_empty()
            && path != "@"
            && query.is_none_or(|query| {
                takes_mode && query.strip_prefix("mode=").is_some_and(is_mode)
            });
    }
    let Some((host, port)) = place.rsplit_once(':') else {
        return false;
    };
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_fits = match v6 {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains([':', '/', '[']) && query.is_none(),
    };
    let query_fits = query.is_none_or(|query| ["v6only=true", "v6only=false"].contains(&query));
    host_fits && query_fits && !port.starts_with('+') && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_address_is_taken() {
        for text in [
            "0.0.0.0:80",
            "localhost:0",
            "[::]:65535?v6only=true",
            "unix:/run/app.sock?mode=0660",
            "unix:app.sock",
            "unix:@app",
        ] {
            assert!(is_address(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_not() {
        for text in [
            "",
            "80",
            ":80",
            "::1:80",
            "[localhost]:80",
            "localhost:65536",
            "localhost:+1",
            "localhost:80?v6only=true",
            "[::]:80?v6",
            "http://localhost:80",
            "unix:",
            "unix:@",
            "unix:/a?mode=rw",
            "unix:@a?mode=0600",
        ] {
            assert!(!is_address(text), "{text}");
        }
    }
}
