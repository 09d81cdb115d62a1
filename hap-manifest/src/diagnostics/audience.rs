//! [`Audience`].

/// Who reads a manifest. Some rules are for its author only, too costly for each start of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    Host,
    Author,
}
