//! Which module uses which: every name is followed to the module that has what it names.

use std::path::PathBuf;

use crate::{
    modules::{Crate, ModulePath},
    names::{KnownAs, Name},
};

/// Re-exports of re-exports end somewhere.
const LONGEST_CHAIN: usize = 16;

/// One module names something of another one.
#[derive(Debug, Clone)]
pub(crate) struct Arrow {
    pub(crate) from: ModulePath,
    pub(crate) to: ModulePath,
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

/// A module names something of another crate (or of a type that it knows by one word).
#[derive(Debug, Clone)]
pub(crate) struct Outside<'k> {
    pub(crate) from: &'k ModulePath,
    pub(crate) name: &'k Name,
    pub(crate) file: &'k PathBuf,
}

/// Where a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// An item of this module, or the module itself.
    Module(ModulePath),
    Outside,
}

impl Crate {
    /// Every use of another module's items. A module and what it holds are one thing to everybody else, so what passes
    /// between them is none.
    pub(crate) fn arrows(&self) -> Vec<Arrow> {
        let arrow = |(from, name, end): (&ModulePath, &Name, End)| match end {
            End::Module(to) if from.apart_from(&to).is_some() => {
                let file = self.modules[from].file.clone();
                Some(Arrow { from: from.clone(), to, file, line: name.line })
            }
            End::Module(_) | End::Outside => None,
        };
        self.followed().filter_map(arrow).collect()
    }

    /// Every use of another crate.
    pub(crate) fn outside(&self) -> Vec<Outside<'_>> {
        let outside = self.followed().filter(|(_, _, end)| *end == End::Outside);
        outside.map(|(from, name, _)| Outside { from, name, file: &self.modules[from].file }).collect()
    }

    fn followed(&self) -> impl Iterator<Item = (&ModulePath, &Name, End)> {
        self.modules.iter().flat_map(move |(path, module)| {
            let imported = module.imports.iter().map(|import| &import.name);
            let names = imported.chain(&module.names);
            names.map(move |name| (path, name, self.follow(path, &name.segments, LONGEST_CHAIN)))
        })
    }

    /// Where a path leads to that stands in this module.
    fn follow(&self, from: &ModulePath, segments: &[String], chain: usize) -> End {
        let Some((first, rest)) = segments.split_first() else { return End::Module(from.clone()) };
        match first.as_str() {
            "crate" => self.walk(ModulePath::root(), rest, chain),
            "self" => self.walk(from.clone(), rest, chain),
            "super" => self.walk_up(from, rest, chain),
            name if self.modules.contains_key(&from.child(name)) => self.walk(from.clone(), segments, chain),
            name => self.imported(from, name, rest, chain).unwrap_or(End::Outside),
        }
    }

    fn walk_up(&self, from: &ModulePath, rest: &[String], chain: usize) -> End {
        let parent = from.parent().expect("super is not used in the root");
        match rest.split_first() {
            Some((next, rest)) if next == "super" => self.walk_up(&parent, rest, chain),
            _ => self.walk(parent, rest, chain),
        }
    }

    /// Goes down the modules that the segments name; the end is an item, or what a module re-exports.
    fn walk(&self, module: ModulePath, segments: &[String], chain: usize) -> End {
        let Some((first, rest)) = segments.split_first() else { return End::Module(module) };
        let child = module.child(first);
        if self.modules.contains_key(&child) {
            return self.walk(child, rest, chain);
        }
        match self.imported(&module, first, rest, chain) {
            Some(End::Module(found)) => End::Module(found),
            Some(End::Outside) | None => End::Module(module),
        }
    }

    /// What a module knows by an import of this name.
    fn imported(&self, module: &ModulePath, name: &str, rest: &[String], chain: usize) -> Option<End> {
        let chain = chain.checked_sub(1)?;
        let known_as = KnownAs::Itself(name.to_owned());
        let import = self.modules[module].imports.iter().find(|import| import.known_as == known_as)?;
        let whole: Vec<_> = import.name.segments.iter().chain(rest).cloned().collect();
        // `use tonic;` is known as what it names.
        let is_of_itself = import.name.segments.first().is_some_and(|first| first == name);
        Some(if is_of_itself { End::Outside } else { self.follow(module, &whole, chain) })
    }
}
