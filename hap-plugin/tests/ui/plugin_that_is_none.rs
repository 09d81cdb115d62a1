//~ `Bell` is not a plugin
//~ write `impl hap_plugin::Plugin for Bell` with the types `Config`, `Command` and `Status`

struct Bell;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    hap_plugin::run(Bell).await
}
