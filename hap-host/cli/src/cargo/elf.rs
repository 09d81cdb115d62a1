use super::target::Arch;
use crate::elf;

/// What of a program would keep it from running in an image of nothing but itself; `None` where nothing does.
pub(super) fn fault(program: &[u8], arch: Arch) -> Option<String> {
    let Some(found) = elf::read(program) else {
        return Some("it is no program of Linux".to_owned());
    };
    if found.arch != arch.to_string() {
        return Some(format!("it is for another processor than {arch}: {}", found.arch));
    }
    found.loader.map(|loader| {
        format!("it is not static: it needs the loader of shared libraries {loader:?}, which its image lacks")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a program, and headers of segments of these kinds.
    fn program(machine: u16, segments: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56 * segments.len()];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
        bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
        bytes[56..58].copy_from_slice(&u16::try_from(segments.len()).unwrap().to_le_bytes());
        for (index, kind) in segments.iter().enumerate() {
            bytes[64 + 56 * index..][..4].copy_from_slice(&kind.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn a_static_program_for_the_processor_has_no_fault() {
        assert_eq!(fault(&program(62, &[1, 2]), Arch::Amd64), None);
        assert_eq!(fault(&program(183, &[1]), Arch::Arm64), None);
    }

    #[test]
    fn a_program_that_needs_a_loader_or_another_processor_is_told() {
        let told = |bytes: &[u8], arch| fault(bytes, arch).unwrap();
        assert!(told(&program(62, &[1, 3]), Arch::Amd64).contains("not static"));
        assert!(told(&program(62, &[1]), Arch::Arm64).contains("another processor"));
        assert!(told(b"#!/bin/sh\n", Arch::Amd64).contains("no program"));
    }

    #[test]
    fn this_test_itself_is_a_program_that_needs_a_loader() {
        let Some(arch) = Arch::here() else { return };
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let is_static = cfg!(target_feature = "crt-static");
        assert_eq!(fault(&own, arch).is_none(), is_static);
    }
}
