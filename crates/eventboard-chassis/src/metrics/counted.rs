use metrics::Gauge;

/// One more in a gauge for as long as the value lives: also who hangs up stops being counted.
pub struct Counted(Gauge);

impl Counted {
    /// Begins to count.
    pub fn new(gauge: &Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
