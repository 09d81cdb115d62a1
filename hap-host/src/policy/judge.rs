use hap_manifest::{
    CpuLimit, ImageRef, Manifest, MemoryLimit, PidsLimit,
    package::Dockerfile,
    permission::{Permission, requested},
};

use super::{Policy, access::Access, pattern::DevicePattern, violation::PolicyViolation};
use crate::{
    engine::spec::ResourceLimits,
    model::{
        grants::{Admission, InstallOrigin},
        limits::LimitOverrides,
    },
};

impl Policy {
    /// Why a plugin with these grants may not run here: all reasons at once, none if it may.
    ///
    /// Where its image is from is judged as for one that is pulled. An image that is built here is
    /// judged by [`evaluate_build`](Self::evaluate_build), and whole sources by
    /// [`Supervisor::review`](crate::Supervisor::review).
    #[must_use]
    pub fn evaluate(&self, manifest: &Manifest, granted: &[Permission]) -> Vec<PolicyViolation> {
        let admission = Admission::new(InstallOrigin::Image, granted.iter().cloned(), manifest);
        self.judge(manifest, &admission)
    }

    pub(crate) fn judge(&self, manifest: &Manifest, admission: &Admission) -> Vec<PolicyViolation> {
        let mut refusals: Vec<_> = requested(manifest)
            .into_iter()
            .filter_map(|permission| match self.access(&permission) {
                Access::Allowed => None,
                Access::ByGrant if admission.has(&permission) => None,
                Access::ByGrant => Some(PolicyViolation::NotGranted { permission }),
                Access::Denied => Some(PolicyViolation::Denied { permission }),
            })
            .collect();
        refusals.extend(self.above_maximum(
            manifest.memory_limit(),
            manifest.cpu_limit(),
            manifest.pids_limit(),
        ));
        if let Some(user) = manifest.user().filter(|_| !self.own_user) {
            refusals.push(PolicyViolation::User {
                user: user.to_owned(),
            });
        }
        refusals.extend(match admission.origin() {
            InstallOrigin::Image => self.refuses_image(manifest.image()),
            InstallOrigin::Build
            | InstallOrigin::Folder
            | InstallOrigin::Package
            | InstallOrigin::Signed(_) => (!self.local_builds).then_some(PolicyViolation::LocalBuild),
        });
        refusals.extend(self.refuses_signer(admission.origin()));
        refusals
    }

    /// Why an image may not be built here from this Dockerfile with these grants: all reasons at
    /// once, none if it may. Whether anything may be built here at all is judged with the manifest.
    ///
    /// A Dockerfile that [only copies](Dockerfile::only_copies) takes no grant; every other one
    /// takes [`Permission::Build`], and its images come from where
    /// [images may](Self::allow_images).
    #[must_use]
    pub fn evaluate_build(&self, dockerfile: &Dockerfile, granted: &[Permission]) -> Vec<PolicyViolation> {
        if dockerfile.only_copies() || !self.local_builds {
            return Vec::new();
        }
        let permission = Permission::Build;
        let mut refusals = match self.builds {
            Access::Allowed => Vec::new(),
            Access::ByGrant if granted.contains(&permission) => Vec::new(),
            Access::ByGrant => vec![PolicyViolation::NotGranted { permission }],
            Access::Denied => vec![PolicyViolation::Denied { permission }],
        };
        refusals.extend(dockerfile.fault().map(|fault| PolicyViolation::Dockerfile {
            line: fault.line(),
            rule: fault.rule().to_owned(),
        }));
        if let Some(sources) = &self.images {
            let outside = dockerfile.images().iter().filter(|image| {
                let image = image.parse::<ImageRef>();
                image.map_or(true, |image| {
                    !sources.iter().any(|source| source.contains(&image))
                })
            });
            refusals.extend(outside.map(|image| PolicyViolation::BaseImage {
                image: image.clone(),
                sources: sources.iter().cloned().collect(),
            }));
        }
        refusals
    }

    /// Why an operator cannot give a plugin these limits.
    pub(crate) fn refuses_limits(&self, limits: &LimitOverrides) -> Vec<PolicyViolation> {
        self.above_maximum(limits.memory, limits.cpu, limits.pids)
            .collect()
    }

    /// The limits, lowered to what a plugin gets at most.
    pub(crate) fn clamp(&self, mut limits: ResourceLimits) -> ResourceLimits {
        if let Some(most) = self.max_memory {
            limits.memory_bytes = limits.memory_bytes.min(most.bytes());
        }
        if let Some(most) = self.max_cpu {
            limits.nano_cpus = limits.nano_cpus.min(most.nano_cpus());
        }
        if let Some(most) = self.max_processes {
            limits.pids = limits.pids.min(most.get());
        }
        limits
    }

    fn access(&self, permission: &Permission) -> Access {
        let any = |patterns: &[DevicePattern], device| patterns.iter().any(|pattern| pattern.matches(device));
        match permission {
            Permission::Capability(name) if self.denied_capabilities.contains(name) => Access::Denied,
            Permission::Capability(name) if self.allowed_capabilities.contains(name) => Access::Allowed,
            Permission::Capability(_) => self.capabilities,
            Permission::Device(device) if any(&self.denied_devices, device) => Access::Denied,
            Permission::Device(device) if any(&self.allowed_devices, device) => Access::Allowed,
            Permission::Device(_) | Permission::HostDevices => self.devices,
            Permission::Network => self.network,
            Permission::WritableRoot => self.writable_rootfs,
            Permission::Build => self.builds,
            Permission::Root | Permission::RootGroup => self.root,
            Permission::Memory(_) | Permission::Cpu(_) | Permission::Processes(_) => self.resources,
            // A kind that this version does not know: nobody consented to what nobody understands.
            _ => Access::Denied,
        }
    }

    fn above_maximum(
        &self,
        memory: Option<MemoryLimit>,
        cpu: Option<CpuLimit>,
        processes: Option<PidsLimit>,
    ) -> impl Iterator<Item = PolicyViolation> + use<> {
        let memory = memory.zip(self.max_memory).filter(|(asked, most)| asked > most);
        let cpu = cpu.zip(self.max_cpu).filter(|(asked, most)| asked > most);
        let processes = processes.zip(self.max_processes);
        let processes = processes.filter(|(asked, most)| asked > most);
        let memory = memory.map(|(asked, most)| PolicyViolation::Memory { asked, most });
        let cpu = cpu.map(|(asked, most)| PolicyViolation::Cpu { asked, most });
        let processes = processes.map(|(asked, most)| PolicyViolation::Processes { asked, most });
        memory.into_iter().chain(cpu).chain(processes)
    }

    fn refuses_signer(&self, origin: InstallOrigin) -> Option<PolicyViolation> {
        match origin {
            _ if self.unsigned_packages => None,
            InstallOrigin::Image => None,
            InstallOrigin::Build | InstallOrigin::Folder | InstallOrigin::Package => {
                Some(PolicyViolation::Unsigned)
            }
            InstallOrigin::Signed(key) if self.trusted_keys.contains(&key) => None,
            // It was when the package was installed.
            InstallOrigin::Signed(key) => Some(PolicyViolation::UnknownKey { key: key.id() }),
        }
    }

    fn refuses_image(&self, image: &ImageRef) -> Option<PolicyViolation> {
        let sources = self.images.as_ref()?;
        let allowed = sources.iter().any(|source| source.contains(image));
        (!allowed).then(|| PolicyViolation::Image {
            image: image.clone(),
            sources: sources.iter().cloned().collect(),
        })
    }
}
