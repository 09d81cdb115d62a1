//! hap-host
