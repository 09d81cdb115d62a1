//! What the beginning of a program file says of it.

/// A program for Linux, by the beginning of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elf {
    /// The processor, by the name that images have for it.
    pub(crate) arch: String,
    /// The loader that it needs, where it is linked dynamically.
    pub(crate) loader: Option<String>,
}

/// The kind of a segment that names the loader.
const PT_INTERP: u64 = 3;
const LONGEST_LOADER: usize = 256;

/// Reads as much as the beginning tells; `None` for what is no ELF file.
pub(crate) fn read(head: &[u8]) -> Option<Elf> {
    if !head.starts_with(b"\x7fELF") {
        return None;
    }
    let is_wide = head.get(4) == Some(&2);
    let is_little = head.get(5) == Some(&1);
    let number = |at: usize, length: usize| -> Option<u64> {
        let bytes = head.get(at..at.checked_add(length)?)?;
        let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(match is_little {
            true => bytes.iter().rev().fold(0, fold),
            false => bytes.iter().fold(0, fold),
        })
    };
    let machine = number(18, 2)?;
    let arch = match machine {
        3 => "386".to_owned(),
        8 => "mips".to_owned(),
        20 => "ppc".to_owned(),
        21 => if is_little { "ppc64le" } else { "ppc64" }.to_owned(),
        22 => "s390x".to_owned(),
        40 => "arm".to_owned(),
        62 => "amd64".to_owned(),
        183 => "arm64".to_owned(),
        243 => "riscv64".to_owned(),
        258 => "loong64".to_owned(),
        other => format!("machine {other}"),
    };
    let (table, size, count) = match is_wide {
        true => (number(32, 8)?, number(54, 2)?, number(56, 2)?),
        false => (number(28, 4)?, number(42, 2)?, number(44, 2)?),
    };
    let loader = (0..count.min(64)).find_map(|index| {
        let at = usize::try_from(table.checked_add(index.checked_mul(size)?)?).ok()?;
        if number(at, 4)? != PT_INTERP {
            return None;
        }
        let (offset, length) = match is_wide {
            true => (number(at.checked_add(8)?, 8)?, number(at.checked_add(32)?, 8)?),
            false => (number(at.checked_add(4)?, 4)?, number(at.checked_add(16)?, 4)?),
        };
        let (offset, length) = (usize::try_from(offset).ok()?, usize::try_from(length).ok()?);
        let end = offset.checked_add(length.min(LONGEST_LOADER))?;
        let text = head.get(offset..end).unwrap_or_default();
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        Some(String::from_utf8_lossy(text).into_owned())
    });
    Some(Elf { arch, loader })
}

/// The processor of this machine, by the name that images have for it.
pub(crate) fn this_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_of_this_machine() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let elf = read(&program).unwrap();
        assert_eq!(elf.arch, this_arch());
        assert!(elf.loader.unwrap().contains("ld-linux"));
    }

    #[test]
    fn no_beginning_does_harm() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        for length in 0..256 {
            let _ = read(&program[..length]);
        }
        let mut hostile = program[..64].to_vec();
        hostile.splice(24.., [0xff; 40]);
        assert!(read(&hostile).is_some());
        assert_eq!(read(b"#!/bin/sh\n"), None);
    }
}
