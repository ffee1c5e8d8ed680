//! The search for PostgreSQL server binaries on this machine.

use std::cmp::Reverse;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::account::Account;
use crate::binaries::{Binaries, OVERRIDE_VARIABLE, Origin};
use crate::version::{OLDEST_MAJOR, Version, leading_number};

/// Where distributions put every major version beside the others: a folder, the start of the names in it, and
/// the bin folder below each.
const INSTALLED: [(&str, &str, &str); 4] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];

/// What a downloaded copy is called in the download folder, before its version.
pub(crate) const DOWNLOADED_PREFIX: &str = "postgresql-";

/// Everything the outcome of a search depends on, so that tests need not change the process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    pub(crate) chosen: Option<OsString>,
    pub(crate) path: OsString,
    pub(crate) download_dir: PathBuf,
}

/// The outcome: binaries, or a line for each place that was looked at.
pub(crate) enum Found {
    Binaries(Binaries),
    Nothing { tried: Vec<String> },
}

impl Search {
    pub(crate) fn of_environment(download_dir: PathBuf) -> Self {
        let chosen = std::env::var_os(OVERRIDE_VARIABLE).filter(|value| !value.is_empty());
        Self { chosen, path: std::env::var_os("PATH").unwrap_or_default(), download_dir }
    }

    /// Looks through every place in order. Blocks: it runs programs.
    pub(crate) fn run(&self) -> Result<Found> {
        if let Some(folder) = &self.chosen {
            return chosen(Path::new(folder)).map(Found::Binaries);
        }
        let mut tried = Vec::new();
        for origin in [Origin::Path, Origin::PgConfig, Origin::Installed, Origin::Downloaded] {
            let folders = self.folders(origin);
            if folders.is_empty() {
                tried.push(format!("{origin}: nothing there"));
            }
            for folder in folders {
                match inspect(&folder, origin) {
                    Ok(binaries) => return Ok(Found::Binaries(binaries)),
                    Err(problem) => tried.push(format!("{origin}: {problem:#}")),
                }
            }
        }
        Ok(Found::Nothing { tried })
    }

    fn folders(&self, origin: Origin) -> Vec<PathBuf> {
        match origin {
            Origin::Chosen => self.chosen.iter().map(PathBuf::from).collect(),
            Origin::Path => self.on_path(),
            Origin::PgConfig => self.told_by_pg_config(),
            Origin::Installed => installed(),
            Origin::Downloaded => newest_first(&self.download_dir, DOWNLOADED_PREFIX, "bin"),
        }
    }

    /// Folders of `postgres` on PATH; behind a symbolic link both the real folder and the one of the link.
    fn on_path(&self) -> Vec<PathBuf> {
        let linked = std::env::split_paths(&self.path).filter(|folder| folder.join("postgres").is_file());
        let both = linked.map(|folder| (folder.join("postgres").canonicalize(), folder));
        both.filter_map(|(program, folder)| Some([program.ok()?.parent()?.to_owned(), folder]))
            .flatten()
            .collect()
    }

    fn told_by_pg_config(&self) -> Vec<PathBuf> {
        let answer =
            Command::new("pg_config").arg("--bindir").env("PATH", &self.path).stdin(Stdio::null()).output();
        let Ok(output) = answer else { return Vec::new() };
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && !folder.is_empty() { vec![PathBuf::from(folder)] } else { Vec::new() }
    }
}

fn installed() -> Vec<PathBuf> {
    INSTALLED.iter().flat_map(|(folder, prefix, bin)| newest_first(Path::new(folder), prefix, bin)).collect()
}

fn chosen(folder: &Path) -> Result<Binaries> {
    inspect(folder, Origin::Chosen).with_context(|| {
        format!(
            "{OVERRIDE_VARIABLE}={} is not usable; let it name the folder that holds initdb and postgres of \
             PostgreSQL {OLDEST_MAJOR} or newer, or unset it",
            folder.display()
        )
    })
}

/// Accepts `folder` when the account of the server can run a supported server from there.
pub(crate) fn inspect(folder: &Path, origin: Origin) -> Result<Binaries> {
    let folder = std::path::absolute(folder)?;
    for program in ["initdb", "postgres"] {
        ensure!(folder.join(program).is_file(), "{} has no {program}", folder.display());
    }
    let version = ask_version(&folder.join("postgres"))?;
    ensure!(
        version.is_supported(),
        "{} holds PostgreSQL {version}, which is older than {OLDEST_MAJOR}",
        folder.display()
    );
    Ok(Binaries { dir: folder, origin, version })
}

fn ask_version(postgres: &Path) -> Result<Version> {
    let mut command = Account::of_server()?.command(postgres);
    command.arg("--version").stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = || format!("the user that PostgreSQL runs as cannot run {}", postgres.display());
    let output = command.output().with_context(failed)?;
    let answer = String::from_utf8_lossy(&output.stdout);
    match Version::parse(&answer) {
        Some(version) if output.status.success() => Ok(version),
        _ => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!("{} does not tell its version: {answer}{}", postgres.display(), complaint.trim())
        }
    }
}

/// The folders `<folder>/<prefix><version>/<bin>`, highest version first.
fn newest_first(folder: &Path, prefix: &str, bin: &str) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut versions: Vec<(Vec<u32>, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?;
            leading_number(version)?;
            Some((version.split('.').filter_map(leading_number).collect(), entry.path().join(bin)))
        })
        .collect();
    versions.sort_by(|a, b| Reverse(&a.0).cmp(&Reverse(&b.0)));
    versions.into_iter().map(|(_, folder)| folder).filter(|folder| folder.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn chosen_error(folder: &Path) -> String {
        let search = Search { chosen: Some(folder.into()), ..Search::default() };
        match search.run() {
            Ok(_) => panic!("{} was accepted", folder.display()),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_wrong_chosen_folder_is_an_error_that_names_variable_folder_and_remedy() -> Result<()> {
        let empty = tempfile::tempdir()?;
        let error = chosen_error(empty.path());
        assert!(error.contains("EVENTBOARD_PG_BIN="), "{error}");
        assert!(error.contains(&format!("{} has no initdb", empty.path().display())), "{error}");
        assert!(error.contains("PostgreSQL 15 or newer, or unset it"), "{error}");
        Ok(())
    }

    #[test]
    fn a_chosen_server_that_is_too_old_or_none_at_all_is_refused() -> Result<()> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        write_program(&folder.path().join("initdb"), "exit 1")?;
        write_program(&folder.path().join("postgres"), "echo 'postgres (PostgreSQL) 14.2'")?;
        assert!(chosen_error(folder.path()).contains("holds PostgreSQL 14.2, which is older than 15"));
        write_program(&folder.path().join("postgres"), "echo broken >&2; exit 1")?;
        assert!(chosen_error(folder.path()).contains("does not tell its version: broken"));
        Ok(())
    }

    #[test]
    fn a_program_on_path_is_followed_to_its_real_folder() -> Result<()> {
        let (real, linked) = (tempfile::tempdir()?, tempfile::tempdir()?);
        write_program(&real.path().join("postgres"), "exit 0")?;
        std::os::unix::fs::symlink(real.path().join("postgres"), linked.path().join("postgres"))?;
        let search = Search { path: linked.path().into(), ..Search::default() };
        let real = real.path().canonicalize()?;
        assert_eq!(search.on_path(), [real, linked.path().to_owned()]);
        Ok(())
    }

    #[test]
    fn the_newest_version_comes_first_by_number() -> Result<()> {
        let folder = tempfile::tempdir()?;
        for name in ["postgresql-9.6", "postgresql-17.9", "postgresql-17.10", "postgresql-x", "other-18"] {
            fs::create_dir_all(folder.path().join(name).join("bin"))?;
        }
        let found = newest_first(folder.path(), "postgresql-", "bin");
        let names = ["postgresql-17.10", "postgresql-17.9", "postgresql-9.6"];
        assert_eq!(found, names.map(|name| folder.path().join(name).join("bin")));
        Ok(())
    }

    fn write_program(path: &Path, body: &str) -> Result<()> {
        fs::write(path, format!("#!/bin/sh\n{body}\n"))?;
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(())
    }
}
