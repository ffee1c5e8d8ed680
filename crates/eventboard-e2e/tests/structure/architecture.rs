//! What must hold for the workspace.

use std::{collections::BTreeSet, fs, path::Path, sync::LazyLock};

use crate::{
    arrows::Outside,
    circles::circles,
    modules::{Crate, ModulePath},
    names::Name,
    workspace::{self, Target},
};

/// Every crate, read once for all tests.
static CRATES: LazyLock<Vec<(Target, Crate)>> = LazyLock::new(|| {
    let read = |file: &Path| fs::read_to_string(file).ok();
    let parsed = |target: Target| (Crate::read(&target.root, &read), target);
    workspace::targets().into_iter().map(parsed).map(|(krate, target)| (target, krate)).collect()
});

/// The crates' own sources, without their tests and benches.
fn sources() -> Vec<&'static (Target, Crate)> {
    let is_source = |target: &Target| target.root.parent().is_some_and(|folder| folder.ends_with("src"));
    CRATES.iter().filter(|(target, _)| is_source(target)).collect()
}

#[test]
fn no_modules_but_a_parent_and_its_children_use_each_other() {
    let mut found = String::new();
    for (target, krate) in &*CRATES {
        for circle in circles(krate) {
            found += &format!("{}: {circle}", target.package);
        }
    }
    assert!(found.is_empty(), "\n{found}");
}

#[test]
fn the_whole_workspace_is_looked_at() {
    let sources = sources();
    let packages: BTreeSet<_> = sources.iter().map(|(target, _)| target.package.as_str()).collect();
    for package in ["api-gateway", "auth-service", "events-service", "eventboard", "eventboard-chassis"] {
        assert!(packages.contains(package), "{package} is not among {packages:?}");
    }
    let modules: usize = sources.iter().map(|(_, krate)| krate.modules.len()).sum();
    let arrows: usize = sources.iter().map(|(_, krate)| krate.arrows().len()).sum();
    assert!(modules > 150 && arrows > 250, "{modules} modules, {arrows} arrows");
}

/// Fails for every use of the library in a module that may not name it.
fn only(packages: impl Fn(&str) -> bool, library: &str, may: impl Fn(&ModulePath) -> bool) {
    let (mut allowed, mut refused) = (0, String::new());
    for (target, krate) in sources().iter().filter(|(target, _)| packages(&target.package)) {
        for Outside { from, name, file } in krate.outside() {
            if name.segments.first().is_none_or(|first| first != library) {
                continue;
            }
            if may(from) {
                allowed += 1;
            } else {
                refused += &format!(
                    "{}: {from} names {library}  {}:{}\n",
                    target.package,
                    file.display(),
                    name.line
                );
            }
        }
    }
    assert!(refused.is_empty(), "\n{refused}");
    assert!(allowed > 0, "nobody names {library}: the search does not work");
}

fn is_service(package: &str) -> bool {
    package.ends_with("-service")
}

#[test]
fn inside_a_service_only_the_store_names_sqlx() {
    only(is_service, "sqlx", |module| module.is_within("store"));
}

#[test]
fn inside_a_service_only_the_edge_names_tonic() {
    only(is_service, "tonic", |module| module.is_within("grpc"));
}

#[test]
fn inside_a_service_only_the_edge_and_its_wiring_name_the_generated_server() {
    let is_server = |name: &Name| {
        name.segments.first().is_some_and(|first| first == "eventboard_proto")
            && name.segments.iter().any(|segment| segment.ends_with("_server"))
    };
    for (target, krate) in sources().into_iter().filter(|(target, _)| is_service(&target.package)) {
        for Outside { from, .. } in krate.outside().iter().filter(|outside| is_server(outside.name)) {
            let may = from.is_root() || from.is_within("grpc");
            assert!(may, "{}: {from} names the generated server", target.package);
        }
    }
}

#[test]
fn the_domain_depends_on_nothing_of_the_workspace() {
    assert_eq!(workspace::dependencies("eventboard-domain"), Vec::<String>::new());
    assert!(!workspace::dependencies("api-gateway").is_empty(), "the search does not work");
}

#[test]
fn the_gateway_knows_no_database() {
    let dependencies = workspace::dependencies("api-gateway");
    assert!(!dependencies.contains(&"eventboard-db".to_owned()), "{dependencies:?}");
    for (target, krate) in sources().iter().filter(|(target, _)| target.package == "api-gateway") {
        for Outside { from, name, .. } in krate.outside() {
            let library = name.segments.first().map_or("", String::as_str);
            assert!(
                !["sqlx", "eventboard_db"].contains(&library),
                "{}: {from} names {library}",
                target.package
            );
        }
    }
}
