//! The filters of the list and of the month, as the address of the page has them.

use chrono::{Datelike, NaiveDate};
use eventboard_domain::{EventStatus, Violations};
use eventboard_proto::events as proto;

use crate::{
    dates::parse_date,
    event::status_name,
    filter_words::{DayWords, FilterWords, StatusFilter},
    form::{Form, FormView},
    query::with_query,
    texts::Texts,
};

/// The name in addresses of any status.
const ANY: &str = "any";

/// The first and the last year that pages show.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2100;

/// The filters of the list and of the month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventFilters {
    /// Without blanks around it. Empty: no search.
    pub(crate) search: String,
    pub(crate) status: StatusFilter,
    pub(crate) mine: bool,
    /// The first day.
    pub(crate) from: Option<NaiveDate>,
    /// The last day.
    pub(crate) to: Option<NaiveDate>,
    /// Whether the list is that of the past. Not together with days.
    pub(crate) earlier: bool,
}

impl StatusFilter {
    /// What is listed unless another status is asked for: what is on, or all that is one's own.
    const fn usual(mine: bool) -> Self {
        if mine { Self::Any } else { Self::Only(EventStatus::Approved) }
    }

    /// The name in addresses.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Any => ANY,
            Self::Only(status) => status_name(status),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|status| status.name() == name)
    }

    /// All of them, in the order in which the form offers them.
    fn all() -> [Self; 5] {
        let [approved, draft, submitted, rejected] =
            [EventStatus::Approved, EventStatus::Draft, EventStatus::Submitted, EventStatus::Rejected];
        [Self::Only(approved), Self::Only(draft), Self::Only(submitted), Self::Only(rejected), Self::Any]
    }

    /// The number for a request.
    pub(crate) fn message(self) -> i32 {
        let status = match self {
            Self::Any => proto::EventStatus::Unspecified,
            Self::Only(status) => status.into(),
        };
        status.into()
    }

    /// What the form calls it.
    fn label(self, texts: &Texts) -> &'static str {
        match self {
            Self::Any => texts.events.any_status,
            Self::Only(status) => texts.common.status(status),
        }
    }
}

impl EventFilters {
    /// Reads the filters from the query of an address. What is not understood is told at its field.
    ///
    /// # Errors
    /// What is to be changed.
    pub(crate) fn parse(query: &Form, texts: &Texts) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let from = violations.check("from", day(query.value("from"), texts.events.from_format)).flatten();
        let to = violations.check("to", day(query.value("to"), texts.events.to_format)).flatten();
        if let (Some(from), Some(to)) = (from, to)
            && to < from
        {
            violations.add("to", texts.events.days_reversed);
        }
        violations.into_result()?;
        let earlier = is_set(query, "earlier") && from.is_none() && to.is_none();
        let search = query.value("search").trim().to_owned();
        Ok(Self { search, from, to, earlier, ..Self::without_days(query) })
    }

    /// Reads the filters that the month has, too.
    pub(crate) fn without_days(query: &Form) -> Self {
        let mine = is_set(query, "mine");
        let status = StatusFilter::parse(query.value("status")).unwrap_or(StatusFilter::usual(mine));
        Self { search: String::new(), status, mine, from: None, to: None, earlier: false }
    }

    /// Whether the status is another one than usual.
    fn has_status(&self) -> bool {
        self.status != StatusFilter::usual(self.mine)
    }

    /// Whether there is a filter in the part of the form that is folded.
    pub(crate) fn has_folded(&self) -> bool {
        self.has_status() || self.mine || self.from.is_some() || self.to.is_some()
    }

    /// Whether there is any filter.
    pub(crate) fn is_active(&self) -> bool {
        !self.search.is_empty() || self.has_folded()
    }

    /// The address of a page with these filters and other parameters.
    pub(crate) fn path(&self, page: &str, others: &[(&str, &str)]) -> String {
        let day = |day: Option<NaiveDate>| day.map_or_else(String::new, |day| day.to_string());
        let switch = |is_on| if is_on { "1" } else { "" };
        let (from, to) = (day(self.from), day(self.to));
        let filters = [
            ("search", &*self.search),
            ("status", if self.has_status() { self.status.name() } else { "" }),
            ("mine", switch(self.mine)),
            ("from", &from),
            ("to", &to),
            ("earlier", switch(self.earlier)),
        ];
        with_query(page, filters.into_iter().chain(others.iter().copied()))
    }

    /// The same filters for other days than the past ones, or for these.
    pub(crate) fn with_earlier(&self, earlier: bool) -> Self {
        Self { earlier, ..self.clone() }
    }

    /// The statuses that the form offers: address name, label, and whether it is selected. The usual one has no name, so that it stays
    /// the usual one when "Only mine" is checked.
    pub(crate) fn status_options(&self, texts: &Texts) -> Vec<(&'static str, &'static str, bool)> {
        let usual = StatusFilter::usual(self.mine);
        let others = StatusFilter::all().into_iter().filter(|status| *status != usual);
        let options = std::iter::once(("", usual)).chain(others.map(|status| (status.name(), status)));
        options.map(|(name, status)| (name, status.label(texts), self.status == status)).collect()
    }

    /// The form of these filters.
    pub(crate) fn form(&self) -> FormView {
        let text = |day: Option<NaiveDate>| day.map_or_else(String::new, |day| day.to_string());
        let values = [("search", self.search.clone()), ("from", text(self.from)), ("to", text(self.to))];
        FormView::of(Form::filled(values))
    }

    /// The filters as words.
    pub(crate) fn words(&self, days: DayWords) -> FilterWords<'_> {
        FilterWords { status: self.status, mine: self.mine, search: &self.search, days }
    }
}

/// Whether a switch is on. The parameter may be there and empty.
fn is_set(query: &Form, name: &str) -> bool {
    ["1", "true", "on"].contains(&query.value(name))
}

/// Reads a day. Blank: none.
///
/// # Errors
/// How to write a day, which is `format`.
fn day(text: &str, format: &str) -> Result<Option<NaiveDate>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let day = parse_date(text).filter(|day| YEARS.contains(&day.year()));
    day.map(Some).ok_or_else(|| format.to_owned())
}

/// Reads the first day of a month that pages show: `2026-03`.
pub(crate) fn month(text: &str) -> Option<NaiveDate> {
    let first = parse_date(&format!("{text}-01"))?;
    YEARS.contains(&first.year()).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::ENGLISH;

    fn parse(query: &str) -> EventFilters {
        EventFilters::parse(&Form::parse(query.as_bytes()), &ENGLISH).expect("filters")
    }

    fn faults(query: &str) -> Vec<String> {
        let violations = EventFilters::parse(&Form::parse(query.as_bytes()), &ENGLISH).expect_err("a fault");
        violations.iter().map(|violation| violation.field.clone()).collect()
    }

    #[test]
    fn a_list_shows_what_is_published_or_all_that_is_ones_own() {
        assert_eq!(parse("").status, StatusFilter::Only(EventStatus::Approved));
        assert_eq!(parse("mine=1").status, StatusFilter::Any);
        assert_eq!(parse("mine=1&status=published").status, StatusFilter::Only(EventStatus::Approved));
        assert_eq!(parse("status=any").status, StatusFilter::Any);
        assert_eq!(parse("status=unheard-of").status, StatusFilter::Only(EventStatus::Approved));
        assert!(!parse("status=published&search=+&mine=").is_active());
    }

    #[test]
    fn an_address_has_only_what_is_not_usual() {
        for (query, path) in [
            ("", "/board/events"),
            ("status=published&search=&from=&to=", "/board/events"),
            ("mine=1&status=any", "/board/events?mine=1"),
            (
                "search=a%26b&status=draft&from=2026-03-01&to=2026-03-31&earlier=1",
                "/board/events?search=a%26b&status=draft&from=2026-03-01&to=2026-03-31",
            ),
            ("earlier=1", "/board/events?earlier=1"),
        ] {
            assert_eq!(parse(query).path("/board/events", &[]), path);
        }
        assert_eq!(
            parse("mine=1").path("/board/events", &[("cursor", "a=b")]),
            "/board/events?mine=1&cursor=a%3Db"
        );
    }

    #[test]
    fn what_is_not_a_day_is_told_at_its_field() {
        assert_eq!(faults("from=tomorrow&to=3.3.2026"), ["from", "to"]);
        assert_eq!(faults("from=1969-12-31"), ["from"]);
        assert_eq!(faults("from=2026-03-02&to=2026-03-01"), ["to"]);
    }

    #[test]
    fn the_usual_status_stays_usual_when_only_ones_own_are_asked_for() {
        let options = parse("").status_options(&ENGLISH);
        assert_eq!(options[0], ("", "Published", true));
        let options = parse("mine=1&status=draft").status_options(&ENGLISH);
        assert_eq!(options[0], ("", "Any", false));
        assert_eq!(options.iter().filter(|(_, _, is_selected)| *is_selected).count(), 1);
    }

    #[test]
    fn a_month_is_one_that_pages_show() {
        assert_eq!(month("2026-03"), NaiveDate::from_ymd_opt(2026, 3, 1));
        for text in ["", "2026-13", "1969-12", "2101-01", "2026-03-05"] {
            assert_eq!(month(text), None, "{text}");
        }
    }
}
