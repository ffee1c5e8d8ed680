//! Searches this machine for PostgreSQL server binaries.

use std::cmp::Reverse;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::account::Account;
use crate::binaries::{Binaries, OVERRIDE_VARIABLE, Origin};
use crate::version::{OLDEST_MAJOR, Version, leading_number};

/// Where distributions install all major versions side by side: the parent folder, the prefix of the version's
/// folder, and its bin folder.
const INSTALLED: [(&str, &str, &str); 4] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];

/// The name prefix of downloaded copies, followed by the version.
pub(crate) const DOWNLOADED_PREFIX: &str = "postgresql-";

/// The inputs of a search. Tests can set the inputs without changing the process environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    pub(crate) override_dir: Option<PathBuf>,
    pub(crate) path: OsString,
    pub(crate) download_dir: PathBuf,
}

/// The result of a search.
pub(crate) enum SearchResult {
    Found(Binaries),
    /// No usable server was found. `tried` has one line for each location that was tried.
    NotFound {
        tried: Vec<String>,
    },
}

impl Search {
    /// Searches all locations in order. Blocks, because it runs programs.
    pub(crate) fn run(&self) -> Result<SearchResult> {
        if let Some(folder) = &self.override_dir {
            return inspect_override(folder).map(SearchResult::Found);
        }
        let mut tried = Vec::new();
        for origin in [Origin::Path, Origin::PgConfig, Origin::Installed, Origin::Downloaded] {
            let folders = self.folders(origin);
            if folders.is_empty() {
                tried.push(format!("{origin}: not found"));
            }
            for folder in folders {
                match inspect(&folder, origin) {
                    Ok(binaries) => return Ok(SearchResult::Found(binaries)),
                    Err(error) => tried.push(format!("{origin}: {error:#}")),
                }
            }
        }
        Ok(SearchResult::NotFound { tried })
    }

    fn folders(&self, origin: Origin) -> Vec<PathBuf> {
        match origin {
            Origin::Override => self.override_dir.iter().cloned().collect(),
            Origin::Path => self.on_path(),
            Origin::PgConfig => self.reported_by_pg_config(),
            Origin::Installed => installed_versions(),
            Origin::Downloaded => newest_first(&self.download_dir, DOWNLOADED_PREFIX, "bin"),
        }
    }

    /// The folders on PATH that contain `postgres`. If `postgres` is a symbolic link, both the folder of the target
    /// and the folder of the link.
    fn on_path(&self) -> Vec<PathBuf> {
        let linked = std::env::split_paths(&self.path).filter(|folder| folder.join("postgres").is_file());
        let both = linked.map(|folder| (folder.join("postgres").canonicalize(), folder));
        both.filter_map(|(program, folder)| Some([program.ok()?.parent()?.to_owned(), folder]))
            .flatten()
            .collect()
    }

    fn reported_by_pg_config(&self) -> Vec<PathBuf> {
        let output =
            Command::new("pg_config").arg("--bindir").env("PATH", &self.path).stdin(Stdio::null()).output();
        let Ok(output) = output else { return Vec::new() };
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && !folder.is_empty() { vec![PathBuf::from(folder)] } else { Vec::new() }
    }
}

fn installed_versions() -> Vec<PathBuf> {
    INSTALLED.iter().flat_map(|(folder, prefix, bin)| newest_first(Path::new(folder), prefix, bin)).collect()
}

fn inspect_override(folder: &Path) -> Result<Binaries> {
    inspect(folder, Origin::Override).with_context(|| {
        format!(
            "{OVERRIDE_VARIABLE}={} is not usable; set it to the folder that holds initdb and postgres of \
             PostgreSQL {OLDEST_MAJOR} or newer, or unset it",
            folder.display()
        )
    })
}

/// Accepts `folder` if the server's account can run a supported server from it.
pub(crate) fn inspect(folder: &Path, origin: Origin) -> Result<Binaries> {
    let folder = std::path::absolute(folder)?;
    for program in ["initdb", "postgres"] {
        ensure!(folder.join(program).is_file(), "{} has no {program}", folder.display());
    }
    let version = query_version(&folder.join("postgres"))?;
    ensure!(
        version.is_supported(),
        "{} contains PostgreSQL {version}, which is older than {OLDEST_MAJOR}",
        folder.display()
    );
    Ok(Binaries { dir: folder, origin, version })
}

fn query_version(postgres: &Path) -> Result<Version> {
    let mut command = Account::of_server()?.command(postgres);
    command.arg("--version").stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = || format!("the user that PostgreSQL runs as cannot run {}", postgres.display());
    let output = command.output().with_context(failed)?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    match Version::parse(&stdout) {
        Some(version) if output.status.success() => Ok(version),
        _ => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!("{} does not report its version: {stdout}{}", postgres.display(), stderr.trim())
        }
    }
}

/// The folders `<folder>/<prefix><version>/<bin>`, with the highest version first.
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

    fn override_error(folder: &Path) -> String {
        let search = Search { override_dir: Some(folder.into()), ..Search::default() };
        match search.run() {
            Ok(_) => panic!("{} was accepted", folder.display()),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn an_invalid_override_is_reported_with_variable_folder_and_fix() -> Result<()> {
        let empty = tempfile::tempdir()?;
        let error = override_error(empty.path());
        assert!(error.contains("EVENTBOARD_PG_BIN="), "{error}");
        assert!(error.contains(&format!("{} has no initdb", empty.path().display())), "{error}");
        assert!(error.contains("PostgreSQL 15 or newer, or unset it"), "{error}");
        Ok(())
    }

    #[test]
    fn an_override_with_an_unsupported_or_broken_server_is_rejected() -> Result<()> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        write_program(&folder.path().join("initdb"), "exit 1")?;
        write_program(&folder.path().join("postgres"), "echo 'postgres (PostgreSQL) 14.2'")?;
        assert!(override_error(folder.path()).contains("contains PostgreSQL 14.2, which is older than 15"));
        write_program(&folder.path().join("postgres"), "echo broken >&2; exit 1")?;
        assert!(override_error(folder.path()).contains("does not report its version: broken"));
        Ok(())
    }

    #[test]
    fn a_symbolic_link_on_path_is_followed_to_its_real_folder() -> Result<()> {
        let (real, linked) = (tempfile::tempdir()?, tempfile::tempdir()?);
        write_program(&real.path().join("postgres"), "exit 0")?;
        std::os::unix::fs::symlink(real.path().join("postgres"), linked.path().join("postgres"))?;
        let search = Search { path: linked.path().into(), ..Search::default() };
        let real = real.path().canonicalize()?;
        assert_eq!(search.on_path(), [real, linked.path().to_owned()]);
        Ok(())
    }

    #[test]
    fn versions_are_sorted_numerically_newest_first() -> Result<()> {
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
