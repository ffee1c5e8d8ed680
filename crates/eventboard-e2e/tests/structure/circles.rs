//! Circles: modules that cannot be understood one after the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    arrows::Arrow,
    modules::{Crate, ModulePath},
};

/// Neighbours that all use each other, directly or by way of others, each with all that it holds.
#[derive(Debug)]
pub(crate) struct Circle {
    pub(crate) modules: BTreeSet<ModulePath>,
    pub(crate) arrows: Vec<Arrow>,
}

/// The children of one module, and the arrows between them and what they hold.
#[derive(Default)]
struct Neighbours {
    uses: BTreeMap<ModulePath, BTreeSet<ModulePath>>,
    arrows: Vec<(ModulePath, ModulePath, Arrow)>,
}

/// Every circle of a crate.
pub(crate) fn circles(krate: &Crate) -> Vec<Circle> {
    let mut families: BTreeMap<ModulePath, Neighbours> = BTreeMap::new();
    for arrow in krate.arrows() {
        let (parent, from, to) = arrow.from.apart_from(&arrow.to).expect("arrows lead elsewhere");
        let family = families.entry(parent).or_default();
        family.uses.entry(from.clone()).or_default().insert(to.clone());
        family.arrows.push((from, to, arrow));
    }
    families.values().flat_map(Neighbours::circles).collect()
}

impl Neighbours {
    fn circles(&self) -> Vec<Circle> {
        let mut found: BTreeSet<BTreeSet<ModulePath>> = BTreeSet::new();
        for module in self.uses.keys() {
            let reached = self.reached_from(module);
            let back = |other: &&ModulePath| self.reached_from(other).contains(module);
            let circle: BTreeSet<_> = reached.iter().filter(back).cloned().collect();
            if !circle.is_empty() {
                found.insert(circle);
            }
        }
        found.into_iter().map(|modules| self.circle(modules)).collect()
    }

    fn reached_from(&self, module: &ModulePath) -> BTreeSet<ModulePath> {
        let (mut reached, mut open) = (BTreeSet::new(), vec![module]);
        while let Some(next) = open.pop() {
            let unseen =
                self.uses.get(next).into_iter().flatten().filter(|used| reached.insert((*used).clone()));
            open.extend(unseen);
        }
        reached
    }

    fn circle(&self, modules: BTreeSet<ModulePath>) -> Circle {
        let within =
            self.arrows.iter().filter(|(from, to, _)| modules.contains(from) && modules.contains(to));
        let mut arrows: Vec<_> = within.map(|(.., arrow)| arrow.clone()).collect();
        // A line may name several things of the same module.
        arrows.dedup_by(|one, other| (&one.from, &one.to, one.line) == (&other.from, &other.to, other.line));
        Circle { modules, arrows }
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.modules.iter().map(ToString::to_string).collect();
        writeln!(f, "{} use each other:", names.join(", "))?;
        for Arrow { from, to, file, line } in &self.arrows {
            writeln!(f, "  {from} -> {to}  {}:{line}", file.display())?;
        }
        Ok(())
    }
}
