//! The files of the page, from inside the binary.

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{self, EntityTag, Header, IfNoneMatch},
    web,
};

use crate::http::Problem;

/// A file of the page.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: [Asset; 4] = [
    Asset { name: "app.css", content_type: "text/css; charset=utf-8", text: include_str!("assets/app.css") },
    Asset { name: "app.js", content_type: SCRIPT, text: include_str!("assets/app.js") },
    Asset { name: "api.js", content_type: SCRIPT, text: include_str!("assets/api.js") },
    Asset { name: "charts.js", content_type: SCRIPT, text: include_str!("assets/charts.js") },
];

/// What the page asks for. A browser keeps it, and asks each time whether it is still the same: a new server never meets an old script.
#[get("/market/{file:[a-z]+\\.(?:css|js)}")]
pub async fn asset(request: HttpRequest, file: web::Path<String>) -> Result<HttpResponse, Problem> {
    let asset = ASSETS.iter().find(|asset| asset.name == file.as_str());
    let asset = asset.ok_or_else(|| Problem::not_found("Not Found"))?;
    let tag = EntityTag::new_strong(format!("{:016x}", fingerprint(asset.text)));
    let same = match IfNoneMatch::parse(&request) {
        Ok(IfNoneMatch::Items(kept)) => kept.iter().any(|kept| kept.weak_eq(&tag)),
        Ok(IfNoneMatch::Any) => true,
        Err(_) => false,
    };
    let mut answer = if same { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header((header::CACHE_CONTROL, "no-cache")).insert_header(header::ETag(tag));
    if same {
        return Ok(answer.finish());
    }
    Ok(answer.insert_header((header::CONTENT_TYPE, asset.content_type)).body(asset.text))
}

/// FNV-1a: tells versions apart, no more.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}
