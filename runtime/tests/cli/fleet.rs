//! `models` and `verify`.

use std::process::Stdio;

use serde_json::{Value, json};
use smart_ai_sim::{Config, FakeOllama, Fault, FaultKind};

use crate::program::{NOWHERE, Ran, Result, host, keys, program, run};

fn check<'a>(report: &'a Value, part: &str) -> Result<&'a Value> {
    let checks = report["checks"].as_array().ok_or("no checks")?;
    let named = |check: &&Value| check["name"].as_str().is_some_and(|name| name.contains(part));
    Ok(checks.iter().find(named).ok_or_else(|| format!("no check of {part} in {report}"))?)
}

#[tokio::test]
async fn models_lists_what_each_host_has() -> Result {
    let host = host().await?;
    let up = format!("pc={}", host.url());
    let down = format!("nas={NOWHERE}");
    let ran = run(&["models", "--host", &up, "--host", &down]).await?;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("m:latest") && ran.out.contains("cold"), "{}", ran.out);
    assert!(ran.out.contains("nas") && ran.out.contains("unreachable"), "{}", ran.out);
    let hosts = run(&["models", "--host", &up, "--json"]).await?.json()?;
    assert_eq!((&hosts[0]["host"], &hosts[0]["models"][0]["model"]), (&json!("pc"), &json!("m:latest")));
    let ran = run(&["models", "--host", &down]).await?;
    assert!(ran.code == Some(1) && ran.err.contains("no host answers"), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn a_machine_that_knows_no_authority_reaches_plain_hosts_and_says_what_an_encrypted_one_lacks() -> Result
{
    let host = host().await?;
    let bare = async |url: &str| {
        let mut command = program(&["--host", url, "ask", "hello"]);
        command.env("SSL_CERT_FILE", "/nowhere").env("SSL_CERT_DIR", "/nowhere");
        Ran::of(command.stdin(Stdio::null()).output().await?)
    };
    let plain = bare(host.url()).await?;
    assert_eq!(plain.code, Some(0), "{plain:?}");
    let encrypted = bare("https://127.0.0.1:9").await?;
    assert_eq!(encrypted.code, Some(2));
    assert!(encrypted.err.contains("No CA certificates"), "{encrypted:?}");
    Ok(())
}

#[tokio::test]
async fn verify_is_content_with_hosts_alone_but_says_what_that_costs() -> Result {
    let host = host().await?;
    let ran = run(&["verify", "--host", host.url(), "--json"]).await?;
    let report = ran.json()?;
    assert_eq!((ran.code, &report["ok"], keys(&report)), (Some(0), &json!(true), vec!["checks", "ok"]));
    for check in report["checks"].as_array().ok_or("no checks")? {
        assert_eq!(keys(check), ["detail", "fix", "name", "ok", "required"]);
        assert_eq!(check["ok"] == json!(true), check["fix"] == json!(""), "{check}");
    }
    let prometheus = check(&report, "prometheus")?;
    assert_eq!((&prometheus["ok"], &prometheus["required"]), (&json!(false), &json!(false)));
    assert!(prometheus["fix"].as_str().is_some_and(|fix| fix.contains("--prometheus")), "{prometheus}");
    Ok(())
}

#[tokio::test]
async fn verify_fails_with_what_a_host_lacks() -> Result {
    let empty = FakeOllama::start(Config::default()).await?;
    let locked = host().await?;
    let paths = Some(vec!["/api/tags".to_owned()]);
    locked.set_fault(Fault { status: Some(401), paths, ..Fault::new(FaultKind::Status) });
    let hosts =
        [format!("empty={}", empty.url()), format!("down={NOWHERE}"), format!("locked={}", locked.url())];
    let ran = run(&["verify", "--host", &hosts.join(","), "--json"]).await?;
    let report = ran.json()?;
    assert_eq!((ran.code, &report["ok"]), (Some(1), &json!(false)));
    let models = check(&report, "empty models")?;
    assert!(models["fix"].as_str().is_some_and(|fix| fix.contains("ollama pull")), "{models}");
    let down = check(&report, "down answers")?;
    assert!(down["detail"].as_str().is_some_and(|detail| detail.contains("unreachable")), "{down}");
    let locked = check(&report, "locked answers")?;
    assert!(locked["detail"].as_str().is_some_and(|detail| detail.contains("unauthorized")), "{locked}");
    let ran = run(&["verify", "--host", &hosts[1]]).await?;
    assert!(ran.code == Some(1) && !ran.out.contains('\u{1b}'), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn a_host_whose_look_takes_longer_than_a_dry_run_waits_is_shown_as_it_is() -> Result {
    let (quick, slow) = (host().await?, host().await?);
    slow.set_fault(Fault { delay_s: Some(3.5), ..Fault::new(FaultKind::PsBlock) });
    let hosts = format!("quick={},slow={}", quick.url(), slow.url());
    let command = |name| {
        let hosts = hosts.clone();
        async move { run(&[name, "--host", &hosts, "--json"]).await }
    };
    let (models, verify) = tokio::join!(command("models"), command("verify"));
    let models = models?;
    let states: Vec<_> =
        models.json()?.as_array().into_iter().flatten().map(|host| host["state"].clone()).collect();
    assert_eq!((states, models.err.as_str()), (vec![json!("up"), json!("up")], ""));
    let verify = verify?;
    assert_eq!((verify.code, &check(&verify.json()?, "slow answers")?["ok"]), (Some(0), &json!(true)));
    Ok(())
}
