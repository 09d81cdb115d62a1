//! [`Members`]: finds the members of one object by their keys.

use super::node::Node;
use super::slot::Mark;

/// An object that is asked for its members one after the other.
///
/// A lookup takes constant time, in any order, unless another key has the same mark.
#[derive(Debug)]
pub(crate) struct Members<'d> {
    object: Node<'d>,
    /// For each mark the last member that has it: its index, or 0, which is that of no member.
    by_mark: [u32; 256],
}

impl<'d> Members<'d> {
    /// `None` if the value is no object.
    pub(crate) fn of(object: Node<'d>) -> Option<Self> {
        if !object.is_object() {
            return None;
        }
        let mut by_mark = [0; 256];
        for member in object.children() {
            let place = member
                .slot
                .key
                .and_then(|key| by_mark.get_mut(usize::from(key.mark.0)));
            if let (Some(place), Ok(index)) = (place, u32::try_from(member.index)) {
                *place = index;
            }
        }
        Some(Self { object, by_mark })
    }

    pub(crate) const fn object(&self) -> Node<'d> {
        self.object
    }

    /// Returns the member with a key: the last one, if the key is given twice.
    pub(crate) fn get(&self, key: &str) -> Option<Node<'d>> {
        let mark = Mark::of(key);
        let index = self
            .by_mark
            .get(usize::from(mark.0))
            .filter(|index| **index > 0)?;
        let index = usize::try_from(*index).ok()?;
        let found = self.object.document.node(index)?;
        if found.has_key(key, mark) {
            Some(found)
        } else {
            self.object.get(key)
        }
    }
}
