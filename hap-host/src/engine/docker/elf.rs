//! The few facts at the front of a program's file that say where and how it runs.

/// What a program is built for, as the file's header numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Machine(u16);

const MAGIC: &[u8] = b"\x7fELF";
/// Marks the entry of the program header that names the loader.
const INTERPRETER: u64 = 3;

/// What a program is built for; `None` for a file that is no ELF program.
pub(super) fn machine(file: &[u8]) -> Option<Machine> {
    let number = Reader::of(file)?.number(18, 2)?;
    u16::try_from(number).ok().map(Machine)
}

/// Whether a program for `machine` runs on a machine that an engine calls `architecture`; `None`
/// where that is not known.
pub(super) fn runs_on(machine: Machine, architecture: &str) -> Option<bool> {
    let fitting: &[u16] = match architecture {
        "amd64" => &[62, 3],
        "386" => &[3],
        // Many of these run programs for the 32-bit ones too.
        "arm64" => &[183, 40],
        "arm" => &[40],
        "ppc64le" => &[21],
        "s390x" => &[22],
        "riscv64" => &[243],
        _ => return None,
    };
    Some(fitting.contains(&machine.0))
}

/// The loader that a dynamically linked program needs.
pub(super) fn interpreter(file: &[u8]) -> Option<String> {
    let reader = Reader::of(file)?;
    // Where the fields are in files of 64 and of 32 bits.
    let (table, size, count) = if reader.wide { (32, 54, 56) } else { (28, 42, 44) };
    let word = reader.word();
    let (table, size, count) = (
        reader.number(table, word)?,
        reader.number(size, 2)?,
        reader.number(count, 2)?,
    );
    for index in 0..count {
        let entry = usize::try_from(table.checked_add(index * size)?).ok()?;
        if reader.number(entry, 4)? != INTERPRETER {
            continue;
        }
        let (offset, length) = if reader.wide { (8, 32) } else { (4, 16) };
        let offset = usize::try_from(reader.number(entry.checked_add(offset)?, word)?).ok()?;
        let length = usize::try_from(reader.number(entry.checked_add(length)?, word)?).ok()?;
        let name = file.get(offset..offset.checked_add(length)?)?;
        let name = name.split(|byte| *byte == 0).next()?;
        return String::from_utf8(name.to_vec()).ok();
    }
    None
}

/// Reads numbers of the file's own width and byte order.
struct Reader<'a> {
    file: &'a [u8],
    wide: bool,
    big_endian: bool,
}

impl<'a> Reader<'a> {
    fn of(file: &'a [u8]) -> Option<Self> {
        if !file.starts_with(MAGIC) {
            return None;
        }
        Some(Self {
            file,
            wide: *file.get(4)? == 2,
            big_endian: *file.get(5)? == 2,
        })
    }

    const fn word(&self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    fn number(&self, at: usize, bytes: usize) -> Option<u64> {
        let bytes = self.file.get(at..at.checked_add(bytes)?)?;
        let add = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
        Some(if self.big_endian {
            bytes.iter().fold(0, add)
        } else {
            bytes.iter().rev().fold(0, add)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file of 64 bits with one program header, which names a loader.
    fn program(machine: u16) -> Vec<u8> {
        let mut file = vec![0; 64 + 56];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[18..20].copy_from_slice(&machine.to_le_bytes());
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        file[54..56].copy_from_slice(&56_u16.to_le_bytes());
        file[56..58].copy_from_slice(&1_u16.to_le_bytes());
        file[64..68].copy_from_slice(&3_u32.to_le_bytes());
        file[72..80].copy_from_slice(&120_u64.to_le_bytes());
        file[96..104].copy_from_slice(&12_u64.to_le_bytes());
        file.extend_from_slice(b"/lib/ld.so\0\0");
        file
    }

    #[test]
    fn a_program_says_what_it_is_for_and_what_it_needs() {
        let file = program(183);
        let machine = machine(&file).unwrap();
        assert_eq!(runs_on(machine, "arm64"), Some(true));
        assert_eq!(runs_on(machine, "amd64"), Some(false));
        assert_eq!(runs_on(machine, "loong64"), None);
        assert_eq!(interpreter(&file).unwrap(), "/lib/ld.so");
    }

    #[test]
    fn the_program_of_this_test_is_for_this_machine() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let ours = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        assert_ne!(runs_on(machine(&file).unwrap(), ours), Some(false));
    }

    #[test]
    fn a_script_is_no_program_of_that_kind() {
        assert_eq!(machine(b"#!/bin/sh\n"), None);
        assert_eq!(interpreter(b"#!/bin/sh\n"), None);
    }

    proptest! {
        #[test]
        fn no_file_is_too_strange(mut file in proptest::collection::vec(any::<u8>(), 0..300)) {
            machine(&file);
            interpreter(&file);
            if let Some(front) = file.get_mut(..4) {
                front.copy_from_slice(MAGIC);
            }
            machine(&file);
            interpreter(&file);
        }
    }
}
