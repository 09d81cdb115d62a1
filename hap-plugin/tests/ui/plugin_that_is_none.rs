struct Bell;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    hap_plugin::run(Bell).await
}
