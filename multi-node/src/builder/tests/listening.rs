//! Several listeners, by name.

use super::*;

fn named(named: &[(&str, &str)]) -> Builder {
    named.iter().fold(Builder::new(), |builder, (name, address)| builder.listen(*name, *address))
}

#[test]
fn named_listeners_are_all_there_are() {
    let builder = named(&[("http", "0.0.0.0:80"), ("local", "unix:/run/app.sock?mode=0660")]);
    let settings = settle(builder, &[]).unwrap();
    assert_eq!(listeners(&settings), ["http=0.0.0.0:80", "local=unix:/run/app.sock"]);
}

#[test]
fn a_port_beside_named_listeners_is_the_first_and_called_main() {
    let builder = named(&[("admin", "127.0.0.1:9000")]).port(8080);
    let settings = settle(builder, &[("MULTI_NODE_HOST", "::1")]).unwrap();
    assert_eq!(listeners(&settings), ["main=[::1]:8080", "admin=127.0.0.1:9000"]);
}

#[test]
fn the_variable_says_what_all_listeners_are() {
    let variables =
        [("MULTI_NODE_LISTEN", "http=[::]:80, admin = localhost:9000"), ("MULTI_NODE_PORT", "1")];
    for builder in [Builder::new(), named(&[("http", "0.0.0.0:80")]).port(8080)] {
        let settings = settle(builder, &variables).unwrap();
        assert_eq!(listeners(&settings), ["http=[::]:80", "admin=localhost:9000"]);
    }
}

#[test]
fn what_is_no_listener_is_named_with_what_is_expected() {
    let long = format!("unix:/{}", "a".repeat(200));
    for (pairs, words) in [
        (&[("http", "80")][..], "listen(http)=\"80\": expected an address such as 0.0.0.0:80"),
        (&[("", "0.0.0.0:80")], "listen=\"\": expected a name"),
        (&[("a,b", "0.0.0.0:80")], "listen=\"a,b\": expected a name"),
        (&[("a", "0.0.0.0:80"), ("a", "0.0.0.0:81")], "another name for each listener"),
        (&[("a", "0.0.0.0:80"), ("b", "0.0.0.0:80")], "another address for each listener"),
        (&[("a", "unix:/x?mode=999")], "expected after `?` either mode=0660"),
        (&[("a", "0.0.0.0:80?v6only=true")], "expected after `?` either mode=0660"),
        (&[("a", &long)], "expected a path of at most 107 bytes"),
    ] {
        let error = settle(named(pairs), &[]).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    let many: Vec<_> = (0..17).map(|port| (format!("l{port}"), format!("[::1]:{port}"))).collect();
    let many: Vec<_> = many.iter().map(|(name, at)| (name.as_str(), at.as_str())).collect();
    assert!(settle(named(&many), &[]).unwrap_err().contains("at most 16 listeners"));
}

#[test]
fn a_bad_variable_for_listeners_is_refused() {
    for (name, value, words) in [
        ("MULTI_NODE_LISTEN", "0.0.0.0:80", "expected name=address"),
        ("MULTI_NODE_LISTEN", "", "expected name=address"),
        ("MULTI_NODE_LISTEN", "a=80", "listen(a)=\"80\": expected an address"),
        ("MULTI_NODE_PORT", "80", "expected MULTI_NODE_LISTEN instead"),
        ("MULTI_NODE_HOST", "::1", "expected MULTI_NODE_LISTEN instead"),
    ] {
        let builder = named(&[("http", "0.0.0.0:80")]);
        let error = settle(builder, &[(name, value)]).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn two_listeners_may_leave_the_port_to_the_kernel() {
    let builder = named(&[("a", "127.0.0.1:0"), ("b", "127.0.0.1:0")]);
    assert_eq!(settle(builder, &[]).unwrap().listen.len(), 2);
}
