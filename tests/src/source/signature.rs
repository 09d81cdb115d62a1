//! Items as one line of text each: their signatures, without bodies and documentation.

use quote::ToTokens;
use syn::{Field, Fields, Generics, Item, Visibility};

/// Returns tokens as text, spaced as rustfmt spaces a short line.
#[must_use]
pub fn tokens(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string().replace('\n', " ");
    for (from, to) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" ::", "::"),
        (" < ", "<"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (",)", ")"),
        (" ;", ";"),
        ("( ", "("),
        (" )", ")"),
        (" (", "("),
        ("[ ", "["),
        (" ]", "]"),
        ("& ", "&"),
        (" : ", ": "),
        (" !", "!"),
        (" ?", "?"),
        ("# [", "#["),
    ] {
        text = text.replace(from, to);
    }
    // What the rules above have taken too much of.
    for (from, to) in [
        ("->(", "-> ("),
        ("impl(", "impl ("),
        ("+?", "+ ?"),
        ("? Sized", "?Sized"),
        ("=(", "= ("),
        (",(", ", ("),
        (":(", ": ("),
        ("dyn(", "dyn ("),
        ("->impl", "-> impl"),
        ("=<", "= <"),
        ("-><", "-> <"),
        (" for<", " for<"),
        ("impl<", "impl<"),
    ] {
        text = text.replace(from, to);
    }
    text
}

/// Returns the lines of an item: its signature, then what it has inside that is public. `None` for
/// what is no definition.
#[must_use]
pub fn signature(item: &Item, path: &str) -> Option<Vec<String>> {
    Some(match item {
        Item::Fn(item) => {
            let mut sig = item.sig.clone();
            sig.ident = syn::Ident::new("NAME", sig.ident.span());
            vec![format!("pub {}", tokens(&sig)).replacen("NAME", path, 1)]
        }
        Item::Struct(item) => {
            let mut lines = vec![head("struct", path, &item.generics)];
            lines.extend(fields(&item.fields, false));
            lines
        }
        Item::Enum(item) => {
            let mut lines = vec![head("enum", path, &item.generics)];
            for variant in &item.variants {
                let inner = fields(&variant.fields, true);
                let inner = match &variant.fields {
                    Fields::Unit => String::new(),
                    Fields::Named(_) => format!(" {{ {} }}", inner.join(", ")),
                    Fields::Unnamed(_) => format!("({})", inner.join(", ")),
                };
                lines.push(format!("{}{inner}", variant.ident));
            }
            lines
        }
        Item::Trait(item) => {
            let bounds = match item.supertraits.is_empty() {
                true => String::new(),
                false => format!(": {}", tokens(&item.supertraits)),
            };
            let mut lines = vec![head("trait", path, &item.generics) + &bounds];
            lines.extend(item.items.iter().filter_map(trait_item));
            lines
        }
        Item::Const(item) => vec![format!("pub const {path}: {}", tokens(&item.ty))],
        Item::Static(item) => vec![format!("pub static {path}: {}", tokens(&item.ty))],
        Item::Type(item) => vec![format!(
            "{} = {}",
            head("type", path, &item.generics),
            tokens(&item.ty)
        )],
        _ => return None,
    })
}

fn head(kind: &str, path: &str, generics: &Generics) -> String {
    let bounds = generics.where_clause.as_ref();
    let bounds = bounds.map_or_else(String::new, |bounds| format!(" {}", tokens(bounds)));
    format!("pub {kind} {path}{}{bounds}", tokens(generics))
}

fn fields(fields: &Fields, all: bool) -> Vec<String> {
    let is_shown = |field: &&Field| all || matches!(field.vis, Visibility::Public(_));
    let line = |field: &Field| {
        let public = if all { "" } else { "pub " };
        match &field.ident {
            Some(name) => format!("{public}{name}: {}", tokens(&field.ty)),
            None => format!("{public}{}", tokens(&field.ty)),
        }
    };
    fields.iter().filter(is_shown).map(line).collect()
}

fn trait_item(item: &syn::TraitItem) -> Option<String> {
    match item {
        syn::TraitItem::Fn(item) => {
            let provided = if item.default.is_some() { " { ... }" } else { "" };
            Some(format!("{}{provided}", tokens(&item.sig)))
        }
        syn::TraitItem::Type(item) => Some(format!("type {}", tokens(&item.ident))),
        syn::TraitItem::Const(item) => Some(format!("const {}: {}", item.ident, tokens(&item.ty))),
        _ => None,
    }
}
