//! Whether whoever published something may go on with what another has left.

use hap_manifest::{PluginId, permission::Publisher};

use super::context::Shared;
use crate::{
    engine::{
        deadline::{self, within},
        error::EngineErrorKind,
        resource::ResourceKind,
    },
    error::{Error, ErrorKind},
};

/// How a version comes after the one that is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Succession {
    /// The same publisher goes on.
    Same,
    /// Nobody has recorded who published the version before.
    FirstKnown,
    /// Another publisher goes on, because the request accepts it.
    Accepted,
}

/// Whether a version of `now` may come after one of `before`.
///
/// One that a trusted key has signed may come after one that nobody has: whoever wants to go on with
/// an unsigned plugin only has to leave the signature away, so refusing this one protects nobody.
pub(crate) fn succession(
    id: &PluginId,
    before: Option<&Publisher>,
    now: &Publisher,
    accepted: Option<&Publisher>,
) -> Result<Succession, Error> {
    let Some(before) = before else {
        return Ok(Succession::FirstKnown);
    };
    let more_trust = matches!((before, now), (Publisher::Unsigned, Publisher::Signed { .. }));
    if before.is(now) || more_trust {
        return Ok(Succession::Same);
    }
    if accepted.is_some_and(|accepted| accepted.is(now)) {
        return Ok(Succession::Accepted);
    }
    let message = format!(
        "is from {before}, and this version is from {now}: another publisher does not go on with a plugin by itself; if \
         this one shall have the plugin, its settings and its data, accept {} with accept_publisher of the update, and \
         grant anew what it needs",
        now.id()
    );
    Err(Error::new(ErrorKind::PublisherChanged, message).with_plugin(id))
}

/// Refuses a plugin that would get data which an earlier one of its id has left, unless both are of
/// one publisher. Nobody is known by having signed nothing, so unsigned packages are never that.
pub(crate) async fn refuse_foreign_data(
    shared: &Shared,
    id: &PluginId,
    now: &Publisher,
) -> Result<(), Error> {
    let asked = shared
        .engine
        .list_resources(&shared.instance, ResourceKind::Volume);
    let volumes = match within(deadline::CONTROL, "list volumes", &shared.instance, asked).await {
        Err(error) if error.kind() == EngineErrorKind::Unsupported => return Ok(()),
        asked => asked.map_err(|error| Error::engine(error).with_plugin(id))?,
    };
    if !volumes.iter().any(|volume| volume.plugin.as_ref() == Some(id)) {
        return Ok(());
    }
    let left = shared.store.left_data(id).await?;
    let same = left.as_ref().is_some_and(|left| left.is(now));
    if same && *now != Publisher::Unsigned {
        return Ok(());
    }
    let left = left.map_or_else(
        || "somebody whom nobody has recorded".to_owned(),
        |left| left.to_string(),
    );
    let message = format!(
        "would get the data that an earlier plugin of this id left, which was from {left}, and this one is from {now}: say \
         so with adopt_data of the installation, or remove the data first with remove_orphaned_data"
    );
    Err(Error::new(ErrorKind::ForeignData, message).with_plugin(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_publisher_or_an_accepted_one_comes_after_another() {
        let (ours, theirs) = (Publisher::signed("A", "1"), Publisher::signed("B", "1"));
        let (image, other) = (Publisher::image("acme/light"), Publisher::image("evil/light"));
        let (folder, unsigned) = (Publisher::Folder, Publisher::Unsigned);
        let all = [ours, theirs, image, other, folder, unsigned];
        let id = PluginId::new("light").unwrap();
        for before in &all {
            for now in &all {
                let told = succession(&id, Some(before), now, None).map_err(|error| error.kind());
                let signed_now = matches!((before, now), (Publisher::Unsigned, Publisher::Signed { .. }));
                if before == now || signed_now {
                    assert_eq!(told, Ok(Succession::Same), "{before:?} {now:?}");
                } else {
                    assert_eq!(told, Err(ErrorKind::PublisherChanged), "{before:?} {now:?}");
                    let accepted = succession(&id, Some(before), now, Some(now)).unwrap();
                    assert_eq!(accepted, Succession::Accepted);
                }
                for accepted in all.iter().filter(|one| one != &now) {
                    let told = succession(&id, Some(before), now, Some(accepted));
                    assert_ne!(told.ok(), Some(Succession::Accepted), "another one was accepted");
                }
            }
            assert_eq!(
                succession(&id, None, before, None).unwrap(),
                Succession::FirstKnown
            );
        }
    }
}
