//! When an answer counts as received: the document's `{"status": 200, "message": "OK"}`, read exactly.

use crate::attempt::Outcome;

/// What an answer means for its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// `success`, `http_error` or `rejected`.
    pub outcome: Outcome,
    /// The receiver wants no more: HTTP 410 Gone.
    pub gone: bool,
}

/// Judges a complete answer by its status code and by the `status` of its body.
///
/// Acknowledged is HTTP 2xx and, where the body is a JSON object whose `status` is an integer from 100 to
/// 599 (`body_status`, `None` for every other body), that number is 2xx too. A 3xx is a failure: redirects
/// are not followed. (Document, section D; design, “States of a delivery”.)
pub fn judge_response(status_code: u16, body_status: Option<i64>) -> Verdict {
    let is_2xx = |code: i64| (200..300).contains(&code);
    let outcome = if !is_2xx(i64::from(status_code)) {
        Outcome::HttpError
    } else if body_status.is_some_and(|status| (100..600).contains(&status) && !is_2xx(status)) {
        Outcome::Rejected
    } else {
        Outcome::Success
    };
    Verdict { outcome, gone: status_code == 410 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_acknowledged_by_its_status_and_by_its_body() {
        for (status_code, body_status, outcome) in [
            (200, None, Outcome::Success),
            (204, None, Outcome::Success),
            (299, Some(200), Outcome::Success),
            (200, Some(201), Outcome::Success),
            (200, Some(500), Outcome::Rejected),
            (200, Some(100), Outcome::Rejected),
            (200, Some(599), Outcome::Rejected),
            (200, Some(300), Outcome::Rejected),
            // Numbers that are no HTTP status say nothing: `{"status": 1}` is somebody's own meaning.
            (200, Some(1), Outcome::Success),
            (200, Some(99), Outcome::Success),
            (200, Some(600), Outcome::Success),
            (200, Some(-500), Outcome::Success),
            (199, None, Outcome::HttpError),
            (301, Some(200), Outcome::HttpError),
            (404, Some(200), Outcome::HttpError),
            (500, Some(200), Outcome::HttpError),
        ] {
            assert_eq!(
                judge_response(status_code, body_status).outcome,
                outcome,
                "{status_code} {body_status:?}"
            );
        }
    }

    #[test]
    fn only_410_says_that_the_receiver_is_gone() {
        assert!(judge_response(410, None).gone);
        assert!(!judge_response(404, None).gone);
        assert!(!judge_response(200, Some(410)).gone);
    }
}
