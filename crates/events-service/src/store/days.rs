//! Reads what starts on each of several days. The events with one status, of everybody or of one owner, are in the order of an
//! index. So for each day and status, only the first ones are read.

use eventboard_chassis::error::ServiceError;
use eventboard_db::{InstrumentStatement, db_error};
use eventboard_domain::{Event, EventStatus, Visibility};
use sqlx::FromRow;

use super::{
    Store,
    event::{EventRow, with_event_columns},
};
use crate::days::{Day, DaysQuery, MAX_EXACT_TOTAL};

/// The status, and the owner, are compared as a range and are in the order, so that only the index with this order can serve the
/// statement, whatever the statistics say. PostgreSQL does not stop at the end of such a range, but at the limit. So the end of the day
/// is compared afterwards.
///
/// The parameters are $1 and $2 the days, $3 organization, $4 statuses of which everybody's events are wanted, $5 caller, $6
/// statuses of which only the caller's are wanted, $7 number of events that are counted, and $8 number of events of a day.
macro_rules! days_statement {
    ($columns:literal) => {
        concat!(
            "select ",
            $columns,
            r#", number, total
            from unnest($1::timestamptz[], $2::timestamptz[]) with ordinality as day (starts, ends, number)
            cross join lateral (
                select array_agg(id order by "startDate", id) as ids, count(*) as total from (
                    select found.id, found."startDate"
                    from unnest($4::text[]::"EventStatus"[]) as wanted (of_status) cross join lateral (
                        select id, "startDate" from "Event"
                        where "organizationId" = $3
                            and (status, "startDate") >= (of_status, starts) and status <= of_status
                        order by status, "startDate", id limit $7
                    ) found
                    where found."startDate" < ends
                    union all
                    select found.id, found."startDate"
                    from unnest($6::text[]::"EventStatus"[]) as wanted (of_status) cross join lateral (
                        select id, status, "startDate" from "Event"
                        where "organizationId" = $3
                            and ("createdById", status, "startDate") >= ($5, of_status, starts)
                            and "createdById" <= $5
                        order by "createdById", status, "startDate", id limit $7
                    ) found
                    where found.status = of_status and found."startDate" < ends
                ) found
            ) found
            join "Event" on "Event".id = any(ids[1:$8]) and ("organizationId" = $3) is true
            order by number, "startDate", id"#
        )
    };
}

pub(super) const DAYS: &str = with_event_columns!(days_statement!);

/// An event of a day.
#[derive(FromRow)]
struct DayRow {
    #[sqlx(flatten)]
    event: EventRow,
    /// The number of the day, starting at 1.
    number: i64,
    total: i64,
}

/// The statuses of which everybody's events are wanted, and those of which only the caller's are. Repeats the rule of the domain
/// type `Visibility`.
fn statuses(query: &DaysQuery) -> (Vec<&'static str>, Vec<&'static str>) {
    let is_everybodys = |status: EventStatus| match Visibility::of(&query.caller) {
        _ if query.mine => false,
        Visibility::Everything => true,
        Visibility::OwnAndApproved(_) => status == EventStatus::Approved,
    };
    let wanted = EventStatus::ALL.iter().filter(|status| query.status.is_none_or(|only| only == **status));
    let (everybodys, own): (Vec<EventStatus>, Vec<_>) = wanted.partition(|status| is_everybodys(**status));
    let texts = |statuses: Vec<EventStatus>| statuses.into_iter().map(|status| status.as_str()).collect();
    (texts(everybodys), texts(own))
}

impl Store {
    /// Returns the days in order.
    pub(crate) async fn days(&self, query: &DaysQuery) -> Result<Vec<Day>, ServiceError> {
        let (everybodys, own) = statuses(query);
        let starts = query.bounds.split_last().map(|(_, starts)| starts).unwrap_or_default();
        let ends = query.bounds.split_first().map(|(_, ends)| ends).unwrap_or_default();
        let mut lease = self.acquire(query.caller.organization_id).await?;
        let rows: Vec<DayRow> = sqlx::query_as(DAYS)
            .bind(starts)
            .bind(ends)
            .bind(query.caller.organization_id)
            .bind(everybodys)
            .bind(query.caller.user_id)
            .bind(own)
            .bind(i64::from(MAX_EXACT_TOTAL) + 1)
            .bind(i32::try_from(query.per_day).unwrap_or(i32::MAX))
            .fetch_all(&mut *lease)
            .instrumented("LIST days")
            .await
            .map_err(db_error)?;
        lease.release();
        Ok(days(starts.len(), rows))
    }
}

/// Puts each event into its day. A day without events has no row.
fn days(count: usize, rows: Vec<DayRow>) -> Vec<Day> {
    let nothing = || Day { events: Vec::new(), total: 0, total_is_exact: true };
    let mut days: Vec<Day> = std::iter::repeat_with(nothing).take(count).collect();
    for DayRow { event, number, total } in rows {
        let day = usize::try_from(number - 1).ok().and_then(|index| days.get_mut(index));
        let Some(day) = day else { continue };
        day.total = u32::try_from(total).unwrap_or(u32::MAX).min(MAX_EXACT_TOTAL);
        day.total_is_exact = total <= i64::from(MAX_EXACT_TOTAL);
        day.events.push(Event::from(event));
    }
    days
}
