//! Who the program of a version runs as, decided when its image is on this machine.

use hap_manifest::{ContainerUser, Manifest};

use super::context::Shared;
use crate::{
    engine::{
        ImageId,
        deadline::{self, within},
        progress::{Progress, ProgressSink},
        user_numbers::{MAPPED_NUMBERS, NUMBERS},
    },
    error::{Error, ErrorKind},
    model::{runs_as::RunsAs, version::PluginVersion},
    policy::{image_users::ImageUsers, violation::PolicyViolation},
};

/// Numbers that the machine may have people of: what useradd gives them by default.
const PEOPLE: std::ops::RangeInclusive<u32> = 1_000..=60_000;

/// Decides it for a version that takes the place of `before`, if there is one, and tells what its
/// owner should know.
pub(crate) async fn decide(
    shared: &Shared,
    manifest: &Manifest,
    image: &ImageId,
    before: Option<&PluginVersion>,
    progress: &ProgressSink,
) -> Result<RunsAs, Error> {
    if !shared.engine.capabilities().isolation {
        return Ok(RunsAs::Host);
    }
    let runs_as = choose(shared, manifest, image, before).await?;
    let told = match &runs_as {
        RunsAs::Manifest(user) | RunsAs::Image(user) if !shared.engine_info.borrow().maps_users => {
            person(user).map(|number| {
                format!(
                    "it runs as {runs_as}: number {number} is one that people have, and a user of this machine with it can \
                     read the plugin's memory, keys included; without a user in image and manifest it gets a number of its own"
                )
            })
        }
        RunsAs::AsBefore => Some(
            "it runs as root in its container, as the version before ran it, because its data is root's; uninstalled \
             with its data kept and installed again it gets a number of its own, and its data with it"
                .to_owned(),
        ),
        RunsAs::Own(_) if !manifest.capabilities().is_empty() => Some(
            "it runs as a number of its own, and its capabilities are in force for root alone: its author adds \
             \"user\": \"0\" to the manifest"
                .to_owned(),
        ),
        _ => None,
    };
    if let Some(told) = told {
        tracing::warn!(plugin = %manifest.id(), "{told}");
        progress.report(Progress::Step(told));
    }
    Ok(runs_as)
}

async fn choose(
    shared: &Shared,
    manifest: &Manifest,
    image: &ImageId,
    before: Option<&PluginVersion>,
) -> Result<RunsAs, Error> {
    if let Some(user) = manifest.user() {
        return Ok(RunsAs::Manifest(user.to_owned()));
    }
    let looked = shared.engine.image_user(image);
    let named = within(deadline::CONTROL, "image user", image.as_str(), looked)
        .await
        .map_err(|error| {
            let message = format!("its image cannot be looked at: {error}");
            Error::new(ErrorKind::Image, message)
                .with_source(error)
                .with_plugin(manifest.id())
        })?;
    // Root is the manifest's to ask for.
    let named = named.filter(|user| !is_root(user));
    match (named, shared.policy.users_of_images()) {
        (Some(user), ImageUsers::Keep) => return Ok(RunsAs::Image(user)),
        (Some(user), ImageUsers::Refuse) => {
            let violation = PolicyViolation::ImageUser { user };
            return Err(Error::not_permitted(vec![violation]).with_plugin(manifest.id()));
        }
        (Some(_), ImageUsers::Replace) => {}
        (None, _) => {
            let kept = before.filter(|before| {
                *before.admission.runs_as() == RunsAs::AsBefore
                    && before.manifest.user().is_none()
                    && !before.manifest.volumes().is_empty()
            });
            if kept.is_some() {
                return Ok(RunsAs::AsBefore);
            }
        }
    }
    let mapped = shared.engine_info.borrow().maps_users;
    let range = if mapped { MAPPED_NUMBERS } else { NUMBERS };
    let number = shared.store.user_number(manifest.id(), range, mapped).await?;
    Ok(RunsAs::Own(number))
}

/// Whether an image means root. What it says was not checked by anybody.
fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    name.is_empty() || name.parse::<ContainerUser>().is_ok_and(|user| user.is_root())
}

/// The number of a user, if it is one that people have.
fn person(user: &str) -> Option<u32> {
    let number = user.split(':').next()?.parse().ok()?;
    PEOPLE.contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_means_root_by_its_name_its_number_or_by_saying_nothing() {
        for root in ["", ":", "root", "0", "00", "0:0", "root:staff", ":1000"] {
            assert!(is_root(root), "{root:?}");
        }
        for other in ["1", "65534:65534", "app", "root2", "1000:0"] {
            assert!(!is_root(other), "{other:?}");
        }
    }

    #[test]
    fn only_numbers_of_people_are_told() {
        assert_eq!(person("1000"), Some(1000));
        assert_eq!(person("1000:7"), Some(1000));
        for other in ["999", "65534", "app", "2010000000"] {
            assert_eq!(person(other), None, "{other}");
        }
    }
}
