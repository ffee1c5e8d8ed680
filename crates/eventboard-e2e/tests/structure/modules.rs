//! Parses a crate into a tree of modules. Items that are compiled only for tests are ignored.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use syn::{Item, ItemMod};

use crate::references::{self, Import, Reference, is_for_tests};

/// The path of a module from the root of its crate.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ModulePath(Vec<String>);

/// The references and the imports of a module.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) file: PathBuf,
    pub(crate) references: Vec<Reference>,
    pub(crate) imports: Vec<Import>,
}

/// The modules of a crate.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    pub(crate) modules: BTreeMap<ModulePath, Module>,
}

/// Reads the text of a file, from the disk or from a test.
pub(crate) type Read<'r> = &'r dyn Fn(&Path) -> Option<String>;

impl ModulePath {
    pub(crate) fn root() -> Self {
        Self::default()
    }

    pub(crate) fn child(&self, name: &str) -> Self {
        Self(self.0.iter().map(String::as_str).chain([name]).map(str::to_owned).collect())
    }

    pub(crate) fn parent(&self) -> Option<Self> {
        let (_, names) = self.0.split_last()?;
        Some(Self(names.to_vec()))
    }

    /// Whether this is the top-level module with the given name, or one of its descendants.
    pub(crate) fn is_within(&self, name: &str) -> bool {
        self.0.first().is_some_and(|first| first == name)
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The closest common ancestor of both modules, and the child of this ancestor on the path to each module. `None`
    /// if one module contains the other.
    pub(crate) fn common_ancestor(&self, other: &Self) -> Option<(Self, Self, Self)> {
        let common = self.0.iter().zip(&other.0).take_while(|(one, other)| one == other).count();
        let (one, another) = (self.0.get(common)?, other.0.get(common)?);
        let parent = Self(self.0[..common].to_vec());
        Some((parent.clone(), parent.child(one), parent.child(another)))
    }
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crate")?;
        self.0.iter().try_for_each(|name| write!(f, "::{name}"))
    }
}

impl Crate {
    /// Reads the root file and the files of all its modules.
    pub(crate) fn read(root: &Path, read: Read<'_>) -> Self {
        let mut modules = Self::default();
        let folder = root.parent().expect("a file is in a folder");
        modules.add_file(ModulePath::root(), root, folder, read);
        modules
    }

    fn add_file(&mut self, path: ModulePath, file: &Path, folder: &Path, read: Read<'_>) {
        let text = read(file).unwrap_or_else(|| panic!("{} is missing", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.add(path, file, &parsed.items, folder, read);
    }

    /// Adds a module with these items. The files of its children are in `folder`.
    fn add(&mut self, path: ModulePath, file: &Path, items: &[Item], folder: &Path, read: Read<'_>) {
        for item in items {
            if let Item::Mod(module) = item
                && !is_for_tests(&module.attrs)
            {
                self.add_child(&path, file, module, folder, read);
            }
        }
        let (references, imports) = references::collect(items);
        self.modules.insert(path, Module { file: file.to_owned(), references, imports });
    }

    fn add_child(&mut self, path: &ModulePath, file: &Path, module: &ItemMod, folder: &Path, read: Read<'_>) {
        let name = module.ident.to_string();
        let (child, folder) = (path.child(&name), folder.join(&name));
        if let Some((_, items)) = &module.content {
            return self.add(child, file, items, &folder, read);
        }
        let candidates = [folder.with_extension("rs"), folder.join("mod.rs")];
        let found = candidates.iter().find(|candidate| read(candidate).is_some());
        let file = found.unwrap_or_else(|| panic!("{child} has no file beside {}", file.display()));
        self.add_file(child, file, &folder, read);
    }
}
