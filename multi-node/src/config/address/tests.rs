use super::*;

fn tcp(host: &str, port: u16, v6_only: bool) -> Option<Address> {
    Some(Address::Tcp { host: host.to_owned(), port, v6_only })
}

fn unix(path: &str, mode: Option<u32>) -> Option<Address> {
    Some(Address::Unix { path: path.into(), mode })
}

#[test]
fn every_form_is_understood() {
    for (text, address) in [
        ("0.0.0.0:80", tcp("0.0.0.0", 80, false)),
        ("localhost:0", tcp("localhost", 0, false)),
        ("[::]:8080", tcp("::", 8080, false)),
        ("[::1]:65535?v6only=true", tcp("::1", 65535, true)),
        ("[::]:80?v6only=false", tcp("::", 80, false)),
        ("unix:/run/app.sock", unix("/run/app.sock", None)),
        ("unix:app.sock?mode=0660", unix("app.sock", Some(0o660))),
        ("unix:@app", unix("@app", None)),
    ] {
        assert_eq!(Address::parse(text), address, "{text}");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    for text in [
        "",
        "80",
        ":80",
        "::1:80",
        "[::1]",
        "[]:80",
        "localhost:",
        "localhost:+1",
        "localhost:65536",
        "localhost:80?v6only=true",
        "[::]:80?v6only",
        "http://localhost:80",
        "unix:",
        "unix:@",
        "unix:/a?mode=rw",
        "unix:/a?mode=1777",
        "unix:/a?mode=",
        "unix:@a?mode=0600",
    ] {
        assert_eq!(Address::parse(text), None, "{text}");
    }
}

#[test]
fn an_address_is_written_as_it_is_read() {
    for text in ["0.0.0.0:80", "[::]:80", "unix:/run/app.sock", "unix:@app"] {
        assert_eq!(Address::parse(text).map(|address| address.to_string()).as_deref(), Some(text));
    }
}

#[test]
fn a_relative_path_becomes_absolute_and_an_abstract_name_stays() {
    let absolute = |text| Address::parse(text).unwrap().absolute().unwrap().to_string();
    let here = std::env::current_dir().unwrap();
    assert_eq!(absolute("unix:app.sock"), format!("unix:{}", here.join("app.sock").display()));
    assert_eq!(absolute("unix:@app"), "unix:@app");
}

#[test]
fn a_path_longer_than_the_kernel_takes_is_refused() {
    let path = |bytes: usize| Address::parse(&format!("unix:/{}", "a".repeat(bytes - 1))).unwrap();
    assert!(path(107).absolute().is_ok());
    assert!(path(108).absolute().unwrap_err().contains("107 bytes"));
}
