//! Answers that hold no metrics.

use serde_json::json;

use crate::server::{Behaviour, MetricsServer};
use crate::{Result, decision, decision_beside, fleet, host};

async fn note(behaviour: Behaviour) -> Result<String> {
    Ok(decision_beside(behaviour).await?.notes.join("; "))
}

#[tokio::test]
async fn an_answer_without_metrics_is_named() -> Result {
    let error = r#"{"status":"error","errorType":"bad_data","error":"bad \u001b[31mexpression\u0007"}"#;
    let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
    let cases = [
        (200, "<!doctype html><html>Sign in</html>", "bad_protocol", "not Prometheus"),
        (200, "{\"hello\":1}", "bad_protocol", "not Prometheus"),
        (200, "[]", "bad_protocol", "not Prometheus"),
        (200, "", "bad_protocol", "an empty body"),
        (200, matrix, "bad_protocol", "JSON without a vector"),
        (204, "", "bad_protocol", "not Prometheus"),
        (400, error, "bad_request", "bad [31mexpression"),
        (401, "", "unauthorized", "check the user and password or the bearer token"),
        (403, "<html>", "unauthorized", "check the user and password or the bearer token"),
        (404, "404 page not found", "bad_protocol", "check the URL's path"),
        (422, error, "bad_request", "refused the query"),
        (429, "", "rate_limited", "too many queries"),
        (500, "<html>", "server_error", "check the server"),
        (503, error, "busy", "overloaded"),
    ];
    for (status, body, kind, words) in cases {
        let note = note(Behaviour::answers(status, "", body)).await?;
        assert!(note.starts_with(&format!("metrics server does not answer: {kind} (")), "{status} {note}");
        assert!(note.contains(words) && !note.contains(char::is_control), "{status} {note:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_too_large_or_cut_off_is_named() -> Result {
    let large = format!("{{\"status\":\"success\",\"padding\":\"{}\"}}", "x".repeat(5 << 20));
    let text = note(Behaviour::answers(200, "", &large)).await?;
    assert!(text.contains("larger than 4194304 bytes"), "{text}");
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"status\"".to_vec();
    let text = note(Behaviour::Says(cut)).await?;
    assert!(text.contains("metrics server does not answer: "), "{text}");
    let text = note(Behaviour::Says(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())).await?;
    assert!(text.contains("metrics server does not answer: "), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_takes_its_time_holds_up_no_job() -> Result {
    for bytes in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"] {
        let text = note(Behaviour::Hangs(bytes.into())).await?;
        assert_eq!(text, "metrics server has not answered yet");
    }
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_named_and_not_followed() -> Result {
    let (host, target) = (host().await?, MetricsServer::start(Behaviour::answers(200, "", "{}")).await?);
    let location = format!("location: {}/api/v1/query\r\n", target.url);
    for status in [301, 302, 307, 308] {
        let server = MetricsServer::start(Behaviour::answers(status, &location, "")).await?;
        let decision = decision(&fleet(&host, &json!({"url": server.url, "bearer": "s3cret"}))).await?;
        let text = decision.notes.join("; ");
        assert!(text.contains("it redirects: check the URL"), "{text}");
    }
    assert_eq!(target.requests(), [""; 0]);
    Ok(())
}
