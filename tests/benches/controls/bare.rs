//! What a plugin is measured against: a bare axum program that decodes and encodes the same and does nothing else.

use axum::{
    Json, Router,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    SetLevel { level: u8 },
}

#[derive(Serialize)]
struct Reply {
    success: bool,
    result: String,
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    plugin_id: &'static str,
}

async fn health() -> Json<Health> {
    Json(Health {
        status: "healthy",
        plugin_id: "measured",
    })
}

async fn command(Json(Command::SetLevel { level }): Json<Command>) -> Json<Reply> {
    Json(Reply {
        success: true,
        result: format!("the level is {level}"),
    })
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok());
    let address = std::net::SocketAddr::from(([0, 0, 0, 0], port.unwrap_or(8000)));
    let listener = tokio::net::TcpListener::bind(address).await?;
    let router = Router::new()
        .route("/health", get(health))
        .route("/command", post(command));
    axum::serve(listener, router).await
}
