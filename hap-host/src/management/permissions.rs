//! What plugins may have.

use axum::{
    Json,
    extract::{Request, State},
};
use hap_manifest::permission::Permission;

use super::{
    body::{JsonBody, misfit},
    error::Refusal,
    params::Params,
    plugins::source_with_warnings,
    state::{Api, Named},
    view::{
        access::{Permissions, RefusalReason, Review},
        request::WantedGrants,
    },
};
use crate::error::Result;

pub(super) async fn permissions(Named(plugin): Named) -> Json<Permissions> {
    Json(Permissions::of(plugin.permissions()))
}

pub(super) async fn set_grants(
    Named(plugin): Named,
    JsonBody(wanted): JsonBody<WantedGrants>,
) -> Result<Json<Permissions>, Refusal> {
    let mut grants = Vec::new();
    for (index, id) in wanted.grants.iter().enumerate() {
        let permission: Permission = id
            .parse()
            .map_err(|error| misfit(&format!("grants[{index}]"), &format!("{error}")))?;
        grants.push(permission);
    }
    plugin.set_grants(grants).await?;
    Ok(Json(Permissions::of(plugin.permissions())))
}

pub(super) async fn review(
    State(api): State<Api>,
    params: Params,
    request: Request,
) -> Result<Json<Review>, Refusal> {
    let granted: Vec<Permission> = params.all("grant")?;
    let (source, warnings) = source_with_warnings(&api, request).await?;
    let mut review = api.supervisor.review(source, granted).await?;
    review.warnings.extend(warnings);
    Ok(Json(Review {
        text: review.consent.to_string(),
        consent: review.consent.into(),
        refusals: review.violations.iter().map(RefusalReason::of).collect(),
        warnings: review.warnings,
    }))
}
