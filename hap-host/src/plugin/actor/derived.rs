//! Keeps what is made from the record, the other plugins and the container in step with them.

use super::{
    spec::{health_policy, spec_of},
    state::Actor,
};
use crate::{
    plugin::dependents,
    protocol::client::PluginClient,
    reconcile::{
        drift::SpecMark,
        machine::{observation::Seen, step::Input},
    },
};

impl Actor {
    /// Tells the machine which dependencies are not met, and whether the plugin may run at all.
    pub(super) fn update_dependencies(&mut self) {
        let depends_on = self.record.manifest.depends_on();
        let unmet = self.inputs.dependencies.unmet(depends_on);
        let bar = dependents::bar(&self.shared, &self.record);
        if self.machine.bar() != bar.as_ref() {
            self.feed(Input::Bar(bar));
        }
        if self.machine.unmet() != unmet {
            self.feed(Input::Needs(unmet));
        }
    }

    /// Rebuilds the spec when plugins find the host elsewhere, which their containers are told.
    pub(super) fn update_endpoints(&mut self) {
        if self.inputs.has_platform_changed() {
            self.rebuild_spec();
        }
    }

    /// Rebuilds the spec and tells the machine: what the container is made from has changed.
    pub(super) fn rebuild_spec(&mut self) {
        self.apply_record();
        self.feed(Input::Spec(SpecMark::of(&self.work.operator.spec)));
    }

    /// Applies the record to everything that is made from it, except the machine.
    pub(super) fn apply_record(&mut self) {
        let manifest = &self.record.manifest;
        let health = health_policy(&self.shared.health, manifest);
        self.health.configure(manifest, &health);
        self.diagnosis.set_api_port(manifest.api_port().get());
        // Looked at before the spec is made: what changes in between is noticed.
        let platform = self.inputs.latest_platform();
        let spec = spec_of(&self.shared, &self.record);
        let stop_grace = self.shared.policy.stop_grace(manifest);
        self.work.operator.configure(stop_grace, spec, platform);
        self.readers.set_record(&self.record);
    }

    /// Keeps the client in step with the container's address: each run gets another client.
    pub(super) fn update_client(&mut self) {
        let observed = match self.machine.seen() {
            // Elsewhere somebody else may answer, and would be told the token.
            Seen::Present(observed) => observed
                .address
                .filter(|address| self.shared.platform.borrow().covers(address.ip()))
                .map(|address| (observed, address)),
            _ => None,
        };
        match (observed, &self.client) {
            (Some((_, address)), Some(client)) if client.address() == address => {}
            (Some((observed, address)), _) => {
                let keys = &self.record.keys;
                // Made from another spec, it may be one from before the rotation.
                let pair = match &keys.previous {
                    Some(previous)
                        if observed.spec_digest != SpecMark::of(&self.work.operator.spec).digest =>
                    {
                        previous
                    }
                    _ => &keys.current,
                };
                match PluginClient::new(self.id.clone(), &pair.token, address) {
                    Ok(client) => self.client = Some(client),
                    Err(error) => {
                        tracing::error!(plugin = %self.id, error = %error.report(), "no HTTP client")
                    }
                }
            }
            (None, _) => self.client = None,
        }
    }
}
