//! The engine that runs plugins as local processes: no isolation, no limits.
