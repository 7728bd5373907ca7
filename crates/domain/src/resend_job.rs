//! Resends of many deliveries at once (gửi lại tất cả).

use crate::attempt::wire_enum;
pub use crate::ids::ResendJobId;

wire_enum! {
    /// How a resend of many deliveries stands.
    ResendJobState {
        /// There is more to ask for.
        Running = "running",
        /// All were asked for.
        Done = "done",
        /// Somebody stopped it; what was asked for before is still sent.
        Stopped = "stopped",
    }
}
