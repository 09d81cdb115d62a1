//! Volumes and what is kept in memory.

use super::rules::twice;
use crate::diagnostics::issue_code::IssueCode;
use crate::diagnostics::report::Issue;
use crate::manifest::fields::Entry;
use crate::value::path::{VolumePath, covers};

/// Where every container keeps something of its own, or the host puts something of its.
const KEPT: [&str; 4] = ["/proc", "/sys", "/dev", "/run/hap"];
/// Files that the engine puts into every container.
const FILES: [&str; 3] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
/// Where images have their programs.
const PROGRAMS: [&str; 6] = ["/bin", "/boot", "/lib", "/lib64", "/sbin", "/usr"];
/// In memory in every container: data there would not outlive it.
const TMP: &str = "/tmp";

/// Refuses volumes inside others, and mounts over what the container needs, and warns of mounts that
/// are listed twice.
pub(crate) fn mounts(volumes: &[Entry<'_, VolumePath>], tmpfs: &[Entry<'_, VolumePath>]) -> Vec<Issue> {
    let mut issues = Vec::new();
    let mut distinct: Vec<&Entry<'_, VolumePath>> = Vec::with_capacity(volumes.len());
    for volume in volumes {
        let path = volume.value.as_str();
        // A volume above one of these would hold what is mounted there, and outlive it.
        if let Some(kept) = KEPT.into_iter().find(|kept| clash(kept, path)) {
            issues.push(reserved(
                volume,
                &format!("{kept} is kept for the container itself"),
            ));
        } else if clash(TMP, path) {
            issues.push(reserved(volume, "/tmp is kept in memory"));
        } else {
            let old = "a volume would keep those of the first version";
            issues.extend(of_the_image(volume, old));
        }
        let same = distinct.iter().find(|earlier| earlier.value == volume.value);
        if let Some(earlier) = same {
            issues.push(twice(volume.at, path, earlier.at));
            continue;
        }
        for earlier in &distinct {
            if clash(earlier.value.as_str(), path) {
                let message = format!("the volume {path} overlaps {} at {}", earlier.value, earlier.at);
                let issue = Issue::new(volume.at, IssueCode::OverlappingPaths, message);
                issues.push(issue.with_help("keep the outer one only: it holds what is below it"));
            }
        }
        distinct.push(volume);
    }
    for (index, mount) in tmpfs.iter().enumerate() {
        let path = mount.value.as_str();
        if let Some(kept) = KEPT.into_iter().find(|kept| covers(kept, path)) {
            issues.push(reserved(
                mount,
                &format!("{kept} is kept for the container itself"),
            ));
        } else {
            issues.extend(of_the_image(mount, "they would be hidden"));
        }
        if let Some(earlier) = tmpfs
            .iter()
            .take(index)
            .find(|earlier| earlier.value == mount.value)
        {
            issues.push(twice(mount.at, path, earlier.at));
        }
        if let Some(volume) = volumes.iter().find(|volume| volume.value == mount.value) {
            let message = format!("{path} is already a volume at {}", volume.at);
            let issue = Issue::new(mount.at, IssueCode::OverlappingPaths, message);
            issues.push(issue.with_help("keep data that must last as a volume, and remove it here"));
        }
    }
    issues
}

/// Returns what may not be hidden by anything that is mounted.
fn of_the_image(mount: &Entry<'_, VolumePath>, consequence: &str) -> Option<Issue> {
    let path = mount.value.as_str();
    if FILES.into_iter().any(|file| covers(file, path)) {
        return Some(reserved(mount, "the engine puts a file of its own there"));
    }
    PROGRAMS.contains(&path).then(|| {
        reserved(
            mount,
            &format!("the image has its programs there, and {consequence}"),
        )
    })
}

/// Returns whether one of two paths lies in the other.
fn clash(a: &str, b: &str) -> bool {
    covers(a, b) || covers(b, a)
}

fn reserved(mount: &Entry<'_, VolumePath>, reason: &str) -> Issue {
    let message = format!("nothing can be mounted at {}: {reason}", mount.value);
    Issue::new(mount.at, IssueCode::ReservedPath, message)
        .with_help("choose another directory, such as \"/data\"")
}
