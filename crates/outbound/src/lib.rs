//! Calls to other people's servers.
//!
//! Everything that leaves this program over HTTP goes through one [`OutboundClient`]: a broker's call, a webhook, a card
//! that is fetched. The URL in such a call was chosen by somebody we do not trust, so the client holds these invariants:
//!
//! 1. **No inner addresses.** A host is resolved once, each address is judged by [`address::is_public`], and the socket is
//!    opened to an address that was judged. There is no second lookup that could answer something else.
//! 2. **Exceptions are the operator's.** [`OutboundPolicy`] holds an allow list of hosts and networks, and nothing a
//!    request says can extend it.
//! 3. **No redirects.** A 3xx is an answer like any other.
//! 4. **Everything ends.** Connecting, the first byte, each pause and the whole call have a time limit, and the response
//!    a size limit that is enforced while it is read, whether or not it announced its length.
//! 5. **Nothing leaks.** The `Display` of an [`OutboundError`] is fit for a stranger; what an operator needs to know is in
//!    [`OutboundError::detail`]. Hop-by-hop headers are stripped both ways.
//! 6. **Nothing is sent twice.** A request is repeated on a new connection only when the old one took no byte of it.
//!
//! [`OutboundPolicy::check_url`] applies the same rules when a URL is registered, long before it is called.

pub mod address;
mod body;
mod breaker;
mod client;
mod connect;
mod error;
pub mod headers;
mod permit;
mod policy;
mod request;
mod upload;
mod url;
pub mod webhook;

pub use body::ResponseBody;
pub use breaker::{BreakerOptions, Breakers, Circuit, CircuitOpen, Pass};
pub use client::{ClientOptions, OutboundClient, OutboundResponse, WholeResponse};
pub use error::{OutboundError, Phase, UrlRefusal};
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use permit::{Crowded, Permit, Permits};
pub use policy::{OutboundPolicy, PolicyError};
pub use request::{CallLimits, OutboundRequest};
pub use url::CheckedUrl;
