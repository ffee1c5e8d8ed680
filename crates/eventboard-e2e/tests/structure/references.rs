//! Collects the references in a module's items: paths and `use` declarations.

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, ImplItemFn, Item, ItemMod, ItemUse, Macro, Meta, Path, UseTree, Visibility,
    spanned::Spanned,
    visit::{self, Visit},
};

/// A path in the source code.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

/// An import by a `use` declaration.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    pub(crate) imported_as: ImportedAs,
    pub(crate) reference: Reference,
}

/// The name under which a module imports an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ImportedAs {
    /// `b` in `use a::b` and `use a::x as b`.
    Name(String),
    /// `use a::*`.
    Glob,
}

/// Collects the references in these items, without nested modules and without items that are compiled only for tests.
pub(crate) fn collect(items: &[Item]) -> (Vec<Reference>, Vec<Import>) {
    let mut collector = Collector::default();
    items.iter().for_each(|item| collector.visit_item(item));
    (collector.references, collector.imports)
}

#[derive(Default)]
struct Collector {
    references: Vec<Reference>,
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

    /// The items of a nested module are collected for that module.
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}

    fn visit_item_use(&mut self, declaration: &'ast ItemUse) {
        self.add_tree(Vec::new(), &declaration.tree);
    }

    /// A visibility such as `pub(super)` is not a reference.
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
    /// Adds a path. A single identifier is skipped, because if it belongs to another module, its import has already
    /// been collected.
    fn add(&mut self, segments: Vec<String>, line: usize) {
        if segments.len() > 1 {
            self.references.push(Reference { segments, line });
        }
    }

    fn add_tree(&mut self, mut prefix: Vec<String>, tree: &UseTree) {
        let line = line(tree);
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.add_tree(prefix, &path.tree);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(prefix.clone(), tree)),
            UseTree::Glob(_) => self.add_import(ImportedAs::Glob, prefix, line),
            UseTree::Name(name) if name.ident == "self" => {
                let imported_as = prefix.last().cloned().unwrap_or_default();
                self.add_import(ImportedAs::Name(imported_as), prefix, line);
            }
            UseTree::Name(name) => {
                prefix.push(name.ident.to_string());
                self.add_import(ImportedAs::Name(name.ident.to_string()), prefix, line);
            }
            UseTree::Rename(rename) => {
                if rename.ident != "self" {
                    prefix.push(rename.ident.to_string());
                }
                self.add_import(ImportedAs::Name(rename.rename.to_string()), prefix, line);
            }
        }
    }

    fn add_import(&mut self, imported_as: ImportedAs, segments: Vec<String>, line: usize) {
        self.imports.push(Import { imported_as, reference: Reference { segments, line } });
    }

    /// Adds the paths in the tokens of a macro call, which `syn` does not parse.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let line = first.span().start().line;
                    let mut segments = vec![first.to_string()];
                    while tokens.next_if(is_colon).is_some() && tokens.next_if(is_colon).is_some() {
                        let Some(TokenTree::Ident(next)) = tokens.next_if(is_identifier) else { break };
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

fn is_identifier(token: &TokenTree) -> bool {
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

/// Whether an item is compiled only for tests.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::Path(_) | Meta::NameValue(_) => false,
    })
}
