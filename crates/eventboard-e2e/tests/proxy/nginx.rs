//! Runs nginx with the configuration in deploy/nginx.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use eventboard_e2e::{
    cluster::free_port,
    files::{root, text},
    process::peak_resident_kib,
    wait_until,
};
use tempfile::TempDir;
use tokio::net::TcpStream;

const NGINX: &str = "/usr/sbin/nginx";

/// A running nginx. It is stopped when dropped.
pub(crate) struct Nginx {
    child: Child,
    folder: TempDir,
    /// The address of the port for HTTPS.
    pub(crate) https: SocketAddr,
    /// The address of the port for HTTP.
    pub(crate) http: SocketAddr,
}

impl Nginx {
    /// Starts nginx in front of this gateway, and waits until it listens.
    pub(crate) async fn start(gateway: SocketAddr, allowed_origins: &str) -> Self {
        let folder = TempDir::with_prefix("eventboard-nginx-").unwrap();
        fs::create_dir(folder.path().join("cache")).unwrap();
        create_certificate(folder.path());
        fs::write(folder.path().join("allowed-origins.conf"), map_of_origins(allowed_origins)).unwrap();
        let [http, https] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration(folder.path(), http, https, gateway)).unwrap();
        let child = Command::new(NGINX)
            .args(["-g", "daemon off;", "-c"])
            .arg(file)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let nginx = Self { child, folder, https, http };
        wait_until("nginx listens", async || TcpStream::connect(https).await.is_ok()).await;
        nginx
    }

    /// The certificate, in PEM.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("fullchain.pem")).unwrap()
    }

    /// The largest resident set size of the worker so far, in KiB.
    pub(crate) fn worker_peak_kib(&self) -> u64 {
        let master = self.child.id();
        let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children")).unwrap();
        let [worker] = children.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("not one worker: {children}")
        };
        peak_resident_kib(worker.parse().unwrap())
    }

    /// The files that nginx has written, except its log.
    pub(crate) fn temporary_files(&self) -> Vec<String> {
        let output = Command::new("find").arg(self.folder.path().join("cache")).args(["-type", "f"]).output();
        String::from_utf8(output.unwrap().stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// The access log.
    pub(crate) fn access_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("access.log")).unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM, because after SIGKILL the worker would continue.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// The configuration of production, with other files, ports and gateways.
fn configuration(folder: &Path, http: SocketAddr, https: SocketAddr, gateway: SocketAddr) -> String {
    let folder = folder.to_str().unwrap();
    let replacements = [
        ("user nginx;", "user root;".to_owned()),
        ("/run/", format!("{folder}/")),
        ("/dev/stderr", format!("{folder}/error.log")),
        ("/dev/stdout", format!("{folder}/access.log")),
        ("/var/cache/nginx/", format!("{folder}/cache/")),
        ("/etc/nginx/tls/", format!("{folder}/")),
        ("listen 80;", format!("listen {http};")),
        ("listen 443;", format!("listen {https};")),
        ("set $gateway api-gateway;", format!("set $gateway {};", gateway.ip())),
        ("http://$gateway:3000;", format!("http://$gateway:{};", gateway.port())),
    ];
    replacements.iter().fold(text("deploy/nginx/nginx.conf"), |config, (original, replacement)| {
        assert!(config.contains(original), "{original} is not in the configuration");
        config.replace(original, replacement)
    })
}

/// What the container writes when it starts.
fn map_of_origins(allowed_origins: &str) -> Vec<u8> {
    let script = root().join("deploy/nginx/allowed-origins");
    let output =
        Command::new("sh").arg(script).env("CORS_ALLOWED_ORIGINS", allowed_origins).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn create_certificate(folder: &Path) {
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "privkey.pem", "-out", "fullchain.pem"])
        .current_dir(folder)
        .output()
        .expect("openssl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
