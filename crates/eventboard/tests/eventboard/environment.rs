//! `.env.example` names every variable, and only variables.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What `.env.example` names, commented out or not.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(".env.example")).unwrap();
    let name = |line: &str| {
        let (name, _) = line.strip_prefix('#').unwrap_or(line).split_once('=')?;
        is_variable(name).then(|| name.to_owned())
    };
    text.lines().filter_map(name).collect()
}

/// The sources of all crates, without their unit tests.
fn sources() -> Vec<String> {
    let mut files = Vec::new();
    for folder in fs::read_dir(root().join("crates")).unwrap().flatten() {
        collect(&folder.path().join("src"), &mut files);
    }
    files
}

fn collect(folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&path) {
            let text = fs::read_to_string(&path).unwrap();
            files.push(text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned());
        }
    }
}

/// The compose files.
fn compositions() -> Vec<String> {
    let files = ["docker-compose.microservices.yml", "docker-compose.prod.yml"];
    files.map(|file| fs::read_to_string(root().join(file)).unwrap()).into()
}

/// The Kubernetes manifests.
fn manifests() -> Vec<String> {
    let folder = fs::read_dir(root().join("k8s")).unwrap();
    folder.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

/// What a compose file takes from the environment: `${NAME…}`.
fn interpolated(composition: &str) -> BTreeSet<String> {
    let name =
        |rest: &str| rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().map(str::to_owned);
    composition.split("${").skip(1).filter_map(name).collect()
}

/// What a compose file or a manifest tells our containers: `NAME: value`, or `- name: NAME`.
fn told(deployment: &str) -> BTreeSet<String> {
    let name = |line: &str| {
        let line = line.trim();
        let name = line.strip_prefix("- name: ").or_else(|| Some(line.split_once(": ")?.0))?;
        is_variable(name).then(|| name.to_owned())
    };
    let names = deployment.lines().filter_map(name);
    // The images of PostgreSQL and of Grafana have variables of their own.
    let is_theirs = |name: &str| {
        ["LANG", "PGDATA", "PSQL_PAGER"].contains(&name)
            || name.starts_with("POSTGRES_")
            || name.starts_with("GF_")
    };
    names.filter(|name| !is_theirs(name)).collect()
}

fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|name| name == "tests" || name == "testing")
}

fn is_variable(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// The names that a source asks the environment for: the words in quotes right behind `env.method(` or
/// `(env, `.
fn asked_for(source: &str) -> Vec<String> {
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
fn every_variable_that_is_documented_exists() {
    let sources = sources();
    let interpolated: BTreeSet<_> = compositions().iter().flat_map(|text| interpolated(text)).collect();
    for name in documented().difference(&interpolated) {
        // Every secret may stand in a file.
        let name = name.strip_suffix("_FILE").unwrap_or(name);
        // Where the name is put together from parts, the documentation of the field still has it.
        let spellings = [format!("\"{name}\""), format!("`{name}`")];
        let exists = sources.iter().any(|source| spellings.iter().any(|name| source.contains(name)));
        assert!(exists, "nothing reads {name}");
    }
}

#[test]
fn every_variable_that_is_read_is_documented() {
    let documented = documented();
    let is_documented = |name: &String| {
        let is_first_part = || documented.iter().any(|known| known.starts_with(&format!("{name}_")));
        documented.contains(name) || is_first_part()
    };
    let asked: BTreeSet<String> = sources().iter().flat_map(|source| asked_for(source)).collect();
    assert!(asked.len() > 30, "the search does not work: {asked:?}");
    let missing: Vec<_> = asked.iter().filter(|name| !is_documented(name)).collect();
    assert!(missing.is_empty(), "not in .env.example: {missing:?}");
}

#[test]
fn every_variable_of_the_compose_files_is_documented() {
    let documented = documented();
    for text in compositions() {
        let (interpolated, told) = (interpolated(&text), told(&text));
        assert!(
            interpolated.contains("POSTGRES_VERSION") && told.contains("DATABASE_URL"),
            "nothing is found"
        );
        let missing: Vec<_> = interpolated.union(&told).filter(|name| !documented.contains(*name)).collect();
        assert!(missing.is_empty(), "not in .env.example: {missing:?}");
    }
}

#[test]
fn every_variable_of_the_manifests_is_documented() {
    let told: BTreeSet<_> = manifests().iter().flat_map(|text| told(text)).collect();
    assert!(
        told.contains("DATABASE_URL") && told.contains("DRAIN_GRACE"),
        "the search does not work: {told:?}"
    );
    let missing: Vec<_> = told.difference(&documented()).cloned().collect();
    assert!(missing.is_empty(), "not in .env.example: {missing:?}");
}

#[test]
fn what_containers_are_told_is_found_in_every_spelling() {
    assert_eq!(told("  A_B: x\n  # C: no\n  - name: D_E\n    value: x\n  - name: LANG\n").len(), 2);
}

#[test]
fn the_search_finds_every_way_of_asking() {
    let source = r#"env.number("A", 1); Target::from_env(env, "B", "C", 3); env.get(&x); env.list::<u8>(
        "D", "x"); ("AUTH", "x"); env.secret("E")"#;
    assert_eq!(asked_for(source), ["A", "B", "C", "D", "E"]);
}
