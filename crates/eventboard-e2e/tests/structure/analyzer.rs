//! Tests of the analyzer with small crates, to ensure that it finds violations of the architecture rules.

use std::{collections::BTreeMap, path::Path};

use crate::{cycles::cycles, modules::Crate};

fn krate(files: &[(&str, &str)]) -> Crate {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let read = |file: &Path| files.get(file.to_str()?).map(|text| (*text).to_owned());
    Crate::read(Path::new("src/lib.rs"), &read)
}

/// The modules in each cycle.
fn find_cycles(files: &[(&str, &str)]) -> Vec<String> {
    let names = cycles(&krate(files)).into_iter().map(|cycle| {
        let modules: Vec<_> = cycle.modules.iter().map(ToString::to_string).collect();
        modules.join(" ")
    });
    names.collect()
}

/// The cycles in a crate with the modules `a` and `b`, where `b` uses `a`.
fn cycles_with_module_a(a: &str) -> Vec<String> {
    let root = "pub mod a; mod b; #[cfg(test)] mod missing;";
    find_cycles(&[("src/lib.rs", root), ("src/a.rs", a), ("src/b.rs", "use crate::a::A; pub struct B(A);")])
}

const CYCLE_OF_A_AND_B: [&str; 1] = ["crate::a crate::b"];

#[test]
fn a_cycle_is_found_for_every_kind_of_reference() {
    for a in [
        "use crate::b::B;",
        "use super::b::{self};",
        "use super::{b::{C as D, B}};",
        "use crate::b::*;",
        "fn f() -> crate::b::B { todo!() }",
        "fn f() { super::b::f() }",
        "fn f() { let _ = vec![Some(crate::b::B)]; }",
        "#[serde(with = x, other(crate::b::f))] struct S;",
        "fn f() { use crate::b::B; }",
        "mod inner { fn f() { super::super::b::f() } }",
    ] {
        assert_eq!(cycles_with_module_a(a), CYCLE_OF_A_AND_B, "{a}");
    }
}

#[test]
fn a_reference_to_another_item_is_not_a_cycle() {
    for a in [
        "pub struct A;",
        "use std::b::B;",
        "use ::b::B;",
        "mod b {} use self::b::B;",
        "pub(in crate::b) struct A;",
    ] {
        assert_eq!(cycles_with_module_a(a), [""; 0], "{a}");
    }
}

#[test]
fn references_in_tests_are_ignored() {
    for a in [
        "#[cfg(test)] mod tests { use crate::b::B; }",
        "#[cfg(test)] mod tests;",
        "#[cfg(test)] impl A { fn f() { crate::b::f() } }",
        "impl A { #[cfg(test)] fn f() { crate::b::f() } }",
        "#[cfg(test)] use crate::b::B;",
    ] {
        assert_eq!(cycles_with_module_a(a), [""; 0], "{a}");
    }
}

#[test]
fn a_parent_and_its_children_may_use_each_other() {
    let files = [
        ("src/lib.rs", "mod a; use a::A; pub const NAME: &str = \"\";"),
        ("src/a/mod.rs", "mod b; use self::b::B; pub struct A(B);"),
        ("src/a/b.rs", "use super::A; use crate::NAME; pub struct B;"),
    ];
    assert_eq!(find_cycles(&files), [""; 0]);
}

#[test]
fn a_reexported_item_counts_as_an_item_of_the_child_that_defines_it() {
    let root = ("src/lib.rs", "mod a; mod b; pub use self::{a::A, b::B};");
    let children = [("src/a.rs", "use crate::B; pub struct A;"), ("src/b.rs", "use super::A; pub struct B;")];
    assert_eq!(find_cycles(&[root, children[0], children[1]]), CYCLE_OF_A_AND_B);
}

#[test]
fn a_dependency_of_a_child_counts_as_a_dependency_of_its_parent() {
    // metrics/mod.rs uses server; server/calls.rs uses metrics/histograms.rs.
    let files = [
        ("src/lib.rs", "mod metrics; mod server;"),
        ("src/metrics/mod.rs", "mod histograms; pub use self::histograms::Histograms; use crate::server;"),
        ("src/metrics/histograms.rs", "pub struct Histograms;"),
        ("src/server/mod.rs", "mod calls;"),
        ("src/server/calls.rs", "use crate::metrics::Histograms;"),
    ];
    assert_eq!(find_cycles(&files), ["crate::metrics crate::server"]);
}

#[test]
fn long_cycles_are_found_and_reported_with_their_dependencies() {
    let files = [
        ("src/lib.rs", "mod a; mod b; mod c; mod d; mod e;"),
        ("src/a.rs", "\nuse crate::b;"),
        ("src/b.rs", "use crate::c;"),
        ("src/c.rs", "use crate::{a, d};"),
        ("src/d.rs", "use crate::e;"),
        ("src/e.rs", "use crate::d;"),
    ];
    assert_eq!(find_cycles(&files), ["crate::a crate::b crate::c", "crate::d crate::e"]);
    let report = cycles(&krate(&files))[0].to_string();
    assert!(report.contains("crate::a -> crate::b  src/a.rs:2"), "{report}");
    assert!(!report.contains("crate::d"), "{report}");
}

#[test]
fn external_references_are_distinguished_from_internal_ones() {
    let files = [
        ("src/lib.rs", "mod store; fn f() { sqlx::query!(\"select\"); store::f(); }"),
        ("src/store.rs", "use sqlx::PgConnection; fn f() { eprintln!(\"{}\", tonic::Code::Ok as i32) }"),
    ];
    let krate = krate(&files);
    let external: Vec<_> = krate
        .external_references()
        .iter()
        .map(|external| format!("{} {}", external.from, external.reference.segments.join("::")))
        .collect();
    assert_eq!(
        external,
        ["crate sqlx::query", "crate::store sqlx::PgConnection", "crate::store tonic::Code::Ok"]
    );
}
