//! Compares how docker-compose 1.29, docker compose v2 and EventBoard read the same `.env` files.
//!
//! Needs docker-compose 1.29 and the Docker client, but no Docker engine. `COMPOSE_V2` is the folder that
//! `scripts/compose-v2` prints. `.ci/run dotenv` provides all this.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, ffi::OsString, fs, path::PathBuf, process::Command, thread};

use eventboard_chassis::dotenv;
use eventboard_e2e::files;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::Value;

/// The value of each variable. Variables that are not set have the value [`UNSET`].
type Variables = BTreeMap<String, String>;

const UNSET: &str = "not set";

/// The two versions of docker-compose, as the values of PATH with which `docker-compose` runs them.
fn versions() -> [OsString; 2] {
    let path = std::env::var_os("PATH").unwrap();
    let folder =
        std::env::var_os("COMPOSE_V2").expect("COMPOSE_V2 is the folder that scripts/compose-v2 prints");
    let with_v2 = std::iter::once(PathBuf::from(folder)).chain(std::env::split_paths(&path));
    let with_v2 = std::env::join_paths(with_v2).unwrap();
    [path, with_v2]
}

fn compose(path: &OsString, arguments: &[&str], folder: &str) -> Result<String, String> {
    let mut command = Command::new("env");
    command.args(["docker-compose"]).args(arguments).current_dir(folder).env_clear().env("PATH", path);
    let output = command.env("HOME", folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// The values that a compose file gets from this `.env` file for these variables.
fn read_by_compose(path: &OsString, file: &[u8], names: &[String]) -> Result<Variables, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), file).unwrap();
    // The brackets keep a value such as 1e3 a text, and white space at its ends.
    let variable = |name: &String| format!("      {name}: \"[${{{name}-{UNSET}}}]\"\n");
    let environment: String = names.iter().map(variable).collect();
    let project = format!("services:\n  a:\n    image: a\n    environment:\n{environment}");
    fs::write(folder.path().join("docker-compose.yml"), project).unwrap();
    let config = compose(path, &["config"], folder.path().to_str().unwrap())?;
    let config: Value = serde_saphyr::from_str(&config).unwrap();
    let environment = config["services"]["a"]["environment"].as_object().unwrap();
    let unescaped = |value: &Value| {
        let value = value.as_str()?.strip_prefix('[')?.strip_suffix(']')?;
        // The output of `config` is a compose file again, in which `$$` is `$`.
        Some(value.replace("$$", "$"))
    };
    Ok(environment.iter().map(|(name, value)| (name.clone(), unescaped(value).unwrap())).collect())
}

/// What both versions read.
fn read_by_both(file: &[u8], names: &[String]) -> [Result<Variables, String>; 2] {
    let versions = versions();
    thread::scope(|scope| {
        versions
            .each_ref()
            .map(|path| scope.spawn(|| read_by_compose(path, file, names)))
            .map(|reader| reader.join().unwrap())
    })
}

/// Asserts that both versions read the file as we do.
fn assert_read_alike(file: &str, names: &[String]) {
    let variables = dotenv::parse(file.as_bytes()).unwrap_or_else(|error| panic!("{file}\n{error}"));
    let of_compose = read_by_both(file.as_bytes(), names);
    for (version, read) in ["1.29", "v2"].into_iter().zip(of_compose) {
        let read = read.unwrap_or_else(|error| panic!("{version}: {error}\n{file}"));
        for name in names {
            let own = variables.get(name).map_or(UNSET, String::as_str);
            assert_eq!(read[name], own, "{version} reads {name} differently in\n{file}");
        }
    }
}

/// Replaces the name A in each line by a name of its own.
fn numbered(lines: &[&str]) -> (String, Vec<String>) {
    let names: Vec<_> = (0..lines.len()).map(|number| format!("V{number}")).collect();
    let lines = lines.iter().zip(&names).map(|(line, name)| line.replacen('A', name, 1) + "\n");
    (lines.collect(), names)
}

#[test]
fn the_programs_are_the_two_versions() {
    let [v1, v2] = versions().map(|path| compose(&path, &["version"], "/").unwrap());
    assert!(v1.contains("1.29."), "{v1}");
    assert!(v2.contains("version v2.") || v2.contains("version 2."), "{v2}");
}

#[test]
fn lines_that_we_accept_are_read_alike() {
    let (file, names) = numbered(&[
        "A=b",
        "A=",
        "A= ",
        "A=''",
        r#"A="""#,
        "  A \t=\t b c \t",
        "export A=b",
        "export \tA = b",
        "A=b=c==",
        "A=b#c",
        "A=#c",
        "A= #c",
        "A=b # c $d ${e}",
        "A=b  # c",
        "A=b\t # c",
        "A=b'c\"d",
        r"A=C:\new\",
        "A=p/a?s%s@w&o*r(d)!~^|;<>",
        "A=ä€😀",
        "A='b # c'",
        "A='$b$$ $(c) c\\d\"' # e",
        "A='b'#c",
        "A='b\tc'",
        r#"A="it's # b""#,
        r#"A="b\"c\nd\te\r""#,
        "A=b\r",
        "A='b' \r",
        "A=\r",
        "A=true",
        "A=1e3",
        "A=null",
    ]);
    assert_read_alike(&file, &names);
}

#[test]
fn files_are_read_alike() {
    let names = ["A", "B"].map(str::to_owned);
    for file in [
        "\u{feff}A=b\nB=c",
        "A=b\r\n\r\n# c\r\nB='d'\r\n",
        "A=1\nB=2\nA=3\n",
        "A=1\nA=\n",
        "# A=b\n\n \t\n\t# d\nB=\n#",
        "",
    ] {
        assert_read_alike(file, &names);
    }
}

#[test]
fn the_defaults_in_env_example_are_read_alike() {
    let text = files::text(".env.example");
    let is_variable = |line: &str| {
        line.strip_prefix('#').is_some_and(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    let uncommented = text.lines().map(|line| if is_variable(line) { &line[1..] } else { line });
    let file: String = uncommented.map(|line| format!("{line}\n")).collect();
    let names: Vec<_> = dotenv::parse(file.as_bytes()).unwrap().into_keys().collect();
    assert!(names.len() > 60, "{names:?}");
    assert_read_alike(&file, &names);
}

/// The reason why we reject these lines.
#[test]
fn lines_that_we_reject_are_read_differently() {
    for line in [
        "A=b$c",
        "A=b$$c",
        "A=\"b$c\"",
        "A='b${UNKNOWN}'",
        "A='b\\\\c'",
        "A=\"b\\0\"",
        "A=b\t#c",
        "A=b\u{2003}#c",
        "A=b\rc",
        "A='b' c",
        "A=\"b",
        "A: b",
        "A",
    ] {
        assert!(dotenv::parse(line.as_bytes()).is_err(), "{line:?} is accepted");
        let [v1, v2] = read_by_both(format!("{line}\n").as_bytes(), &["A".to_owned()]);
        assert!(v1.is_err() || v1 != v2, "{line:?} is read alike: {v1:?} {v2:?}");
    }
}

#[test]
fn random_lines_that_we_accept_are_read_alike() {
    const PARTS: [&str; 24] = [
        "a", "b", "n", "t", "0", " ", " ", "\t", "#", "#", "'", "'", "\"", "\"", "\\", "\\", "$", "{", "}",
        "=", ":", "ä", "\u{a0}", "\r",
    ];
    let mut random = StdRng::seed_from_u64(14);
    let mut line = |number: usize| {
        let length = random.random_range(0..9);
        let value: String = (0..length).map(|_| *PARTS.choose(&mut random).unwrap()).collect();
        let quote = ["", "", "'", "\""].choose(&mut random).unwrap();
        format!("V{number}={quote}{value}{quote}\n")
    };
    let lines: Vec<_> =
        (0..6000).map(&mut line).filter(|line| dotenv::parse(line.as_bytes()).is_ok()).collect();
    assert!(lines.len() > 1000, "only {} lines are valid", lines.len());
    let names: Vec<_> = lines.iter().map(|line| line.split('=').next().unwrap().to_owned()).collect();
    assert_read_alike(&lines.concat(), &names);
}
