//! The sequence of measurements in a run.

use std::{net::SocketAddr, time::Instant};

use crate::{
    Arguments,
    cases::{self, AUTH_CASES, COMPARED_CASES, Case, LISTING_CASES, Tenant},
    client::{self, Sample, Timing},
    cluster::Database,
    generated, pgbench,
    processes::{self, Bare, System},
    report::{Report, Row, Starts},
    seed::{self, Organization},
    usage::MonitoredProcesses,
};

/// The number of times that each compared case is measured.
const ROUNDS: usize = 3;

/// The number of measured starts of each service.
const STARTS: usize = 5;

/// All systems that are running at the same time in a run.
struct Environment<'a> {
    database: &'a Database,
    system: System,
    /// The system without metrics.
    without_metrics: System,
    /// The system with traces.
    traced: System,
    bare: Bare,
    /// The bare system without a database.
    bare_without_database: Bare,
    timing: Timing,
}

/// Performs a run. Returns whether all responses were as expected.
pub(crate) async fn run(arguments: &Arguments, database: &Database) -> bool {
    // A service migrates the schema when it starts.
    processes::start_auth(database, &[]).await.kill().await;
    if let Some(events) = arguments.events {
        generated::generate(database, events, arguments.organizations).await;
    }
    if arguments.events.is_some() || arguments.database.is_some() {
        return generated::run(arguments.timing(), database).await;
    }
    let sizes = arguments.sizes();
    let organizations: Vec<_> =
        (1..).zip(&sizes).map(|(number, size)| Organization::new(number, *size)).collect();
    let began = Instant::now();
    seed::seed(&database.url, &organizations).await;
    println!("Created {} events in {:.1} s.", sizes.iter().sum::<u32>(), began.elapsed().as_secs_f64());

    let starts = measure_starts(database).await;
    let largest = organizations.iter().max_by_key(|organization| organization.size).unwrap();
    let collector = processes::start_collector().await;
    let environment = Environment {
        system: System::start(database, &[]).await,
        without_metrics: System::start(database, &[("METRICS_PORT", "0".to_owned())]).await,
        traced: System::start(
            database,
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.address))],
        )
        .await,
        bare: Bare::start(Some(database), largest).await,
        bare_without_database: Bare::start(None, largest).await,
        timing: arguments.timing(),
        database,
    };
    let mut report = Report::new(starts, &sizes);
    environment.measure_all(arguments, &organizations, &mut report).await;
    report.finish();
    report.errors == 0
}

async fn measure_starts(database: &Database) -> Starts {
    let mut starts = Starts::default();
    for _ in 0..STARTS {
        let (auth, events) =
            (processes::start_auth(database, &[]).await, processes::start_events(database, &[]).await);
        let gateway = processes::start_gateway(database, [auth.address, events.address], false, &[]).await;
        for (name, process) in [("auth", auth), ("events", events), ("gateway", gateway)] {
            starts.entry(name).or_default().push(process.took);
            process.kill().await;
        }
    }
    starts
}

impl Environment<'_> {
    async fn measure_all(&self, arguments: &Arguments, organizations: &[Organization], report: &mut Report) {
        let is_selected = |case: &Case| arguments.only.is_empty() || arguments.only.contains(case);
        let mut tenants = Vec::new();
        for organization in organizations {
            let gateway = self.system.gateway.address;
            let token = cases::log_in(gateway, &organization.email).await;
            let member_token = cases::log_in(gateway, &organization.member_email).await;
            tenants.push(Tenant { organization: organization.clone(), token, member_token });
        }
        let largest = tenants.iter().max_by_key(|tenant| tenant.organization.size).unwrap();

        for case in LISTING_CASES.into_iter().filter(is_selected) {
            for tenant in tenants.iter().filter(|tenant| case.applies_to(&tenant.organization)) {
                self.measure(case, tenant, report).await;
            }
        }
        for _ in 0..ROUNDS {
            for case in COMPARED_CASES.into_iter().filter(is_selected) {
                self.measure(case, largest, report).await;
            }
        }
        for case in AUTH_CASES.into_iter().filter(is_selected) {
            self.measure(case, largest, report).await;
        }
    }

    async fn measure(&self, case: Case, tenant: &Tenant, report: &mut Report) {
        let sample = match case {
            Case::PgbenchSelect => self.pgbench(&pgbench::select(&tenant.organization)).await,
            Case::PgbenchInsert => self.pgbench(&pgbench::insert(&tenant.organization)).await,
            _ => Some(self.drive(case, tenant).await),
        };
        if let Some(sample) = sample {
            report.add(Row::new(case.name(), tenant.organization.size, &sample), &sample.errors);
        }
    }

    async fn pgbench(&self, script: &str) -> Option<Sample> {
        let program = self.database.pgbench.as_ref()?;
        let monitored = MonitoredProcesses { servers: Vec::new(), postgres: self.database.pid };
        Some(pgbench::drive(self.database, program, script, self.timing, &monitored).await)
    }

    async fn drive(&self, case: Case, tenant: &Tenant) -> Sample {
        let (address, monitored) = self.system_under_test(case);
        let requests = |connection| case.requests(tenant, connection);
        client::drive(address, case.expected_status(), requests, self.timing, &monitored).await
    }

    /// The gateway address and the processes of the system that a case measures.
    fn system_under_test(&self, case: Case) -> (SocketAddr, MonitoredProcesses) {
        let system = match case {
            Case::BareGet | Case::BareCreate => return self.bare.under_test(self.database),
            Case::BareGetConstant | Case::BareCreateConstant => {
                return self.bare_without_database.under_test(self.database);
            }
            Case::GetUnmeasured => &self.without_metrics,
            Case::GetTraced => &self.traced,
            _ => &self.system,
        };
        (system.gateway.address, system.monitored(self.database))
    }
}
