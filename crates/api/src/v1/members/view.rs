//! A member on the wire.

use bocau_domain::limits::{STORES_PER_USER_MAX, USERS_MAX};
use bocau_domain::{Email, Role, StoreId, User, UserId};
use bocau_store::NotChanged;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{Kind, Problem, text};
use crate::refusals::invalid;
use crate::time::to_rfc3339;
use crate::v1::words;

/// A member.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub struct MemberView {
    /// The member's id.
    pub id: String,
    /// The e-mail address that they sign in with.
    pub email: String,
    /// What they may do.
    #[schema(value_type = words::MemberRole)]
    pub role: &'static str,
    /// The ids of their stores; empty for an admin, who has every store.
    pub stores: Vec<String>,
    /// When they were made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When they signed in last.
    #[schema(required, format = DateTime)]
    pub last_sign_in_at: Option<String>,
}

impl From<User> for MemberView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            role: user.role.as_str(),
            stores: user.stores.iter().map(ToString::to_string).collect(),
            created_at: to_rfc3339(user.created_at),
            last_sign_in_at: user.last_sign_in_at.map(to_rfc3339),
        }
    }
}

/// The id of a path.
pub(super) fn id(text: &str) -> Result<UserId, Problem> {
    text.parse().map_err(|_| Problem::no_member())
}

/// Checks an address.
pub(crate) fn email(text: &str) -> Result<Email, Problem> {
    text.parse().map_err(|_| {
        invalid(
            "/email",
            "E-mail có dạng ten@congty.vn, tối đa 254 ký tự, không dấu.",
            "An e-mail address is of the form name@example.com, at most 254 characters.",
        )
    })
}

/// Checks a role.
pub(super) fn role(text: &str) -> Result<Role, Problem> {
    Role::parse(text).ok_or_else(|| {
        invalid("/role", "role là admin, member hoặc viewer.", "A role is admin, member or viewer.")
    })
}

/// Checks the ids of stores; whether they are there is seen when they are written.
pub(super) fn stores(ids: &[String]) -> Result<Vec<StoreId>, Problem> {
    let parsed = ids.iter().enumerate().map(|(place, id)| {
        id.parse().map_err(|_| {
            invalid(
                format!("/stores/{place}"),
                "id của cửa hàng gồm 1 đến 64 ký tự A-Z a-z 0-9 _ -.",
                "A store's id is 1 to 64 of A-Z a-z 0-9 _ -.",
            )
        })
    });
    parsed.collect()
}

/// Why a member was not made, changed or deleted.
pub(crate) fn refused(reason: NotChanged) -> Problem {
    match reason {
        NotChanged::NotFound | NotChanged::BeingDeleted => Problem::no_member(),
        NotChanged::NoStore => invalid(
            "/stores",
            "Một trong các cửa hàng này không tồn tại.",
            "One of these stores does not exist.",
        ),
        NotChanged::Taken => {
            let detail = text(
                "Đã có thành viên với e-mail này.",
                "There is a member with this e-mail address already.",
            );
            Problem::field(Kind::AlreadyExists, "/email", detail)
        }
        NotChanged::TooMany => {
            let detail = text(
                format!("Tối đa {USERS_MAX} thành viên, mỗi người tối đa {STORES_PER_USER_MAX} cửa hàng."),
                format!("There are at most {USERS_MAX} members, of {STORES_PER_USER_MAX} stores each."),
            );
            Problem::new(Kind::TooManyMembers, detail)
        }
        NotChanged::LastAdmin => {
            let detail = text(
                "Phải còn ít nhất một quản trị viên đăng nhập được. Hãy thêm quản trị viên khác trước.",
                "Somebody must be left who can sign in as an admin. Make another admin first.",
            );
            Problem::new(Kind::LastAdmin, detail)
        }
    }
}
