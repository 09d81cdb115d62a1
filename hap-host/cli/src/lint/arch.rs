use std::collections::BTreeSet;

use super::view::View;
use crate::elf;

/// The processor that all programs of a plugin are for, by the name that images have for it; `None` where there is no
/// program, or where they are for several.
pub(crate) fn arch_of(view: &View) -> Option<String> {
    let programs = view.files.values().filter_map(|file| elf::read(&file.head));
    let archs: BTreeSet<_> = programs.map(|program| program.arch).collect();
    let is_word = |arch: &String| !arch.contains(' ');
    archs.into_iter().reduce(|_, _| " ".to_owned()).filter(is_word)
}
