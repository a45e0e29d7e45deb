use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;

#[test]
fn newcomers_are_refused_and_who_has_connected_is_served() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let mut queued = TcpStream::connect(addr).unwrap();
    for _ in 0..2 {
        refuse_newcomers(listener.as_fd()).unwrap();
        let refused = TcpStream::connect(addr).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
    let (mut accepted, _) = listener.accept().unwrap();
    accepted.write_all(b"served").unwrap();
    drop((accepted, listener));
    let mut answer = String::new();
    queued.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "served");
}
