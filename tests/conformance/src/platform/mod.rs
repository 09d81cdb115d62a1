//! The platform as a plugin sees it.

mod answer;
mod check;
mod delivery;
mod serve;
mod shared;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use hap_manifest::{ApiToken, PluginId, WebhookSecret, env};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::AbortHandle,
    time::{Instant, timeout_at},
};

pub use answer::Answer;
pub(crate) use check::UNNAMED;
pub use delivery::{Delivery, Problem, Proof};
use shared::Shared;

/// The platform as a plugin sees it: it gives the environment and the token, takes events, and answers them by the
/// protocol or as it is told to.
///
/// It keeps what came in memory, the last 10,000 requests and 64 MiB, until somebody takes it. It stops when its last
/// clone is dropped.
///
/// ```
/// # tokio_test(async {
/// use hap_conformance::platform::{Answer, Platform};
///
/// let platform = Platform::start(&"light".parse()?).await?;
/// platform.answer_next([Answer::status(503), Answer::Half]);
/// for (name, value) in platform.environment() {
///     println!("{name} has {} bytes", value.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # });
/// # fn tokio_test<F: Future<Output = Result<(), Box<dyn std::error::Error>>>>(test: F) {
/// #     let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
/// #     runtime.unwrap().block_on(test).unwrap();
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Platform {
    shared: Arc<Shared>,
    _listening: Arc<Listening>,
}

/// Ends the listener with the last clone of the platform.
#[derive(Debug)]
struct Listening(AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Platform {
    /// Starts a platform for this plugin, on a free port of this machine alone.
    ///
    /// # Errors
    /// When it cannot listen, or when the system has no random bytes for its keys.
    pub async fn start(plugin: &PluginId) -> io::Result<Self> {
        Self::start_at(plugin, IpAddr::V4(Ipv4Addr::LOCALHOST)).await
    }

    /// Starts a platform on a free port of this address, such as that of a bridge by which containers reach this machine.
    ///
    /// # Errors
    /// As of [`start`](Self::start).
    pub async fn start_at(plugin: &PluginId, address: IpAddr) -> io::Result<Self> {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        let (token, secret) = bytes.split_at(32);
        let listener = TcpListener::bind(SocketAddr::new(address, 0)).await?;
        let shared = Arc::new(Shared {
            address: listener.local_addr()?,
            plugin: plugin.clone(),
            token: ApiToken::from_bytes(token.first_chunk().ok_or(io::ErrorKind::Other)?),
            secret: WebhookSecret::from_bytes(secret).map_err(io::Error::other)?,
            state: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let serving = tokio::spawn(serve::serve(listener, Arc::clone(&shared)));
        Ok(Self {
            shared,
            _listening: Arc::new(Listening(serving.abort_handle())),
        })
    }

    /// Returns the value of `PLATFORM_API_URL`, which ends in `/api/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.shared.address, self.shared.path())
    }

    /// Returns the token of the calls to the plugin and of its own requests.
    #[must_use]
    pub fn token(&self) -> &ApiToken {
        &self.shared.token
    }

    /// Returns the secret that the plugin signs its events with.
    #[must_use]
    pub fn secret(&self) -> &WebhookSecret {
        &self.shared.secret
    }

    /// Returns the variables that a plugin is given of this platform: its address, the token and the secret.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            (env::PLATFORM_API_URL, self.url()),
            (env::HAP_API_TOKEN, self.shared.token.expose().to_owned()),
            (env::HAP_WEBHOOK_SECRET, self.shared.secret.expose()),
        ]
    }

    /// Sets the answer to all requests from now on for which there is no other.
    pub fn answer_with(&self, answer: Answer) {
        self.shared.state().answer = answer;
    }

    /// Sets the answers to the next requests, one each. They replace those that were set and not given.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.state().next = answers.into_iter().collect();
    }

    /// Returns the requests that came and were not taken, in order.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.state().deliveries()
    }

    /// Returns how many requests came, taken or not.
    #[must_use]
    pub fn received(&self) -> usize {
        self.shared.state().received()
    }

    /// Waits until requests are there, and takes them.
    ///
    /// # Cancel safety
    /// Nothing is taken where the future is dropped.
    pub async fn take_deliveries(&self) -> Vec<Delivery> {
        let mut count = self.shared.count.subscribe();
        loop {
            let taken = self.shared.state().take();
            if !taken.is_empty() || count.changed().await.is_err() {
                return taken;
            }
        }
    }

    /// Waits for request number `index`, counted from 0. Returns `None` where it does not come in time, or was taken.
    pub async fn delivery(&self, index: usize, within: Duration) -> Option<Delivery> {
        let mut count = self.shared.count.subscribe();
        let deadline = Instant::now() + within;
        let came = timeout_at(deadline, count.wait_for(|count| *count > index)).await;
        came.ok()?.ok()?;
        self.shared.state().delivery(index).cloned()
    }
}
