//! An API key on the wire, without the key.

use bocau_domain::{ApiKey, Owner, Scope};
use serde::Serialize;
use utoipa::ToSchema;

use crate::time::to_rfc3339;
use crate::v1::words;

/// An API key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub struct KeyView {
    /// The key's id; it is not the key itself.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The one store it is for; `null` for a key of the platform.
    #[schema(required)]
    pub store_id: Option<String>,
    /// What it may be used for.
    #[schema(value_type = Vec<words::KeyScope>)]
    pub scopes: Vec<&'static str>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// From when on it is refused.
    #[schema(required, format = DateTime)]
    pub expires_at: Option<String>,
    /// When it was used last, give or take a minute.
    #[schema(required, format = DateTime)]
    pub last_used_at: Option<String>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            store_id: match key.owner {
                Owner::Platform => None,
                Owner::Store(store) => Some(store.to_string()),
            },
            scopes: key.scopes.iter().map(Scope::as_str).collect(),
            created_at: to_rfc3339(key.created_at),
            expires_at: key.expires_at.map(to_rfc3339),
            last_used_at: key.last_used_at.map(to_rfc3339),
        }
    }
}
