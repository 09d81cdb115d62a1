//! A stateful engine without containers, with scripted faults, for tests.
