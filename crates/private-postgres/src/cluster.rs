//! Starts and stops a private PostgreSQL server, and simulates its failures for fault tests.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep, timeout};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::config::ClusterConfig;
use crate::connection::ConnectionParams;
use crate::postmaster::{Postmaster, State};
use crate::supervisor::{Shutdown, Supervisor, SupervisorConfig};
use crate::{folders, initdb, port, postmaster, server_log, settings};

/// The time limit for a start. It is long enough to recover a data folder after a crash of the machine.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// The time limit for a stop. It is long enough to write much modified data to a slow disk.
const STOP_TIMEOUT: Duration = Duration::from_secs(120);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The number of attempts to start, because another process may take the chosen port just before the server binds it.
const PORT_ATTEMPTS: usize = 3;

/// A running PostgreSQL server that belongs to this process.
///
/// The server listens on the loopback addresses only. It ends when [`stop`](Self::stop) is called, when this value is
/// dropped (without waiting), and when this process ends, even if it is killed. A handle can be used from any
/// runtime.
pub struct Cluster {
    supervisor: Supervisor,
    connection: ConnectionParams,
    data_dir: PathBuf,
}

impl Cluster {
    /// Starts a PostgreSQL server whose data is kept. The data folder is created on first use.
    ///
    /// # Errors
    ///
    /// Returns an error if another server is running in the folder (if that server is stopping, this function waits
    /// up to a minute for it), if the folder has another major version or password, or if the server does not start. In the
    /// last case the message includes its last log lines.
    pub async fn start(binaries: &Binaries, config: &ClusterConfig) -> Result<Self> {
        let account = Account::of_server()?;
        let preferred = config.data_dir.clone();
        let data_dir =
            tokio::task::spawn_blocking(move || folders::usable_data_dir_with_notice(&preferred)).await?;
        let _lock = lock_data_dir(&data_dir).await?;
        postmaster::wait_until_free(&data_dir).await?;
        initdb::ensure_data(binaries, account, config, &data_dir).await?;
        let supervisor = Supervisor::spawn(&supervisor_config(binaries, account, config, &data_dir, None))?;
        Self::launch(supervisor, config, data_dir).await
    }

    /// Starts an empty PostgreSQL server for tests in the system's temporary folder. The server is fast but not
    /// durable: `fsync` is off, so a crash of the machine can lose data. It allows 300 connections. Its folder is
    /// removed when the server ends, even if the test process is killed.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be created or the server does not start.
    pub async fn temporary(binaries: &Binaries) -> Result<Self> {
        let account = Account::of_server()?;
        let parent = folders::temporary_parent(account);
        let folder = folders::create_private(account, &parent, "eventboard-postgres-")?;
        let config = temporary_config(folder.path());
        // From here on, the supervisor is responsible for removing the folder, even while initdb is running.
        let folder_to_remove = Some(folder.path().to_owned());
        let supervisor = Supervisor::spawn(&supervisor_config(
            binaries,
            account,
            &config,
            &config.data_dir,
            folder_to_remove,
        ))?;
        let _ = folder.keep();
        initdb::ensure_data(binaries, account, &config, &config.data_dir).await?;
        let data_dir = config.data_dir.clone();
        Self::launch(supervisor, &config, data_dir).await
    }

    /// The TCP port of the server. [`start_again`](Self::start_again) does not change it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.connection.port
    }

    /// The folder that contains the data and `server.log`.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The URL for the superuser's access to a database: `postgres://user:password@127.0.0.1:port/database`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.connection.url(database)
    }

    /// Creates a database (UTF-8, locale C.UTF-8) if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns an error if the server is not running or rejects the command.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        self.connection.create_database(name).await
    }

    /// Stops the server permanently and waits until it has ended. The folder of a temporary server is removed.
    ///
    /// # Errors
    ///
    /// Returns an error if the server has not ended after two minutes.
    pub async fn stop(self) -> Result<()> {
        let ended = timeout(STOP_TIMEOUT, self.supervisor.end()).await;
        ended.with_context(|| format!("PostgreSQL on {} does not stop", self.data_dir.display()))?
    }

    /// Stops the server as in a crash, so that [`start_again`](Self::start_again) performs recovery. For fault tests.
    ///
    /// # Errors
    ///
    /// Returns an error if the server has not ended after two minutes.
    pub async fn stop_immediate(&mut self) -> Result<()> {
        self.shut_down(Shutdown::Immediate).await
    }

    /// Kills the server's main process (`kill -9`). Its other processes may run for another moment, in which
    /// [`start_again`](Self::start_again) fails. For fault tests.
    ///
    /// # Errors
    ///
    /// Returns an error if the main process has not ended after two minutes.
    pub async fn kill(&mut self) -> Result<()> {
        self.shut_down(Shutdown::Kill).await
    }

    /// Stops the server cleanly, including all connections, but does not remove the data or change the port. For
    /// fault tests.
    ///
    /// # Errors
    ///
    /// Returns an error if the server has not ended after two minutes.
    pub async fn stop_fast(&mut self) -> Result<()> {
        self.shut_down(Shutdown::Fast).await
    }

    /// Starts a stopped server again with the same port and data. Does nothing if the server is running.
    ///
    /// # Errors
    ///
    /// Returns an error if the server does not start, for example because another program uses its port.
    pub async fn start_again(&mut self) -> Result<()> {
        if self.supervisor.is_running().await? {
            return Ok(());
        }
        self.start_server().await
    }

    /// Starts the server. Uses another port if another process takes the chosen one at the last moment.
    async fn launch(supervisor: Supervisor, config: &ClusterConfig, data_dir: PathBuf) -> Result<Self> {
        let (superuser, password) = (config.superuser.clone(), config.password.clone());
        let connection = ConnectionParams { port: port::choose(config.port)?, superuser, password };
        let mut cluster = Self { supervisor, connection, data_dir };
        server_log::rotate(&cluster.data_dir);
        for _ in 1..PORT_ATTEMPTS {
            match cluster.start_server().await {
                Err(_)
                    if !cluster.supervisor.is_running().await? && !port::is_free(cluster.connection.port) =>
                {
                    cluster.connection.port = port::choose(None)?;
                }
                outcome => return outcome.map(|()| cluster),
            }
        }
        cluster.start_server().await.map(|()| cluster)
    }

    async fn start_server(&self) -> Result<()> {
        let pid = self.supervisor.start(self.connection.port).await?;
        self.wait_until_ready(pid).await?;
        self.connection.verify().await
    }

    /// Waits until `postmaster.pid` reports that the server is ready. A connection attempt would not suffice, because
    /// another process may listen on the port.
    async fn wait_until_ready(&self, pid: u32) -> Result<()> {
        let began = Instant::now();
        while !self.is_ready(pid) {
            if !self.supervisor.is_running().await? {
                bail!("PostgreSQL did not start; {}", server_log::tail(&self.data_dir));
            }
            if began.elapsed() > START_TIMEOUT {
                let log = server_log::tail(&self.data_dir);
                bail!("PostgreSQL is not ready after {START_TIMEOUT:?}; {log}");
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
        while self.supervisor.is_running().await? {
            if began.elapsed() > STOP_TIMEOUT {
                bail!("PostgreSQL on {} does not stop", self.data_dir.display());
            }
            // The signal is repeated, because a server that has just been started may miss a signal.
            self.supervisor.signal(shutdown).await?;
            sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }
}

fn temporary_config(folder: &Path) -> ClusterConfig {
    ClusterConfig {
        durable: false,
        settings: vec![("max_connections".to_owned(), "300".to_owned())],
        // A random password is needed, because other users of the machine can reach the port and a superuser can run
        // programs.
        ..ClusterConfig::new(folder.join("data"), "postgres", format!("{:032x}", rand::random::<u128>()))
    }
}

fn supervisor_config(
    binaries: &Binaries,
    account: Account,
    config: &ClusterConfig,
    data_dir: &Path,
    folder_to_remove: Option<PathBuf>,
) -> SupervisorConfig {
    SupervisorConfig {
        account,
        postgres: binaries.dir.join("postgres"),
        arguments: settings::arguments(config.durable, &config.settings),
        data_dir: data_dir.to_owned(),
        shutdown: if folder_to_remove.is_some() { Shutdown::Immediate } else { Shutdown::Fast },
        folder_to_remove,
    }
}

/// Locks the data folder, so that several processes do not start in it at the same time. Otherwise a second process
/// could see a half-finished `initdb` of the first. Closing the file releases the lock.
async fn lock_data_dir(data_dir: &Path) -> Result<File> {
    let path = data_dir.with_added_extension("lock");
    let work = move || {
        folders::create_accessible(path.parent().context("the data folder has no parent")?)?;
        let failed = || format!("could not lock {}", path.display());
        let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(failed)?;
        file.lock().with_context(failed)?;
        Ok(file)
    };
    tokio::task::spawn_blocking(work).await?
}
