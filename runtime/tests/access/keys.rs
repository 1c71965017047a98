//! What a reverse proxy asks for reaches the host, by every way there is, and nobody else.

use serde_json::{Value, json};
use smart_ai::{Engine, FleetConfig};

use crate::Result;
use crate::http_server::{Behaviour, MetricsServer};

const SECRET: &str = "s3cr3t-t0ken";

async fn state(host: &Value) -> Result<(String, String)> {
    let engine = Engine::start(&FleetConfig::from_json(&json!({"hosts": [host]}).to_string())?)?;
    let snapshot = engine.snapshot().await.map_err(|error| error.message)?;
    let host = snapshot.hosts.first().ok_or("no host")?;
    Ok((host.state.clone(), host.reason.clone().unwrap_or_default()))
}

#[tokio::test]
async fn each_way_to_authorize_reaches_the_host_below_its_path() -> Result {
    for (way, header) in [
        (json!({"api_key": SECRET}), "authorization: bearer s3cr3t-t0ken"),
        // "ann:s3cr3t-t0ken", lower-cased like the whole head.
        (json!({"username": "ann", "password": SECRET}), "authorization: basic yw5uonmzy3izdc10mgtlbg=="),
        (json!({"headers": {"CF-Access-Client-Secret": SECRET}}), "cf-access-client-secret: s3cr3t-t0ken"),
    ] {
        let server = MetricsServer::start(Behaviour::answers(401, "", "")).await?;
        let mut host = way.clone();
        host["url"] = json!(format!("{}/ollama/", server.url));
        assert_eq!(state(&host).await?.0, "unauthorized");
        let requests = server.requests();
        assert!(requests.iter().all(|request| request.contains(header)), "{requests:?}");
        assert!(requests.iter().any(|request| request.starts_with("get /ollama/api/tags ")), "{requests:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_named_and_no_key_goes_where_it_leads() -> Result {
    let elsewhere = MetricsServer::start(Behaviour::answers(200, "", "{\"models\":[]}")).await?;
    let leads = format!("location: {}/login?next=hunter2\r\n", elsewhere.url);
    let server = MetricsServer::start(Behaviour::answers(302, &leads, "")).await?;
    let (state, reason) = state(&json!({"url": server.url, "api_key": SECRET})).await?;
    assert_eq!(state, "bad_protocol");
    assert_eq!(reason, format!("it redirects to {}/login (status 302)", elsewhere.url));
    assert_eq!(elsewhere.requests(), [""; 0]);
    Ok(())
}
