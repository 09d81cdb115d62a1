use std::fmt;

/// Why the program of a container cannot be run. `Display` says what is wrong and what
/// to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgramFault {
    /// There is no such file in the image.
    Missing {
        /// The program, as the image names it.
        path: String,
    },
    /// The file may not be run, or is none.
    NotExecutable {
        /// The program, as the image names it.
        path: String,
    },
    /// It was built for another processor than the engine's.
    OtherProcessor {
        /// The program, as the image names it.
        path: String,
        /// The processor of the engine's machine, as the engine names it, such as `amd64`.
        architecture: String,
    },
    /// It needs another file to run, which is not in the image: a loader of shared libraries, or a
    /// script's interpreter.
    NeedsMissing {
        /// The program, as the image names it.
        path: String,
        /// The file that is missing.
        needs: String,
    },
}

impl fmt::Display for ProgramFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => write!(
                f,
                "the image's ENTRYPOINT names {path}, which is not in the image: copy it there, or name the program that is"
            ),
            Self::NotExecutable { path } => write!(
                f,
                "{path}, the image's ENTRYPOINT, may not be executed: set its mode to 755"
            ),
            Self::OtherProcessor { path, architecture } => write!(
                f,
                "{path}, the image's ENTRYPOINT, is for another processor architecture than this machine's {architecture}: \
                 build it for {architecture}"
            ),
            Self::NeedsMissing { path, needs } => write!(
                f,
                "{path}, the image's ENTRYPOINT, needs {needs}, which is not in the image: link it statically, or begin \
                 the image FROM one that has {needs}"
            ),
        }
    }
}
