//! Certificates that are not accepted are named, and an owner's own authority is trusted for its host.

use serde_json::{Value, json};
use smart_ai::{Ask, AskOptions, Engine, FleetConfig};

use crate::Result;
use crate::http_server::{Behaviour, MetricsServer};
use crate::program::{file, host, run};
use crate::tls::{Front, Identity, expired, of_client, self_signed, signed};

/// What `verify` says of a host that is reached by this block of the configuration.
async fn verified(block: &str) -> Result<(String, String)> {
    // Each test has a server of its own, and so an address of its own.
    let name = block.chars().filter(char::is_ascii_digit).collect::<String>();
    let config = file(&format!("verify-{name}.toml"), &format!("[[hosts]]\nid = \"a\"\n{block}"))?;
    let checks = run(&["--config", &config, "verify", "--json"]).await?.json()?;
    let check = checks["checks"].as_array().and_then(|checks| checks.first()).ok_or("no check")?;
    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    Ok((text("detail"), text("fix")))
}

async fn answers(identity: Identity) -> Result<Value> {
    let host = host().await?;
    let authority = identity.authority.clone();
    let front = Front::start(identity, host.url()).await?;
    let config = json!({"hosts": [{"id": "a", "url": front.url, "ca": authority}], "models": []});
    let engine = Engine::start(&FleetConfig::from_json(&config.to_string())?)?;
    let ask = Ask::from_value(json!({"prompt": "hello"})).map_err(|error| error.message)?;
    Ok(serde_json::to_value(engine.ask(ask, AskOptions::default()).await)?)
}

#[tokio::test]
async fn an_authority_named_for_a_host_is_trusted_and_so_is_a_certificate_that_nobody_else_signed() -> Result
{
    for identity in [signed(&["127.0.0.1"], |_| ())?, self_signed("127.0.0.1")?] {
        let answer = answers(identity).await?;
        assert_eq!(answer["ok"], true, "{answer}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_named_is_trusted_for_its_own_name_and_time_only() -> Result {
    let mut other = self_signed("127.0.0.1")?;
    other.authority = self_signed("127.0.0.1")?.authority;
    for identity in [self_signed("elsewhere.example")?, signed(&["127.0.0.1"], expired)?, other] {
        let answer = answers(identity).await?;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("certificate_refused: its certificate"), "{answer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_is_not_accepted_is_named_with_how_to_mend_it() -> Result {
    let host = host().await?;
    let cases = [
        (signed(&["127.0.0.1"], |_| ())?, false, "not trusted here", "ca_file"),
        (signed(&["127.0.0.1"], expired)?, true, "has expired", "renew"),
        (signed(&["elsewhere.example"], |_| ())?, true, "for another name", "names in the URL"),
    ];
    for (number, (identity, named, what, fix)) in cases.into_iter().enumerate() {
        let authority = file(&format!("authority-{number}.pem"), &identity.authority)?;
        let front = Front::start(identity, host.url()).await?;
        // Beside the configuration, wherever the program was started.
        let name = authority.rsplit('/').next().unwrap_or_default();
        let trusted = if named { format!("ca_file = \"{name}\"\n") } else { String::new() };
        let block = format!("url = \"{}\"\n{trusted}", front.url);
        let (detail, told) = verified(&block).await?;
        assert!(detail.starts_with("certificate_refused at https://127.0.0.1:"), "{detail}");
        assert!(detail.contains(what) && told.contains(fix), "{detail} -> {told}");
        let listed = run(&["models", "--host", &front.url]).await?;
        assert!(listed.out.contains("certificate_refused: its certificate"), "{listed:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_without_tls_is_named_as_one() -> Result {
    let host = host().await?;
    let (detail, fix) = verified(&format!("url = \"{}\"\n", host.url().replace("http:", "https:"))).await?;
    assert!(detail.contains("it speaks no TLS at this port") && fix.contains("http://"), "{detail} -> {fix}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_holds_no_certificate_is_refused_with_its_name() -> Result {
    let wrong = file("wrong.pem", "hunter2")?;
    let config =
        file("wrong.toml", &format!("[[hosts]]\nurl = \"https://127.0.0.1:9\"\nca_file = \"{wrong}\"\n"))?;
    let ran = run(&["--config", &config, "models"]).await?;
    assert!(
        ran.code == Some(2) && ran.err.contains("ca_file") && ran.err.contains("holds no certificate"),
        "{ran:?}"
    );
    assert!(!ran.err.contains("hunter2"), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn the_metrics_server_may_have_an_authority_of_its_own_too() -> Result {
    let host = host().await?;
    let server = MetricsServer::start(Behaviour::answers(401, "", "")).await?;
    let identity = signed(&["127.0.0.1"], |_| ())?;
    let authority = identity.authority.clone();
    let front = Front::start(identity, &server.url).await?;
    for (ca, expected) in [(Some(authority), "unauthorized"), (None, "certificate_refused")] {
        let config = json!({"hosts": [{"url": host.url()}], "prometheus": {"url": front.url, "ca": ca}});
        let engine = Engine::start(&FleetConfig::from_json(&config.to_string())?)?;
        let metrics = engine.snapshot().await.map_err(|error| error.message)?.metrics.unwrap_or_default();
        assert!(metrics.starts_with(expected), "{metrics}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_the_one_that_is_named_for_it() -> Result {
    let host = host().await?;
    let (server, client) = (signed(&["127.0.0.1"], |_| ())?, signed(&["ann"], of_client)?);
    let authority = file("server-ca.pem", &server.authority)?;
    let front = Front::asking(server, Some(&client.authority), host.url()).await?;
    let block = |keys: &str| format!("url = \"{}\"\nca_file = \"{authority}\"\n{keys}", front.url);
    let (detail, fix) = verified(&block("")).await?;
    assert!(
        detail.contains("asks for a certificate") && fix.contains("client_cert_file"),
        "{detail} -> {fix}"
    );
    let name = |path: String| path.rsplit('/').next().unwrap_or_default().to_owned();
    let certificate = name(file("ann.pem", &client.shown)?);
    let key = name(file("ann-key.pem", &client.shown_key)?);
    let named = format!("client_cert_file = \"{certificate}\"\nclient_key_file = \"{key}\"\n");
    let (detail, _) = verified(&block(&named)).await?;
    assert!(detail.contains("Ollama"), "{detail}");
    Ok(())
}

#[tokio::test]
async fn a_key_that_is_none_or_another_one_s_is_refused_without_a_word_of_it() -> Result {
    let (client, other) = (signed(&["ann"], of_client)?, signed(&["bob"], of_client)?);
    let certificate = file("ann-2.pem", &client.shown)?;
    for (number, (text, words)) in
        [("hunter2", "holds no key"), (&*other.shown_key, "is not the key of")].into_iter().enumerate()
    {
        for ca in ["", &*format!("ca_file = \"{certificate}\"\n")] {
            let key = file(&format!("no-key-{number}.pem"), text)?;
            let block = format!(
                "[[hosts]]\nurl = \"https://127.0.0.1:9\"\nclient_cert_file = \"{certificate}\"\nclient_key_file = \"{key}\"\n{ca}"
            );
            let ran = run(&["--config", &file("no-key.toml", &block)?, "models"]).await?;
            assert!(
                ran.code == Some(2) && ran.err.contains(words) && !ran.err.contains("hunter2"),
                "{ran:?}"
            );
        }
    }
    Ok(())
}
