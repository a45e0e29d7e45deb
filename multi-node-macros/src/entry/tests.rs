use proc_macro2::TokenStream;
use quote::quote;

use super::function::Function;
use super::model::Options;
use super::{check, expand, options};
use crate::errors::Errors;

fn checked(attribute: TokenStream) -> (Options, Vec<String>) {
    let mut errors = Errors::default();
    let given = options::parse(attribute, &mut errors);
    let options = check::check(given, &mut errors);
    (options, errors.messages())
}

fn calls(attribute: TokenStream) -> Vec<String> {
    let (options, errors) = checked(attribute);
    assert_eq!(errors, [""; 0]);
    options.calls.iter().map(|call| call.method.to_string()).collect()
}

fn expanded(attribute: &str, item: &str) -> String {
    let tokens = |source: &str| source.parse().expect("tokens");
    let expanded = expand(tokens(attribute), tokens(item));
    syn::parse2::<syn::File>(expanded.clone()).expect("an expansion is Rust");
    expanded.to_string()
}

#[test]
fn no_option_calls_no_method() {
    assert_eq!(calls(quote!()), [""; 0]);
}

#[test]
fn a_comma_within_a_value_does_not_end_it() {
    let attribute = quote! {
        port = pick::<A, B>(1, 2),
        host = (|a, b| [a, b].concat())("x", "y"),
        nodes = if a < b { 1 } else { 2 },
    };
    assert_eq!(calls(attribute), ["port", "host", "nodes"]);
}

#[test]
fn after_a_mistake_the_next_option_is_read() {
    let (options, errors) = checked(quote!(port: 80, = 3, nodes = 4, "x" = 1, 7 8, backlog = 9));
    assert_eq!(errors.len(), 4, "{errors:?}");
    let methods: Vec<_> = options.calls.iter().map(|call| call.method.to_string()).collect();
    assert_eq!(methods, ["nodes", "backlog"]);
}

#[test]
fn each_named_listener_is_a_call() {
    let attribute = quote! {
        listen(http = "0.0.0.0:80", r#type = address(), local = "unix:/run/app.sock",),
        nodes = 4,
    };
    assert_eq!(calls(attribute), ["listen", "listen", "listen", "nodes"]);
    let entry = expanded(r#"listen(r#type = "[::]:80")"#, "async fn main() {}");
    assert!(entry.contains(r#". listen ("type" , "[::]:80")"#), "{entry}");
}

#[test]
fn every_listener_that_is_wrong_is_reported() {
    let (options, errors) = checked(quote! {
        listen(a = "80", b = 80, c, d = "[::]:80", d = "[::]:81", = 3, e(f = 1)),
        port(a = 1),
    });
    assert_eq!(errors.len(), 7, "{errors:#?}");
    assert_eq!(options.calls.len(), 1);
    assert_eq!(checked(quote!(listen())).1.len(), 1);
    assert_eq!(checked(quote!(listen(a = "[::]:80"), listen = none)).1.len(), 1);
}

#[test]
fn every_limit_is_exact() {
    let accepted = [
        quote!(port = 0),
        quote!(port = 65_535u16),
        quote!(port = 0x50),
        quote!(port = (80)),
        quote!(nodes = 1),
        quote!(nodes = 256),
        quote!(backlog = 1),
        quote!(backlog = 2147483647),
        quote!(flavor = "multi_thread", worker_threads = 1),
        quote!(flavor = "multi_thread", worker_threads = 65535),
        quote!(ready = "implicit"),
        quote!(start_timeout = "1ms"),
        quote!(drain_delay = "0s", drain_grace = "0ms", drain_timeout = "0s"),
        quote!(max_surge = 1),
        quote!(max_surge = 65535u16),
        quote!(hang_timeout = off),
        quote!(hang_timeout = "1ms"),
        quote!(max_lifetime = "1ms"),
        quote!(max_connections = 1),
        quote!(max_connections = 18446744073709551615u64),
        quote!(max_memory = 1),
        quote!(max_memory = 0x2000_0000),
        quote!(max_memory = "1"),
        quote!(max_memory = "512M"),
        quote!(user = "1000", group = "www-data", pid_file = "app.pid"),
    ];
    for attribute in accepted {
        let text = attribute.to_string();
        assert_eq!(checked(attribute).1, [""; 0], "{text}");
    }
    let refused = [
        quote!(port = 65536),
        quote!(port = -1),
        quote!(port = 80u32),
        quote!(port = 8.0),
        quote!(port = 99999999999999999999999999),
        quote!(nodes = 0),
        quote!(nodes = 257),
        quote!(nodes = 4u8),
        quote!(nodes = -4),
        quote!(nodes = true),
        quote!(backlog = 0),
        quote!(backlog = 2147483648),
        quote!(flavor = "multi_thread", worker_threads = 0),
        quote!(flavor = "multi_thread", worker_threads = 65536),
        quote!(master_listen = 1),
        quote!(restart_children = -1),
        quote!(host = ""),
        quote!(host = 'c'),
        quote!(drain_timeout = 30),
        quote!(drain_timeout = -30),
        quote!(start_timeout = "60"),
        quote!(listen = auto),
        quote!(listen = 80),
        quote!(flavor = multi_thread),
        quote!(ready = explicit),
        quote!(ready = "late"),
        quote!(start_timeout = "0s"),
        quote!(drain_delay = 0),
        quote!(drain_grace = "1"),
        quote!(max_surge = 0),
        quote!(max_surge = 65536),
        quote!(max_surge = "all"),
        quote!(hang_timeout = "off"),
        quote!(hang_timeout = "0s"),
        quote!(hang_timeout = 60),
        quote!(max_lifetime = "0h"),
        quote!(max_lifetime = "1d"),
        quote!(max_connections = 0),
        quote!(max_connections = "1000"),
        quote!(max_memory = 0),
        quote!(max_memory = "0M"),
        quote!(max_memory = "512MB"),
        quote!(max_memory = "17179869184G"),
        quote!(max_memory = 512.5),
        quote!(user = 1000),
        quote!(user = ""),
        quote!(group = ""),
        quote!(pid_file = ""),
        quote!(crate = 3),
        quote!(crate = f()),
    ];
    for attribute in refused {
        let text = attribute.to_string();
        assert_eq!(checked(attribute).1.len(), 1, "{text}");
    }
}

#[test]
fn whatever_contradicts_is_reported_once_an_option() {
    let (_, errors) = checked(quote!(port = 1, listen = none, host = "a", backlog = 3));
    assert_eq!(errors.len(), 3);
    let (_, errors) = checked(quote!(worker_threads = 2, flavor = "current_thread"));
    assert_eq!(errors.len(), 1);
    assert_eq!(checked(quote!(listen = none, max_connections = 9)).1.len(), 1);
    // The flavor is wrong, so nobody can say that it contradicts.
    let (_, errors) = checked(quote!(worker_threads = 2, flavor = "many"));
    assert_eq!(errors.len(), 1);
}

#[test]
fn a_mistake_leaves_a_function_of_that_name() {
    let function = expanded("port = \"80\", nodes = 4", "async fn serve(nodes: Nodes) -> u8 { 1 }");
    assert!(function.contains("compile_error"), "{function}");
    assert!(function.contains("fn serve () -> u8"), "{function}");
    assert!(function.contains(". nodes (4usize)"), "{function}");
    assert!(!function.contains(". port"), "{function}");

    let function = expanded("", "async fn serve<T>(a: A, b: T) -> T where T: X { b }");
    assert!(function.contains("fn serve () {"), "{function}");
    let inner = "async fn serve < T > (a : A , b : T) -> T where T : X { b }";
    assert!(function.contains(inner), "{function}");
}

#[test]
fn ready_explicit_needs_a_main_that_can_say_so() {
    let attribute = "ready = \"explicit\"";
    assert!(expanded(attribute, "async fn main() {}").contains("compile_error"));
    for able in ["async fn main(nodes: Nodes) {}", "fn main(nodes: Nodes) {}"] {
        assert!(!expanded(attribute, able).contains("compile_error"), "{able}");
    }
    assert!(!expanded("ready = \"implicit\"", "async fn main() {}").contains("compile_error"));
}

#[test]
fn what_is_no_function_stays_as_it_is() {
    let item = expanded("", "struct App { port: u16 }");
    assert!(item.ends_with("struct App { port : u16 }"), "{item}");
}

#[test]
fn the_body_is_not_looked_into() {
    let tokens = quote!(async fn main() { let one = 1 let two = = });
    let function: Function = syn::parse2(tokens).expect("the body is raw tokens");
    assert_eq!(function.signature.ident, "main");
}
