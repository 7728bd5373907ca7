//! Moments on the wire: RFC 3339 in UTC, to the millisecond.

use bocau_domain::Timestamp;

/// The wire form.
pub fn to_rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map_or_else(|_| at.as_millis().to_string(), |at| format!("{at:.3}"))
}

/// Reads the wire form, with any offset.
pub fn from_rfc3339(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_back_to_the_millisecond_and_from_any_offset() {
        let at = Timestamp::from_millis(1_654_832_874_123);
        assert_eq!(to_rfc3339(at), "2022-06-10T03:47:54.123Z");
        assert_eq!(from_rfc3339("2022-06-10T03:47:54.123Z"), Some(at));
        assert_eq!(from_rfc3339("2022-06-10T10:47:54.123+07:00"), Some(at));
        for wrong in ["", "2022-06-10", "2022-06-10 10:47:54", "10:47", "2022-13-10T00:00:00Z"] {
            assert_eq!(from_rfc3339(wrong), None, "{wrong}");
        }
    }
}
