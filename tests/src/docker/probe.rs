use std::{
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

use super::instance::on_own_runtime;

const DOCKERFILE: &str = "FROM scratch\nCOPY probe /probe\nENTRYPOINT [\"/probe\"]\n";

/// Longest that a probe may take to answer for the first time.
const UP_DEADLINE: Duration = Duration::from_secs(30);

struct Image {
    reference: ImageRef,
    uri: String,
}

/// How many instances live, and the image that was built for them.
static LEASES: Mutex<(usize, Option<Image>)> = Mutex::new((0, None));

/// One build at a time; the others wait for it and take its image.
static BUILDING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn leases() -> MutexGuard<'static, (usize, Option<Image>)> {
    LEASES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the probe's image; the last one removes it.
pub(super) struct Lease;

impl Lease {
    pub(super) fn take() -> Self {
        leases().0 += 1;
        Self
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut leases = leases();
        leases.0 -= 1;
        let Some(image) = (leases.0 == 0).then(|| leases.1.take()).flatten() else {
            return;
        };
        drop(leases);
        let removed = thread::spawn(move || on_own_runtime(remove(image))).join();
        #[expect(
            clippy::print_stderr,
            reason = "there is no other way to tell from a destructor"
        )]
        if !matches!(removed, Ok(Ok(()))) {
            eprintln!("the probe's image may remain: {removed:?}");
        }
    }
}

async fn remove(image: Image) -> Result<(), bollard::errors::Error> {
    let docker = Docker::connect_with_host(&image.uri)?;
    let options = RemoveImageOptionsBuilder::default().build();
    docker
        .remove_image(image.reference.as_str(), Some(options), None::<DockerCredentials>)
        .await?;
    Ok(())
}

/// An image of `fixtures/probe.rs`, built through [`Engine::build`] once while an [`Instance`](super::Instance) lives.
/// Call it with an instance in hand: the last one that goes removes the image.
///
/// # Panics
/// When the probe does not compile or the image cannot be built.
#[expect(clippy::expect_used, reason = "a test cannot go on without its image")]
pub async fn probe_image() -> ImageRef {
    let _one_at_a_time = BUILDING.lock().await;
    if let Some(image) = &leases().1 {
        return image.reference.clone();
    }
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    compile(&folder.path().join("probe"));
    fs::write(folder.path().join("Dockerfile"), DOCKERFILE).expect("a temporary folder can be written");
    let tag = format!("hap-tests-probe:{}", Uuid::now_v7().simple());
    let reference: ImageRef = tag.parse().expect("the tag is a valid reference");
    let engine = DockerEngine::connect()
        .await
        .expect("the engine that gave the instance answers");
    let context = BuildContext::new(folder.path(), "Dockerfile");
    engine
        .build(&context, &reference, ProgressSink::none())
        .await
        .expect("the probe's image builds");
    let image = Image {
        reference: reference.clone(),
        uri: engine.uri().to_owned(),
    };
    leases().1 = Some(image);
    reference
}

/// Compiles the probe into a program that needs no library, so that it runs in an image with nothing else.
#[expect(clippy::expect_used, reason = "a test cannot go on without its probe")]
fn compile(program: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/probe.rs");
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
            "target-feature=+crt-static",
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
