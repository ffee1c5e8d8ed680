//! The results of a run. They are printed and saved in `target/bench-load/`.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use serde::Serialize;

use crate::{cases::Case, client::Sample, usage::Figures};

/// How long each start took, by service.
pub(crate) type Starts = BTreeMap<&'static str, Vec<Duration>>;

/// The results of one phase, or the medians of several.
#[derive(Clone, Serialize)]
pub(crate) struct Row {
    case: String,
    /// The number of events in the organization.
    size: u32,
    requests_per_second: f64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    /// The number of unexpected responses and errors.
    errors: f64,
    cpu_seconds_per_1000: Figures,
    memory_mib: Figures,
}

/// A figure with its performance target.
#[derive(Serialize)]
struct Target {
    what: String,
    value: f64,
    target: String,
    met: bool,
}

/// The results of all phases so far.
#[derive(Serialize)]
pub(crate) struct Report {
    phases: Vec<Row>,
    medians: Vec<Row>,
    targets: Vec<Target>,
    pub(crate) errors: usize,
    #[serde(skip)]
    starts: Starts,
    #[serde(skip)]
    sizes: [u32; 2],
}

/// The columns for CPU time. The processes of the bare system use the columns of the services that they correspond
/// to.
const PROCESSES: [&str; 5] = ["gateway", "auth", "events", "postgres", "client"];
const SERVICES: [&str; 3] = ["gateway", "auth", "events"];

/// Listings that use an index and must not become slower as an organization grows.
const SIZE_INDEPENDENT_CASES: [Case; 5] =
    [Case::ListFirst, Case::ListCursor, Case::SearchHalf, Case::SearchRare, Case::SearchNone];

impl Row {
    pub(crate) fn new(case: String, size: u32, sample: &Sample) -> Self {
        let quantile = |quantile| sample.latencies.value_at_quantile(quantile) as f64 / 1000.0;
        let thousands = sample.completed as f64 / 1000.0;
        Self {
            case,
            size,
            requests_per_second: sample.completed as f64 / sample.seconds,
            p50_ms: quantile(0.5),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
            p999_ms: quantile(0.999),
            errors: sample.errors.len() as f64,
            cpu_seconds_per_1000: sample.cpu.iter().map(|(name, cpu)| (*name, cpu / thousands)).collect(),
            memory_mib: sample.memory.clone(),
        }
    }

    /// The median of each figure.
    fn median(rows: &[&Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rows.iter().map(|row| figure(row)));
        let each = |figures: fn(&Self) -> &Figures| {
            let names = figures(rows[0]).keys();
            names.map(|name| (*name, median(rows.iter().map(|row| figures(row)[name])))).collect()
        };
        Self {
            case: rows[0].case.clone(),
            size: rows[0].size,
            requests_per_second: of(|row| row.requests_per_second),
            p50_ms: of(|row| row.p50_ms),
            p95_ms: of(|row| row.p95_ms),
            p99_ms: of(|row| row.p99_ms),
            p999_ms: of(|row| row.p999_ms),
            errors: of(|row| row.errors),
            cpu_seconds_per_1000: each(|row| &row.cpu_seconds_per_1000),
            memory_mib: each(|row| &row.memory_mib),
        }
    }

    fn cells(&self) -> Vec<String> {
        let latencies = [self.p50_ms, self.p95_ms, self.p99_ms, self.p999_ms];
        let mut cells =
            vec![self.case.clone(), self.size.to_string(), format!("{:.0}", self.requests_per_second)];
        cells.extend(latencies.map(|latency| format!("{latency:.2}")));
        cells.push(format!("{:.0}", self.errors));
        cells.extend(PROCESSES.map(|name| cell(&self.cpu_seconds_per_1000, name, 3)));
        cells.extend(SERVICES.map(|name| cell(&self.memory_mib, name, 1)));
        cells
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

fn cell(figures: &Figures, name: &str, digits: usize) -> String {
    figures.get(name).map(|figure| format!("{figure:.digits$}")).unwrap_or_default()
}

impl Report {
    pub(crate) fn new(starts: Starts, sizes: &[u32]) -> Self {
        let sizes = [*sizes.iter().min().unwrap(), *sizes.iter().max().unwrap()];
        Self { phases: Vec::new(), medians: Vec::new(), targets: Vec::new(), errors: 0, starts, sizes }
    }

    /// Adds the results of a phase and prints them.
    pub(crate) fn add(&mut self, row: Row, errors: &[String]) {
        println!(
            "{:<22} {:>8} {:>8.0}/s  p99 {:>8.2} ms",
            row.case, row.size, row.requests_per_second, row.p99_ms
        );
        if let Some(first) = errors.first() {
            println!("  {} unexpected responses, the first: {first}", errors.len());
        }
        self.errors += errors.len();
        self.phases.push(row);
    }

    /// Prints the tables and saves them.
    pub(crate) fn finish(&mut self) {
        self.medians = self.compute_medians();
        self.targets = self.evaluate_targets();
        let tables = format!("{}\n{}", self.table_of_cases(), self.table_of_targets());
        println!("\n{tables}");
        if self.errors > 0 {
            println!("{} responses were not as expected.", self.errors);
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-load");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("report.md"), tables).unwrap();
        fs::write(folder.join("report.json"), serde_json::to_string_pretty(self).unwrap()).unwrap();
        println!("Saved in {}.", folder.display());
    }

    /// One row for each case and size, in the order of their first phase.
    fn compute_medians(&self) -> Vec<Row> {
        let mut groups: Vec<Vec<&Row>> = Vec::new();
        for row in &self.phases {
            let is_same = |group: &&mut Vec<&Row>| (&group[0].case, group[0].size) == (&row.case, row.size);
            match groups.iter_mut().find(is_same) {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        groups.iter().map(|group| Row::median(group)).collect()
    }

    fn find(&self, case: Case, size: u32) -> Option<&Row> {
        let name = case.name();
        self.medians.iter().find(|row| row.case == name && row.size == size)
    }

    fn evaluate_targets(&self) -> Vec<Target> {
        let rate = |row: &Row| row.requests_per_second;
        let p99 = |row: &Row| row.p99_ms;
        let [smallest, largest] = self.sizes;
        let ratio = |what, case, bare, figure: fn(&Row) -> f64| {
            Some((what, figure(self.find(case, largest)?) / figure(self.find(bare, largest)?)))
        };
        let compared = [
            (
                ratio("get: requests/s, relative to bare-get", Case::Get, Case::BareGet, rate),
                Bound::AtLeast(0.85),
            ),
            (ratio("get: p99, relative to bare-get", Case::Get, Case::BareGet, p99), Bound::AtMost(1.3)),
            (
                ratio("get: requests/s, relative to get-unmeasured", Case::Get, Case::GetUnmeasured, rate),
                Bound::AtLeast(0.98),
            ),
            (
                ratio("create: requests/s, relative to bare-create", Case::Create, Case::BareCreate, rate),
                Bound::AtLeast(0.65),
            ),
            (
                ratio(
                    "replay: requests/s, relative to bare-create-constant",
                    Case::Replay,
                    Case::BareCreateConstant,
                    rate,
                ),
                Bound::AtLeast(0.8),
            ),
            (
                ratio("decide: requests/s, relative to decide-own", Case::Decide, Case::DecideOwn, rate),
                // Every second request writes a mail, which may cost 5 %.
                Bound::AtLeast(0.975),
            ),
        ];
        let mut targets: Vec<_> = compared
            .into_iter()
            .filter_map(|(ratio, bound)| ratio.map(|(what, value)| bound.evaluate(what.to_owned(), value)))
            .collect();
        for case in SIZE_INDEPENDENT_CASES.into_iter().filter(|_| smallest < largest) {
            if let (Some(small), Some(large)) = (self.find(case, smallest), self.find(case, largest)) {
                let what = format!("{}: p99 with {largest} events, relative to {smallest}", case.name());
                targets.push(Bound::AtMost(2.0).evaluate(what, large.p99_ms / small.p99_ms));
            }
        }
        // Rows of the bare system are skipped, because they have no auth-service.
        let whole = self.phases.iter().filter(|row| row.memory_mib.len() == SERVICES.len());
        let memory = whole.map(|row| row.memory_mib.values().sum()).fold(0.0, f64::max);
        targets.push(
            Bound::AtMost(90.0).evaluate("maximum memory of the three services, MiB".to_owned(), memory),
        );
        for (name, took) in &self.starts {
            let took = || took.iter().map(|took| took.as_secs_f64() * 1000.0);
            let best = took().fold(f64::INFINITY, f64::min);
            targets.push(Bound::AtMost(200.0).evaluate(format!("{name}: start to ready, best, ms"), best));
            targets.push(
                Bound::AtMost(200.0).evaluate(format!("{name}: start to ready, median, ms"), median(took())),
            );
        }
        targets
    }

    fn table_of_cases(&self) -> String {
        let header = "case|events|requests/s|p50 ms|p95 ms|p99 ms|p99.9 ms|errors|CPU s/1000: gateway|auth|events|postgres|client\
            |MiB: gateway|auth|events";
        table(header, &self.medians.iter().map(Row::cells).collect::<Vec<_>>())
    }

    fn table_of_targets(&self) -> String {
        let cells = |target: &Target| {
            let met = if target.met { "met" } else { "MISSED" };
            vec![target.what.clone(), format!("{:.2}", target.value), target.target.clone(), met.to_owned()]
        };
        table("figure|measured|target|", &self.targets.iter().map(cells).collect::<Vec<_>>())
    }
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn evaluate(self, what: String, value: f64) -> Target {
        let (target, met) = match self {
            Self::AtLeast(bound) => (format!(">= {bound}"), value >= bound),
            Self::AtMost(bound) => (format!("<= {bound}"), value <= bound),
        };
        Target { what, value, target, met }
    }
}

/// A Markdown table with aligned columns. The first column is text, the others are numbers.
fn table(header: &str, rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.split('|').map(str::to_owned).collect();
    let widths: Vec<usize> = (0..header.len())
        .map(|column| rows.iter().chain([&header]).map(|row| row[column].len()).max().unwrap_or(0).max(2))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().enumerate().map(|(column, width)| match column {
        0 => "-".repeat(*width),
        _ => format!("{}:", "-".repeat(width - 1)),
    });
    let rule = line(&rule.collect());
    std::iter::once(line(&header)).chain([rule]).chain(rows.iter().map(line)).collect()
}
