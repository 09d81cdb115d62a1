use std::{io, time::Duration};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Most bytes of a message's head.
const MOST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 128;
/// Most bytes of a body that are read.
pub(crate) const MOST_BODY: usize = 8 << 20;

/// The first line and the headers of a request or an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    /// Method and path of a request, status of an answer.
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The value of the only header of this name; `None` where there is none, or several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let (_, value) = all.next()?;
        all.next().is_none().then_some(value.as_str())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
    }

    fn has_token(&self, name: &str, token: &str) -> bool {
        let tokens = self.header(name).unwrap_or_default().split(',');
        tokens
            .map(str::trim)
            .any(|found| found.eq_ignore_ascii_case(token))
    }

    pub(crate) fn closes(&self) -> bool {
        self.has_token("connection", "close")
    }
}

fn odd(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Reads the head of a request or an answer; `None` where the other side closes before its first byte. What was read
/// beyond it stays in `rest`.
pub(crate) async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    rest: &mut Vec<u8>,
    is_answer: bool,
) -> io::Result<Option<Head>> {
    loop {
        if let Some((length, head)) = parse(rest, is_answer)? {
            rest.drain(..length);
            // An interim answer, which another follows.
            if is_answer && (100..200).contains(&head.status) {
                continue;
            }
            return Ok(Some(head));
        }
        if rest.len() > MOST_HEAD {
            return Err(odd("the head has more than 64 KiB"));
        }
        let before = rest.len();
        if stream.read_buf(rest).await? == 0 {
            return if before == 0 {
                Ok(None)
            } else {
                Err(odd("the connection ended within the head"))
            };
        }
    }
}

fn parse(bytes: &[u8], is_answer: bool) -> io::Result<Option<(usize, Head)>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let (parsed, mut head) = if is_answer {
        let mut answer = httparse::Response::new(&mut headers);
        let parsed = answer
            .parse(bytes)
            .map_err(|error| odd(format!("no HTTP: {error}")))?;
        let head = Head {
            status: answer.code.unwrap_or_default(),
            ..Head::default()
        };
        (parsed, head)
    } else {
        let mut request = httparse::Request::new(&mut headers);
        let parsed = request
            .parse(bytes)
            .map_err(|error| odd(format!("no HTTP: {error}")))?;
        let head = Head {
            method: request.method.unwrap_or_default().to_owned(),
            path: request.path.unwrap_or_default().to_owned(),
            ..Head::default()
        };
        (parsed, head)
    };
    let httparse::Status::Complete(length) = parsed else {
        return Ok(None);
    };
    let named = headers.iter().filter(|header| !header.name.is_empty());
    head.headers = named
        .map(|header| {
            let value = String::from_utf8_lossy(header.value).into_owned();
            (header.name.to_owned(), value)
        })
        .collect();
    Ok(Some((length, head)))
}

/// Reads the body that belongs to a head. `None` where it has more bytes than `most`.
pub(crate) async fn read_body(
    stream: &mut (impl AsyncRead + Unpin),
    rest: &mut Vec<u8>,
    head: &Head,
    most: usize,
) -> io::Result<Option<Vec<u8>>> {
    let is_answer = head.status != 0;
    if is_answer && matches!(head.status, 204 | 304) {
        return Ok(Some(Vec::new()));
    }
    if head.has_token("transfer-encoding", "chunked") {
        return chunked(stream, rest, most).await;
    }
    match head.header("content-length") {
        Some(length) => {
            let length = length.trim().parse::<usize>();
            let length = length.map_err(|_| odd("content-length is no number"))?;
            if length > most {
                return Ok(None);
            }
            while rest.len() < length {
                if stream.read_buf(rest).await? == 0 {
                    let came = rest.len();
                    return Err(odd(format!(
                        "the connection ended after {came} of the {length} bytes that content-length announces"
                    )));
                }
            }
            Ok(Some(rest.drain(..length).collect()))
        }
        None if is_answer => {
            while stream.read_buf(rest).await? != 0 {
                if rest.len() > most {
                    return Ok(None);
                }
            }
            Ok(Some(std::mem::take(rest)))
        }
        None => Ok(Some(Vec::new())),
    }
}

async fn chunked(
    stream: &mut (impl AsyncRead + Unpin),
    rest: &mut Vec<u8>,
    most: usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let line = line(stream, rest).await?;
        let size = line.split(';').next().unwrap_or_default().trim().to_owned();
        let size =
            usize::from_str_radix(&size, 16).map_err(|_| odd(format!("{size:?} is no size of a chunk")))?;
        if size == 0 {
            while !self::line(stream, rest).await?.is_empty() {}
            return Ok(Some(body));
        }
        if body.len().saturating_add(size) > most {
            return Ok(None);
        }
        while rest.len() < size {
            if stream.read_buf(rest).await? == 0 {
                return Err(odd("the connection ended within a chunk"));
            }
        }
        body.extend(rest.drain(..size));
        if !self::line(stream, rest).await?.is_empty() {
            return Err(odd("a chunk is longer than it says"));
        }
    }
}

async fn line(stream: &mut (impl AsyncRead + Unpin), rest: &mut Vec<u8>) -> io::Result<String> {
    loop {
        if let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=at).collect();
            return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        if rest.len() > MOST_HEAD {
            return Err(odd("a line of the chunked body has no end"));
        }
        if stream.read_buf(rest).await? == 0 {
            return Err(odd("the connection ended within the chunked body"));
        }
    }
}

/// A pause that no message of this suite may be longer than, in one direction.
pub(super) const SILENCE: Duration = Duration::from_secs(35);
