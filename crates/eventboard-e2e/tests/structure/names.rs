//! What the items of a module name: the paths in them, and their `use` declarations.

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, ImplItemFn, Item, ItemMod, ItemUse, Macro, Meta, Path, UseTree, Visibility,
    spanned::Spanned,
    visit::{self, Visit},
};

/// A path as it stands in the source.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

/// What a `use` declaration makes known in its module.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    pub(crate) known_as: KnownAs,
    pub(crate) name: Name,
}

/// As what an import is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KnownAs {
    /// `use a::b` and `use a::x as b`.
    Itself(String),
    /// `use a::*`: everything in there by its own name.
    Everything,
}

/// What these items name, without their modules, and without what is compiled for tests only.
pub(crate) fn collect(items: &[Item]) -> (Vec<Name>, Vec<Import>) {
    let mut collector = Collector::default();
    items.iter().for_each(|item| collector.visit_item(item));
    (collector.names, collector.imports)
}

#[derive(Default)]
struct Collector {
    names: Vec<Name>,
    imports: Vec<Import>,
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    /// A module's items are its own.
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}

    fn visit_item_use(&mut self, declaration: &'ast ItemUse) {
        self.add_tree(Vec::new(), &declaration.tree);
    }

    /// `pub(super)` uses nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast Path) {
        self.add(path.segments.iter().map(|segment| segment.ident.to_string()).collect(), line(path));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        visit::visit_macro(self, invocation);
        self.add_tokens(invocation.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        visit::visit_attribute(self, attribute);
        if let Meta::List(list) = &attribute.meta {
            self.add_tokens(list.tokens.clone());
        }
    }
}

impl Collector {
    /// A single word names nothing of another module that an import does not.
    fn add(&mut self, segments: Vec<String>, line: usize) {
        if segments.len() > 1 {
            self.names.push(Name { segments, line });
        }
    }

    fn add_tree(&mut self, mut before: Vec<String>, tree: &UseTree) {
        let line = line(tree);
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.add_tree(before, &path.tree);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(before.clone(), tree)),
            UseTree::Glob(_) => self.import(KnownAs::Everything, before, line),
            UseTree::Name(name) if name.ident == "self" => {
                let known_as = before.last().cloned().unwrap_or_default();
                self.import(KnownAs::Itself(known_as), before, line);
            }
            UseTree::Name(name) => {
                before.push(name.ident.to_string());
                self.import(KnownAs::Itself(name.ident.to_string()), before, line);
            }
            UseTree::Rename(rename) => {
                if rename.ident != "self" {
                    before.push(rename.ident.to_string());
                }
                self.import(KnownAs::Itself(rename.rename.to_string()), before, line);
            }
        }
    }

    fn import(&mut self, known_as: KnownAs, segments: Vec<String>, line: usize) {
        self.imports.push(Import { known_as, name: Name { segments, line } });
    }

    /// Macros are not parsed, but their paths look like all others.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let line = first.span().start().line;
                    let mut segments = vec![first.to_string()];
                    while tokens.next_if(is_colon).is_some() && tokens.next_if(is_colon).is_some() {
                        let Some(TokenTree::Ident(next)) = tokens.next_if(is_word) else { break };
                        segments.push(next.to_string());
                    }
                    self.add(segments, line);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

fn is_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':')
}

fn is_word(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Ident(_))
}

fn line(part: &impl Spanned) -> usize {
    part.span().start().line
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether an item is compiled for tests only.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::Path(_) | Meta::NameValue(_) => false,
    })
}
