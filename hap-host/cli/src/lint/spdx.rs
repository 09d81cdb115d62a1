//! Expressions of licenses.

/// Ids of SPDX that plugins are likely to have.
const KNOWN: &str = " 0BSD AFL-3.0 AGPL-1.0-only AGPL-1.0-or-later AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0 Artistic-1.0 \
    Artistic-2.0 BlueOak-1.0.0 BSD-1-Clause BSD-2-Clause BSD-2-Clause-Patent BSD-3-Clause BSD-3-Clause-Clear BSD-4-Clause BSL-1.0 \
    BUSL-1.1 CAL-1.0 CC-BY-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 CC-BY-NC-4.0 CC-BY-NC-ND-4.0 CC-BY-NC-SA-4.0 CC-BY-ND-4.0 \
    CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 CDDL-1.0 CDDL-1.1 CECILL-2.1 CECILL-B CECILL-C CPL-1.0 ECL-2.0 EFL-2.0 EPL-1.0 EPL-2.0 \
    EUPL-1.0 EUPL-1.1 EUPL-1.2 FSL-1.1-ALv2 FSL-1.1-MIT FSFAP GFDL-1.3-only GFDL-1.3-or-later GPL-1.0-only GPL-1.0-or-later \
    GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later HPND ICU ISC LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only \
    LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later LPL-1.02 LPPL-1.3c MIT MIT-0 MIT-CMU MIT-Modern-Variant MPL-1.0 MPL-1.1 \
    MPL-2.0 MPL-2.0-no-copyleft-exception MS-PL MS-RL MulanPSL-2.0 NCSA NPL-1.1 ODbL-1.0 OFL-1.1 OLDAP-2.8 OpenSSL OSL-3.0 \
    Parity-7.0.0 PHP-3.01 PolyForm-Noncommercial-1.0.0 PolyForm-Small-Business-1.0.0 PostgreSQL PSF-2.0 Python-2.0 QPL-1.0 Ruby \
    SISSL SSPL-1.0 Sleepycat TCL UCL-1.0 Unicode-3.0 Unicode-DFS-2016 Unlicense UPL-1.0 Vim W3C WTFPL X11 Xnet Zlib \
    zlib-acknowledgement ZPL-2.1 ";
/// Ids of exceptions, which follow WITH.
const EXCEPTIONS: &str = " Autoconf-exception-3.0 Bison-exception-2.2 Bootloader-exception Classpath-exception-2.0 \
    GCC-exception-3.1 Linux-syscall-note LLVM-exception OpenSSL-exception Qt-LGPL-exception-1.1 ";

/// Checks an expression.
///
/// # Errors
/// Returns the word that is no id, or an empty text where the words are not joined as they have to be.
pub(crate) fn check(expression: &str) -> Result<(), &str> {
    let mut depth = 0_usize;
    let mut wants_id = true;
    let mut is_exception = false;
    let mut rest = expression.trim();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('(') {
            if !wants_id || is_exception {
                return Err("");
            }
            depth += 1;
            rest = inner.trim_start();
            continue;
        }
        if let Some(outer) = rest.strip_prefix(')') {
            depth = depth.checked_sub(1).filter(|_| !wants_id).ok_or("")?;
            rest = outer.trim_start();
            continue;
        }
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')'));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after.trim_start();
        match (wants_id, word) {
            (false, "AND" | "OR" | "WITH") => {
                wants_id = true;
                is_exception = word == "WITH";
            }
            (false, word) => return Err(word),
            (true, word) => {
                if !is_id(word, if is_exception { EXCEPTIONS } else { KNOWN }) {
                    return Err(word);
                }
                wants_id = false;
                is_exception = false;
            }
        }
    }
    if wants_id || depth > 0 { Err("") } else { Ok(()) }
}

fn is_id(word: &str, known: &str) -> bool {
    if word.starts_with("LicenseRef-") || word.starts_with("DocumentRef-") {
        return true;
    }
    let id = word.strip_suffix('+').unwrap_or(word);
    known
        .split_ascii_whitespace()
        .any(|known| known.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_of_spdx_pass_and_names_do_not() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "LicenseRef-Acme",
            "mit",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, word) in [
            ("", ""),
            ("Apache 2", "Apache"),
            ("MIT License", "License"),
            ("MIT OR", ""),
            ("(MIT", ""),
            ("MIT)", "MIT)"),
            ("GPLv3", "GPLv3"),
            ("MIT, Apache-2.0", "MIT,"),
            ("MIT/Apache-2.0", "MIT/Apache-2.0"),
        ] {
            let told = check(bad).unwrap_err();
            assert!(told == word || told.is_empty(), "{bad}: {told}");
        }
    }
}
