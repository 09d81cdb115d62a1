//! Reads what the files of a crate import from each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use hap_tests::source::{self, is_test};
use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Item, ItemMod, ItemUse, UseTree, Visibility,
    visit::{self, Visit},
};

type Module = Vec<String>;

/// A file of a crate, and the paths within the crate that it names outside its tests.
#[derive(Debug)]
struct File {
    path: PathBuf,
    module: Module,
    paths: BTreeSet<Module>,
    outside: BTreeSet<String>,
    /// What other modules find here and where it comes from: `pub use`, and `use` for the modules below.
    handed_on: BTreeMap<String, Module>,
}

/// The files of one crate and the imports between them.
#[derive(Debug)]
pub(crate) struct Imports {
    /// From a file to those it imports, as paths below `src`.
    pub files: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    /// What a file names of other crates, as paths, and `async` where it has something of that kind.
    pub outside: BTreeMap<PathBuf, BTreeSet<String>>,
}

impl Imports {
    /// Reads the sources of a crate. Tests are left out: they may import anything.
    pub(crate) fn of_crate(src: &Path) -> Self {
        let files: Vec<File> = source::modules(src).iter().map(file).collect();
        let by_module: BTreeMap<&Module, &File> = files.iter().map(|file| (&file.module, file)).collect();
        let found = files.iter().map(|file| {
            let imported = file
                .paths
                .iter()
                .filter_map(|path| defining_file(path, &by_module, 0));
            let others = imported.filter(|other| *other != file.path);
            (file.path.clone(), others.collect())
        });
        Self {
            files: found.collect(),
            outside: files
                .iter()
                .map(|file| (file.path.clone(), file.outside.clone()))
                .collect(),
        }
    }

    /// Every file that can be reached from itself, with one way round.
    pub(crate) fn circles(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        for start in self.files.keys() {
            if let Some(way) = self.way(start, start)
                && way.iter().all(|file| !seen.contains(file))
            {
                let names: Vec<String> = way.iter().map(|file| file.display().to_string()).collect();
                found.push(names.join(" -> "));
                seen.extend(way);
            }
        }
        found
    }

    /// The shortest way from one file to another along the imports.
    fn way(&self, from: &Path, to: &Path) -> Option<Vec<PathBuf>> {
        let mut ways = std::collections::VecDeque::from([vec![from.to_owned()]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            let next = way.last().and_then(|last| self.files.get(last));
            for file in next.into_iter().flatten() {
                let mut longer = way.clone();
                longer.push(file.clone());
                if file == to {
                    return Some(longer);
                }
                if seen.insert(file.clone()) {
                    ways.push_back(longer);
                }
            }
        }
        None
    }
}

/// The file in which what a path names is defined, through whatever hands it on.
fn defining_file(path: &Module, files: &BTreeMap<&Module, &File>, depth: usize) -> Option<PathBuf> {
    assert!(depth < 20, "{path:?} is handed on in a circle");
    let longest = (0..=path.len())
        .rev()
        .find(|n| files.contains_key(&path[..*n].to_vec()))?;
    let file = files[&path[..longest].to_vec()];
    match path.get(longest).and_then(|name| file.handed_on.get(name)) {
        Some(origin) if origin != path => {
            let rest = &path[longest + 1..];
            defining_file(&[origin, rest].concat(), files, depth + 1)
        }
        _ => Some(file.path.clone()),
    }
}

/// What one file names of others.
fn file(source: &source::Module) -> File {
    let mut reader = Reader {
        module: source.module.clone(),
        paths: BTreeSet::new(),
        outside: BTreeSet::new(),
        handed_on: BTreeMap::new(),
        children: source.file.items.iter().filter_map(module_name).collect(),
    };
    reader.visit_file(&source.file);
    File {
        path: source.path.clone(),
        module: source.module.clone(),
        paths: reader.paths,
        outside: reader.outside,
        handed_on: reader.handed_on,
    }
}

fn module_name(item: &Item) -> Option<String> {
    match item {
        Item::Mod(item) => Some(item.ident.to_string()),
        _ => None,
    }
}

struct Reader {
    module: Module,
    paths: BTreeSet<Module>,
    outside: BTreeSet<String>,
    handed_on: BTreeMap<String, Module>,
    /// The modules that are declared here.
    children: BTreeSet<String>,
}

impl Reader {
    /// A path from the root of the crate; `None` for one into another crate.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        let first = path.first()?;
        match first.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([self.module.as_slice(), &path[1..]].concat()),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let parent = &self.module[..self.module.len().checked_sub(ups)?];
                Some([parent, &path[ups..]].concat())
            }
            name if self.children.contains(name) => Some([self.module.as_slice(), path].concat()),
            _ => None,
        }
    }

    fn note(&mut self, path: &[String]) {
        if let Some(path) = self.absolute(path).filter(|_| path.len() > 1) {
            self.paths.insert(path);
        } else if path.len() > 1 {
            self.outside.insert(path.join("::"));
        }
    }

    /// Paths in the arguments of macros, which are not parsed.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        let flat: Vec<TokenTree> = tokens.into_iter().collect();
        for token in flat {
            match token {
                TokenTree::Group(group) => {
                    self.note(&std::mem::take(&mut path));
                    self.note_tokens(group.stream());
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.note(&std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                _ => {
                    self.note(&std::mem::take(&mut path));
                    colons = 0;
                }
            }
        }
        self.note(&path);
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_item(&mut self, item: &'a Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        let name = item.ident.to_string();
        let Some((_, items)) = &item.content else {
            return;
        };
        let outer = std::mem::replace(&mut self.children, items.iter().filter_map(module_name).collect());
        self.module.push(name);
        for item in items {
            self.visit_item(item);
        }
        self.module.pop();
        self.children = outer;
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let mut leaves = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut leaves);
        for (path, name) in leaves {
            let Some(path) = self.absolute(&path) else {
                continue;
            };
            if matches!(item.vis, Visibility::Public(_) | Visibility::Restricted(_)) {
                self.handed_on.insert(name, path);
            } else {
                self.handed_on.insert(name, path.clone());
                self.paths.insert(path);
            }
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if names.len() > 1 {
            self.note(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_signature(&mut self, signature: &'a syn::Signature) {
        if signature.asyncness.is_some() {
            self.outside.insert("async".to_owned());
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, expression: &'a syn::ExprAsync) {
        self.outside.insert("async".to_owned());
        visit::visit_expr_async(self, expression);
    }

    /// `pub(in crate::room)` imports nothing.
    fn visit_visibility(&mut self, _: &'a Visibility) {}

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        self.note_tokens(call.tokens.clone());
    }
}

/// The paths of a `use` and the names under which they are known.
fn flatten(tree: &UseTree, before: &mut Vec<String>, leaves: &mut Vec<(Vec<String>, String)>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, leaves);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            leaves.push((before.clone(), before.last().cloned().unwrap_or_default()));
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            leaves.push(([before.as_slice(), std::slice::from_ref(&name)].concat(), name));
        }
        UseTree::Rename(rename) => {
            let path = [before.as_slice(), &[rename.ident.to_string()]].concat();
            leaves.push((path, rename.rename.to_string()));
        }
        UseTree::Glob(_) => leaves.push((before.clone(), "*".to_owned())),
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, leaves);
            }
        }
    }
}
