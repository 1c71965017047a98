//! Keys reach the metrics server and nobody else.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::server::{Behaviour, MetricsServer};
use crate::{Result, decision, fleet, host};

const SECRET: &str = "s3cr3t-t0ken";

/// Each way to authorize, and the header it becomes.
fn ways() -> [(Value, &'static str); 3] {
    [
        (json!({"bearer": SECRET}), "authorization: bearer s3cr3t-t0ken"),
        // "ann:s3cr3t-t0ken", lower-cased like the whole head.
        (json!({"username": "ann", "password": SECRET}), "authorization: basic yw5uonmzy3izdc10mgtlbg=="),
        (json!({"headers": {"X-Scope-OrgID": SECRET}}), "x-scope-orgid: s3cr3t-t0ken"),
    ]
}

fn with_url(way: &Value, url: &str) -> Value {
    let mut server = way.clone();
    server["url"] = json!(url);
    server
}

#[tokio::test]
async fn each_way_to_authorize_reaches_the_server_only() -> Result {
    for (way, header) in ways() {
        let (host, server) = (host().await?, MetricsServer::start(Behaviour::answers(401, "", "")).await?);
        let decision = decision(&fleet(&host, &with_url(&way, &server.url))).await?;
        let requests = server.requests();
        assert!(
            requests.iter().all(|request| request.contains(header)) && !requests.is_empty(),
            "{requests:?}"
        );
        assert!(requests[0].starts_with("post /api/v1/query ") && requests[0].contains("query="));
        let text = serde_json::to_string(&decision)?;
        assert!(text.contains("unauthorized") && !text.contains(SECRET), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn no_command_prints_a_key() -> Result {
    for (number, (way, _)) in ways().into_iter().enumerate() {
        let (host, server) = (host().await?, MetricsServer::start(Behaviour::answers(401, "", "")).await?);
        let mut config = fleet(&host, &with_url(&way, &server.url));
        config["hosts"][0]["api_key"] = json!(SECRET);
        let path = format!("{}/keys-{}-{number}.toml", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        std::fs::write(&path, toml::to_string(&config)?)?;
        for command in [
            vec!["verify"],
            vec!["verify", "--json"],
            vec!["models", "--json"],
            vec!["decide", "--explain", "hello"],
            vec!["ask", "--explain", "--json", "hello"],
        ] {
            let output = Command::new(env!("CARGO_BIN_EXE_smart-ai"))
                .args([&["--config", &path], command.as_slice()].concat())
                .env("RUST_LOG", "trace")
                .output()
                .await?;
            let text = format!("{output:?}");
            assert!(output.status.success() && !text.contains(SECRET), "{command:?}: {text}");
            assert!(!text.contains("YW5uOnMz"), "{command:?}: {text}");
        }
    }
    Ok(())
}
