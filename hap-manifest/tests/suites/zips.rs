//! Zips as fifteen writers make them, each by its recipe: who it says that it is, its flags, what it puts into the extra
//! fields (APPNOTE.TXT 4.5, and the list of Info-ZIP for those of others), and whether the numbers follow the content. The
//! facts are from archives that these programs wrote, taken apart by `zipdetails`.

use std::io::Cursor;

use hap_manifest::package::Package;

use crate::raw::{self, Raw};

/// The mark of a data descriptor.
const MARK: &[u8] = b"PK\x07\x08";
/// Numbers follow the content.
const FOLLOWS: u16 = 1 << 3;
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;
const DEFLATED: u16 = 8;

/// Extended times: local with the time of the change, or of change and access; the directory has the first alone.
const UT_LOCAL: &[u8] = b"UT\x09\0\x03\0\xe1\x0b\x5e\0\xe1\x0b\x5e";
const UT_CHANGE: &[u8] = b"UT\x05\0\x01\0\xe1\x0b\x5e";
const UT_CENTRAL: &[u8] = b"UT\x05\0\x03\0\xe1\x0b\x5e";
/// Owners of Info-ZIP's third version: 1000 and 1000.
const OWNER: &[u8] = b"ux\x0b\0\x01\x04\xe8\x03\0\0\x04\xe8\x03\0\0";
/// Its second version, local with owners, and without in the directory.
const OLD_OWNER: &[u8] = b"Ux\x04\0\xe8\x03\xe8\x03";
const OLD_OWNER_CENTRAL: &[u8] = b"Ux\0\0";
/// Its first version, with times and owners: what macOS writes.
const MAC_LOCAL: &[u8] = b"UX\x0c\0\0\xe1\x0b\x5e\0\xe1\x0b\x5e\xf5\x01\x14\0";
const MAC_CENTRAL: &[u8] = b"UX\x08\0\0\xe1\x0b\x5e\0\xe1\x0b\x5e";
/// The three times of NTFS.
const NTFS: &[u8] =
    b"\x0a\0\x20\0\0\0\0\0\x01\0\x18\0\0\x80\x3e\xd5\xde\xb1\x9d\x01\0\x80\x3e\xd5\xde\xb1\x9d\x01\0\x80\x3e\xd5\xde\xb1\x9d\x01";
/// The mark of a jar in its first entry.
const JAR: &[u8] = b"\xfe\xca\0\0";
/// Filling of Android's `zipalign`: an alignment, and zeros.
const ALIGNED: &[u8] = b"\x35\xd9\x06\0\x04\0\0\0\0\0";

/// What a writer puts around each content.
struct Recipe {
    writer: &'static str,
    made_by: u16,
    needed: u16,
    flags: u16,
    method: u16,
    mode: u32,
    dos: u32,
    local_extra: &'static [&'static [u8]],
    extra: &'static [&'static [u8]],
    follows: bool,
    /// It has entries of folders.
    folders: bool,
}

const BASE: Recipe = Recipe {
    writer: "",
    made_by: 0x0314,
    needed: 20,
    flags: 0,
    method: DEFLATED,
    mode: 0o100_644,
    dos: 0,
    local_extra: &[],
    extra: &[],
    follows: false,
    folders: false,
};

const RECIPES: [Recipe; 21] = [
    Recipe {
        writer: "Info-ZIP 3.0",
        made_by: 0x031e,
        local_extra: &[UT_LOCAL, OWNER],
        extra: &[UT_CENTRAL, OWNER],
        folders: true,
        ..BASE
    },
    Recipe {
        writer: "Info-ZIP 3.0 to a pipe",
        made_by: 0x031e,
        flags: FOLLOWS,
        local_extra: &[UT_LOCAL, OWNER],
        extra: &[UT_CENTRAL, OWNER],
        follows: true,
        ..BASE
    },
    Recipe {
        writer: "Info-ZIP 2.32",
        made_by: 0x0317,
        local_extra: &[UT_LOCAL, OLD_OWNER],
        extra: &[UT_CENTRAL, OLD_OWNER_CENTRAL],
        folders: true,
        ..BASE
    },
    Recipe {
        writer: "Info-ZIP on Windows",
        made_by: 0x001e,
        mode: 0,
        dos: 0x20,
        folders: true,
        ..BASE
    },
    Recipe {
        writer: "7-Zip on Windows",
        made_by: 0x003f,
        mode: 0,
        dos: 0x20,
        extra: &[NTFS],
        folders: true,
        ..BASE
    },
    // p7zip marks in the attributes that those of Unix stand above them.
    Recipe {
        writer: "7-Zip on Linux",
        made_by: 0x033f,
        dos: 0x8020,
        extra: &[NTFS],
        folders: true,
        ..BASE
    },
    Recipe {
        writer: "bsdtar",
        made_by: 0x0314,
        flags: FOLLOWS | UTF8,
        local_extra: &[UT_LOCAL, OWNER],
        extra: &[UT_CENTRAL, OWNER],
        follows: true,
        folders: true,
        ..BASE
    },
    Recipe {
        writer: "Java's jar",
        made_by: 0x0014,
        flags: FOLLOWS | UTF8,
        mode: 0,
        local_extra: &[JAR],
        extra: &[JAR],
        follows: true,
        ..BASE
    },
    Recipe {
        writer: "Java's ZipOutputStream",
        made_by: 0x0014,
        flags: FOLLOWS | UTF8,
        mode: 0,
        follows: true,
        ..BASE
    },
    Recipe {
        writer: "Apache Ant and Maven",
        made_by: 0x0314,
        flags: FOLLOWS | UTF8,
        local_extra: &[UT_CHANGE],
        extra: &[UT_CHANGE],
        follows: true,
        folders: true,
        ..BASE
    },
    Recipe {
        writer: "Go",
        made_by: 0x0314,
        flags: FOLLOWS,
        local_extra: &[UT_CHANGE],
        extra: &[UT_CHANGE],
        follows: true,
        ..BASE
    },
    Recipe {
        writer: "Python",
        ..BASE
    },
    Recipe {
        writer: "Python, without compression",
        method: 0,
        ..BASE
    },
    Recipe {
        writer: "Python to a pipe",
        flags: FOLLOWS,
        follows: true,
        ..BASE
    },
    Recipe {
        writer: ".NET on Windows",
        made_by: 0x0014,
        mode: 0,
        ..BASE
    },
    Recipe {
        writer: ".NET on Linux",
        made_by: 0x0314,
        ..BASE
    },
    Recipe {
        writer: "macOS Archive Utility",
        made_by: 0x0315,
        flags: FOLLOWS,
        local_extra: &[MAC_LOCAL],
        extra: &[MAC_CENTRAL],
        follows: true,
        folders: true,
        ..BASE
    },
    Recipe {
        writer: "Windows Explorer",
        made_by: 0x0014,
        mode: 0,
        dos: 0x20,
        ..BASE
    },
    Recipe {
        writer: "rubyzip",
        made_by: 0x0334,
        local_extra: &[UT_LOCAL],
        extra: &[UT_CENTRAL],
        ..BASE
    },
    Recipe {
        writer: "yazl and archiver of Node",
        made_by: 0x033f,
        flags: FOLLOWS | UTF8,
        follows: true,
        ..BASE
    },
    Recipe {
        writer: "Android's zipalign",
        made_by: 0x0000,
        needed: 0,
        method: 0,
        mode: 0,
        local_extra: &[ALIGNED],
        ..BASE
    },
];

fn entry(recipe: &Recipe, name: &str, content: &[u8]) -> Raw {
    let mut raw = Raw::new(name, content).with_flags(recipe.flags);
    if recipe.method == DEFLATED {
        raw.stored = raw::deflated(content);
        raw.packed = u32::try_from(raw.stored.len()).unwrap();
    }
    raw.method = recipe.method;
    raw.made_by = recipe.made_by;
    raw.needed = recipe.needed;
    raw.mode = recipe.mode;
    raw.dos = recipe.dos;
    raw.local_extra = recipe.local_extra.concat();
    raw.extra = recipe.extra.concat();
    raw.descriptor = recipe.follows.then(|| MARK.to_vec());
    raw
}

fn folder(recipe: &Recipe, name: &str) -> Raw {
    let mut raw = entry(recipe, name, b"");
    raw.stored = Vec::new();
    raw.packed = 0;
    raw.method = 0;
    // Whatever is empty has no numbers to follow.
    raw.flags &= !FOLLOWS;
    raw.local_flags &= !FOLLOWS;
    raw.descriptor = None;
    raw.needed = raw.needed.min(10);
    raw.dos |= 0x10;
    if recipe.mode != 0 {
        raw.mode = 0o040_755;
    }
    raw
}

fn package(recipe: &Recipe) -> Vec<u8> {
    let mut entries: Vec<_> = raw::needed()
        .iter()
        .map(|needed| entry(recipe, std::str::from_utf8(&needed.name).unwrap(), &needed.stored))
        .collect();
    if recipe.folders {
        entries.push(folder(recipe, "src/"));
    }
    entries.push(entry(recipe, "src/main.py", b"print('light')\n"));
    raw::archive(&entries)
}

#[test]
fn what_each_writer_makes_is_a_package() {
    for recipe in RECIPES {
        let opened = Package::open(Cursor::new(package(&recipe)));
        let package = opened.unwrap_or_else(|error| panic!("{}: {error}", recipe.writer));
        assert_eq!(package.manifest().id().as_str(), "light", "{}", recipe.writer);
    }
}
