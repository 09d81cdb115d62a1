use hap_manifest::{ApiToken, WebhookSecret};

/// What a host and one plugin prove themselves to each other with. `Debug` shows neither.
#[derive(Debug, Clone)]
pub(crate) struct KeyPair {
    /// Carried by the host's calls, and by plugins that do not sign.
    pub token: ApiToken,
    /// Signs what the plugin sends.
    pub webhook_secret: WebhookSecret,
}

impl KeyPair {
    /// Returns new keys from the operating system's random source, or why there are none.
    pub(crate) fn generate() -> Result<Self, String> {
        let webhook_secret =
            WebhookSecret::from_bytes(&random::<32>()?).map_err(|error| error.to_string())?;
        Ok(Self {
            token: ApiToken::from_bytes(&random()?),
            webhook_secret,
        })
    }

    /// Both as the texts that a plugin is given.
    pub(crate) fn texts(&self) -> [String; 2] {
        [self.token.expose().to_owned(), self.webhook_secret.expose()]
    }
}

/// The keys of one plugin: one pair, and while they are rotated the pair that its last
/// container still has.
#[derive(Debug, Clone)]
pub(crate) struct PluginKeys {
    /// What a container that is made now is given.
    pub current: KeyPair,
    /// Good too, until no container has them any more.
    pub previous: Option<KeyPair>,
    /// Counts the rotations: part of the container's spec, so that another number makes the
    /// container anew.
    pub generation: u32,
}

impl PluginKeys {
    pub(crate) const fn new(current: KeyPair) -> Self {
        Self {
            current,
            previous: None,
            generation: 0,
        }
    }

    /// The keys with a new pair. `in_use`: a container may have the old one.
    ///
    /// When keys are rotated again before the container is made anew, those that it has stay good;
    /// the ones in between were never given to anybody.
    pub(crate) fn rotated(&self, new: KeyPair, in_use: bool) -> Self {
        let given = self.previous.as_ref().unwrap_or(&self.current);
        Self {
            current: new,
            previous: in_use.then(|| given.clone()),
            generation: self.generation.saturating_add(1),
        }
    }

    /// The keys without the old pair.
    pub(crate) fn retired(&self) -> Self {
        Self {
            previous: None,
            ..self.clone()
        }
    }

    /// All that are good, the newest first.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = &KeyPair> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

/// Returns bytes from the operating system, or why it has none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| format!("the operating system gives no random bytes for secrets: {error}"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(byte: u8) -> KeyPair {
        KeyPair {
            token: ApiToken::from_bytes(&[byte; 32]),
            webhook_secret: WebhookSecret::from_bytes(&[byte; 32]).unwrap(),
        }
    }

    #[track_caller]
    fn good(keys: &PluginKeys, bytes: &[u8]) {
        let wanted: Vec<_> = bytes.iter().map(|byte| pair(*byte).texts()).collect();
        let found: Vec<_> = keys.pairs().map(KeyPair::texts).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn the_pair_that_a_container_has_stays_good_through_several_rotations() {
        let keys = PluginKeys::new(pair(1)).rotated(pair(2), true);
        good(&keys, &[2, 1]);
        let keys = keys.rotated(pair(3), true);
        good(&keys, &[3, 1]);
        assert_eq!(keys.generation, 2);
        good(&keys.retired(), &[3]);
        good(&keys.retired().rotated(pair(4), true), &[4, 3]);
        good(&keys.rotated(pair(5), false), &[5]);
    }

    #[test]
    fn two_pairs_are_never_the_same_and_show_nothing() {
        let (one, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        assert_ne!(one.texts(), other.texts());
        let debug = format!("{:?}", PluginKeys::new(one.clone()).rotated(other.clone(), true));
        for text in [one.texts(), other.texts()].concat() {
            assert!(!debug.contains(&text));
        }
    }
}
