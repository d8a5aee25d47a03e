//! Extractors: JSON bodies, query strings and paths, refused as problems when they are wrong.

use std::{future::Future, ops::Deref, pin::Pin};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use serde::de::DeserializeOwned;

use super::{Problem, body, problem::FieldError};
use crate::compose::App;

/// A JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = body::read(&request, &mut payload, body_limit(&request)).await?;
            if !bytes.is_empty() {
                body::expect_json(&request)?;
            }
            body::parse(&bytes).map(Self)
        })
    }
}

/// How large a body may be, in bytes.
pub fn body_limit(request: &HttpRequest) -> usize {
    request.app_data::<web::Data<App>>().map_or(1_048_576, |app| app.settings.body_limit_bytes)
}

/// A query string. Unknown parameters are ignored; a parameter may repeat where the type has a list.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(parse_query(request.query_string()).map(Self))
    }
}

fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    if query.contains("%00") {
        return Err(Problem::invalid("query", "text must not contain the NUL character"));
    }
    let parser = serde_html_form::Deserializer::from_bytes(query.as_bytes());
    serde_path_to_error::deserialize(parser).map_err(|error| {
        let path = error.path().to_string();
        Problem::misread("query", &path, &error.inner().to_string())
    })
}

/// The parts of a path.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Path<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let nul = request.match_info().iter().any(|(_, value)| value.contains('\0') || value.contains("%00"));
        let parsed = if nul {
            Err(Problem::invalid("path", "text must not contain the NUL character"))
        } else {
            let found = web::Path::<T>::from_request(request, payload).into_inner();
            found.map(|path| Self(path.into_inner())).map_err(|error| {
                let field = request.match_info().iter().next().map_or("path".to_owned(), |(name, _)| format!("path.{name}"));
                Problem::invalid_all(vec![FieldError { field, message: error.to_string() }])
            })
        };
        std::future::ready(parsed)
    }
}

macro_rules! deref {
    ($($name:ident),*) => { $(impl<T> Deref for $name<T> {
        type Target = T;
        fn deref(&self) -> &T {
            &self.0
        }
    })* };
}
deref!(Json, Query, Path);
