//! Orders that a connection gives in lines, each answered with one.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

/// A connection and the line that it sent last.
pub(crate) struct Orders<C> {
    stream: BufReader<C>,
    line: String,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Orders<C> {
    pub(crate) fn new(connection: C) -> Self {
        Orders { stream: BufReader::new(connection), line: String::new() }
    }

    /// The next line without its end; `None` when the connection has closed.
    pub(crate) async fn next(&mut self) -> io::Result<Option<&str>> {
        self.line.clear();
        let read = self.stream.read_line(&mut self.line).await?;
        Ok((read > 0).then(|| self.line.trim_end()))
    }

    pub(crate) async fn answer(&mut self, answer: &str) -> io::Result<()> {
        self.stream.write_all(format!("{answer}\n").as_bytes()).await
    }
}
