//! What holds where nobody says otherwise.

pub mod get;
