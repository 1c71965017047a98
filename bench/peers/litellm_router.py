"""LiteLLM's own Router on simulated Ollama servers, beside the rules that stand for it in `smart-ai simulate`.

The same fleet and the same arrivals; the real router's run is SCALE times as fast. Prints a Markdown table.
Needs `cargo build --release -p smart-ai -p smart-ai-sim` and, in a virtual environment, `pip install litellm==1.106.2`.

    python bench/peers/litellm_router.py [--scale 6] [--seed 0]
"""

import argparse
import asyncio
import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.request
from collections import Counter

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # nothing is fetched from outside
import litellm  # noqa: E402

HERE = pathlib.Path(__file__).parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "smart-ai"
PROGRAMS = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", CACHE / "target")) / "release"
STRATEGIES = {"litellm-latency": "latency-based-routing", "litellm-least-busy": "least-busy"}
FRAME_TOKENS = 7  # what the simulated server counts besides a word's one token
KEEP_ALIVE_S = 300  # as the simulation's hosts keep an idle model


def simulated(scenario, seed):
    """What became of each request under each rule, and the rules' measures."""
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder) / "trace.jsonl"
        flags = ["--policies", ",".join(STRATEGIES), "--seeds", f"{seed}..{seed + 1}", "--json", "--trace", trace]
        report = subprocess.run(
            [PROGRAMS / "smart-ai", "simulate", "--scenario", scenario, *flags], check=True, capture_output=True, text=True
        )
        rows = [json.loads(line) for line in trace.read_text().splitlines()]
    return rows, {policy["name"]: policy for policy in json.loads(report.stdout)["policies"]}


class Host:
    """A simulated Ollama server, SCALE times as fast as the scenario says."""

    def __init__(self, host, models, scale, folder):
        config = {
            "memory_gb": host["memory_gb"], "max_loaded": host["max_loaded"], "parallel": 1, "share": True, "num_ctx": 32768,
            "speed": host["speed"], "keep_alive": KEEP_ALIVE_S / scale,
            "models": [
                {
                    "name": model["id"], "size_gb": model["gb"], "memory_gb": model["gb"], "output_tokens": 100_000,
                    "prefill_tok_per_s": model["prefill_tok_per_s"] * scale,
                    "decode_tok_per_s": model["decode_tok_per_s"] * scale,
                    "load_s": (0.5 + model["gb"] / host["disk_gb_per_s"]) / scale,
                }
                for model in models
            ],
        }
        file = pathlib.Path(folder) / f"{host['id']}.json"
        file.write_text(json.dumps(config))
        self.process = subprocess.Popen([PROGRAMS / "fake-ollama", "--config", file], stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.url, self.control = ready["url"], ready["control_url"]

    def loads(self):
        with urllib.request.urlopen(f"{self.control}/control/stats") as answer:
            return json.load(answer)["loads"]

    def stop(self):
        self.process.terminate()
        self.process.wait()


async def real(strategy, scenario, jobs, scale):
    """Latencies in the scenario's seconds, calls of each arm and loads, of the real router."""
    with tempfile.TemporaryDirectory() as folder:
        hosts = {host["id"]: Host(host, scenario["models"], scale, folder) for host in scenario["hosts"]}
        try:
            router = litellm.Router(
                model_list=[
                    {
                        "model_name": group["id"],
                        "litellm_params": {"model": f"ollama_chat/{model}", "api_base": host.url},
                        "model_info": {"id": f"{group['id']}|{name}|{model}"},
                    }
                    for group in scenario["classes"] for name, host in hosts.items() for model in group["models"]
                ],
                routing_strategy=strategy, num_retries=0, disable_cooldowns=True, timeout=600,
            )
            began = time.monotonic()

            async def answer(job):
                await asyncio.sleep(max(0, job["arrives_s"] / scale - (time.monotonic() - began)))
                asked = time.monotonic()
                prompt = " ".join(["abc"] * max(1, int(job["prompt_tokens"]) - FRAME_TOKENS))
                response = await router.acompletion(
                    model=job["class"], messages=[{"role": "user", "content": prompt}], max_tokens=int(job["output_tokens"])
                )
                seconds = (time.monotonic() - asked) * scale
                assert response.usage.completion_tokens == job["output_tokens"], response.usage
                assert abs(response.usage.prompt_tokens - job["prompt_tokens"]) <= FRAME_TOKENS, response.usage
                return seconds, "/".join(response._hidden_params["model_id"].split("|")[1:])

            answers = await asyncio.gather(*(answer(job) for job in jobs))
            loads = sum(host.loads() for host in hosts.values())
        finally:
            for host in hosts.values():
                host.stop()
    return [seconds for seconds, _ in answers], Counter(arm for _, arm in answers), loads


def mean(numbers):
    return sum(numbers) / len(numbers)


async def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--scale", type=float, default=6)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    scenario = json.loads((HERE / "scenario.json").read_text())
    rows, measures = simulated(HERE / "scenario.json", given.seed)
    jobs = [row for row in rows if row["policy"] == next(iter(STRATEGIES))]
    found = dict(zip(STRATEGIES, await asyncio.gather(*(real(name, scenario, jobs, given.scale) for name in STRATEGIES.values()))))

    print(f"LiteLLM {litellm._version.version}, {len(jobs)} requests, seed {given.seed}, time scaled 1 : {given.scale:g}\n")
    print("| rule | mean s, real | mean s, ours | loads, real | loads, ours | overlap of the shares |\n|---|---|---|---|---|---|")
    shares = {}
    for name, strategy in STRATEGIES.items():
        seconds, arms, loads = found[name]
        own = Counter(f"{row['host']}/{row['model']}" for row in rows if row["policy"] == name)
        overlap = sum(min(arms[arm], own[arm]) for arm in own) / len(jobs)
        shares[name] = (arms, own)
        print(
            f"| {strategy} | {mean(seconds):.1f} | {measures[name]['mean_s']:.1f} | {loads} | {measures[name]['loads']:.0f} "
            f"| {overlap:.0%} |"
        )
    print("\n| arm |" + "".join(f" {strategy}, real | ours |" for strategy in STRATEGIES.values()))
    print("|---|" + "---|" * (2 * len(STRATEGIES)))
    for arm in sorted({arm for pair in shares.values() for counts in pair for arm in counts}):
        cells = "".join(f" {real_arms[arm] / len(jobs):.0%} | {own[arm] / len(jobs):.0%} |" for real_arms, own in shares.values())
        print(f"| {arm} |{cells}")


asyncio.run(main())
