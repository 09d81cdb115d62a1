use super::PluginHandle;
use crate::{
    engine::{deadline, spec::ResourceLimits},
    error::Error,
    model::{desired::Desired, limits::LimitOverrides},
    plugin::request::Request,
};

impl PluginHandle {
    /// Gives the plugin other limits than its manifest's, and returns when its container has them.
    /// They hold for later versions too, until they are set again; [`LimitOverrides::default`]
    /// takes them back.
    ///
    /// They are on disk before anything happens. Docker changes them in place, also while the
    /// plugin runs; what it cannot change so, such as a memory limit below what is in use, makes
    /// the container anew, which takes a restart.
    ///
    /// # Errors
    /// [`ErrorKind::NotPermitted`](crate::error::ErrorKind::NotPermitted) when they are above what
    /// the [`Policy`](crate::Policy) gives at most: nothing has changed.
    /// [`ErrorKind::Timeout`](crate::error::ErrorKind::Timeout) when the engine did not get it
    /// done; the supervisor goes on trying. Else as [`set_desired`](Self::set_desired).
    ///
    /// # Cancel safety
    /// When the future is dropped, they may or may not have been recorded; once they are,
    /// they will hold.
    ///
    /// ```no_run
    /// # async fn run(light: hap_host::PluginHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// use hap_host::LimitOverrides;
    ///
    /// light.set_limits(LimitOverrides::default().memory("64m".parse()?)).await?;
    /// assert_eq!(light.limits().memory_bytes, 64 << 20);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_limits(&self, limits: LimitOverrides) -> Result<(), Error> {
        let refusals = self.cell().shared.policy.refuses_limits(&limits);
        if !refusals.is_empty() {
            return Err(Error::not_permitted(refusals).with_plugin(self.id()));
        }
        self.lifecycle("set_limits", async {
            self.request(|reply| Request::Limit(limits, reply)).await?;
            let in_force = self.wait(|snapshot| {
                let (_, has_them) = snapshot.limits_in_force;
                has_them || snapshot.state.desired != Desired::Running || snapshot.told.limits != limits
            });
            let limit = deadline::CONTROL * 4;
            self.bounded(limit, "does not have its limits", in_force)
                .await
                .map(drop)
        })
        .await
    }

    /// What the operator gave the plugin in place of its manifest's limits.
    #[must_use]
    pub fn limit_overrides(&self) -> LimitOverrides {
        self.cell().snapshot.borrow().told.limits
    }

    /// The limits that hold for the plugin's container: the operator's, else its manifest's, else
    /// the host's default, and none above what the policy gives.
    #[must_use]
    pub fn limits(&self) -> ResourceLimits {
        self.cell().snapshot.borrow().limits_in_force.0
    }
}
