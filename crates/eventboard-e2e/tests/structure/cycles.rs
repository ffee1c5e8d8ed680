//! Dependency cycles between modules.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    dependencies::Dependency,
    modules::{Crate, ModulePath},
};

/// Sibling modules that depend on each other, directly or indirectly. A dependency of a descendant counts as a
/// dependency of the sibling that contains it.
#[derive(Debug)]
pub(crate) struct Cycle {
    pub(crate) modules: BTreeSet<ModulePath>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// The children of one module and the dependencies between them and their descendants.
#[derive(Default)]
struct Siblings {
    uses: BTreeMap<ModulePath, BTreeSet<ModulePath>>,
    dependencies: Vec<(ModulePath, ModulePath, Dependency)>,
}

/// All cycles in a crate.
pub(crate) fn cycles(krate: &Crate) -> Vec<Cycle> {
    let mut by_parent: BTreeMap<ModulePath, Siblings> = BTreeMap::new();
    for dependency in krate.dependencies() {
        let (parent, from, to) =
            dependency.from.common_ancestor(&dependency.to).expect("the modules are not nested");
        let siblings = by_parent.entry(parent).or_default();
        siblings.uses.entry(from.clone()).or_default().insert(to.clone());
        siblings.dependencies.push((from, to, dependency));
    }
    by_parent.values().flat_map(Siblings::cycles).collect()
}

impl Siblings {
    fn cycles(&self) -> Vec<Cycle> {
        let mut found: BTreeSet<BTreeSet<ModulePath>> = BTreeSet::new();
        for module in self.uses.keys() {
            let reachable = self.reachable_from(module);
            let reaches_module = |other: &&ModulePath| self.reachable_from(other).contains(module);
            let cycle: BTreeSet<_> = reachable.iter().filter(reaches_module).cloned().collect();
            if !cycle.is_empty() {
                found.insert(cycle);
            }
        }
        found.into_iter().map(|modules| self.cycle(modules)).collect()
    }

    fn reachable_from(&self, module: &ModulePath) -> BTreeSet<ModulePath> {
        let (mut reachable, mut pending) = (BTreeSet::new(), vec![module]);
        while let Some(next) = pending.pop() {
            let unseen =
                self.uses.get(next).into_iter().flatten().filter(|used| reachable.insert((*used).clone()));
            pending.extend(unseen);
        }
        reachable
    }

    fn cycle(&self, modules: BTreeSet<ModulePath>) -> Cycle {
        let within =
            self.dependencies.iter().filter(|(from, to, _)| modules.contains(from) && modules.contains(to));
        let mut dependencies: Vec<_> = within.map(|(.., dependency)| dependency.clone()).collect();
        // A line may refer to several items of the same module.
        dependencies
            .dedup_by(|one, other| (&one.from, &one.to, one.line) == (&other.from, &other.to, other.line));
        Cycle { modules, dependencies }
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.modules.iter().map(ToString::to_string).collect();
        writeln!(f, "{} use each other:", names.join(", "))?;
        for Dependency { from, to, file, line } in &self.dependencies {
            writeln!(f, "  {from} -> {to}  {}:{line}", file.display())?;
        }
        Ok(())
    }
}
