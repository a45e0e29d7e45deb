//! A small HTTP/1.1 client that keeps connections and tells failures apart.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

/// How long a client waits for the other side: long, since the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to an HTTP/1.1 server.
#[derive(Debug)]
pub struct HttpClient {
    stream: BufReader<TcpStream>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Whether the server said `Connection: close`.
    pub close: bool,
    /// The body.
    pub body: String,
}

impl HttpClient {
    /// Connects.
    ///
    /// # Errors
    ///
    /// As connecting a TCP stream; `TimedOut` after 20 s.
    pub fn connect(addr: SocketAddr) -> io::Result<HttpClient> {
        let stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(HttpClient { stream: BufReader::new(stream) })
    }

    /// This side's port.
    pub fn port(&self) -> u16 {
        self.stream.get_ref().local_addr().map_or(0, |addr| addr.port())
    }

    /// Whether the server has closed it already, so that nothing can be asked any more.
    pub fn is_closed(&self) -> bool {
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        let peeked = recv(self.stream.get_ref().as_raw_fd(), &mut [0], flags);
        !matches!(peeked, Err(Errno::EAGAIN))
    }

    /// Gets `path` and leaves the connection open.
    ///
    /// # Errors
    ///
    /// As [`HttpClient::send`] and [`HttpClient::receive`].
    pub fn get(&mut self, path: &str) -> io::Result<Response> {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))?;
        self.receive()
    }

    /// Gets `path` with `Connection: close`.
    ///
    /// # Errors
    ///
    /// As [`HttpClient::send`] and [`HttpClient::receive`].
    pub fn get_once(&mut self, path: &str) -> io::Result<Response> {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"))?;
        self.receive()
    }

    /// Sends bytes as they are: a request, or a part of one.
    ///
    /// # Errors
    ///
    /// As writing to a TCP stream.
    pub fn send(&mut self, bytes: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_bytes())
    }

    /// Reads one answer, with a `Content-Length` or in chunks, or a `100 Continue`.
    ///
    /// # Errors
    ///
    /// As reading from a TCP stream; `UnexpectedEof` when the server closed before the whole
    /// answer; `InvalidData` for what is no HTTP.
    pub fn receive(&mut self) -> io::Result<Response> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or(ErrorKind::InvalidData)?;
        let mut response = Response { status, close: false, body: String::new() };
        let mut length = None;
        let mut chunked = false;
        loop {
            let header = self.line()?.to_ascii_lowercase();
            match header.split_once(": ") {
                None if header.is_empty() => break,
                None => return Err(ErrorKind::InvalidData.into()),
                Some(("connection", value)) => response.close = value == "close",
                Some(("transfer-encoding", value)) => chunked = value == "chunked",
                Some(("content-length", value)) => length = value.parse().ok(),
                Some(_) => {}
            }
        }
        if status == 100 {
            return Ok(response);
        }
        if chunked {
            self.chunks(&mut response.body)?;
        } else {
            let length = length.ok_or(ErrorKind::InvalidData)?;
            self.body(length, &mut response.body)?;
        }
        Ok(response)
    }

    /// Waits until the server closes; `InvalidData` for bytes before that.
    ///
    /// # Errors
    ///
    /// As reading from a TCP stream.
    pub fn closed(&mut self) -> io::Result<()> {
        if self.stream.fill_buf()?.is_empty() { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    fn body(&mut self, length: usize, body: &mut String) -> io::Result<()> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        body.push_str(std::str::from_utf8(&bytes).map_err(|_| ErrorKind::InvalidData)?);
        Ok(())
    }

    fn chunks(&mut self, body: &mut String) -> io::Result<()> {
        loop {
            let length = usize::from_str_radix(&self.line()?, 16);
            let length = length.map_err(|_| ErrorKind::InvalidData)?;
            self.body(length, body)?;
            if !self.line()?.is_empty() {
                return Err(ErrorKind::InvalidData.into());
            }
            if length == 0 {
                return Ok(());
            }
        }
    }
}
