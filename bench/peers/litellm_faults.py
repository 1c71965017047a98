"""LiteLLM's own Router under a script of faults: the other side of `node bench/run.mjs faults-litellm`.

Reads one JSON object from stdin: hosts (URLs), model, strategy, retries, timeout_s, prompt, arrivals (seconds from the start).
Writes one line when it is ready, waits for a line, then writes one JSON line for each job as it ends: {"id", "began", "ended", "text"} in seconds from the start.
"""

import asyncio
import json
import os
import sys
import time

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # nothing is fetched from outside
import litellm  # noqa: E402

litellm.suppress_debug_info = True


async def main():
    given = json.loads(sys.stdin.readline())
    router = litellm.Router(
        model_list=[
            {"model_name": "chat", "litellm_params": {"model": f"ollama_chat/{given['model']}", "api_base": url}}
            for url in given["hosts"]
        ],
        routing_strategy=given["strategy"], num_retries=given["retries"], timeout=given["timeout_s"],
    )
    print(json.dumps({"version": litellm._version.version}), flush=True)
    sys.stdin.readline()
    start = time.monotonic()

    async def answer(number, arrives):
        await asyncio.sleep(max(0, arrives - (time.monotonic() - start)))
        began = time.monotonic() - start
        try:
            response = await router.acompletion(model="chat", messages=[{"role": "user", "content": given["prompt"]}])
            text, error = response.choices[0].message.content, None
        except Exception as problem:  # whatever it says, the caller has no answer
            text, error = None, f"{type(problem).__name__}: {problem}"[:200]
        ended = time.monotonic() - start
        print(json.dumps({"id": number, "began": began, "ended": ended, "text": text, "error": error}), flush=True)

    await asyncio.gather(*(answer(number, arrives) for number, arrives in enumerate(given["arrivals"])))


asyncio.run(main())
