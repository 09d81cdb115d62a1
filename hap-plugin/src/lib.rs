//! hap-plugin
