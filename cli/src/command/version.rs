//! `dcache version`: this program's, the node's, and whether the two get along.
//!
//! The rule: a client works with nodes of the same and of the previous minor version. A node that cannot be reached is no
//! failure here; the answer then says so.

use super::{App, is_describing};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::{Style, clean, paint};
use dcache_client::Error as ClientError;
use dcache_protocol::control::API_VERSION;
use dcache_protocol::{REDIS_VERSION, VERSION};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    client: String,
    api: &'static str,
    /// The Redis version whose behaviour clients may expect.
    redis: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Server>,
    /// None when no node answered.
    compatible: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Server {
    endpoint: String,
    node: String,
    version: String,
}

pub async fn version(app: &App) -> Result<Exit> {
    if is_describing(app) {
        app.out.describe(&[], "Versions", &["client", "api", "redis", "server", "compatible"])?;
        return Ok(Exit::Ok);
    }
    let control = app.control()?;
    let (server, unreachable) = match control.node().await {
        Ok(node) => (Some(Server { endpoint: control.endpoint(), node: node.name, version: node.version }), None),
        Err(error @ (ClientError::Unreachable { .. } | ClientError::Timeout { .. })) => (None, Some(error)),
        Err(error) => return Err(error.into()),
    };
    let compatible = server.as_ref().map(|server| is_compatible(VERSION, &server.version));
    let versions = Versions { client: VERSION.into(), api: API_VERSION, redis: REDIS_VERSION, server, compatible };
    if app.out.is_machine() {
        app.out.object("Versions", &versions)?;
    } else {
        app.out.line(&format!("client  {VERSION}   API {API_VERSION}   Redis {REDIS_VERSION}"))?;
        if let Some(server) = &versions.server {
            let fits = match compatible {
                Some(false) => paint(Style::Red, "does not fit this client"),
                _ => paint(Style::Green, "compatible"),
            };
            app.out.line(&format!("server  {}   {}   {fits}", clean(&server.version), clean(&server.node)))?;
        }
    }
    if let Some(error) = unreachable {
        app.out.say(&format!("server  not asked: {error}"));
    }
    Ok(if compatible == Some(false) { Exit::Version } else { Exit::Ok })
}

/// Same or previous minor version of the server; the patch does not matter.
fn is_compatible(client: &str, server: &str) -> bool {
    let parts = |version: &str| {
        let mut numbers = version.split(['.', '-', '+']).map(|part| part.parse::<u32>().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    match (parts(client), parts(server)) {
        (Some((major, minor)), Some((server_major, server_minor))) => {
            major == server_major && (server_minor == minor || server_minor + 1 == minor)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_and_the_previous_minor_fit() {
        assert!(is_compatible("0.4.2", "0.4.9") && is_compatible("0.4.0", "0.3.1"));
        assert!(
            !is_compatible("0.4.0", "0.5.0") && !is_compatible("0.4.0", "0.2.0") && !is_compatible("1.0.0", "0.9.0")
        );
        assert!(!is_compatible("0.4.0", "new"));
    }
}
