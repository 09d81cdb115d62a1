//! Finds what of a crate can be reached from outside, and writes it down.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use hap_tests::source::{Crate, Definition, ModulePath, is_test, signature, tokens};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{Attribute, ImplItem, Item, ItemImpl, Visibility};

/// What a crate offers: a line for each item, and what belongs to it below.
pub(crate) struct Api {
    tree: Crate,
    name: String,
    items: BTreeMap<String, BTreeSet<String>>,
    /// Under which lines a definition stands; one may be reached by several paths.
    lines: BTreeMap<Definition, BTreeSet<String>>,
    seen: BTreeSet<(ModulePath, String)>,
}

impl Api {
    pub(crate) fn of_crate(src: &Path, name: &str) -> Self {
        let mut api = Self {
            tree: Crate::read(src),
            name: name.to_owned(),
            items: BTreeMap::new(),
            lines: BTreeMap::new(),
            seen: BTreeSet::new(),
        };
        api.module(&ModulePath::new(), &api.name.clone());
        api.implementations();
        api
    }

    /// The lines of all items.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.items.keys().map(String::as_str)
    }

    /// What stands below an item, by the end of its line's path.
    pub(crate) fn below(&self, item: &str) -> impl Iterator<Item = &str> {
        let found = self.items.get(item).into_iter().flatten();
        found.map(String::as_str)
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("# What {} offers, by tests/tests/public_api.\n\n", self.name);
        for (item, below) in &self.items {
            text.push_str(item);
            text.push('\n');
            for line in below {
                text.push_str(&format!("    {line}\n"));
            }
        }
        text
    }

    /// Lists what is public in a module that is known under a path.
    fn module(&mut self, module: &ModulePath, path: &str) {
        if !self.seen.insert((module.clone(), path.to_owned())) {
            return;
        }
        let items: Vec<Item> = self
            .tree
            .items(module)
            .filter(|item| is_offered(item))
            .cloned()
            .collect();
        for item in items {
            if let Item::Macro(call) = &item {
                let name = call.mac.path.segments.last().map(|part| part.ident.to_string());
                if self.defines(&name.clone().unwrap_or_default()) {
                    let line = format!(
                        "pub {}! {{ {} }} of {path}",
                        name.unwrap_or_default(),
                        tokens(&call.mac.tokens)
                    );
                    self.items.entry(line).or_default();
                }
                continue;
            }
            let Some(name) = name_of(&item) else { continue };
            let definition = Definition {
                module: module.clone(),
                name: name.clone(),
            };
            self.definition(&definition, &format!("{path}::{name}"));
        }
        let handed: Vec<_> = self
            .tree
            .handed_on(module)
            .map(|(from, name)| (from.to_vec(), name.to_owned()))
            .collect();
        for (from, name) in handed {
            let path = format!("{path}::{name}");
            match self.tree.resolve(module, &from) {
                Some(definition) => self.definition(&definition, &path),
                None => {
                    self.items
                        .entry(format!("pub use {path} = {}", from.join("::")))
                        .or_default();
                }
            }
        }
    }

    fn definition(&mut self, definition: &Definition, path: &str) {
        let Some(item) = self.tree.item(definition).cloned() else {
            // A macro defines it.
            let mut calls = self.tree.items(&definition.module).filter_map(call_of);
            let call = calls.next().unwrap_or_default();
            self.items.entry(format!("pub {path} by {call}")).or_default();
            return;
        };
        if is_hidden(attributes(&item)) {
            return;
        }
        if matches!(item, Item::Mod(_)) {
            let child = [
                definition.module.as_slice(),
                std::slice::from_ref(&definition.name),
            ]
            .concat();
            self.items.entry(format!("pub mod {path}")).or_default();
            self.module(&child, path);
            return;
        }
        let Some(lines) = signature(&item, path) else {
            return;
        };
        let (head, below) = lines.split_first().unwrap();
        let entry = self.items.entry(head.clone()).or_default();
        entry.extend(below.iter().cloned());
        entry.extend(attributes(&item).iter().flat_map(shown));
        self.lines
            .entry(definition.clone())
            .or_default()
            .insert(head.clone());
    }

    /// Adds what `impl` blocks and macros give to the items that are listed.
    fn implementations(&mut self) {
        let macros = self.macros();
        let mut found: Vec<(Definition, Vec<String>)> = Vec::new();
        for (module, items) in self.tree.modules() {
            for item in items {
                match item {
                    Item::Impl(block) if !is_test(&block.attrs) => {
                        let target = target(block).and_then(|path| self.tree.resolve(module, &path));
                        found.extend(target.map(|target| (target, of_block(block))));
                    }
                    Item::Macro(call) if call.ident.is_none() => {
                        let name = call.mac.path.segments.last().unwrap().ident.to_string();
                        let Some(lines) = macros.get(&name) else { continue };
                        // The type comes first, by custom.
                        let first = call.mac.tokens.clone().into_iter().find_map(|token| match token {
                            TokenTree::Ident(name) => Some(name.to_string()),
                            _ => None,
                        });
                        let target = first.and_then(|name| self.tree.resolve(module, &[name]));
                        let lines = lines.iter().map(|line| format!("by {name}!: {line}")).collect();
                        found.extend(target.map(|target| (target, lines)));
                    }
                    _ => {}
                }
            }
        }
        for (definition, lines) in found {
            for item in self.lines.get(&definition).into_iter().flatten() {
                self.items
                    .entry(item.clone())
                    .or_default()
                    .extend(lines.iter().cloned());
            }
        }
    }

    /// The public functions and the traits that each macro of the crate gives to a type.
    fn macros(&self) -> BTreeMap<String, BTreeSet<String>> {
        let all = self.tree.modules().flat_map(|(_, items)| items);
        let rules = all.filter_map(|item| match item {
            Item::Macro(rules) => Some((rules.ident.as_ref()?.to_string(), rules.mac.tokens.clone())),
            _ => None,
        });
        let rules: BTreeMap<_, _> = rules.collect();
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for name in rules.keys() {
            let mut lines = BTreeSet::new();
            let mut waiting = vec![name.clone()];
            let mut seen = BTreeSet::new();
            while let Some(name) = waiting.pop() {
                if let Some(body) = rules.get(&name).filter(|_| seen.insert(name.clone())) {
                    of_macro(body.clone(), &mut lines, &mut waiting);
                }
            }
            found.insert(name.clone(), lines);
        }
        found
    }

    /// Whether a macro of the crate defines items that are public.
    fn defines(&self, name: &str) -> bool {
        let mut all = self.tree.modules().flat_map(|(_, items)| items);
        all.any(|item| {
            let Item::Macro(rules) = item else { return false };
            let is_it = rules.ident.as_ref().is_some_and(|ident| ident == name);
            let text = rules.mac.tokens.to_string();
            is_it
                && ["pub enum", "pub struct", "pub type", "pub trait"]
                    .iter()
                    .any(|word| text.contains(word))
        })
    }
}

fn is_offered(item: &Item) -> bool {
    let is_public = match item {
        Item::Macro(call) if call.ident.is_none() => true,
        Item::Macro(rules) => rules
            .attrs
            .iter()
            .any(|attribute| attribute.path().is_ident("macro_export")),
        _ => matches!(visibility(item), Some(Visibility::Public(_))),
    };
    is_public && !is_test(attributes(item)) && !is_hidden(attributes(item))
}

fn visibility(item: &Item) -> Option<&Visibility> {
    Some(match item {
        Item::Fn(item) => &item.vis,
        Item::Struct(item) => &item.vis,
        Item::Enum(item) => &item.vis,
        Item::Trait(item) => &item.vis,
        Item::Const(item) => &item.vis,
        Item::Static(item) => &item.vis,
        Item::Type(item) => &item.vis,
        Item::Mod(item) => &item.vis,
        _ => return None,
    })
}

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
        _ => return None,
    };
    Some(ident.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        _ => &[],
    }
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    let mut docs = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"));
    docs.any(|attribute| {
        let list = attribute.meta.require_list();
        list.is_ok_and(|list| list.tokens.to_string() == "hidden")
    })
}

/// The attributes that callers notice: each derived trait by itself, so that their order is nothing.
fn shown(attribute: &Attribute) -> Vec<String> {
    let path = attribute.path();
    if path.is_ident("derive") {
        let list = attribute.meta.require_list().unwrap().tokens.to_string();
        let traits = list.split(',').map(|name| name.replace(' ', ""));
        let traits = traits.filter(|name| !name.is_empty());
        return traits.map(|name| format!("#[derive({name})]")).collect();
    }
    let noticed = ["cfg", "deprecated", "must_use", "non_exhaustive"];
    if noticed.iter().any(|name| path.is_ident(name)) {
        // The words of `must_use` are no part of it.
        return vec![match path.is_ident("must_use") {
            true => "#[must_use]".to_owned(),
            false => tokens(attribute),
        }];
    }
    Vec::new()
}

fn call_of(item: &Item) -> Option<String> {
    let Item::Macro(call) = item else { return None };
    let name = call.mac.path.segments.last()?.ident.to_string();
    call.ident
        .is_none()
        .then(|| format!("{name}! {{ {} }}", without_docs(call.mac.tokens.clone())))
}

/// Tokens without documentation, which is an attribute by then.
fn without_docs(stream: TokenStream) -> String {
    let mut kept: Vec<TokenTree> = Vec::new();
    for token in stream {
        let is_doc =
            matches!(&token, TokenTree::Group(group) if group.stream().to_string().starts_with("doc ="));
        if is_doc {
            kept.pop();
        } else {
            kept.push(token);
        }
    }
    tokens(&kept.into_iter().collect::<TokenStream>())
}

/// The type that a block is about, as a path; `None` for a reference, a tuple or the like.
fn target(block: &ItemImpl) -> Option<Vec<String>> {
    let syn::Type::Path(path) = &*block.self_ty else {
        return None;
    };
    Some(
        path.path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect(),
    )
}

fn of_block(block: &ItemImpl) -> Vec<String> {
    let conditions: Vec<String> = block.attrs.iter().flat_map(shown).collect();
    let conditions = match conditions.is_empty() {
        true => String::new(),
        false => format!("{} ", conditions.join(" ")),
    };
    if let Some((not, of, _)) = &block.trait_ {
        let not = if not.is_some() { "!" } else { "" };
        return vec![format!("{conditions}impl {not}{}", tokens(of))];
    }
    let members = block.items.iter().filter_map(|member| match member {
        ImplItem::Fn(function) if is_public(&function.vis) && !is_hidden(&function.attrs) => {
            Some((function.attrs.clone(), format!("pub {}", tokens(&function.sig))))
        }
        ImplItem::Const(item) if is_public(&item.vis) && !is_hidden(&item.attrs) => Some((
            item.attrs.clone(),
            format!("pub const {}: {}", item.ident, tokens(&item.ty)),
        )),
        _ => None,
    });
    let members = members.filter(|(attributes, _)| !is_test(attributes));
    members
        .map(|(attributes, line)| {
            let own = attributes
                .iter()
                .flat_map(shown)
                .filter(|shown| shown.starts_with("#[cfg") || shown.starts_with("#[dep"));
            let own: String = own.map(|shown| format!("{shown} ")).collect();
            format!("{conditions}{own}{line}")
        })
        .collect()
}

const fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Finds `pub fn` and `impl ... for $name` in the rules of a macro, and the macros that it calls.
fn of_macro(stream: TokenStream, lines: &mut BTreeSet<String>, calls: &mut Vec<String>) {
    let all: Vec<TokenTree> = stream.into_iter().collect();
    let word = |at: usize| match all.get(at) {
        Some(TokenTree::Ident(name)) => name.to_string(),
        Some(TokenTree::Punct(mark)) => mark.as_char().to_string(),
        _ => String::new(),
    };
    let up_to_body = |from: usize| -> TokenStream {
        let rest = all.iter().skip(from);
        let is_body = |token: &&TokenTree| !matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        rest.take_while(is_body).cloned().collect()
    };
    for (at, token) in all.iter().enumerate() {
        match token {
            TokenTree::Group(group) => of_macro(group.stream(), lines, calls),
            TokenTree::Ident(name) if name == "pub" => {
                let is_function = (1..4)
                    .map(|step| word(at + step))
                    .take_while(|word| !word.is_empty());
                let is_restricted = matches!(all.get(at + 1), Some(TokenTree::Group(_)));
                if !is_restricted && is_function.into_iter().any(|word| word == "fn") {
                    lines.insert(tokens(&up_to_body(at)));
                }
            }
            TokenTree::Ident(name) if name == "impl" => {
                let text = tokens(&up_to_body(at));
                if let Some((of, _)) = text.rsplit_once(" for ") {
                    lines.insert(of.to_owned());
                }
            }
            TokenTree::Ident(name) if word(at + 1) == "!" => calls.push(name.to_string()),
            _ => {}
        }
    }
}
