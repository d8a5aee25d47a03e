//! Bounds that more than one crate has to know.

/// The farthest row an offset may reach. Beyond it a filter or a cursor is the right tool.
pub const PAGE_OFFSET_MAX: u32 = 1_000_000;
/// The longest free text that a description may be, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 500;
/// The longest URL we store or call, in bytes.
pub const URL_BYTES_MAX: usize = 2_048;

/// Whether an owner that has `has` places of a kind may have another, when `free` are left for everybody: up to `owner_max`, and
/// never more than are left. So no few owners, whoever hangs for them, fill all places, and one alone has half.
#[must_use]
pub const fn may_have_another(has: u32, owner_max: u32, free: u32) -> bool {
    has < owner_max && has < free
}
