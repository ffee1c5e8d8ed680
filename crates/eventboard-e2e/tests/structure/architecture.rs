//! The architecture rules of the workspace.

use std::{collections::BTreeSet, fs, path::Path, sync::LazyLock};

use crate::{
    cycles::cycles,
    dependencies::ExternalReference,
    modules::{Crate, ModulePath},
    references::Reference,
    workspace::{self, Target},
};

/// All crates, parsed once for all tests.
static CRATES: LazyLock<Vec<(Target, Crate)>> = LazyLock::new(|| {
    let read = |file: &Path| fs::read_to_string(file).ok();
    let parsed = |target: Target| (Crate::read(&target.root, &read), target);
    workspace::targets().into_iter().map(parsed).map(|(krate, target)| (target, krate)).collect()
});

/// The library and binary crates, without tests and benches.
fn sources() -> Vec<&'static (Target, Crate)> {
    let is_source = |target: &Target| target.root.parent().is_some_and(|folder| folder.ends_with("src"));
    CRATES.iter().filter(|(target, _)| is_source(target)).collect()
}

#[test]
fn modules_have_no_dependency_cycles_except_with_their_parents() {
    let mut found = String::new();
    for (target, krate) in &*CRATES {
        for cycle in cycles(krate) {
            found += &format!("{}: {cycle}", target.package);
        }
    }
    assert!(found.is_empty(), "\n{found}");
}

#[test]
fn all_packages_of_the_workspace_are_checked() {
    let sources = sources();
    let packages: BTreeSet<_> = sources.iter().map(|(target, _)| target.package.as_str()).collect();
    for package in [
        "api-gateway",
        "board",
        "auth-service",
        "events-service",
        "notification-service",
        "eventboard",
        "eventboard-chassis",
    ] {
        assert!(packages.contains(package), "{package} is not among {packages:?}");
    }
    let modules: usize = sources.iter().map(|(_, krate)| krate.modules.len()).sum();
    let dependencies: usize = sources.iter().map(|(_, krate)| krate.dependencies().len()).sum();
    assert!(modules > 150 && dependencies > 250, "{modules} modules, {dependencies} dependencies");
}

/// Asserts that only allowed modules in these packages use the library.
fn assert_library_used_only_by(
    is_allowed: impl Fn(&ModulePath) -> bool,
    library: &str,
    packages: impl Fn(&str) -> bool,
) {
    let (mut allowed, mut forbidden) = (0, String::new());
    for (target, krate) in sources().iter().filter(|(target, _)| packages(&target.package)) {
        for ExternalReference { from, reference, file } in krate.external_references() {
            if reference.segments.first().is_none_or(|first| first != library) {
                continue;
            }
            if is_allowed(from) {
                allowed += 1;
            } else {
                forbidden += &format!(
                    "{}: {from} uses {library}  {}:{}\n",
                    target.package,
                    file.display(),
                    reference.line
                );
            }
        }
    }
    assert!(forbidden.is_empty(), "\n{forbidden}");
    assert!(allowed > 0, "the search found no use of {library}");
}

fn is_service(package: &str) -> bool {
    package.ends_with("-service")
}

#[test]
fn in_a_service_only_the_store_uses_sqlx() {
    assert_library_used_only_by(|module| module.is_within("store"), "sqlx", is_service);
}

#[test]
fn in_a_service_only_the_grpc_module_uses_tonic() {
    assert_library_used_only_by(|module| module.is_within("grpc"), "tonic", is_service);
}

#[test]
fn in_a_service_only_the_root_and_the_grpc_module_use_the_generated_server() {
    let is_server = |reference: &Reference| {
        reference.segments.first().is_some_and(|first| first == "eventboard_proto")
            && reference.segments.iter().any(|segment| segment.ends_with("_server"))
    };
    for (target, krate) in sources().into_iter().filter(|(target, _)| is_service(&target.package)) {
        let external = krate.external_references();
        let to_server = external.iter().filter(|external| is_server(external.reference));
        for ExternalReference { from, .. } in to_server {
            let is_allowed = from.is_root() || from.is_within("grpc");
            assert!(is_allowed, "{}: {from} uses the generated server", target.package);
        }
    }
}

#[test]
fn the_domain_crate_depends_on_no_other_crate_of_the_workspace() {
    assert_eq!(workspace::dependencies("eventboard-domain"), Vec::<String>::new());
    assert!(!workspace::dependencies("api-gateway").is_empty(), "the search found no dependencies");
}

#[test]
fn the_gateway_and_the_board_do_not_use_the_database() {
    let packages = ["api-gateway", "board"];
    for package in packages {
        let dependencies = workspace::dependencies(package);
        assert!(!dependencies.contains(&"eventboard-db".to_owned()), "{package}: {dependencies:?}");
    }
    let sources = sources();
    for (target, krate) in sources.iter().filter(|(target, _)| packages.contains(&target.package.as_str())) {
        for ExternalReference { from, reference, .. } in krate.external_references() {
            let library = reference.segments.first().map_or("", String::as_str);
            assert!(
                !["sqlx", "eventboard_db"].contains(&library),
                "{}: {from} uses {library}",
                target.package
            );
        }
    }
}

#[test]
fn the_board_knows_the_clients_and_the_domain_and_not_the_gateway() {
    assert_eq!(
        workspace::dependencies("board"),
        ["eventboard-chassis", "eventboard-client", "eventboard-domain", "eventboard-proto"]
    );
}
