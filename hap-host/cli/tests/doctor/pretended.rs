//! Something that answers as an engine, or as a host, and says what a test wants.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use hap_manifest::rfc3339;
use serde_json::{Value, json};

/// What is answered to a path: a status and a body.
type Answers = Arc<dyn Fn(&str) -> (u16, Value) + Send + Sync>;

/// Answers on a socket as long as the process lives.
fn serve(socket: &Path, answers: Answers) {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = Arc::clone(&answers);
            thread::spawn(move || answer(stream, &answers));
        }
    });
}

fn answer(mut stream: UnixStream, answers: &Answers) -> Option<()> {
    loop {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).ok()?;
        let target = head.split(' ').nth(1)?;
        let path = target.split('?').next()?;
        // A version of the API may stand before it.
        let path = match path.strip_prefix("/v1.") {
            Some(rest) if path != "/v1/health" => rest.find('/').map_or(path, |at| &rest[at..]),
            _ => path,
        };
        let (status, body) = answers(path);
        let body = body.to_string();
        let reply = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(reply.as_bytes()).ok()?;
    }
}

/// An engine with which nothing is wrong, but for what a test changes.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) version: Value,
    pub(crate) info: Value,
    pub(crate) networks: Value,
    /// How far its clock is ahead, in seconds.
    pub(crate) ahead: i64,
}

impl Engine {
    pub(crate) fn new() -> Self {
        Self {
            version: json!({"Version": "28.5.2", "ApiVersion": "1.51", "MinAPIVersion": "1.24", "Os": "linux"}),
            info: json!({
                "MemoryLimit": true, "SwapLimit": true, "PidsLimit": true, "CpuCfsQuota": true,
                "CgroupVersion": "2", "SecurityOptions": ["name=seccomp,profile=builtin"],
                "Architecture": std::env::consts::ARCH, "DockerRootDir": "/nowhere/docker",
            }),
            networks: json!([]),
            ahead: 0,
        }
    }

    /// Answers on this socket, and returns its address.
    pub(crate) fn serve(self, socket: &Path) -> String {
        let uri = format!("unix://{}", socket.display());
        serve(socket, Arc::new(move |path| self.answer(path)));
        uri
    }

    fn answer(&self, path: &str) -> (u16, Value) {
        match path {
            "/version" => (200, self.version.clone()),
            "/networks" => (200, self.networks.clone()),
            "/containers/json" => (200, json!([])),
            "/info" => {
                let by = Duration::from_secs(self.ahead.unsigned_abs());
                let now = SystemTime::now();
                let time = if self.ahead < 0 { now - by } else { now + by };
                let mut info = self.info.clone();
                info["SystemTime"] = json!(rfc3339::format(time));
                (200, info)
            }
            _ => (404, json!({"message": "page not found"})),
        }
    }
}

/// A host that says of itself that isolation is in this state.
pub(crate) fn host(socket: &Path, isolation: &'static str) {
    serve(
        socket,
        Arc::new(move |path| match path {
            "/v1/health" => (
                200,
                json!({"status": "healthy", "isolation": {"state": isolation}, "events_port": 1, "phases": {}}),
            ),
            _ => (
                404,
                json!({"success": false, "error": "no such path", "code": "not_found"}),
            ),
        }),
    );
}
