//! Paths that nobody serves, and methods that a path does not take.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    dev::ResourceDef,
    http::{StatusCode, header},
    web::Data,
};
use utoipa::openapi::OpenApi;

use super::Problem;

/// The paths of the API with the methods each of them takes.
#[derive(Clone)]
pub struct KnownPaths(Arc<Vec<(ResourceDef, String)>>);

impl KnownPaths {
    /// Reads them from the document that the routes made.
    pub fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter().map(|(path, item)| {
            let methods = [
                ("GET", item.get.is_some()),
                ("POST", item.post.is_some()),
                ("PUT", item.put.is_some()),
                ("PATCH", item.patch.is_some()),
                ("DELETE", item.delete.is_some()),
            ];
            let taken: Vec<_> = methods.into_iter().filter_map(|(method, taken)| taken.then_some(method)).collect();
            (ResourceDef::new(path.as_str()), taken.join(", "))
        });
        Self(Arc::new(paths.collect()))
    }

    fn methods_of(&self, path: &str) -> Option<&str> {
        self.0.iter().find(|(pattern, _)| pattern.is_match(path)).map(|(_, methods)| methods.as_str())
    }
}

/// 405 with `Allow` where the path exists, 404 where it does not.
pub async fn answer(request: HttpRequest, known: Data<KnownPaths>) -> Result<HttpResponse, Problem> {
    let Some(methods) = known.methods_of(request.path()) else {
        return Err(Problem::not_found("Not Found"));
    };
    let detail = format!("Method Not Allowed; this path takes {methods}.");
    Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail).header(header::ALLOW, methods))
}
