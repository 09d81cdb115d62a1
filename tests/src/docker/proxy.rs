use std::{path::PathBuf, sync::Arc, time::Duration};

use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinHandle,
};

/// What a [`Proxy`] does with its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Manner {
    /// Hands everything on.
    Pass,
    /// Cuts what is open and closes what is opened.
    Refuse,
    /// Takes connections and requests, and hands nothing on until it passes again.
    Freeze,
    /// Hands each piece of an answer on only after this time.
    Delay(Duration),
}

/// A socket between a supervisor and its engine, at which the connection can be cut, frozen and delayed.
#[derive(Debug)]
pub struct Proxy {
    folder: TempDir,
    manner: Arc<watch::Sender<Manner>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Opens a socket before the engine at `uri`, which is `unix://` and a path.
    ///
    /// # Panics
    /// When the socket cannot be made, or the engine is elsewhere.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test cannot go on without its proxy")]
    pub fn before(uri: &str) -> Self {
        let engine = PathBuf::from(
            uri.strip_prefix("unix://")
                .expect("the engine listens on a socket"),
        );
        let folder = tempfile::tempdir().expect("there is room for a temporary folder");
        let listener = UnixListener::bind(folder.path().join("engine.sock")).expect("a socket can be made");
        let (manner, changes) = watch::channel(Manner::Pass);
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(connect(near, engine.clone(), changes.clone()));
            }
        });
        Self {
            folder,
            manner: Arc::new(manner),
            accepting,
        }
    }

    /// Where the supervisor finds it.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("unix://{}", self.folder.path().join("engine.sock").display())
    }

    /// Behaves so from now on.
    pub fn set(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    /// Cuts what is open; what is opened afterwards passes.
    pub async fn cut(&self) {
        self.set(Manner::Refuse);
        // Long enough for each connection to see it.
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.set(Manner::Pass);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.set(Manner::Refuse);
    }
}

async fn connect(near: UnixStream, engine: PathBuf, changes: watch::Receiver<Manner>) {
    if *changes.borrow() == Manner::Refuse {
        return;
    }
    let Ok(far) = UnixStream::connect(engine).await else {
        return;
    };
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    let mut refused = changes.clone();
    tokio::select! {
        () = hand_on(from_near, to_far, changes.clone(), false) => {}
        () = hand_on(from_far, to_near, changes.clone(), true) => {}
        _ = refused.wait_for(|manner| *manner == Manner::Refuse) => {}
    }
}

async fn hand_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut changes: watch::Receiver<Manner>,
    answers: bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let manner = *changes.borrow();
        if let Manner::Delay(time) = manner
            && answers
        {
            tokio::time::sleep(time).await;
        }
        if changes
            .wait_for(|manner| *manner != Manner::Freeze)
            .await
            .is_err()
        {
            return;
        }
        let Some(piece) = buffer.get(..read) else { return };
        if to.write_all(piece).await.is_err() {
            return;
        }
    }
}
