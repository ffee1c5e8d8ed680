//! Checks `.env.example` against the variables that the code and the deployment files use.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The variables in `.env.example`, commented out or not.
fn documented_variables() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(".env.example")).unwrap();
    let name = |line: &str| {
        let (name, _) = line.strip_prefix('#').unwrap_or(line).split_once('=')?;
        is_variable(name).then(|| name.to_owned())
    };
    text.lines().filter_map(name).collect()
}

/// The source files of all crates, without unit tests.
fn sources() -> Vec<String> {
    let mut files = Vec::new();
    for folder in fs::read_dir(root().join("crates")).unwrap().flatten() {
        collect_sources(&folder.path().join("src"), &mut files);
    }
    files
}

fn collect_sources(folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&path) {
            let text = fs::read_to_string(&path).unwrap();
            files.push(text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned());
        }
    }
}

/// The texts of the compose files.
fn compose_files() -> Vec<String> {
    let files = ["docker-compose.microservices.yml", "docker-compose.prod.yml"];
    files.map(|file| fs::read_to_string(root().join(file)).unwrap()).into()
}

/// The texts of the Kubernetes manifests.
fn manifests() -> Vec<String> {
    let folder = fs::read_dir(root().join("k8s")).unwrap();
    folder.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

/// The variables that a compose file interpolates: `${NAME…}`.
fn interpolated_variables(compose_file: &str) -> BTreeSet<String> {
    let name =
        |rest: &str| rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().map(str::to_owned);
    compose_file.split("${").skip(1).filter_map(name).collect()
}

/// The variables that a compose file or a manifest sets for our containers, as `NAME: value` or `- name: NAME`.
fn container_variables(deployment: &str) -> BTreeSet<String> {
    let name = |line: &str| {
        let line = line.trim();
        let name = line.strip_prefix("- name: ").or_else(|| Some(line.split_once(": ")?.0))?;
        is_variable(name).then(|| name.to_owned())
    };
    let names = deployment.lines().filter_map(name);
    // Variables of the images of PostgreSQL, Grafana and Mailpit.
    let is_third_party = |name: &str| {
        ["LANG", "PGDATA", "PSQL_PAGER"].contains(&name)
            || name.starts_with("POSTGRES_")
            || name.starts_with("GF_")
            || name.starts_with("MP_")
    };
    names.filter(|name| !is_third_party(name)).collect()
}

fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|name| name == "tests" || name == "testing")
}

fn is_variable(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// The variables that a source file reads, which are the string literals directly after `env.method(` or `(env, `.
fn variables_read_by(source: &str) -> Vec<String> {
    let source = source.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut names = Vec::new();
    for (at, _) in source.match_indices("env") {
        let rest = &source[at + "env".len()..];
        let call = rest.strip_prefix('.').and_then(|rest| rest.split_once('(')).map(|(_, rest)| rest);
        let passed_on = rest.strip_prefix(", ");
        let Some(arguments) = call.or(passed_on) else { continue };
        names.extend(leading_names(arguments));
    }
    names
}

fn leading_names(arguments: &str) -> Vec<String> {
    let words = arguments.split(',').map(|word| word.trim().trim_end_matches(')'));
    let quoted = words.map_while(|word| word.strip_prefix('"')?.split('"').next());
    quoted.take_while(|word| is_variable(word)).map(str::to_owned).collect()
}

#[test]
fn every_documented_variable_is_used() {
    let sources = sources();
    let interpolated: BTreeSet<_> =
        compose_files().iter().flat_map(|text| interpolated_variables(text)).collect();
    for name in documented_variables().difference(&interpolated) {
        // Every secret can also be read from a file.
        let name = name.strip_suffix("_FILE").unwrap_or(name);
        // If the code assembles the name from parts, the doc comment of the field still contains it.
        let spellings = [format!("\"{name}\""), format!("`{name}`")];
        let exists = sources.iter().any(|source| spellings.iter().any(|name| source.contains(name)));
        assert!(exists, "no code reads {name}");
    }
}

#[test]
fn every_variable_that_is_read_is_documented() {
    let documented = documented_variables();
    let is_documented = |name: &String| {
        let is_first_part = || documented.iter().any(|known| known.starts_with(&format!("{name}_")));
        documented.contains(name) || is_first_part()
    };
    let read: BTreeSet<String> = sources().iter().flat_map(|source| variables_read_by(source)).collect();
    assert!(read.len() > 30, "the search found too few variables: {read:?}");
    let missing: Vec<_> = read.iter().filter(|name| !is_documented(name)).collect();
    assert!(missing.is_empty(), "not in .env.example: {missing:?}");
}

#[test]
fn every_variable_of_the_compose_files_is_documented() {
    let documented = documented_variables();
    for text in compose_files() {
        let (interpolated, set) = (interpolated_variables(&text), container_variables(&text));
        assert!(
            interpolated.contains("POSTGRES_VERSION") && set.contains("DATABASE_URL"),
            "the search found too few variables"
        );
        let missing: Vec<_> = interpolated.union(&set).filter(|name| !documented.contains(*name)).collect();
        assert!(missing.is_empty(), "not in .env.example: {missing:?}");
    }
}

#[test]
fn every_variable_of_the_manifests_is_documented() {
    let set: BTreeSet<_> = manifests().iter().flat_map(|text| container_variables(text)).collect();
    assert!(
        set.contains("DATABASE_URL") && set.contains("DRAIN_GRACE"),
        "the search found too few variables: {set:?}"
    );
    let missing: Vec<_> = set.difference(&documented_variables()).cloned().collect();
    assert!(missing.is_empty(), "not in .env.example: {missing:?}");
}

#[test]
fn container_variables_are_found_in_both_notations() {
    let deployment = "  A_B: x\n  # C: no\n  - name: D_E\n    value: x\n  - name: LANG\n";
    assert_eq!(container_variables(deployment).len(), 2);
}

#[test]
fn the_search_finds_every_way_to_read_a_variable() {
    let source = r#"env.number("A", 1); Target::from_env(env, "B", "C", 3); env.get(&x); env.list::<u8>(
        "D", "x"); ("AUTH", "x"); env.secret("E")"#;
    assert_eq!(variables_read_by(source), ["A", "B", "C", "D", "E"]);
}
