//! The x402 client of PyPI, unmodified.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use tokio::sync::OnceCell;

use super::{
    super::{
        proxy::upstream::{Upstream, plain},
        sdk::install,
    },
    shop::{Facilitator, Scene, flags, restart, settled},
};
use crate::harness::{World, journeys, repository};

const PACKAGES: [&str; 2] = ["x402[evm,httpx]==2.25.0", "eth-account==0.14.0"];

async fn the_client_of_pypi_pays_in_both_versions(world: &mut World) {
    static PYTHON: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    let made = || async { tokio::task::spawn_blocking(|| install("x402-2.25.0", &PACKAGES)).await.unwrap() };
    let Some(python) = PYTHON.get_or_init(made).await else { return };
    let there = Upstream::answering(plain(200, "", b"fine")).await;
    let facilitator = Facilitator::start(|_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let mut client = Command::new(python);
    client
        .arg(repository().join("tests/sdk/x402_client.py"))
        .args([world.server.base(), &scene.shop.path, &scene.ann.bearer])
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || client.output()).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert_eq!((facilitator.settles(), there.calls()), (2, 2));
}

journeys! {
    the_client_of_pypi_pays_in_both_versions,
}
