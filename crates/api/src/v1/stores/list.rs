//! `GET /stores`

use std::cmp::Reverse;
use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use bocau_domain::{Scope, StoreInfo, Timestamp};
use bocau_store::{Page, StorePlace};
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::StoreView;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::query::{Query, from_cursor, limit};
use crate::router::Api;
use crate::v1::{PageView, ProblemRef, page};

/// The page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Params {
    /// Rows of the page: 1 to 200.
    #[param(default = 50, minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The stores, newest first. Store keys, members and viewers see their own.
#[utoipa::path(get, path = "/stores", tag = "stores", params(Params), responses(
    (status = 200, description = "A page of stores.", body = PageView<StoreView>),
    (status = "4XX", description = "Refused.", body = ProblemRef, content_type = "application/problem+json"),
))]
pub async fn list_stores(
    State(api): State<Api>,
    caller: Caller,
    Query(params): Query<Params>,
) -> Result<Json<PageView<StoreView>>, Problem> {
    caller.require(Scope::Read)?;
    let store = api.engine().store();
    let limit = limit(params.limit)?;
    let after = from_cursor::<Cursor>(params.cursor.as_deref())?.map(|cursor| cursor.0);
    let rows = match caller.own_stores() {
        None => store.list_stores(Page { after, limit: limit + 1 }).await?,
        Some(own) => {
            let mut rows = Vec::new();
            for id in own {
                rows.extend(store.find_store(id).await?);
            }
            newest_after(rows, after.as_ref(), limit + 1)
        }
    };
    Ok(Json(page(rows, limit, |row| cursor(&row.into()), StoreView::from)))
}

/// The page of a caller's own stores, as the database gives that of all.
fn newest_after(mut rows: Vec<StoreInfo>, after: Option<&StorePlace>, limit: usize) -> Vec<StoreInfo> {
    rows.retain(|row| after.is_none_or(|after| StorePlace::from(row) < *after));
    rows.sort_by_cached_key(|row| Reverse(StorePlace::from(row)));
    rows.truncate(limit);
    rows
}

/// A place as a cursor says it: milliseconds, a space, the id.
struct Cursor(StorePlace);

fn cursor(place: &StorePlace) -> String {
    format!("{} {}", place.created_at.as_millis(), place.id)
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (millis, id) = text.split_once(' ').ok_or(())?;
        let created_at = Timestamp::from_millis(millis.parse().map_err(drop)?);
        Ok(Self(StorePlace { created_at, id: id.parse().map_err(drop)? }))
    }
}
