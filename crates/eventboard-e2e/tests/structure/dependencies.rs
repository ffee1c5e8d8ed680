//! The dependencies between modules: every reference is resolved to the module that defines the item.

use std::path::PathBuf;

use crate::{
    modules::{Crate, ModulePath},
    references::{ImportedAs, Reference},
};

/// The maximum length of a chain of re-exports.
const MAX_REEXPORTS: usize = 16;

/// A dependency: one module refers to an item of another module.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) from: ModulePath,
    pub(crate) to: ModulePath,
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

/// A reference to an item of another crate (or to an associated item of a type in scope).
#[derive(Debug, Clone)]
pub(crate) struct ExternalReference<'k> {
    pub(crate) from: &'k ModulePath,
    pub(crate) reference: &'k Reference,
    pub(crate) file: &'k PathBuf,
}

/// The result of resolving a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Resolved {
    /// An item of this module, or the module itself.
    Module(ModulePath),
    External,
}

impl Crate {
    /// All dependencies between modules, except those between a module and its own descendants.
    pub(crate) fn dependencies(&self) -> Vec<Dependency> {
        let dependency = |(from, reference, resolved): (&ModulePath, &Reference, Resolved)| match resolved {
            Resolved::Module(to) if from.common_ancestor(&to).is_some() => {
                let file = self.modules[from].file.clone();
                Some(Dependency { from: from.clone(), to, file, line: reference.line })
            }
            Resolved::Module(_) | Resolved::External => None,
        };
        self.resolve_all().filter_map(dependency).collect()
    }

    /// All references to other crates.
    pub(crate) fn external_references(&self) -> Vec<ExternalReference<'_>> {
        let external = self.resolve_all().filter(|(_, _, resolved)| *resolved == Resolved::External);
        external
            .map(|(from, reference, _)| ExternalReference { from, reference, file: &self.modules[from].file })
            .collect()
    }

    fn resolve_all(&self) -> impl Iterator<Item = (&ModulePath, &Reference, Resolved)> {
        self.modules.iter().flat_map(move |(path, module)| {
            let imported = module.imports.iter().map(|import| &import.reference);
            let references = imported.chain(&module.references);
            references.map(move |reference| {
                (path, reference, self.resolve(path, &reference.segments, MAX_REEXPORTS))
            })
        })
    }

    /// Resolves a path that is used in the module `from`.
    fn resolve(&self, from: &ModulePath, segments: &[String], limit: usize) -> Resolved {
        let Some((first, rest)) = segments.split_first() else { return Resolved::Module(from.clone()) };
        match first.as_str() {
            "crate" => self.descend(ModulePath::root(), rest, limit),
            "self" => self.descend(from.clone(), rest, limit),
            "super" => self.ascend(from, rest, limit),
            name if self.modules.contains_key(&from.child(name)) => {
                self.descend(from.clone(), segments, limit)
            }
            name => self.resolve_import(from, name, rest, limit).unwrap_or(Resolved::External),
        }
    }

    fn ascend(&self, from: &ModulePath, rest: &[String], limit: usize) -> Resolved {
        let parent = from.parent().expect("super is not used in the root");
        match rest.split_first() {
            Some((next, rest)) if next == "super" => self.ascend(&parent, rest, limit),
            _ => self.descend(parent, rest, limit),
        }
    }

    /// Follows the segments down the module tree to an item or to a re-export.
    fn descend(&self, module: ModulePath, segments: &[String], limit: usize) -> Resolved {
        let Some((first, rest)) = segments.split_first() else { return Resolved::Module(module) };
        let child = module.child(first);
        if self.modules.contains_key(&child) {
            return self.descend(child, rest, limit);
        }
        match self.resolve_import(&module, first, rest, limit) {
            Some(Resolved::Module(found)) => Resolved::Module(found),
            Some(Resolved::External) | None => Resolved::Module(module),
        }
    }

    /// Resolves a name that the module imports.
    fn resolve_import(
        &self,
        module: &ModulePath,
        name: &str,
        rest: &[String],
        limit: usize,
    ) -> Option<Resolved> {
        let limit = limit.checked_sub(1)?;
        let imported_as = ImportedAs::Name(name.to_owned());
        let import = self.modules[module].imports.iter().find(|import| import.imported_as == imported_as)?;
        let path: Vec<_> = import.reference.segments.iter().chain(rest).cloned().collect();
        // Otherwise `use tonic;` would resolve to itself forever.
        let is_of_itself = import.reference.segments.first().is_some_and(|first| first == name);
        Some(if is_of_itself { Resolved::External } else { self.resolve(module, &path, limit) })
    }
}
