//! Which calls of the logs are asked for.

use rialto_kernel::Timestamp;
use rialto_proxy_billing::{CallStatus, InvocationFilter};
use rialto_registry::AgentRef;
use serde::{
    Deserialize,
    de::{IntoDeserializer, value::StrDeserializer},
};
use utoipa::IntoParams;

use crate::http::Problem;

/// Which calls.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
    /// Only calls of this agent: its readable id, or its UUID.
    pub agent_id: Option<String>,
    /// Only calls made then or later: a time or a day, in UTC if it does not say.
    #[param(example = "2026-11-01")]
    pub from_date: Option<String>,
    /// Only calls made until then: a time, or the end of a day.
    #[param(example = "2126-11-30T23:59:59Z")]
    pub to_date: Option<String>,
    /// Only calls that ended like this: `success`, `timeout` or `error`.
    #[param(example = "success")]
    pub status: Option<String>,
}

impl LogQuery {
    /// The filter, or what is wrong with it.
    pub fn filter(&self) -> Result<InvocationFilter, Problem> {
        let status = match self.status.as_deref() {
            None | Some("") => None,
            Some(word) => Some(
                CallStatus::from_word(word)
                    .ok_or_else(|| Problem::invalid("query.status", "must be one of success, timeout, error"))?,
            ),
        };
        Ok(InvocationFilter {
            agent: self.agent_id.as_deref().map(AgentRef::parse),
            from: self.from_date.as_deref().map(|text| moment("query.from_date", text, "T00:00:00")).transpose()?,
            to: self.to_date.as_deref().map(|text| moment("query.to_date", text, "T23:59:59.999999")).transpose()?,
            status,
        })
    }
}

/// A time, or a day with `time_of_day` put behind it.
fn moment(field: &str, text: &str, time_of_day: &str) -> Result<Timestamp, Problem> {
    // A plus sign that was not escaped arrives as a blank.
    let mut text = text.trim().replace(' ', "+");
    if !text.contains('T') {
        text.push_str(time_of_day);
    }
    let reader: StrDeserializer<'_, serde::de::value::Error> = text.as_str().into_deserializer();
    Timestamp::deserialize(reader).map_err(|error| Problem::invalid(field, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read() {
        for (text, read) in [
            ("2026-11-22", "2026-11-22T23:59:59.999999Z"),
            ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000000Z"),
            ("2026-11-22T10:00:00 01:00", "2026-11-22T09:00:00.000000Z"),
            ("2026-11-22T10:00:00", "2026-11-22T10:00:00.000000Z"),
        ] {
            assert_eq!(moment("query.to_date", text, "T23:59:59.999999").unwrap().to_string(), read);
        }
        assert!(moment("query.to_date", "yesterday", "T23:59:59").is_err());
    }
}
