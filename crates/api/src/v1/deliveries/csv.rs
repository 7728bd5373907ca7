//! `GET /stores/{store}/deliveries.csv`

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bocau_domain::{Delivery, DeliveryId, Scope, StoreId};
use bocau_store::{DeliveryFilter, Page};
use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http::header::{ACCEPT_LANGUAGE, CONTENT_DISPOSITION, CONTENT_TYPE};

use super::filter::FilterParams;
use super::view::millis;
use crate::auth::Caller;
use crate::path::Path;
use crate::problem::{Language, Problem};
use crate::query::Query;
use crate::router::Api;
use crate::time::to_rfc3339;
use crate::v1::ProblemRef;

/// Rows of an export at most.
const ROWS_MAX: usize = 100_000;
/// Rows that are read at a time.
const ROWS_PER_READ: usize = 500;
/// What tells a spreadsheet that the text is UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Cells of a row.
const COLUMNS: usize = 15;
const HEAD_VI: [&str; COLUMNS] = [
    "Loại sự kiện",
    "ID đối tượng",
    "Số lần đã xử lý",
    "Số lần đã gửi",
    "Trạng thái",
    "Lý do",
    "Kết quả lần gửi cuối",
    "Thời gian (ms)",
    "Mã phản hồi",
    "Lỗi gần nhất",
    "Ngày tạo",
    "Lần gửi tiếp theo",
    "Webhook URL",
    "ID lượt gửi",
    "ID sự kiện",
];
const HEAD_EN: [&str; COLUMNS] = [
    "Event type",
    "Object ID",
    "Answers",
    "Attempts",
    "State",
    "Reason",
    "Last outcome",
    "Duration (ms)",
    "Status code",
    "Last error",
    "Created",
    "Next attempt",
    "Webhook URL",
    "Delivery ID",
    "Event ID",
];

/// The deliveries that the filter finds as CSV (UTF-8), newest first, at most 100,000. The head is in the
/// request's language. No cell is taken for a formula by a spreadsheet.
#[utoipa::path(get, path = "/stores/{store}/deliveries.csv", tag = "deliveries", params(("store" = String, Path, description = "The store's id"), FilterParams), responses(
    (status = 200, description = "The rows.", body = String, content_type = "text/csv"),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn export_deliveries(
    State(api): State<Api>,
    caller: Caller,
    Path(store): Path<String>,
    Query(params): Query<FilterParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let store = caller.store(&store, Scope::Read)?;
    let filter = params.filter(api.engine().catalogue())?;
    api.engine().store().find_store(&store).await?.ok_or_else(Problem::no_store)?;
    let language = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let head = match language.map_or(Language::default(), Language::from_accept_language) {
        Language::Vi => HEAD_VI,
        Language::En => HEAD_EN,
    };
    let file = format!("attachment; filename=\"bocau-{store}.csv\"");
    let export = Export { api, store, filter, after: None, left: ROWS_MAX, is_over: false };
    let first = Bytes::from(format!("{BYTE_ORDER_MARK}{}", line(head.map(str::to_owned))));
    let rows = stream::unfold((export, Some(first)), |(mut export, first)| async move {
        match first {
            Some(first) => Some((Ok(first), (export, None))),
            None => export.read().await.map(|read| (read, (export, None))),
        }
    });
    let types = [(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, file)];
    Ok((types, Body::from_stream(rows)).into_response())
}

/// How far an export has come.
struct Export {
    api: Api,
    store: StoreId,
    filter: DeliveryFilter,
    after: Option<DeliveryId>,
    left: usize,
    is_over: bool,
}

impl Export {
    /// The next rows as text; an error breaks the answer off, so that nobody takes it for whole.
    async fn read(&mut self) -> Option<Result<Bytes, bocau_store::StoreError>> {
        if self.is_over || self.left == 0 {
            return None;
        }
        let page = Page { after: self.after, limit: ROWS_PER_READ.min(self.left) };
        let rows =
            match self.api.engine().store().list_deliveries(&self.store, self.filter.clone(), page).await {
                Ok(rows) => rows,
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(error));
                }
            };
        self.is_over = rows.len() < page.limit;
        self.left -= rows.len();
        self.after = rows.last().map(|row| row.id).or(self.after);
        let text: String = rows.into_iter().map(|row| line(cells(row))).collect();
        (!text.is_empty()).then(|| Ok(Bytes::from(text)))
    }
}

fn cells(row: Delivery) -> [String; COLUMNS] {
    let or_empty = |value: Option<String>| value.unwrap_or_default();
    [
        row.event_type.to_string(),
        row.object_id.to_string(),
        row.state.responses.to_string(),
        row.state.attempts.to_string(),
        row.state.status.to_string(),
        or_empty(row.state.reason.map(|reason| reason.to_string())),
        or_empty(row.last_outcome.map(|outcome| outcome.to_string())),
        or_empty(row.last_duration.map(|span| millis(span).to_string())),
        or_empty(row.state.last_status_code.map(|code| code.to_string())),
        or_empty(row.last_error),
        to_rfc3339(row.created_at),
        or_empty(row.state.next_attempt_at.map(to_rfc3339)),
        or_empty(row.url),
        row.id.to_string(),
        row.event_id.to_string(),
    ]
}

fn line(cells: [String; COLUMNS]) -> String {
    let mut line = cells.map(|cell| quoted(&cell)).join(",");
    line.push_str("\r\n");
    line
}

/// A cell in quotes (RFC 4180). One that a spreadsheet would take for a formula gets an apostrophe before it.
fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if is_formula { "'" } else { "" }, cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_cell_is_never_a_formula_and_never_leaves_its_quotes() {
        for (cell, expected) in [
            ("a", "\"a\""),
            ("", "\"\""),
            ("a\"b,c\nd", "\"a\"\"b,c\nd\""),
            ("=1+1", "\"'=1+1\""),
            ("+84", "\"'+84\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
        ] {
            assert_eq!(quoted(cell), expected);
        }
    }
}
