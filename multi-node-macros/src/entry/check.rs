//! Judges the options: which there are, that none is given twice, and what contradicts what.

use proc_macro2::Ident;
use syn::{Expr, parse_quote};

use super::listeners;
use super::model::{Argument, Call, Options, Type};
use super::options::Given;
use super::value::{Kind, Value};
use crate::errors::Errors;
use crate::suggest;

const OPTIONS: [(&str, Kind); 12] = [
    ("port", Kind::Integer(Type::U16, 0..=65_535)),
    ("host", Kind::Host),
    ("listen", Kind::Nothing),
    ("nodes", Kind::Nodes(1..=256)),
    ("master_listen", Kind::Bool),
    ("restart_children", Kind::Bool),
    ("backlog", Kind::Integer(Type::U32, 1..=i32::MAX as u64)),
    ("drain_timeout", Kind::Duration),
    ("start_timeout", Kind::Duration),
    ("flavor", Kind::Flavor),
    // tokio cannot count more threads.
    ("worker_threads", Kind::Integer(Type::Usize, 1..=65_535)),
    ("crate", Kind::Library),
];

/// `valid options are …`, for error messages.
pub(super) fn valid_options() -> String {
    format!("valid options are {}", suggest::list(&OPTIONS.map(|(name, _)| name)))
}

/// The options that are right; every one that is not is reported and left out.
pub(super) fn check(given: Vec<Given>, errors: &mut Errors) -> Options {
    let mut options = Options { library: parse_quote!(::multi_node), calls: Vec::new() };
    let mut seen: Vec<Ident> = Vec::new();
    for Given { name, value, listed } in given {
        let Some((_, kind)) = OPTIONS.iter().find(|(option, _)| name == option) else {
            let names = OPTIONS.map(|(name, _)| name);
            errors.at(&name, suggest::unknown("option", &name.to_string(), "", &names));
            continue;
        };
        if seen.contains(&name) {
            errors.at(&name, format!("`{name}` is given twice"));
            continue;
        }
        match (value, listed) {
            (None, Some(listed)) if name == "listen" => {
                options.calls.extend(listeners::check(&name, listed, errors));
            }
            (_, Some(_)) => {
                errors.at(&name, format!("`{name}` is no list: it takes {}", kind.expected()));
            }
            (Some(value), None) => {
                options.add(kind, &name, value).unwrap_or_else(|error| errors.push(error))
            }
            (None, None) => {
                errors.at(&name, format!("`{name}` has no value: it takes {}", kind.expected()));
            }
        }
        seen.push(name);
    }
    contradictions(&seen, &options, errors);
    options
}

fn contradictions(seen: &[Ident], options: &Options, errors: &mut Errors) {
    let calls = |method: &str| options.calls.iter().any(|call| call.method == method);
    if calls("listen_none") {
        let about_listening = ["port", "host", "backlog"];
        for name in seen.iter().filter(|name| about_listening.iter().any(|option| name == option)) {
            errors.at(name, format!("`{name}` contradicts `listen = none`: leave one out"));
        }
    }
    let one_thread = calls("current_thread") || !seen.iter().any(|name| name == "flavor");
    if let Some(name) = seen.iter().find(|name| *name == "worker_threads" && one_thread) {
        errors.at(name, "`worker_threads` needs `flavor = \"multi_thread\"`");
    }
}

impl Options {
    fn add(&mut self, kind: &Kind, option: &Ident, value: Expr) -> syn::Result<()> {
        let (method, argument) = match kind.check(option, value)? {
            Value::Argument(argument) => (option.clone(), argument),
            Value::Method(name) => (Ident::new(name, option.span()), Argument::Nothing),
            Value::Library(path) => {
                self.library = path;
                return Ok(());
            }
        };
        self.calls.push(Call { method, argument });
        Ok(())
    }
}
