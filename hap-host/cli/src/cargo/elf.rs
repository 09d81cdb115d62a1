use super::target::Arch;

/// The kind of segment that names a loader of shared libraries.
const INTERPRETER: u32 = 3;

/// What of a program would keep it from running in an image of nothing but itself; `None` where nothing does.
pub(super) fn fault(program: &[u8], arch: Arch) -> Option<String> {
    if program.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Some("it is no program of a 64-bit Linux".to_owned());
    }
    let machine = match arch {
        Arch::Amd64 => 62,
        Arch::Arm64 => 183,
    };
    let found = u16_at(program, 18)?;
    if found != machine {
        return Some(format!(
            "it is for another processor than {arch} (ELF machine {found})"
        ));
    }
    let headers = usize::try_from(u64_at(program, 32)?).ok()?;
    let (size, count) = (
        usize::from(u16_at(program, 54)?),
        usize::from(u16_at(program, 56)?),
    );
    let needs_loader = (0..count).any(|index| {
        let header = size
            .checked_mul(index)
            .and_then(|skipped| headers.checked_add(skipped));
        header.and_then(|header| u32_at(program, header)) == Some(INTERPRETER)
    });
    needs_loader
        .then(|| "it is not static: it needs a loader of shared libraries, which its image lacks".to_owned())
}

fn bytes<const N: usize>(from: &[u8], at: usize) -> Option<[u8; N]> {
    from.get(at..)?.first_chunk().copied()
}

fn u16_at(from: &[u8], at: usize) -> Option<u16> {
    bytes(from, at).map(u16::from_le_bytes)
}

fn u32_at(from: &[u8], at: usize) -> Option<u32> {
    bytes(from, at).map(u32::from_le_bytes)
}

fn u64_at(from: &[u8], at: usize) -> Option<u64> {
    bytes(from, at).map(u64::from_le_bytes)
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
