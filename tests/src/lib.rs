//! What the end-to-end tests of the plugin platform share.

pub mod between;
pub mod docker;
pub mod document;
pub mod measure;
pub mod outside;
pub mod source;
pub mod spans;

/// The README's programs, compiled as they stand there.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct ReadmeExamples;

/// The programs of the author's guide, compiled and run as they stand there.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide-plugin.md")]
#[derive(Debug)]
pub struct GuideExamples;

/// The program of the page on conformance, compiled as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../docs/conformance.md")]
#[derive(Debug)]
pub struct ConformanceExamples;

/// The management API's program, compiled as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../docs/management-api.md")]
#[derive(Debug)]
pub struct ManagementApiExamples;

/// The programs of the guide for host applications, compiled as they stand there.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide-host.md")]
#[derive(Debug)]
pub struct HostGuideExamples;
