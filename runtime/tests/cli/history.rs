//! The history as a user meets it: kept, shown, rated, drawn, gone on from.

use std::process::Stdio;

use serde_json::Value;

use crate::program::{NOWHERE, Ran, Result, host, program, run, run_with};

/// A place for a history that no other test uses.
fn place(name: &str) -> Result<String> {
    let folder = format!("{}/history-{}-{name}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder)?;
    Ok(format!("{folder}/history.db"))
}

fn lines(ran: &Ran) -> Result<Vec<Value>> {
    ran.out.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

async fn shown(arguments: &[&str]) -> Result<Vec<Value>> {
    lines(&run(&[&["history", "--json"], arguments].concat()).await?)
}

#[tokio::test]
async fn jobs_are_kept_with_every_term_and_without_their_texts() -> Result {
    let (host, at) = (host().await?, place("kept")?);
    let asks = b"{\"prompt\":\"a secret\",\"task\":\"chat\",\"shape\":\"s\"}\n{\"prompt\":\"two\",\"task\":\"code\",\"model\":\"none:1b\"}\n";
    run_with(asks, &["--host", &format!("pc={}", host.url()), "--history", &at, "ask", "--jsonl", "-"])
        .await?;
    let rows = shown(&["--history", &at]).await?;
    assert_eq!(rows.len(), 2, "{rows:?}");
    let answered = shown(&["--history", &at, "--outcome", "ok"]).await?;
    let row = &answered[0];
    assert_eq!(
        (&row["ok"], &row["host"], &row["model"]),
        (&true.into(), &"pc".into(), &"m:latest".into()),
        "{row}"
    );
    assert_eq!(
        (&row["decision"]["task"], &row["shape"], &row["mode"]),
        (&"chat".into(), &"s".into(), &"balanced".into())
    );
    let terms = &row["decision"]["candidates"][0]["terms"];
    for term in ["load_s", "queue_s", "decode_s", "risk_s", "optimism_s"] {
        assert!(terms[term].is_number(), "{term}: {terms}");
    }
    assert_eq!(row["attempts"][0]["outcome"], "ok");
    assert!(
        row["ms"]["total"].as_f64() > Some(0.0) && row["usage"]["output_tokens"].as_u64() > Some(0),
        "{row}"
    );
    assert!(!std::fs::read(&at)?.windows(8).any(|window| window == b"a secret"), "the prompt is kept");
    let failed = shown(&["--history", &at, "--outcome", "failed"]).await?;
    assert_eq!(failed.len(), 1);
    assert!(failed[0]["error"]["code"].is_string(), "{failed:?}");
    assert_eq!(shown(&["--history", &at, "--task", "code"]).await?[0]["job"], failed[0]["job"]);
    assert_eq!(shown(&["--history", &at, "--on", "nas"]).await?.len(), 0);
    assert_eq!(shown(&["--history", &at, "--until", "1h"]).await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn prompts_are_kept_where_the_owner_wants_it() -> Result {
    let (host, at) = (host().await?, place("prompts")?);
    let config = format!("{at}.toml");
    std::fs::write(
        &config,
        format!("[[hosts]]\nurl = \"{}\"\n[history]\nurl = \"{at}\"\nprompts = true\n", host.url()),
    )?;
    assert_eq!(run(&["--config", &config, "ask", "a secret"]).await?.code, Some(0));
    let rows = shown(&["--config", &config]).await?;
    assert_eq!(rows[0]["prompt"], "a secret");
    assert!(rows[0]["text"].as_str().is_some_and(|text| !text.is_empty()), "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn pages_follow_each_other_and_files_have_a_line_of_names() -> Result {
    let (host, at) = (host().await?, place("pages")?);
    let asks = "{\"prompt\":\"hello\"}\n".repeat(7);
    run_with(asks.as_bytes(), &["--host", host.url(), "--history", &at, "ask", "--jsonl", "-"]).await?;
    let whole = shown(&["--history", &at]).await?;
    let mut paged = shown(&["--history", &at, "--limit", "3"]).await?;
    while let Some(last) = paged.last().and_then(|row| row["job"].as_str().map(str::to_owned)) {
        let next = shown(&["--history", &at, "--limit", "3", "--before", &last]).await?;
        if next.is_empty() {
            break;
        }
        paged.extend(next);
    }
    assert_eq!((whole.len(), &paged), (7, &whole));
    let table = run(&["--history", &at, "history", "--csv"]).await?;
    assert!(table.out.starts_with("at_ms,job,outcome,"), "{table:?}");
    assert_eq!(table.out.lines().count(), 8);
    let named = run(&["--history", &at, "history"]).await?;
    assert!(named.out.starts_with("SENT") && named.out.lines().count() == 8, "{named:?}");
    Ok(())
}

#[tokio::test]
async fn what_was_learned_outlives_the_program_and_ratings_move_it() -> Result {
    let (host, at) = (host().await?, place("learned")?);
    let fleet = ["--host", &format!("pc={}", host.url()), "--history", &at];
    let ask = [&fleet[..], &["ask", "--json", "--task", "chat", "hello"]].concat();
    let first = run(&ask).await?.json()?;
    assert_eq!(first["ok"], true, "{first}");
    let second = run(&ask).await?.json()?;
    let length = |answer: &Value| answer["decision"]["output_tokens"].as_u64();
    assert!(length(&second) < length(&first), "the length was forgotten: {first} {second}");
    let job = shown(&["--history", &at]).await?[0]["job"].as_str().unwrap_or_default().to_owned();
    let rated = run(&["--history", &at, "rate", &job, "down", "--json"]).await?;
    assert_eq!(rated.json()?["score"], 0.0, "{rated:?}");
    let third = run(&ask).await?.json()?;
    let lack_of_quality = |answer: &Value| {
        let terms = &answer["decision"]["candidates"][0]["terms"];
        // What quality is worth grows with the work: what was learned of the length makes the third answer's work less.
        let work_s = terms["prefill_s"].as_f64()? + terms["decode_s"].as_f64()?;
        Some(terms["quality_s"].as_f64()? / (15.0 + 5.0 * work_s))
    };
    assert!(
        lack_of_quality(&third) > lack_of_quality(&second),
        "the rating changed nothing: {second} {third}"
    );
    Ok(())
}

#[tokio::test]
async fn a_report_is_drawn_from_the_history() -> Result {
    let (host, at) = (host().await?, place("report")?);
    let asks = "{\"prompt\":\"hello\"}\n".repeat(3);
    run_with(asks.as_bytes(), &["--host", host.url(), "--history", &at, "ask", "--jsonl", "-"]).await?;
    let page = format!("{at}.html");
    let drawn = run(&["--history", &at, "report", "--no-replay", "--out", &page]).await?;
    assert_eq!(drawn.code, Some(0), "{drawn:?}");
    let rows = run(&["--history", &at, "history", "--json"]).await?;
    let again = format!("{at}-again.html");
    let drawn =
        run_with(rows.out.as_bytes(), &["report", "--from", "-", "--no-replay", "--out", &again]).await?;
    assert_eq!(drawn.code, Some(0), "{drawn:?}");
    assert_eq!(std::fs::read_to_string(&page)?, std::fs::read_to_string(&again)?);
    Ok(())
}

#[tokio::test]
async fn a_store_that_cannot_be_written_fails_no_job() -> Result {
    let (host, at) = (host().await?, place("broken")?);
    std::fs::write(&at, "this is no database, but a file that somebody else wrote ".repeat(100))?;
    let ran = run(&["--host", host.url(), "--history", &at, "ask", "hello"]).await?;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("smart-ai: history: ") && ran.err.contains("jobs go on"), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_too_old_or_too_much_is_forgotten() -> Result {
    let (host, at) = (host().await?, place("forgotten")?);
    let config = format!("{at}.toml");
    let url = host.url();
    std::fs::write(
        &config,
        format!("[[hosts]]\nurl = \"{url}\"\n[history]\nurl = \"{at}\"\nkeep_rows = 3\nkeep_days = 2\n"),
    )?;
    let asks = "{\"prompt\":\"hello\"}\n".repeat(7);
    run_with(asks.as_bytes(), &["--config", &config, "ask", "--jsonl", "-"]).await?;
    assert_eq!(run(&["--config", &config, "ask", "hello"]).await?.code, Some(0));
    assert_eq!(shown(&["--config", &config]).await?.len(), 4, "three of seven, and one more");
    sqlx::any::install_default_drivers();
    let pool = sqlx::any::AnyPoolOptions::new().connect(&format!("sqlite://{at}")).await?;
    sqlx::query("UPDATE jobs SET at_ms = at_ms - 3 * 86400000").execute(&pool).await?;
    assert_eq!(run(&["--config", &config, "ask", "hello"]).await?.code, Some(0));
    assert_eq!(shown(&["--config", &config]).await?.len(), 1, "older than two days");
    for table in ["decisions", "attempts"] {
        let left: i64 = sqlx::query_scalar(&format!("SELECT count(*) FROM {table}")).fetch_one(&pool).await?;
        assert_eq!(left, 1, "{table}");
    }
    pool.close().await;
    Ok(())
}

#[tokio::test]
async fn what_was_learned_by_another_version_is_left_aside() -> Result {
    let (host, at) = (host().await?, place("version")?);
    let ask = ["--host", host.url(), "--history", &at, "ask", "hello"];
    run(&ask).await?;
    sqlx::any::install_default_drivers();
    let pool = sqlx::any::AnyPoolOptions::new().connect(&format!("sqlite://{at}")).await?;
    let changed = sqlx::query("UPDATE estimates SET version = 9").execute(&pool).await?.rows_affected();
    assert!(changed > 0);
    let ran = run(&ask).await?;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("is of another version") && ran.err.contains("starts anew"), "{ran:?}");
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM estimates WHERE version = 9").fetch_one(&pool).await?;
    assert_eq!(u64::try_from(left)?, changed, "the other version loses what it learned");
    pool.close().await;
    assert_eq!(shown(&["--history", &at]).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_shown_is_said_with_a_way_out() -> Result {
    let at = place("missing")?;
    let missing = run(&["--history", &at, "history"]).await?;
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("no history at") && missing.err.contains("--history"), "{missing:?}");
    let place = run(&["--history", "mysql://ann:hunter2@db", "--host", NOWHERE, "ask", "hello"]).await?;
    assert_eq!(place.code, Some(2));
    assert!(
        place.err.contains("--history: must be a file or postgres://") && !place.err.contains("hunter2"),
        "{place:?}"
    );
    let when = run(&["history", "--since", "yesterdayish"]).await?;
    assert!(when.code == Some(2) && when.err.contains("--since yesterdayish"), "{when:?}");
    let off = program(&["--history", "off", "history"]).stdin(Stdio::null()).output().await?;
    assert_eq!(Ran::of(off)?.code, Some(1));
    Ok(())
}

#[tokio::test]
async fn an_answer_says_what_the_history_calls_it_so_that_it_can_be_rated() -> Result {
    let (host, at) = (host().await?, place("named")?);
    let fleet = ["--host", host.url(), "--history", &at];
    let one = lines(&run(&[&fleet[..], &["ask", "--json", "hello"]].concat()).await?)?;
    let many = run_with(b"{\"prompt\":\"a\"}\n", &[&fleet[..], &["ask", "--jsonl", "-"]].concat()).await?;
    for answer in one.into_iter().chain(lines(&many)?) {
        let job = answer["job"].as_str().ok_or("no job")?.to_owned();
        assert_eq!(run(&["--history", &at, "rate", &job, "up"]).await?.code, Some(0));
        let rows = shown(&["--history", &at, "--job", &job]).await?;
        assert_eq!((rows.len(), &rows[0]["ms"]["total"]), (1, &answer["ms"]["total"]));
    }
    let told = run(&[&fleet[..], &["ask", "--explain", "hello"]].concat()).await?;
    let newest =
        shown(&["--history", &at, "--limit", "1"]).await?[0]["job"].as_str().unwrap_or_default().to_owned();
    assert!(told.err.contains(&format!("smart-ai rate {newest} up")), "{told:?}");
    let unkept = lines(&run(&["--host", host.url(), "ask", "--json", "hello"]).await?)?;
    assert!(unkept[0].get("job").is_none(), "{unkept:?}");
    let no_job = run_with(b"{\"prompt\":\"\"}\n", &[&fleet[..], &["ask", "--jsonl", "-"]].concat()).await?;
    let no_job = lines(&no_job)?;
    assert_eq!(
        (&no_job[0]["ok"], no_job[0].get("job")),
        (&false.into(), None),
        "a name for what the history lacks"
    );
    Ok(())
}
