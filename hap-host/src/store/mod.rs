//! What must survive a kill at any instant: wanted state, secrets and received events.
