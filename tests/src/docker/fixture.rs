use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use bollard::{Docker, auth::DockerCredentials, query_parameters::RemoveImageOptionsBuilder};
use hap_host::engine::{BuildContext, DockerEngine, Engine, ProgressSink};
use hap_manifest::ImageRef;
use uuid::Uuid;

use super::{Instance, instance::on_own_runtime};

/// Longest that a fixture may take to answer for the first time.
const UP_DEADLINE: Duration = Duration::from_secs(30);

/// A program of the folder `fixtures` in an image of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fixture {
    /// Tells what it can do from inside its container: `probe.rs`.
    Probe,
    /// Misbehaves as it is told: `faulty.rs`.
    Faulty,
    /// A program for another processor than this machine's.
    Foreign,
    /// A program that needs a loader of shared libraries, which its image lacks.
    Dynamic,
    /// Tells what a program may do while an image is built: `step.rs`.
    Step,
    /// Takes what it can get, and does not want to stop: `stranger.rs`.
    Stranger,
    /// No program at all where the image says that there is one.
    Missing,
}

impl Fixture {
    const fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Faulty => "faulty",
            Self::Foreign => "foreign",
            Self::Dynamic => "dynamic",
            Self::Step => "step",
            Self::Stranger => "stranger",
            Self::Missing => "missing",
        }
    }

    /// Puts the program there, if there is one.
    ///
    /// # Panics
    /// When it does not compile.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its fixture")]
    pub fn make(self, program: &Path) {
        match self {
            Self::Probe | Self::Faulty | Self::Step | Self::Stranger => {
                compile(self.name(), "+crt-static", program)
            }
            Self::Dynamic => compile(Self::Faulty.name(), "-crt-static", program),
            Self::Foreign => {
                compile(Self::Faulty.name(), "+crt-static", program);
                let mut bytes = fs::read(program).expect("the program can be read");
                // The machine in the header of an ELF file, and one that is not this one: IA-64.
                let machine = bytes.get_mut(18..20).expect("the program has a header");
                machine.copy_from_slice(&50_u16.to_le_bytes());
                fs::write(program, bytes).expect("a temporary folder can be written");
            }
            Self::Missing => {}
        }
    }
}

/// What is kept for one engine: how many instances live on it, and the images that were built for them.
#[derive(Default)]
struct Leased {
    instances: usize,
    images: BTreeMap<Fixture, ImageRef>,
}

static LEASES: Mutex<BTreeMap<String, Leased>> = Mutex::new(BTreeMap::new());

/// One build at a time; the others wait for it and take its image.
static BUILDING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn leases() -> MutexGuard<'static, BTreeMap<String, Leased>> {
    LEASES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the images of one engine; the last one removes them.
pub(super) struct Lease {
    uri: String,
}

impl Lease {
    pub(super) fn take(engine: &DockerEngine) -> Self {
        let uri = engine.uri().to_owned();
        leases().entry(uri.clone()).or_default().instances += 1;
        Self { uri }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut leases = leases();
        let Some(leased) = leases.get_mut(&self.uri) else {
            return;
        };
        leased.instances -= 1;
        if leased.instances > 0 {
            return;
        }
        let images = std::mem::take(&mut leased.images);
        drop(leases);
        let uri = self.uri.clone();
        let removed = thread::spawn(move || on_own_runtime(async move { remove(&uri, images).await })).join();
        #[expect(
            clippy::print_stderr,
            reason = "there is no other way to tell from a destructor"
        )]
        if !matches!(removed, Ok(Ok(()))) {
            eprintln!("images of fixtures may remain: {removed:?}");
        }
    }
}

async fn remove(uri: &str, images: BTreeMap<Fixture, ImageRef>) -> Result<(), bollard::errors::Error> {
    let docker = Docker::connect_with_host(uri)?;
    for image in images.into_values() {
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        let removed = docker.remove_image(image.as_str(), Some(options), None::<DockerCredentials>);
        super::instance::gone_is_fine(removed.await.map(drop))?;
    }
    Ok(())
}

/// The image of the probe on the engine of this machine, as [`image`] builds it.
///
/// # Panics
/// As [`image`].
#[expect(clippy::expect_used, reason = "a test cannot go on without its engine")]
pub async fn probe_image() -> ImageRef {
    let engine = DockerEngine::connect()
        .await
        .expect("the engine that gave the instance answers");
    image(&engine, Fixture::Probe).await
}

/// An image of a fixture, built through [`Engine::build`] once while an [`Instance`](super::Instance) of the engine
/// lives. Call it with an instance in hand: the last one that goes removes the image.
///
/// # Panics
/// When the fixture does not compile or the image cannot be built.
#[expect(clippy::expect_used, reason = "a test cannot go on without its image")]
pub async fn image(engine: &DockerEngine, fixture: Fixture) -> ImageRef {
    let _one_at_a_time = BUILDING.lock().await;
    let built = |leased: &Leased| leased.images.get(&fixture).cloned();
    if let Some(image) = leases().get(engine.uri()).and_then(built) {
        return image;
    }
    let tag = format!("hap-tests-{}:{}", fixture.name(), Uuid::now_v7().simple());
    let reference: ImageRef = tag.parse().expect("the tag is a valid reference");
    build(engine, fixture, &reference).await;
    let mut leases = leases();
    let leased = leases.entry(engine.uri().to_owned()).or_default();
    leased.images.insert(fixture, reference.clone());
    reference
}

/// The user of most fixtures. As most plugins should be it is not root: what only works for root is found out.
pub const USER: &str = "65534:65534";

/// Builds an image of a fixture that is like no other, for a test that removes it. It is the caller's.
///
/// # Panics
/// When the fixture does not compile or the image cannot be built.
pub async fn build(engine: &DockerEngine, fixture: Fixture, tag: &ImageRef) {
    build_for(engine, fixture, tag, USER).await;
}

/// The same for another user, as `uid:gid`. Its `/data` is the user's.
///
/// # Panics
/// When the fixture does not compile or the image cannot be built.
#[expect(clippy::expect_used, reason = "a test cannot go on without its image")]
pub async fn build_for(engine: &DockerEngine, fixture: Fixture, tag: &ImageRef, user: &str) {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    let name = fixture.name();
    fixture.make(&folder.path().join(name));
    let copy = if fixture == Fixture::Missing {
        String::new()
    } else {
        format!("COPY {name} /{name}\n")
    };
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a temporary folder can be written");
    // A fresh volume takes over the owner of the folder that it is mounted on.
    let data = format!("COPY --chown={user} data /data\nUSER {user}\n");
    // The label makes it an image of its own.
    let label = format!("LABEL hap-tests.tag=\"{tag}\"\n");
    let dockerfile = format!("FROM scratch\n{copy}{data}{label}ENTRYPOINT [\"/{name}\"]\n");
    fs::write(folder.path().join("Dockerfile"), dockerfile).expect("a temporary folder can be written");
    let context = BuildContext::new(folder.path(), "Dockerfile");
    engine
        .build(&context, tag, ProgressSink::none())
        .await
        .expect("the fixture's image builds");
}

/// Removes an image that a test built.
///
/// # Panics
/// When the engine does not.
#[expect(
    clippy::expect_used,
    reason = "an image that stays behind is a mistake in the test"
)]
pub async fn remove_image(instance: &Instance, tag: &ImageRef) {
    let docker = Docker::connect_with_host(instance.engine().uri()).expect("the instance has an engine");
    let options = RemoveImageOptionsBuilder::default().build();
    let removed = docker.remove_image(tag.as_str(), Some(options), None::<DockerCredentials>);
    removed.await.expect("nothing uses the image any more");
}

/// Compiles a fixture; with `+crt-static` into a program that needs no library, so that it runs in an image with
/// nothing else.
#[expect(clippy::expect_used, reason = "a test cannot go on without its fixture")]
fn compile(name: &str, linkage: &str, program: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{name}.rs"));
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    // Naming the target keeps the flag away from programs that run while compiling.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(compiler)
        .args([
            "--edition",
            "2024",
            "--target",
            &target,
            "-C",
            &format!("target-feature={linkage}"),
        ])
        .args(["-C", "opt-level=s", "-C", "strip=symbols", "-o"])
        .arg(program)
        .arg(source)
        .output()
        .expect("rustc runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Asks a probe; the answer's body, or the error that it reports in place of one.
///
/// # Errors
/// The body of an answer other than 200, or what kept the question from being answered.
pub async fn ask(address: SocketAddr, path: &str) -> Result<String, String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build();
    let answer = client
        .map_err(|error| error.to_string())?
        .get(format!("http://{address}{path}"))
        .send()
        .await;
    let answer = answer.map_err(|error| format!("{error:?}"))?;
    let fine = answer.status().is_success();
    let body = answer.text().await.map_err(|error| format!("{error:?}"))?;
    if fine { Ok(body) } else { Err(body) }
}

/// Waits until a probe answers.
///
/// # Panics
/// When it does not within half a minute.
#[expect(clippy::expect_used, reason = "a probe that does not come up ends the test")]
pub async fn until_up(address: SocketAddr) {
    let up = async {
        while ask(address, "/health").await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(UP_DEADLINE, up)
        .await
        .expect("the probe answers");
}
