//! hap-manifest
