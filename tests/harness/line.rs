//! A client of the programs that talk in lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use super::http::PATIENCE;
use super::who::Who;

/// A connection on which lines are asked and answered, each with a deadline of 20 s.
#[derive(Debug)]
pub struct LineClient {
    /// Either kind of socket, which has its deadlines whoever reads it.
    stream: BufReader<File>,
}

impl LineClient {
    /// Connects.
    ///
    /// # Errors
    ///
    /// As connecting a TCP stream; `TimedOut` after 20 s.
    pub fn connect(addr: SocketAddr) -> io::Result<LineClient> {
        let stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(LineClient::of(stream.into()))
    }

    /// Takes a connection to a Unix socket.
    ///
    /// # Errors
    ///
    /// As setting the deadlines of a Unix stream.
    pub fn over(stream: UnixStream) -> io::Result<LineClient> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(LineClient::of(stream.into()))
    }

    fn of(socket: OwnedFd) -> LineClient {
        LineClient { stream: BufReader::new(socket.into()) }
    }

    /// Sends text as it is.
    ///
    /// # Errors
    ///
    /// As writing to a TCP stream.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(text.as_bytes())
    }

    /// Sends a line.
    ///
    /// # Errors
    ///
    /// As writing to a TCP stream.
    pub fn tell(&mut self, line: &str) -> io::Result<()> {
        self.write(&format!("{line}\n"))
    }

    /// Reads a line.
    ///
    /// # Errors
    ///
    /// As reading from a TCP stream; `UnexpectedEof` when the other side closed.
    pub fn read(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// Sends a line and reads one.
    ///
    /// # Errors
    ///
    /// As [`LineClient::tell`] and [`LineClient::read`].
    pub fn ask(&mut self, line: &str) -> io::Result<String> {
        self.tell(line)?;
        self.read()
    }

    /// Asks which node serves this connection.
    ///
    /// # Errors
    ///
    /// As [`LineClient::ask`]; `InvalidData` when the answer names no node.
    pub fn who(&mut self) -> io::Result<Who> {
        Who::parse(&self.ask("who")?).ok_or_else(|| ErrorKind::InvalidData.into())
    }

    /// Waits until the other side closes; a last line is an error.
    ///
    /// # Errors
    ///
    /// As [`LineClient::read`]; `InvalidData` for a line.
    pub fn closed(&mut self) -> io::Result<()> {
        match self.read() {
            Ok(_) => Err(ErrorKind::InvalidData.into()),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(()),
            Err(error) => Err(error),
        }
    }
}
