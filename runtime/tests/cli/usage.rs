//! Wrong usage and configuration: exit code 2, and what was wrong.

use crate::program::{NOWHERE, Result, file, host, program, run};

#[tokio::test]
async fn wrong_usage_exits_with_2_and_names_the_flag_or_value() -> Result {
    let cases: [(&[&str], &str); 10] = [
        (&["ask", "--nope", "hi"], "--nope"),
        (&["nonsense"], "nonsense"),
        (&[], "Usage"),
        (&["ask", "--task", "sing", "hi"], "task"),
        (&["ask", "--mode", "quick", "hi"], "mode"),
        (&["ask", "--deadline", "0", "hi"], "deadline_ms"),
        (&["ask", "--max-tokens", "0", "hi"], "max_tokens"),
        (&["ask", ""], "prompt: is empty"),
        (&["ask", "--jsonl", "x", "--concurrency", "0"], "--concurrency"),
        (&["decide", "--task", "sing", "hi"], "task"),
    ];
    for (arguments, word) in cases {
        let ran = run(&[arguments, &["--host", NOWHERE]].concat()).await?;
        assert!(ran.code == Some(2) && ran.out.is_empty() && ran.err.contains(word), "{arguments:?} {ran:?}");
    }
    Ok(())
}

#[tokio::test]
async fn help_and_version_exit_with_0() -> Result {
    for flag in ["--help", "--version"] {
        let ran = run(&[flag]).await?;
        assert!(ran.code == Some(0) && ran.out.contains("smart-ai") && ran.err.is_empty(), "{ran:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_configuration_that_is_wrong_is_refused_with_its_path() -> Result {
    let cases = [
        ("[[hosts]]\nurl = 'http://a:1'\nparalel = 2\n", "line 3, hosts[0].paralel"),
        ("[prometheus]\nurl = 'http://a:1'\nbearr = 'x'\n", "prometheus.bearr"),
        ("[[hosts]]\nurl = 'gpu:11434'\n", "hosts[0].url"),
        ("[limits]\nmax_cpu_percent = 130\n", "limits.max_cpu_percent"),
        ("[[hosts]\n", "line 1"),
    ];
    for (text, place) in cases {
        let path = file("wrong.toml", text)?;
        let ran = run(&["models", "--config", &path]).await?;
        assert!(ran.code == Some(2) && ran.err.contains(place) && ran.err.contains(&path), "{ran:?}");
    }
    let ran = run(&["models", "--config", "no-such.toml"]).await?;
    assert!(ran.code == Some(2) && ran.err.contains("no-such.toml"), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn flags_win_over_the_environment_and_the_environment_over_the_file() -> Result {
    let host = host().await?;
    let path = file("down.toml", &format!("[[hosts]]\nid = 'down'\nurl = '{NOWHERE}'\n"))?;
    let ran = run(&["models", "--config", &path]).await?;
    assert!(ran.code == Some(1) && ran.out.contains("down"), "{ran:?}");
    let by_environment =
        program(&["models", "--config", &path]).env("SMART_AI_HOSTS", host.url()).output().await?;
    assert_eq!(by_environment.status.code(), Some(0));
    let by_flag = program(&["models", "--host", NOWHERE]).env("SMART_AI_HOSTS", host.url()).output().await?;
    assert_eq!(by_flag.status.code(), Some(1));
    Ok(())
}
