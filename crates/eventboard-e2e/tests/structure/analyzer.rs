//! The analyzer on small crates: it must not pass by seeing nothing.

use std::{collections::BTreeMap, path::Path};

use crate::{circles::circles, modules::Crate};

fn krate(files: &[(&str, &str)]) -> Crate {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let read = |file: &Path| files.get(file.to_str()?).map(|text| (*text).to_owned());
    Crate::read(Path::new("src/lib.rs"), &read)
}

/// The modules of each circle.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let names = circles(&krate(files)).into_iter().map(|circle| {
        let modules: Vec<_> = circle.modules.iter().map(ToString::to_string).collect();
        modules.join(" ")
    });
    names.collect()
}

/// A crate of the modules `a` and `b`, of which `b` uses `a`.
fn used_by_b(a: &str) -> Vec<String> {
    let root = "pub mod a; mod b; #[cfg(test)] mod missing;";
    found(&[("src/lib.rs", root), ("src/a.rs", a), ("src/b.rs", "use crate::a::A; pub struct B(A);")])
}

const BOTH: [&str; 1] = ["crate::a crate::b"];

#[test]
fn modules_that_use_each_other_are_a_circle_however_they_name_each_other() {
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
        assert_eq!(used_by_b(a), BOTH, "{a}");
    }
}

#[test]
fn what_does_not_come_back_is_none() {
    for a in [
        "pub struct A;",
        "use std::b::B;",
        "use ::b::B;",
        "mod b {} use self::b::B;",
        "pub(in crate::b) struct A;",
    ] {
        assert_eq!(used_by_b(a), [""; 0], "{a}");
    }
}

#[test]
fn tests_do_not_count() {
    for a in [
        "#[cfg(test)] mod tests { use crate::b::B; }",
        "#[cfg(test)] mod tests;",
        "#[cfg(test)] impl A { fn f() { crate::b::f() } }",
        "impl A { #[cfg(test)] fn f() { crate::b::f() } }",
        "#[cfg(test)] use crate::b::B;",
    ] {
        assert_eq!(used_by_b(a), [""; 0], "{a}");
    }
}

#[test]
fn a_parent_and_its_children_may_use_each_other() {
    let files = [
        ("src/lib.rs", "mod a; use a::A; pub const NAME: &str = \"\";"),
        ("src/a/mod.rs", "mod b; use self::b::B; pub struct A(B);"),
        ("src/a/b.rs", "use super::A; use crate::NAME; pub struct B;"),
    ];
    assert_eq!(found(&files), [""; 0]);
}

#[test]
fn what_a_parent_passes_on_is_used_of_the_child_that_has_it() {
    let root = ("src/lib.rs", "mod a; mod b; pub use self::{a::A, b::B};");
    let children = [("src/a.rs", "use crate::B; pub struct A;"), ("src/b.rs", "use super::A; pub struct B;")];
    assert_eq!(found(&[root, children[0], children[1]]), BOTH);
}

#[test]
fn what_a_child_uses_its_parent_uses_as_well() {
    // metrics/mod.rs serves over server; server/calls.rs records what metrics/histograms.rs has.
    let files = [
        ("src/lib.rs", "mod metrics; mod server;"),
        ("src/metrics/mod.rs", "mod histograms; pub use self::histograms::Histograms; use crate::server;"),
        ("src/metrics/histograms.rs", "pub struct Histograms;"),
        ("src/server/mod.rs", "mod calls;"),
        ("src/server/calls.rs", "use crate::metrics::Histograms;"),
    ];
    assert_eq!(found(&files), ["crate::metrics crate::server"]);
}

#[test]
fn a_circle_may_be_long_and_each_is_told_with_its_arrows() {
    let files = [
        ("src/lib.rs", "mod a; mod b; mod c; mod d; mod e;"),
        ("src/a.rs", "\nuse crate::b;"),
        ("src/b.rs", "use crate::c;"),
        ("src/c.rs", "use crate::{a, d};"),
        ("src/d.rs", "use crate::e;"),
        ("src/e.rs", "use crate::d;"),
    ];
    assert_eq!(found(&files), ["crate::a crate::b crate::c", "crate::d crate::e"]);
    let told = circles(&krate(&files))[0].to_string();
    assert!(told.contains("crate::a -> crate::b  src/a.rs:2"), "{told}");
    assert!(!told.contains("crate::d"), "{told}");
}

#[test]
fn what_is_outside_is_told_from_what_is_within() {
    let files = [
        ("src/lib.rs", "mod store; fn f() { sqlx::query!(\"select\"); store::f(); }"),
        ("src/store.rs", "use sqlx::PgConnection; fn f() { eprintln!(\"{}\", tonic::Code::Ok as i32) }"),
    ];
    let krate = krate(&files);
    let outside: Vec<_> = krate
        .outside()
        .iter()
        .map(|outside| format!("{} {}", outside.from, outside.name.segments.join("::")))
        .collect();
    assert_eq!(
        outside,
        ["crate sqlx::query", "crate::store sqlx::PgConnection", "crate::store tonic::Code::Ok"]
    );
}
