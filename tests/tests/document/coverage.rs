//! Every operation is public by decision, or refused to strangers.

use std::{collections::BTreeSet, fs};

use http::Method;
use serde_json::json;

use super::document;
use crate::harness::{Api, World, journeys, repository};

/// The operations that need no credential, one a line: `METHOD /path`.
fn public_operations() -> BTreeSet<String> {
    let list = fs::read_to_string(repository().join("tests/public_operations.txt")).unwrap();
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// All operations, each with whether the document asks for a credential.
fn operations() -> Vec<(String, bool)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap().iter();
    let mut all = Vec::new();
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().unwrap() {
            let secured = operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
            all.push((format!("{} {path}", method.to_uppercase()), secured));
        }
    }
    all
}

#[test]
fn the_list_of_public_operations_is_the_documents() {
    let document: BTreeSet<String> =
        operations().into_iter().filter(|(_, secured)| !secured).map(|(operation, _)| operation).collect();
    assert_eq!(document, public_operations(), "without security in the document, and in tests/public_operations.txt");
}

/// A path with something in place of each parameter.
fn filled(path: &str) -> String {
    let fill = |part: &str| match part.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        // A verb may stand behind a parameter: `{task_id}:cancel`.
        Some((_, verb)) => format!("0198c0de-0000-7000-8000-000000000001{verb}"),
        None => part.to_owned(),
    };
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

async fn status(api: &Api, operation: &str) -> u16 {
    let (method, path) = operation.split_once(' ').unwrap();
    let method: Method = method.parse().unwrap();
    let path = filled(path);
    if method == Method::GET || method == Method::DELETE {
        return api.send(method, &path, bytes::Bytes::new()).await.status;
    }
    api.send_json(method, &path, &json!({})).await.status
}

async fn strangers_are_refused_wherever_it_is_not_public_by_decision(world: &mut World) {
    let public = public_operations();
    let stranger = world.stranger();
    let impostors = [
        stranger.clone(),
        stranger.with_token("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.AAAA"),
        stranger.with_token("key:secret"),
        stranger.with("x-api-key", "wrong"),
        stranger.with("authorization", "Basic YTpi"),
    ];
    let mut wrong = Vec::new();
    for (operation, _) in operations() {
        for (number, impostor) in impostors.iter().enumerate() {
            let status = status(impostor, &operation).await;
            if (status == 401) == public.contains(&operation) {
                wrong.push(format!("{operation} answers {status} to impostor {number}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

journeys! { strangers_are_refused_wherever_it_is_not_public_by_decision }
