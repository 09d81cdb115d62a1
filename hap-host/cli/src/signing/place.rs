use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::failure::{Exit, Failure};

/// Where the secret key of a person lies: in the configuration folder of `hap`.
pub(crate) fn default_key() -> Result<PathBuf, Failure> {
    place(env::var_os("XDG_CONFIG_HOME"), env::var_os("HOME")).ok_or_else(|| {
        let message = "there is no folder for your key: neither XDG_CONFIG_HOME nor HOME is set";
        Failure::new(Exit::Usage, "no_home", message).help("name the key's file")
    })
}

fn place(config: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    // The rule of the variable: a path that is relative is not there.
    let absolute = |text: OsString| Some(PathBuf::from(text)).filter(|path| path.is_absolute());
    let config = config
        .and_then(absolute)
        .or_else(|| Some(home.and_then(absolute)?.join(".config")))?;
    Some(config.join("hap/key"))
}

/// Where the public half of a key lies: beside the secret one.
pub(crate) fn public_of(secret: &Path) -> PathBuf {
    let mut name = secret.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_variables_say_where_a_key_lies() {
        let at =
            |config: Option<&str>, home: Option<&str>| place(config.map(Into::into), home.map(Into::into));
        assert_eq!(at(Some("/c"), Some("/h")), Some("/c/hap/key".into()));
        assert_eq!(at(None, Some("/h")), Some("/h/.config/hap/key".into()));
        assert_eq!(at(Some("c"), Some("/h")), Some("/h/.config/hap/key".into()));
        assert_eq!(at(Some(""), None), None);
        assert_eq!(public_of(Path::new("/c/hap/key")), Path::new("/c/hap/key.pub"));
    }
}
