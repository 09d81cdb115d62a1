//! A crate as a tree of modules in which names lead to what they stand for.

use std::{collections::BTreeMap, path::Path};

use syn::{Item, UseTree, Visibility};

use super::{
    ModulePath,
    module::{is_test, modules},
};

/// Steps from one `use` to the next, beyond which they go in a circle.
const MOST_STEPS: usize = 20;

/// What a name stands for: the module that defines it, and its name there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Definition {
    /// The module that it is defined in.
    pub module: ModulePath,
    /// Its name there.
    pub name: String,
}

/// The items of one module, and what its `use` declarations bring into it.
#[derive(Debug, Default)]
struct Scope {
    items: Vec<Item>,
    uses: Vec<Use>,
}

#[derive(Debug)]
struct Use {
    path: Vec<String>,
    /// The name under which it is known; `*` for everything.
    name: String,
    is_public: bool,
}

/// All modules of a crate.
#[derive(Debug, Default)]
pub struct Crate {
    scopes: BTreeMap<ModulePath, Scope>,
}

impl Crate {
    /// Reads a crate from its folder `src`. What is there for tests alone is left out.
    #[must_use]
    pub fn read(src: &Path) -> Self {
        let mut tree = Self::default();
        for module in modules(src) {
            tree.enter(&module.module, module.file.items);
        }
        tree
    }

    fn enter(&mut self, module: &ModulePath, items: Vec<Item>) {
        let mut scope = Scope::default();
        let mut inner = Vec::new();
        for item in items {
            match item {
                Item::Mod(item) if is_test(&item.attrs) => {}
                Item::Use(item) if is_test(&item.attrs) => {}
                Item::Mod(mut item) => {
                    if let Some((_, items)) = item.content.take() {
                        let child = [module.as_slice(), &[item.ident.to_string()]].concat();
                        inner.push((child, items));
                    }
                    scope.items.push(Item::Mod(item));
                }
                Item::Use(item) => {
                    let is_public = matches!(item.vis, Visibility::Public(_));
                    flatten(&item.tree, &mut Vec::new(), is_public, &mut scope.uses);
                }
                item => scope.items.push(item),
            }
        }
        self.scopes.insert(module.clone(), scope);
        for (child, items) in inner {
            self.enter(&child, items);
        }
    }

    /// Returns the items of a module: those that it defines itself.
    pub fn items(&self, module: &ModulePath) -> impl Iterator<Item = &Item> {
        self.scopes.get(module).into_iter().flat_map(|scope| &scope.items)
    }

    /// Returns all modules with their items.
    pub fn modules(&self) -> impl Iterator<Item = (&ModulePath, &[Item])> {
        let scopes = self.scopes.iter();
        scopes.map(|(module, scope)| (module, scope.items.as_slice()))
    }

    /// Returns what a module hands on by `pub use`: the path as it is written, and the name that it gets.
    pub fn handed_on<'a>(&'a self, module: &ModulePath) -> impl Iterator<Item = (&'a [String], &'a str)> {
        let uses = self.scopes.get(module).into_iter().flat_map(|scope| &scope.uses);
        uses.filter(|one| one.is_public)
            .map(|one| (one.path.as_slice(), one.name.as_str()))
    }

    /// Returns whether there is such a module.
    #[must_use]
    pub fn has_module(&self, module: &ModulePath) -> bool {
        self.scopes.contains_key(module)
    }

    /// Returns an item of a module by its name.
    #[must_use]
    pub fn item(&self, definition: &Definition) -> Option<&Item> {
        let is_it = |item: &&Item| name_of(item).is_some_and(|name| name == definition.name);
        let is_module = |item: &&Item| matches!(item, Item::Mod(_));
        let found = self.items(&definition.module).filter(is_it);
        // A function may have the name of a module beside it.
        found.min_by_key(|item| is_module(item))
    }

    /// Returns what a path means in a module; `None` for what is of another crate.
    #[must_use]
    pub fn resolve(&self, module: &ModulePath, path: &[String]) -> Option<Definition> {
        self.step(module, path, 0)
    }

    fn step(&self, module: &ModulePath, path: &[String], steps: usize) -> Option<Definition> {
        if steps > MOST_STEPS {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => return self.step(&ModulePath::new(), rest, steps + 1),
            "self" => return self.step(module, rest, steps + 1),
            "super" => {
                let parent = module.get(..module.len().checked_sub(1)?)?.to_vec();
                return self.step(&parent, rest, steps + 1);
            }
            _ => {}
        }
        let child = [module.as_slice(), std::slice::from_ref(first)].concat();
        if !rest.is_empty() && self.has_module(&child) {
            return self.step(&child, rest, steps + 1);
        }
        let definition = Definition {
            module: module.clone(),
            name: first.clone(),
        };
        let found = self.item(&definition).filter(|_| rest.is_empty());
        let is_module = matches!(found, Some(Item::Mod(_)));
        if found.is_some() && !is_module {
            return Some(definition);
        }
        let uses = &self.scopes.get(module)?.uses;
        for one in uses.iter().filter(|one| one.name == *first) {
            let whole = [one.path.as_slice(), rest].concat();
            // Its own name leads nowhere.
            if whole != path
                && let Some(found) = self.step(module, &whole, steps + 1)
            {
                return Some(found);
            }
        }
        // A function may have the name of the module that it is from, and goes before it.
        if is_module {
            return Some(definition);
        }
        if rest.is_empty() && self.has_macros(module) {
            // One of them defines it.
            return Some(definition);
        }
        None
    }

    fn has_macros(&self, module: &ModulePath) -> bool {
        let is_call = |item: &Item| matches!(item, Item::Macro(call) if call.ident.is_none());
        self.items(module).any(is_call)
    }
}

/// Returns the name that an item defines.
fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Fn(item) => &item.sig.ident,
        Item::Struct(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Const(item) => &item.ident,
        Item::Static(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Mod(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(ident.to_string())
}

/// The paths of a `use` and the names under which they are known.
fn flatten(tree: &UseTree, before: &mut Vec<String>, is_public: bool, uses: &mut Vec<Use>) {
    let mut add = |path: Vec<String>, name: String| {
        uses.push(Use {
            path,
            name,
            is_public,
        })
    };
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, is_public, uses);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            add(before.clone(), before.last().cloned().unwrap_or_default());
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            add([before.as_slice(), std::slice::from_ref(&name)].concat(), name);
        }
        UseTree::Rename(rename) => {
            let path = [before.as_slice(), &[rename.ident.to_string()]].concat();
            add(path, rename.rename.to_string());
        }
        UseTree::Glob(_) => add(before.clone(), "*".to_owned()),
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, is_public, uses);
            }
        }
    }
}
