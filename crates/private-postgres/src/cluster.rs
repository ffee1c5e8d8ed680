//! A running private cluster: starting, stopping, and breaking it on purpose.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep, timeout};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::config::ClusterConfig;
use crate::connection::Access;
use crate::guard::{Guard, Shutdown, Watch};
use crate::postmaster::{Postmaster, State};
use crate::{initdb, place, port, postmaster, server_log, settings};

/// Long enough for the recovery of a data folder whose machine crashed.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Long enough for writing a large amount of changed data to a slow disk.
const STOP_LIMIT: Duration = Duration::from_secs(120);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How often another port is tried when the chosen one was taken just before the server came to it.
const PORT_ATTEMPTS: usize = 3;

/// A running PostgreSQL server that belongs to this process.
///
/// It listens on the loopback addresses only. It ends by [`stop`](Self::stop), when it is dropped (without
/// waiting), and when this process ends in any way. A handle may be used from any runtime.
pub struct Cluster {
    guard: Guard,
    access: Access,
    data_dir: PathBuf,
}

impl Cluster {
    /// Starts the cluster of a data folder, which is created on first use and keeps its data from then on.
    ///
    /// # Errors
    ///
    /// Another server still runs on the folder (a few seconds are granted to one that is ending), the folder
    /// belongs to another major version or password, or the server does not start: then its last log lines are
    /// in the message.
    pub async fn start(binaries: &Binaries, config: &ClusterConfig) -> Result<Self> {
        let account = Account::of_server()?;
        let preferred = config.data_dir.clone();
        let data_dir = tokio::task::spawn_blocking(move || place::announced_data_dir(&preferred)).await?;
        let _turn = take_turn(&data_dir).await?;
        postmaster::wait_until_free(&data_dir).await?;
        initdb::ensure_data(binaries, account, config, &data_dir).await?;
        let guard = Guard::spawn(&watch(binaries, account, config, &data_dir, None))?;
        Self::launch(guard, config, data_dir).await
    }

    /// Starts an empty cluster for tests below the system's temporary folder: fast instead of durable, with 300
    /// connections. Its folder is removed when it ends, in whatever way.
    ///
    /// # Errors
    ///
    /// The folder cannot be created or the server does not start.
    pub async fn temporary(binaries: &Binaries) -> Result<Self> {
        let account = Account::of_server()?;
        let parent = place::temporary_folder(account);
        let folder = place::create_private(account, &parent, "eventboard-postgres-")?;
        let config = temporary_config(folder.path());
        // From here on the guard answers for the folder, also while initdb still works.
        let folder_to_remove = Some(folder.path().to_owned());
        let guard = Guard::spawn(&watch(binaries, account, &config, &config.data_dir, folder_to_remove))?;
        let _ = folder.keep();
        initdb::ensure_data(binaries, account, &config, &config.data_dir).await?;
        let data_dir = config.data_dir.clone();
        Self::launch(guard, &config, data_dir).await
    }

    /// The TCP port that the server listens on; it stays the same over [`start_again`](Self::start_again).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.access.port
    }

    /// The folder that holds the data and `server.log`.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The URL of a database for the superuser: `postgres://user:password@127.0.0.1:port/database`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.access.url(database)
    }

    /// Creates a database (UTF-8, locale C.UTF-8) unless it exists.
    ///
    /// # Errors
    ///
    /// The server is not running or refuses.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        self.access.create_database(name).await
    }

    /// Stops the server for good and waits until it has ended; a temporary one is removed with its folder.
    ///
    /// # Errors
    ///
    /// The server has not ended after two minutes.
    pub async fn stop(self) -> Result<()> {
        let ended = timeout(STOP_LIMIT, self.guard.end()).await;
        ended.with_context(|| format!("PostgreSQL on {} does not end", self.data_dir.display()))?
    }

    /// Ends the server like a crash; [`start_again`](Self::start_again) then has to recover. For fault tests.
    ///
    /// # Errors
    ///
    /// The server has not ended after two minutes.
    pub async fn stop_immediate(&mut self) -> Result<()> {
        self.shut_down(Shutdown::Immediate).await
    }

    /// Ends the server cleanly, all connections with it, but keeps the data and port. For fault tests.
    ///
    /// # Errors
    ///
    /// The server has not ended after two minutes.
    pub async fn stop_fast(&mut self) -> Result<()> {
        self.shut_down(Shutdown::Fast).await
    }

    /// Starts the server again after one of the two above, with the same port and data; if it runs, it stays.
    ///
    /// # Errors
    ///
    /// The server does not start, for instance because another program has taken its port.
    pub async fn start_again(&mut self) -> Result<()> {
        if self.guard.is_running().await? {
            return Ok(());
        }
        self.run().await
    }

    /// Starts the server, on another port if the chosen one is lost to somebody at the last moment.
    async fn launch(guard: Guard, config: &ClusterConfig, data_dir: PathBuf) -> Result<Self> {
        let (superuser, password) = (config.superuser.clone(), config.password.clone());
        let access = Access { port: port::choose(config.port)?, superuser, password };
        let mut cluster = Self { guard, access, data_dir };
        server_log::rotate(&cluster.data_dir);
        for _ in 1..PORT_ATTEMPTS {
            match cluster.run().await {
                Err(_) if !cluster.guard.is_running().await? && !port::is_free(cluster.access.port) => {
                    cluster.access.port = port::choose(None)?;
                }
                outcome => return outcome.map(|()| cluster),
            }
        }
        cluster.run().await.map(|()| cluster)
    }

    async fn run(&self) -> Result<()> {
        let pid = self.guard.start(self.access.port).await?;
        self.wait_until_ready(pid).await?;
        self.access.check().await
    }

    /// Waits for the server's own word: an answer on the port might be somebody else's.
    async fn wait_until_ready(&self, pid: u32) -> Result<()> {
        let began = Instant::now();
        while !self.is_ready(pid) {
            if !self.guard.is_running().await? {
                bail!("PostgreSQL did not start; {}", server_log::tail(&self.data_dir));
            }
            if began.elapsed() > START_LIMIT {
                bail!("PostgreSQL is not ready after {START_LIMIT:?}; {}", server_log::tail(&self.data_dir));
            }
            sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    fn is_ready(&self, pid: u32) -> bool {
        let is_ours = |postmaster: Postmaster| postmaster.pid == pid && postmaster.state == State::Ready;
        Postmaster::read(&self.data_dir).is_some_and(is_ours)
    }

    async fn shut_down(&self, shutdown: Shutdown) -> Result<()> {
        let began = Instant::now();
        while self.guard.is_running().await? {
            if began.elapsed() > STOP_LIMIT {
                bail!("PostgreSQL on {} does not end", self.data_dir.display());
            }
            // Again and again, because a server that is only just starting may miss a signal.
            self.guard.signal(shutdown).await?;
            sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }
}

fn temporary_config(folder: &Path) -> ClusterConfig {
    ClusterConfig {
        durable: false,
        settings: vec![("max_connections".to_owned(), "300".to_owned())],
        // Other users of the machine can reach the port, and a superuser may run programs.
        ..ClusterConfig::new(folder.join("data"), "postgres", format!("{:032x}", rand::random::<u128>()))
    }
}

fn watch(
    binaries: &Binaries,
    account: Account,
    config: &ClusterConfig,
    data_dir: &Path,
    folder: Option<PathBuf>,
) -> Watch {
    Watch {
        account,
        postgres: binaries.dir.join("postgres"),
        arguments: settings::arguments(config.durable, &config.settings),
        data_dir: data_dir.to_owned(),
        at_the_end: if folder.is_some() { Shutdown::Immediate } else { Shutdown::Fast },
        folder,
    }
}

/// Two processes that start on the same folder do it one after the other: the second then sees the first one's
/// server instead of half of its `initdb`. The lock is free again when the file is closed.
async fn take_turn(data_dir: &Path) -> Result<File> {
    let lock = data_dir.with_added_extension("lock");
    let work = move || {
        place::create_passable(lock.parent().context("the data folder has no parent")?)?;
        let failed = || format!("could not lock {}", lock.display());
        let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&lock);
        let file = file.with_context(failed)?;
        file.lock().with_context(failed)?;
        Ok(file)
    };
    tokio::task::spawn_blocking(work).await?
}
