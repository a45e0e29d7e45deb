//! `echo`: what is typed comes back, four connections are on four nodes, and a drain waits.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

use crate::support::{ANSWER, Program, connect, word};

/// A connection that was echoed once, and the node that it is on.
fn greet(echo: &mut Program, address: SocketAddr) -> (TcpStream, String) {
    let mut stream = connect(address);
    let me = stream.local_addr().expect("it is connected").to_string();
    say(&mut stream, b"hello\n");
    let line = echo.line(&format!("serves {me}"));
    (stream, word(&line, "node ").to_owned())
}

fn say(stream: &mut TcpStream, words: &[u8]) {
    stream.write_all(words).expect("it is read");
    let mut back = vec![0; words.len()];
    stream.read_exact(&mut back).expect("it comes back");
    assert_eq!(back, words);
}

/// Closes a connection and waits until the node has closed it too.
fn hang_up(mut stream: TcpStream) {
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the node closes it");
    assert!(rest.is_empty(), "more came back than was sent");
}

#[test]
fn echo_has_four_connections_on_four_nodes() {
    let mut echo = Program::start("echo", &[]);
    let address = echo.address();
    let mut started = BTreeSet::new();
    while started.len() < 4 {
        let (stream, node) = greet(&mut echo, address);
        started.insert(node);
        hang_up(stream);
    }

    // A client sees its connection closed a moment before the node stops counting it.
    let deadline = Instant::now() + ANSWER;
    let open = loop {
        let open: Vec<_> = (0..4).map(|_| greet(&mut echo, address)).collect();
        let nodes: BTreeSet<_> = open.iter().map(|(_, node)| node).collect();
        if nodes.len() == 4 {
            break open;
        }
        assert!(Instant::now() < deadline, "two connections share a node: {nodes:?}");
        open.into_iter().for_each(|(stream, _)| hang_up(stream));
    };
    drop(open);
    echo.stop();
}

#[test]
fn echo_takes_no_more_connections_after_ctrl_c_and_ends_when_the_last_has_closed() {
    let mut echo = Program::start("echo", &[]);
    let address = echo.address();
    let (mut stream, _) = greet(&mut echo, address);
    echo.interrupt();
    echo.until("new connections are refused", || {
        let refused = TcpStream::connect_timeout(&address, ANSWER).err()?;
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused, "{refused}");
        Some(())
    });
    say(&mut stream, b"still here\n");
    drop(stream);
    echo.ends_well();
}
