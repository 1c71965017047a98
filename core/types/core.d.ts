// Written by core/tests/typescript.rs from the Rust types. Do not edit.

/**
 * The result line of `smart-ai ask --jsonl`, and what every `ask` returns.
 */
export type Answer = { 
/**
 * The caller's own, as it came.
 */
id: string | number | null, 
/**
 * Whether there is an answer.
 */
ok: boolean, 
/**
 * The answer; of a failed job, what had come.
 */
text: string, 
/**
 * One vector per input text, of an `embed` job.
 */
embeddings?: Array<Array<number>>, 
/**
 * Tools the model wants called, as Ollama sends them.
 */
tool_calls?: Array<Record<string, unknown>>, 
/**
 * What the model thought before it answered, where the server tells.
 */
thinking?: string, 
/**
 * Why there is no answer.
 */
error: DispatchError | null, 
/**
 * The model that answered.
 */
model: ModelName | null, 
/**
 * Its host.
 */
host: HostId | null, 
/**
 * Every call made, in order.
 */
attempts: Array<AttemptReport>, 
/**
 * Why this arm; absent where the ask was refused.
 */
decision: Decision | null, 
/**
 * Tokens by the server's count.
 */
usage: AnswerUsage, 
/**
 * Milliseconds, by phase.
 */
ms: Phases, 
/**
 * What the decision expected, in milliseconds.
 */
predicted_ms: number, };

/**
 * Tokens of one answer.
 */
export type AnswerUsage = { 
/**
 * Of the prompt, cached ones included.
 */
prompt_tokens: number, 
/**
 * Of the answer.
 */
output_tokens: number, };

/**
 * A model on a host.
 */
export type Arm = { 
/**
 * Where.
 */
host: HostId, 
/**
 * Which.
 */
model: ModelName, };

/**
 * One ask. Exactly one of `prompt` and `messages` is given.
 */
export type Ask = { 
/**
 * The caller's own name for it, handed back with the answer.
 */
id?: string | number | null, 
/**
 * The prompt; of an `embed` task, the text.
 */
prompt?: string, 
/**
 * A conversation in Ollama's shape; of an `embed` task, one text each.
 */
messages?: Array<{ role: "system" | "user" | "assistant" | "tool"; content?: string; [key: string]: unknown }>, 
/**
 * Instructions before the prompt.
 */
system?: string, 
/**
 * The kind of work; absent or `"auto"`: seen from the text.
 */
task?: Task | "auto", 
/**
 * Similar asks share a shape; their history predicts this one's length.
 */
shape?: Shape, 
/**
 * The price of quality.
 */
mode?: Mode, 
/**
 * Only this model.
 */
model?: ModelName, 
/**
 * Models the caller accepts: each is good enough, so that only time decides among them.
 */
models?: Array<ModelName>, 
/**
 * Only this host.
 */
host?: HostId, 
/**
 * Milliseconds until the answer is worthless.
 */
deadline_ms?: number, 
/**
 * Cap on the answer's tokens.
 */
max_tokens?: number, 
/**
 * A JSON schema the answer must fit, or `"json"`.
 */
schema?: Record<string, unknown> | "json", 
/**
 * Ollama's generation options; not `num_ctx`, which the dispatcher sets.
 */
options?: Record<string, unknown>, 
/**
 * Images in base64.
 */
images?: Array<string>, 
/**
 * Tools the model may call, in Ollama's shape.
 */
tools?: Array<Record<string, unknown>>, 
/**
 * Whether, or how hard (`"low"`, `"medium"`, `"high"`, `"max"`), the model thinks first.
 */
think?: boolean | "low" | "medium" | "high" | "max", 
/**
 * How long the model stays loaded: seconds, or a duration like `"5m"`.
 */
keep_alive?: string | number, 
/**
 * Lets the dispatcher choose for a share of the asks that name a `model` or `host`, and compares.
 */
rollout?: Rollout, };

/**
 * One call of one arm for a job. Core numbers attempts.
 */
export type AttemptId = number;

/**
 * One call, as it ended.
 */
export type AttemptReport = { 
/**
 * Its host.
 */
host: HostId, 
/**
 * Its model.
 */
model: ModelName, 
/**
 * `ok`, `cancelled`, or the failure's word.
 */
outcome: string, 
/**
 * What the server said, if it failed.
 */
detail?: string, 
/**
 * Milliseconds from the call to its end.
 */
ms: number, };

/**
 * The body of a request.
 */
export type Body = { 
/**
 * The header `Content-Type`.
 */
content_type: string, 
/**
 * The body itself.
 */
text: string, };

/**
 * Load-time and generation options the dispatcher decides.
 */
export type CallOptions = { 
/**
 * `num_ctx`: one value per arm, so that no request reloads a model needlessly. Absent: the server's own.
 */
num_ctx: number | null, 
/**
 * `num_predict`: the caller's cap.
 */
num_predict: number | null, 
/**
 * `keep_alive` in seconds: less for a model that is worth less in memory, so that it makes way sooner. Absent: the server's own.
 */
keep_alive_s?: number | null, };

/**
 * What a driver does next for a call. Once a response has ended, the last step is `Again` or `Ended`.
 */
export type CallStep = { "type": "event", 
/**
 * About this call.
 */
event: Event, } | { "type": "text", 
/**
 * The text.
 */
text: string, } | { "type": "check", 
/**
 * A JSON schema, or `"json"`.
 */
schema: unknown, 
/**
 * JSON.
 */
answer: string, } | { "type": "again" } | { "type": "ended", 
/**
 * `Succeeded` or `Failed`, for the dispatcher.
 */
event: Event, };

/**
 * An arm with its score.
 */
export type Candidate = { 
/**
 * Where.
 */
host: HostId, 
/**
 * Which.
 */
model: ModelName, 
/**
 * Loaded with enough context.
 */
resident: boolean, 
/**
 * Seconds to compare by: the sum of `terms`. Lower is better.
 */
score_s: number, 
/**
 * Expected seconds to the last token: load, queue, interference and work.
 */
expected_s: number, 
/**
 * What the score is made of.
 */
terms: Terms, };

/**
 * What a model must be able to do, in the words of `/api/show`.
 */
export type Capability = "completion" | "tools" | "vision" | "embedding" | "thinking" | "insert";

/**
 * Cumulative sum of surprises, `C ← 0.6 C + ln(observed ÷ expected)`: beyond ±0.9 the host has changed.
 */
export type Change = { 
/**
 * The faded sum, in natural logarithms.
 */
sum_ln: number, };

/**
 * What a text shows.
 */
export type Classification = { 
/**
 * The kind of work; never `vision` or `embed`, which no text shows.
 */
task: Task, 
/**
 * Estimated tokens, within about 20 % on ordinary text for vocabularies of 100,000 pieces or more.
 */
prompt_tokens: number, };

/**
 * What a caller named, compared with what the dispatcher chooses.
 */
export type Comparison = { 
/**
 * Whether the dispatcher's choice runs, and not the named one.
 */
switched: boolean, 
/**
 * The arm that the caller named; absent if it cannot serve.
 */
named: Forecast | null, 
/**
 * The arm that the dispatcher chooses; absent if none can serve.
 */
chosen: Forecast | null, 
/**
 * Milliseconds that the dispatcher's choice is expected to save; below zero it is expected to cost.
 */
gain_ms: number, };

/**
 * Everything a dispatcher is told before its first event. No URL, no credential.
 */
export type Config = { 
/**
 * The fleet; at least one host.
 */
hosts: Array<HostConfig>, 
/**
 * Models to use, most modest first. On a host that has some of them, only these serve
 * generation; a host that has none offers whatever it has. An empty list means every model. Absent: `phi3:mini`,
 * `llama3.2:3b` and `qwen2.5:7b`, where one of them can do what is asked.
 */
models?: Array<ModelName>, 
/**
 * The owner's limits on a host's use.
 */
limits?: Limits, 
/**
 * Seconds between two scrapes of the metrics server. A signal older than three is stale.
 */
scrape_interval_s?: number, 
/**
 * Milliseconds between two looks at a host or at the metrics while jobs come in.
 */
refresh_ms?: number, 
/**
 * Whether a metrics server will send [`Signals`](crate::Event::Signals); without one nobody waits for it.
 */
metrics?: boolean, 
/**
 * Calls one job may make before it gives up.
 */
max_attempts?: number, 
/**
 * Milliseconds a host may take to accept a call.
 */
connect_timeout_ms?: number, 
/**
 * Milliseconds a job waits for a model to load before it asks another arm; the load goes on. Absent: learned for each
 * host, ten minutes at most.
 */
load_timeout_ms?: number, 
/**
 * Milliseconds a loaded model may take for the first piece of an answer. Absent: learned for each model, ten minutes
 * at most. An answer that comes whole is given the time of its writing on top.
 */
first_token_timeout_ms?: number, 
/**
 * Milliseconds without a new piece after which an answer counts as stuck. Absent: it depends on what is written, 30 seconds at
 * most for text, ten minutes for a tool call, which comes whole.
 */
stall_timeout_ms?: number, 
/**
 * Milliseconds after which an answer is ended that its client does not read. Absent: two minutes.
 */
client_timeout_ms?: number, 
/**
 * Whether a host that failed is tried with a canary when its pause is over: a loaded model is asked for one token before a job is
 * sent there.
 */
canary?: boolean, 
/**
 * Jobs that may wait for an arm; one more is refused.
 */
max_queue?: number, 
/**
 * Whether contested choices are played through before they are made.
 */
look_ahead?: LookAhead, 
/**
 * How models come and go by themselves.
 */
lifecycle?: LifecycleConfig, 
/**
 * How good models are, and how good they must be.
 */
quality?: QualityConfig, 
/**
 * How much each idea counts in the decision; a weight left out keeps its default.
 */
tuning?: Partial<Tuning>, };

/**
 * Why a configuration was refused: what, where, and what would be right.
 */
export type ConfigError = { 
/**
 * Stable: `config_invalid`.
 */
code: string, 
/**
 * The key at fault, as a path: `hosts[1].parallel`.
 */
field: string, 
/**
 * What is wrong and what is allowed.
 */
message: string, };

/**
 * The ranked arms for one request.
 */
export type Decision = { 
/**
 * The winner: the first candidate.
 */
chosen: Arm | null, 
/**
 * One sentence: who won, against whom, and the terms that decided it.
 */
reason: string, 
/**
 * Expected milliseconds from now to the last token on the chosen arm.
 */
predicted_ms: number, 
/**
 * The kind of work.
 */
task: Task, 
/**
 * The price of quality.
 */
mode: Mode, 
/**
 * Estimated tokens of the prompt.
 */
prompt_tokens: number, 
/**
 * Expected tokens of the answer.
 */
output_tokens: number, 
/**
 * Arms that could serve, best first.
 */
candidates: Array<Candidate>, 
/**
 * Arms that could not, each with its reason.
 */
dropped: Array<Dropped>, 
/**
 * The signals of the candidates' hosts.
 */
signals: Array<SignalAge>, 
/**
 * What a reader should also know: stale signals, unreachable hosts, failed attempts.
 */
notes: Array<string>, 
/**
 * What looking ahead found, where it overruled the score.
 */
plan?: PlanReport, 
/**
 * Both sides of a gradual rollout, as they were at the first decision.
 */
comparison?: Comparison, };

/**
 * The class of a host's hardware.
 */
export type Device = "unknown" | "cpu" | "gpu";

/**
 * How a job can end without an answer. Codes are stable.
 */
export type DispatchError = { 
/**
 * Stable word: see [`DispatchErrorCode`].
 */
code: DispatchErrorCode, 
/**
 * What happened.
 */
message: string, 
/**
 * What to do about it.
 */
hint: string, 
/**
 * Milliseconds after which asking again may well succeed, where that can be told.
 */
retry_after_ms?: number | null, };

/**
 * The stable words of [`DispatchError`].
 */
export type DispatchErrorCode = "invalid_request" | "unknown_model" | "unknown_host" | "no_host" | "no_model" | "context_too_small" | "over_limit" | "route_missing" | "overloaded" | "unauthorized" | "request_refused" | "deadline_exceeded" | "all_failed" | "invalid_answer" | "cut_off" | "cancelled" | "client_slow";

/**
 * Why an arm was dropped. Words are stable.
 */
export type DropCode = "host_down" | "unauthorized" | "lacks_route" | "other_model_pinned" | "other_host_pinned" | "not_accepted" | "not_configured" | "not_capable" | "below_floor" | "context_too_small" | "does_not_fit" | "remote" | "failed_lately" | "already_tried" | "over_cpu_limit" | "under_memory_limit";

/**
 * An arm that cannot serve the request.
 */
export type Dropped = { 
/**
 * Where.
 */
host: HostId, 
/**
 * Which; absent where the whole host is out.
 */
model: ModelName | null, 
/**
 * Stable word.
 */
code: DropCode, 
/**
 * With the numbers that decided.
 */
detail: string, };

/**
 * One thing to do. The driver answers with events, never with a return value.
 */
export type Effect = { "type": "call", 
/**
 * The job whose text to send.
 */
job: JobId, 
/**
 * Its number; every event about the call carries it.
 */
attempt: AttemptId, 
/**
 * Where.
 */
host: HostId, 
/**
 * Which model.
 */
model: ModelName, 
/**
 * What to send beside the text.
 */
options: CallOptions, } | { "type": "abort", 
/**
 * The call.
 */
attempt: AttemptId, } | { "type": "resolve", 
/**
 * The job.
 */
job: JobId, 
/**
 * How it went.
 */
outcome: Outcome, } | { "type": "reject", 
/**
 * The job.
 */
job: JobId, 
/**
 * Why, and what to do.
 */
error: DispatchError, 
/**
 * How it went.
 */
outcome: Outcome, } | { "type": "refresh", 
/**
 * What to look at.
 */
source: Source, 
/**
 * Milliseconds each request of it may take; one that takes longer is `ETIMEDOUT`.
 */
within_ms: number, } | { "type": "load", 
/**
 * Where.
 */
host: HostId, 
/**
 * Which model.
 */
model: ModelName, 
/**
 * It only embeds: such a model is loaded by another path.
 */
embeds: boolean, 
/**
 * What to send beside its name.
 */
options: CallOptions, 
/**
 * Milliseconds it may take; one that takes longer is `ETIMEDOUT`.
 */
within_ms: number, } | { "type": "unload", 
/**
 * Where.
 */
host: HostId, 
/**
 * Which model.
 */
model: ModelName, 
/**
 * Milliseconds it may take; one that takes longer is `ETIMEDOUT`.
 */
within_ms: number, } | { "type": "start_host", 
/**
 * Which.
 */
host: HostId, 
/**
 * Milliseconds it may take; one that takes longer has failed.
 */
within_ms: number, } | { "type": "stop_host", 
/**
 * Which.
 */
host: HostId, 
/**
 * Milliseconds it may take; one that takes longer has failed.
 */
within_ms: number, } | { "type": "prepared", 
/**
 * The driver's number for it.
 */
job: JobId, 
/**
 * How it stands with the model.
 */
prepared: Prepared, };

/**
 * Vectors and counters.
 */
export type Embeddings = { 
/**
 * One vector per input text.
 */
embeddings: Array<Array<number>>, 
/**
 * The server's counters.
 */
usage: Usage, };

/**
 * A server with what every request to it carries. Never logged: headers hold keys.
 */
export type Endpoint = { 
/**
 * The host's name; `prometheus` for the metrics server.
 */
id: HostId, 
/**
 * Without a slash at its end: append a path.
 */
url: string, 
/**
 * Lower-case names.
 */
headers: { [key in string]: string }, 
/**
 * A PEM file with what its certificate is checked against, in place of the system's authorities.
 */
ca_file: string | null, 
/**
 * PEM text in place of `ca_file`.
 */
ca: string | null, 
/**
 * A PEM file with the certificate that is shown to it.
 */
client_cert_file: string | null, 
/**
 * PEM text in place of `client_cert_file`.
 */
client_cert: string | null, 
/**
 * A PEM file with the key of that certificate.
 */
client_key_file: string | null, 
/**
 * PEM text in place of `client_key_file`.
 */
client_key: string | null, };

/**
 * Something that happened. Unknown ids are ignored: the world may be late.
 */
export type Event = { "type": "submit", 
/**
 * The driver's number for it, never used before.
 */
job: JobId, 
/**
 * What is wanted.
 */
request: Request, } | { "type": "announce", 
/**
 * The shape of one that has been submitted.
 */
shape: Shape, 
/**
 * How many are still to come.
 */
count: number, } | { "type": "started", 
/**
 * The call.
 */
attempt: AttemptId, } | { "type": "first_token", 
/**
 * The call.
 */
attempt: AttemptId, } | { "type": "progress", 
/**
 * The call.
 */
attempt: AttemptId, 
/**
 * Pieces received so far.
 */
tokens: number, } | { "type": "succeeded", 
/**
 * The call.
 */
attempt: AttemptId, 
/**
 * The server's own counters.
 */
usage: Usage, } | { "type": "failed", 
/**
 * The call.
 */
attempt: AttemptId, 
/**
 * Why.
 */
failure: Failure, } | { "type": "held", 
/**
 * The call.
 */
attempt: AttemptId, } | { "type": "cancel", 
/**
 * The job.
 */
job: JobId, } | { "type": "host_state", 
/**
 * The host.
 */
host: HostId, 
/**
 * Up with its models, or why not.
 */
state: HostState, } | { "type": "model_state", 
/**
 * The host.
 */
host: HostId, 
/**
 * The model.
 */
model: ModelName, 
/**
 * Its details, or why they could not be had.
 */
state: ModelState, } | { "type": "signals", 
/**
 * Samples, or why there are none.
 */
state: SignalsState, } | { "type": "canary", 
/**
 * The host.
 */
host: HostId, 
/**
 * The model.
 */
model: ModelName, 
/**
 * Why no token came; absent where one did.
 */
failure: Failure | null, } | { "type": "prepare", 
/**
 * The driver's number for it, never used before, for a job either.
 */
job: JobId, 
/**
 * What will be asked.
 */
request: Request, 
/**
 * Milliseconds from now until it will be sent; 0: as soon as can be.
 */
in_ms: number, } | { "type": "load_ended", 
/**
 * The host.
 */
host: HostId, 
/**
 * The model.
 */
model: ModelName, 
/**
 * Why it is not in memory; absent where it is.
 */
failure: Failure | null, } | { "type": "unload_ended", 
/**
 * The host.
 */
host: HostId, 
/**
 * The model.
 */
model: ModelName, 
/**
 * Why it did not leave; absent where it did.
 */
failure: Failure | null, } | { "type": "start_ended", 
/**
 * The host.
 */
host: HostId, 
/**
 * Why it does not run; absent where it does.
 */
failure: Failure | null, } | { "type": "stop_ended", 
/**
 * The host.
 */
host: HostId, 
/**
 * Why it was not stopped; absent where it was.
 */
failure: Failure | null, } | { "type": "stand_by", 
/**
 * Which program acts, in words. Absent: this one may act.
 */
holder: string | null, } | { "type": "apply" } | { "type": "feedback", 
/**
 * Who gave it.
 */
model: ModelName, 
/**
 * What was asked for.
 */
task: Task, 
/**
 * The judgement.
 */
rating: Rating, } | { "type": "slept", 
/**
 * Milliseconds for which the driver was not run.
 */
ms: number, } | { "type": "look" } | { "type": "tick" };

/**
 * One failure with what the server said.
 */
export type Failure = { 
/**
 * The class.
 */
kind: FailureKind, 
/**
 * The server's or the system's own words, shortened; never the prompt.
 */
detail: string, 
/**
 * Milliseconds the server asked to wait (`Retry-After`).
 */
retry_after_ms?: number | null, };

/**
 * Why an attempt failed. The class decides what the fallback avoids.
 */
export type FailureKind = "unreachable" | "certificate_refused" | "connect_timeout" | "load_timeout" | "first_token_timeout" | "stalled" | "busy" | "rate_limited" | "unauthorized" | "model_missing" | "out_of_memory" | "context_too_small" | "not_capable" | "server_error" | "bad_request" | "route_missing" | "too_large" | "account_refused" | "input_failed" | "answer_too_long" | "cut_off" | "bad_protocol" | "invalid_answer" | "empty_answer" | "refused_answer";

/**
 * A judgement of one answer. Exactly one of `thumbs`, `score`, `schema_valid`, `edit_distance` and `edited` is given.
 */
export type Feedback = { 
/**
 * The model that answered: the answer's `model`.
 */
model: string, 
/**
 * What was asked for: the answer's `decision.task`.
 */
task: Task, 
/**
 * `"up"` or `"down"`.
 */
thumbs?: "up" | "down", 
/**
 * From 0, useless, to 1, as good as can be.
 */
score?: number, 
/**
 * Whether the answer fits the schema it was asked to fit.
 */
schema_valid?: boolean, 
/**
 * The share of the answer a person changed before use, 0 to 1.
 */
edit_distance?: number, 
/**
 * The answer as it came, with `edited`.
 */
answer?: string, 
/**
 * The answer as a person corrected it.
 */
edited?: string, };

/**
 * A fleet split between core and its driver.
 */
export type Fleet = { 
/**
 * What core is told.
 */
config: Config, 
/**
 * Where each host is, in the order of the configuration.
 */
hosts: Array<Endpoint>, 
/**
 * Where the metrics are.
 */
prometheus: Endpoint | null, };

/**
 * The configuration every driver takes: one shape for TOML, JavaScript and n8n. It is core's [`Config`] with more keys: those that say
 * where each server is and how to get access to it.
 */
export type FleetConfig = Omit<Config, "hosts" | "metrics"> & { hosts: Array<FleetHost>, prometheus?: PrometheusServer };

/**
 * One Ollama server.
 */
export type FleetHost = Omit<HostConfig, "id" | "start"> & Omit<HostServer, "start"> & { start?: StartConfig & HostStarter };

/**
 * The least quality a mode takes. Models below it serve only if no better one can.
 */
export type Floors = { 
/**
 * Of mode fast.
 */
fast?: number, 
/**
 * Of mode balanced.
 */
balanced?: number, 
/**
 * Of mode best.
 */
best?: number, };

/**
 * An arm and how long it is expected to take.
 */
export type Forecast = { 
/**
 * Where.
 */
host: HostId, 
/**
 * Which.
 */
model: ModelName, 
/**
 * Milliseconds until the last token.
 */
predicted_ms: number, };

/**
 * Learned gaps of use of one model on one host, or of one host: how many there were of each length, after fading. Bin 0 holds gaps
 * of up to 4 s; the upper end of each next bin is 2^⅓ times longer.
 */
export type Gaps = number[];

/**
 * When one model is used, wherever it runs.
 */
export type HabitSnapshot = { 
/**
 * Its tag.
 */
model: ModelName, 
/**
 * When uses began after a while without any, oldest first.
 */
starts: Array<Millis>, 
/**
 * The last request, as an example of the next; it holds no text.
 */
example: Request, };

/**
 * One host of the fleet.
 */
export type HostConfig = { 
/**
 * Its name in every decision, metric and message.
 */
id: HostId, 
/**
 * Requests one loaded model answers at a time (`OLLAMA_NUM_PARALLEL`). Absent: found out. It begins with 1, as Ollama does, and
 * doubles the number as long as no request had to wait.
 */
parallel?: number, 
/**
 * Models the host keeps in memory at most (`OLLAMA_MAX_LOADED_MODELS`).
 */
max_loaded?: number, 
/**
 * Seconds an idle model stays in memory (`OLLAMA_KEEP_ALIVE`). Calls ask for this long or longer, so that the model worth least
 * makes way first. 0 leaves it to the host. Absent: learned from how long models stay after calls without a `keep_alive`.
 */
keep_alive_s?: number, 
/**
 * Gigabytes (10^9 bytes) of memory for models: the GPU's, if the host has one. Absent: measured, or learned from which models were
 * loaded together and which were pushed out.
 */
memory_gb?: number, 
/**
 * The `instance` label of the host's exporters: `host`, or `host:port` to tell two apart. Absent: the host name of its URL.
 */
instance?: string, 
/**
 * The machine the host runs on, by a name of your choice; hosts with one name share a machine. Absent: `instance` if that is set,
 * else learned from whether their answers slow one another. At first each counts as alone on its machine.
 */
machine?: string, 
/**
 * How the host is started when it is needed. Absent: Smart AI neither starts nor stops it.
 */
start?: StartConfig, };

/**
 * An Ollama server, by the name its owner gave it.
 */
export type HostId = string;

/**
 * `/api/version`, `/api/tags` and `/api/ps` of one host. A part that could not be had is absent and keeps its last value.
 */
export type HostReport = { 
/**
 * `/api/version`.
 */
version?: string, 
/**
 * `/api/tags`.
 */
models?: Array<ModelTag>, 
/**
 * `/api/ps`.
 */
resident?: Array<ResidentModel>, };

/**
 * Where an Ollama server is, and how to get access to it.
 */
export type HostServer = { 
/**
 * Its name; the URL's `host:port` if absent.
 */
id?: HostId, 
/**
 * Where it listens: `http://127.0.0.1:11434`.
 */
url: string, 
/**
 * Sent as `Authorization: Bearer`.
 */
api_key?: string, 
/**
 * By what means it is started and stopped.
 */
start?: HostStarter, 
/**
 * Sent as `Authorization: Basic`, with `password`.
 */
username?: string, 
/**
 * Sent as `Authorization: Basic`, with `username`.
 */
password?: string, 
/**
 * Sent with every request.
 */
headers?: { [key in string]: string }, 
/**
 * A PEM file with the authority that signed the server's certificate, or with that certificate itself. Only this one is then
 * trusted for this server.
 */
ca_file?: string, 
/**
 * PEM text in place of `ca_file`.
 */
ca?: string, 
/**
 * A PEM file with the client's certificate, for a server that asks for one, followed by those that signed it.
 */
client_cert_file?: string, 
/**
 * PEM text in place of `client_cert_file`.
 */
client_cert?: string, 
/**
 * A PEM file with the key of `client_cert_file`, not encrypted.
 */
client_key_file?: string, 
/**
 * PEM text in place of `client_key_file`.
 */
client_key?: string, };

/**
 * One host as it is believed to be.
 */
export type HostSnapshot = { 
/**
 * Its name.
 */
host: HostId, 
/**
 * `up`, or how it failed, or `unknown`.
 */
state: string, 
/**
 * What the host or the system said, where it is not up.
 */
reason?: string, 
/**
 * Left alone for now, after failures.
 */
breaker_open: boolean, 
/**
 * Ollama's version.
 */
version: string | null, 
/**
 * Its models.
 */
models: Array<ModelSnapshot>, 
/**
 * What an earlier dispatcher learned of models that it has not shown since.
 */
remembered?: Array<RememberedModel>, 
/**
 * Its signals with their ages.
 */
signals: Array<SignalAge>, 
/**
 * Learned decode speed against the prior.
 */
decode_speed: LogMean, 
/**
 * Learned prefill speed against the prior.
 */
prefill_speed: LogMean, 
/**
 * Learned load rate, bytes a second.
 */
load_rate: LogMean, 
/**
 * Learned load speed against the prior.
 */
load_speed: LogMean, 
/**
 * Learned load rate of what the system still has cached, bytes a second.
 */
reload_rate: LogMean, 
/**
 * Surprises of its speed.
 */
change: Change, 
/**
 * `gpu` where a model was seen on one, `cpu` where all were in main memory, `unknown` where none was seen.
 */
device: Device, 
/**
 * Bytes of models beyond which a load pushes others out: configured, measured or learned, else what is usual.
 */
memory_bytes: number, 
/**
 * The other hosts on its machine: as configured, else learned from whether their answers slow one another.
 */
shares_machine_with?: Array<HostId>, 
/**
 * How much its busy runners take from one another: 1 where they share all of the host, 0 where each has a part of its own.
 */
sharing: number, 
/**
 * Requests that one of its models is known to answer at a time: configured, or found out.
 */
parallel: number, 
/**
 * How much the requests that one of its models answers at a time take from one another: 1 where they share its speed, 0 where
 * each has all of it.
 */
batching: number, };

/**
 * The keys of a host's `start` that only the driver needs. Exactly one of `container`, `command`, `sablier` and `wake` names the means.
 */
export type HostStarter = { 
/**
 * The name of the host's Docker or Podman container. It must have the label `smart-ai.manage=true`; to be stopped, also
 * `smart-ai.exclusive=true`.
 */
container?: string, 
/**
 * Where the engine of the container listens: `unix:///run/podman/podman.sock`, `tcp://127.0.0.1:2375`. Absent: `DOCKER_HOST`, or
 * else Docker's own socket.
 */
engine?: string, 
/**
 * The program that starts the host, and its arguments. It is run without a shell.
 */
command?: Array<string>, 
/**
 * The program that stops the host, and its arguments. Without it, a host with `command` or `wake` is never stopped.
 */
stop_command?: Array<string>, 
/**
 * The URL of a Sablier server: it starts the host, and stops it when its session is over. A session is renewed while a
 * request is in flight, and when a model is prepared there.
 */
sablier?: string, 
/**
 * The group of Sablier that the host is in.
 */
group?: string, 
/**
 * The hardware address of a sleeping machine, `00:11:22:33:44:55`, to which a Wake-on-LAN packet is sent.
 */
wake?: string, 
/**
 * Where that packet is sent. Absent: `255.255.255.255:9`.
 */
broadcast?: string, };

/**
 * A host as one look at it showed.
 */
export type HostState = { "up": HostReport } | { "down": Failure };

/**
 * One request from a caller. The driver numbers jobs; core never reuses or invents one.
 */
export type JobId = number;

/**
 * Fading sums of good and bad judgements of one model's answers to one kind of work (a Beta posterior's parameters
 * beyond its prior).
 */
export type Judged = { 
/**
 * Whose answers.
 */
model: ModelName, 
/**
 * To what kind of work.
 */
task: Task, 
/**
 * Weight of the good.
 */
good: number, 
/**
 * Weight of the bad.
 */
bad: number, 
/**
 * When it last learned.
 */
updated: Millis, };

/**
 * Answer lengths in tokens, by shape and by task, and what each model makes of them.
 */
export type Lengths = { shapes: { [key in Shape]: ShapeLengths }, tasks: { [key in Task]?: LogMean }, 
/**
 * Actual ÷ expected length, by model.
 */
models: { [key in ModelName]: LogMean }, };

/**
 * Something that was done, or would have been.
 */
export type LifecycleAction = { 
/**
 * Its number, counted from the program's start.
 */
number: number, 
/**
 * When, on the driver's clock.
 */
at: Millis, 
/**
 * What.
 */
action: LifecycleActionKind, 
/**
 * Where.
 */
host: HostId, 
/**
 * Which model; absent where all of the host was meant.
 */
model: ModelName | null, 
/**
 * Why, in words.
 */
reason: string, 
/**
 * `dry_run`, `begun`, `ok`, or the failure's word.
 */
outcome: string, 
/**
 * Gigabytes (10^9 bytes) of memory that it frees or takes.
 */
gb: number, 
/**
 * Milliseconds it took; 0 until it has ended, and in a dry run.
 */
ms: number, };

/**
 * What can be done with a model or a host.
 */
export type LifecycleActionKind = "unload" | "prewarm" | "prepare" | "start" | "stop";

/**
 * How models come and go.
 */
export type LifecycleConfig = { 
/**
 * Whether Smart AI acts by itself.
 */
mode?: LifecycleMode, 
/**
 * What one second of a caller's waiting is worth, in gigabytes of memory held for a second. The higher, the longer idle models stay.
 */
wait_price?: number, 
/**
 * Seconds a model stays at least once it is loaded.
 */
min_resident_s?: number, 
/**
 * Seconds an idle model stays at most.
 */
max_idle_s?: number, 
/**
 * Unloads, loads, starts and stops in any hour, at most. Loads that callers ask for do not count. Starts that callers wait for
 * count, but are never held back.
 */
max_actions_per_hour?: number, 
/**
 * Whether a model is loaded shortly before its next use. A use is expected if it comes back by the hour, the day or the week, or was
 * seen once a day before and is worth the memory.
 */
prewarm?: boolean, 
/**
 * Whether models are unloaded although a host's owner or another client wants them to stay longer (`OLLAMA_KEEP_ALIVE` above five
 * minutes, or a `keep_alive` in a request, such as −1).
 */
override_keep_alive?: boolean, };

/**
 * One host that can be started and stopped.
 */
export type LifecycleHost = { 
/**
 * Its name.
 */
host: HostId, 
/**
 * How it stands.
 */
state: PowerState, 
/**
 * Seconds its start is expected to take.
 */
start_s: number, 
/**
 * Gigabytes that its stop frees beside its models.
 */
idle_gb: number, 
/**
 * Seconds since it answers; absent where it does not.
 */
up_s: number | null, 
/**
 * Seconds since anybody was seen to use one of its models.
 */
idle_s: number | null, 
/**
 * Seconds until it is stopped unless it is used; absent where it is not.
 */
stops_in_s: number | null, 
/**
 * Why it runs, stops or sleeps, in words.
 */
why: string, };

/**
 * Whether Smart AI unloads and loads models by itself.
 */
export type LifecycleMode = "off" | "dry-run" | "on";

/**
 * One model on one host.
 */
export type LifecycleModel = { 
/**
 * Its host.
 */
host: HostId, 
/**
 * Its tag.
 */
model: ModelName, 
/**
 * In memory.
 */
resident: boolean, 
/**
 * Gigabytes (10^9 bytes) it takes in memory.
 */
gb: number, 
/**
 * Seconds its load is expected to take.
 */
load_s: number, 
/**
 * Seconds since anybody was seen to use it.
 */
idle_s: number | null, 
/**
 * Seconds it is held after its last use.
 */
hold_s: number, 
/**
 * Seconds that 95 % of the gaps between its uses do not exceed.
 */
p95_gap_s: number | null, 
/**
 * Uses an hour × seconds of load ÷ gigabytes: what is worth least leaves first.
 */
value_per_gb: number, 
/**
 * Seconds until it leaves unless it is used; absent where it stays.
 */
leaves_in_s: number | null, 
/**
 * Seconds until its next use, where that comes back by the hour, the day or the week.
 */
expected_in_s: number | null, 
/**
 * Why it stays or leaves, in words.
 */
why: string, };

/**
 * Which models and hosts come and go, at one moment.
 */
export type LifecycleReport = { 
/**
 * Whether Smart AI acts by itself.
 */
mode: LifecycleMode, 
/**
 * The other program that acts on this fleet. Absent: this program acts.
 */
standby: string | null, 
/**
 * Unloads, loads, starts and stops of the last hour that count against the cap.
 */
actions_last_hour: number, 
/**
 * The cap of actions in an hour.
 */
max_actions_per_hour: number, 
/**
 * Gigabyte-hours of memory saved against a host that keeps every model.
 */
saved_gb_hours_always_on: number, 
/**
 * Gigabyte-hours of memory saved against what each host does by itself.
 */
saved_gb_hours_keep_alive: number, 
/**
 * Every host that can be started and stopped.
 */
hosts: Array<LifecycleHost>, 
/**
 * Every model in memory, and those expected to be used.
 */
models: Array<LifecycleModel>, 
/**
 * The last actions, newest first; in `dry-run`, those that would have been.
 */
actions: Array<LifecycleAction>, };

/**
 * Limits beyond which a host gets no job. An unknown or stale signal never excludes.
 */
export type Limits = { 
/**
 * Percent of CPU time in use, 0 to 100.
 */
max_cpu_percent?: number, 
/**
 * Percent of memory that must be available, 0 to 100.
 */
min_free_memory_percent?: number, };

/**
 * Geometric mean and spread with fading weights: rates and durations differ by factors, not by sums.
 */
export type LogMean = { 
/**
 * Observations it stands for, after fading.
 */
weight: number, 
/**
 * Mean of the natural logarithms.
 */
mean_ln: number, 
/**
 * Variance of the natural logarithms.
 */
var_ln: number, 
/**
 * When it last learned.
 */
updated: Millis, };

/**
 * Whether contested choices are played through before they are made.
 */
export type LookAhead = "off" | "auto";

/**
 * Milliseconds on the driver's clock; only differences matter. Below 2^53, so that JavaScript holds it exactly.
 */
export type Millis = number;

/**
 * How many seconds of waiting a better answer is worth.
 */
export type Mode = "fast" | "balanced" | "best";

/**
 * What decides whether a model can serve a request and what memory it takes.
 */
export type ModelDetails = { 
/**
 * What it can do.
 */
capabilities: Array<Capability>, 
/**
 * Tokens of context it was trained for.
 */
context_tokens?: number, 
/**
 * Tokens of context its Modelfile asks for (`PARAMETER num_ctx`).
 */
num_ctx?: number, 
/**
 * Parameter count.
 */
parameters?: number, 
/**
 * Bytes of key-value cache per token of context (16-bit), from its architecture.
 */
kv_bytes_per_token?: number, };

/**
 * A model's tag on a host, as `/api/tags` lists it: `phi3:mini`.
 */
export type ModelName = string;

/**
 * One model on a host as it is believed to be.
 */
export type ModelSnapshot = { 
/**
 * Its tag.
 */
model: ModelName, 
/**
 * Bytes on disk.
 */
size_bytes: number, 
/**
 * Parameters, stated or estimated.
 */
parameters: number, 
/**
 * Loaded now.
 */
resident: boolean, 
/**
 * Tokens of context it was trained for, where known.
 */
context_tokens: number | null, 
/**
 * What it can do; absent while nobody knows.
 */
capabilities: Array<Capability> | null, 
/**
 * Expected tokens a second while reading.
 */
prefill_tok_per_s: number, 
/**
 * Expected tokens a second while writing.
 */
decode_tok_per_s: number, 
/**
 * Learned prefill rate.
 */
prefill: LogMean, 
/**
 * Learned decode rate.
 */
decode: LogMean, 
/**
 * Learned reliability.
 */
reliability: Reliability, 
/**
 * Learned gaps between its uses.
 */
gaps?: Gaps, 
/**
 * How good its answers are believed to be, 0 to 1, for each task.
 */
quality: { [key in Task]?: number }, };

/**
 * `/api/show` of one model.
 */
export type ModelState = { "known": ModelDetails } | { "unknown": Failure };

/**
 * One model of `/api/tags`.
 */
export type ModelTag = { 
/**
 * Its tag.
 */
name: string, 
/**
 * Content digest: two tags with one digest share a runner.
 */
digest: string, 
/**
 * Bytes on disk.
 */
size_bytes: number, 
/**
 * Parameters, from `details.parameter_size` ("3.2B"), if stated.
 */
parameters?: number, 
/**
 * Architecture family, if stated.
 */
family?: string, 
/**
 * Runs elsewhere (a cloud model): never used unless pinned.
 */
remote: boolean, 
/**
 * Capabilities, where the version lists them here (0.30 and later).
 */
capabilities?: Array<Capability>, };

/**
 * How a job went: every attempt, and the times of the one that counted.
 */
export type Outcome = { 
/**
 * The attempt whose text is the answer.
 */
attempt: AttemptId | null, 
/**
 * Its host.
 */
host: HostId | null, 
/**
 * Its model.
 */
model: ModelName | null, 
/**
 * Every call made, in order.
 */
attempts: Array<AttemptReport>, 
/**
 * The server's counters.
 */
usage: Usage, 
/**
 * Milliseconds, by phase.
 */
ms: Phases, 
/**
 * What the decision expected from Submit to the last token, in milliseconds.
 */
predicted_ms: number, };

/**
 * One HTTP request to a server of the fleet: a GET, or a POST where it has a body.
 */
export type Outgoing = { 
/**
 * Its path.
 */
path: string, 
/**
 * What it carries.
 */
body: Body | null, 
/**
 * Whether the response is wanted as it comes.
 */
streams: boolean, };

/**
 * Where a job's time went, in milliseconds since Submit or by the server's count.
 */
export type Phases = { 
/**
 * From Submit to the call that answered, failed calls included.
 */
queue: number, 
/**
 * Loading the model, by the server's count.
 */
load: number, 
/**
 * From Submit to the first piece of the answer.
 */
first_token: number, 
/**
 * From Submit to the end.
 */
total: number, };

/**
 * One piece of an answer.
 */
export type Piece = { "type": "text", 
/**
 * The text.
 */
text: string, } | { "type": "thinking", 
/**
 * The text.
 */
text: string, } | { "type": "tool_calls", 
/**
 * As Ollama sends them.
 */
calls: Array<Record<string, unknown>>, } | { "type": "done", 
/**
 * The server's counters.
 */
usage: Usage, 
/**
 * `stop`, `length`, `load`, `unload`, or empty.
 */
reason: string, } | { "type": "failed", 
/**
 * Why.
 */
failure: Failure, };

/**
 * What looking ahead found where it chose another arm than the score: all jobs together end sooner by it.
 */
export type PlanReport = { 
/**
 * The arm with the best score. It is the chosen arm if looking ahead overruled only the wait for other models.
 */
instead_of: Arm, 
/**
 * Futures played.
 */
futures: number, 
/**
 * Futures in which the chosen arm was better.
 */
better_in: number, 
/**
 * Seconds gained by all jobs together, on average.
 */
gain_s: number, };

/**
 * How a host stands that can be started and stopped.
 */
export type PowerState = "unknown" | "up" | "asleep" | "starting" | "stopping" | "down";

/**
 * What a caller will ask for. Every key may be left out.
 */
export type Prepare = { 
/**
 * The kind of work.
 */
task?: Task, 
/**
 * Only this model.
 */
model?: ModelName, 
/**
 * Models the caller accepts.
 */
models?: Array<ModelName>, 
/**
 * Only this host.
 */
host?: HostId, 
/**
 * The price of quality.
 */
mode?: Mode, 
/**
 * Similar asks share a shape.
 */
shape?: Shape, 
/**
 * When it will be asked: milliseconds since 1970, or a moment such as `2026-01-31T07:00:00Z`; within ten days. Left out
 * or past: now.
 */
at?: number | string | Date, };

/**
 * How it stands with a model that was to be prepared.
 */
export type PrepareState = "warm" | "loaded" | "planned" | "failed";

/**
 * The answer to a `prepare`.
 */
export type Prepared = { 
/**
 * Whether the model is in memory, or will be by the time asked for.
 */
ok: boolean, 
/**
 * How it stands with the model.
 */
state: PrepareState, 
/**
 * The host with the model. If the load is planned, the host that suits best as things are now.
 */
host: HostId | null, 
/**
 * The model. If the load is planned, the one that suits best as things are now.
 */
model: ModelName | null, 
/**
 * Milliseconds from the `prepare` to this answer.
 */
ms: number, 
/**
 * Milliseconds from this answer until the load begins; 0 unless planned.
 */
begins_in_ms: number, 
/**
 * Why there is no such model in memory.
 */
error: DispatchError | null, };

/**
 * The metrics server.
 */
export type PrometheusServer = { 
/**
 * Where it listens: `http://127.0.0.1:9090`.
 */
url: string, 
/**
 * Sent as `Authorization: Bearer`.
 */
bearer?: string, 
/**
 * Sent as `Authorization: Basic`, with `password`.
 */
username?: string, 
/**
 * Sent as `Authorization: Basic`, with `username`.
 */
password?: string, 
/**
 * Sent with every request.
 */
headers?: { [key in string]: string }, 
/**
 * A PEM file with the authority that signed the server's certificate, or with that certificate itself. Only this one is then
 * trusted for this server.
 */
ca_file?: string, 
/**
 * PEM text in place of `ca_file`.
 */
ca?: string, 
/**
 * A PEM file with the client's certificate, for a server that asks for one, followed by those that signed it.
 */
client_cert_file?: string, 
/**
 * PEM text in place of `client_cert_file`.
 */
client_cert?: string, 
/**
 * A PEM file with the key of `client_cert_file`, not encrypted.
 */
client_key_file?: string, 
/**
 * PEM text in place of `client_key_file`.
 */
client_key?: string, };

/**
 * Judgements by model and task.
 */
export type Qualities = Array<Judged>;

/**
 * How good models are, and how good they must be; 0 is useless, 1 as good as can be.
 */
export type QualityConfig = { 
/**
 * The least quality that each mode takes.
 */
floors?: Floors, 
/**
 * Quality of a model, by its tag, in place of the published results. Ratings still move it.
 */
models?: { [key in ModelName]: number }, };

/**
 * A judgement of one answer.
 */
export type Rating = { "thumbs": boolean } | { "score": number } | { "schema_valid": boolean } | { "edit_distance": number };

/**
 * Fading counts of answered and failed calls (a Beta posterior's parameters beyond its prior).
 */
export type Reliability = { 
/**
 * Calls answered.
 */
successes: number, 
/**
 * Calls failed.
 */
failures: number, 
/**
 * When it last learned.
 */
updated: Millis, };

/**
 * What was learned of a model that has not been seen since.
 */
export type RememberedModel = { 
/**
 * Its tag.
 */
model: ModelName, 
/**
 * Learned prefill rate.
 */
prefill: LogMean, 
/**
 * Learned decode rate.
 */
decode: LogMean, 
/**
 * Learned reliability.
 */
reliability: Reliability, 
/**
 * Learned gaps between its uses.
 */
gaps?: Gaps, };

/**
 * One HTTP exchange, as it ended.
 */
export type Reply = { "type": "answered", 
/**
 * The HTTP status.
 */
status: number, 
/**
 * The whole body.
 */
body: string, 
/**
 * The header `Retry-After`.
 */
retry_after?: string | null, 
/**
 * The header `Location`: where a redirect leads, which nobody follows.
 */
location?: string | null, 
/**
 * The header `Date`: the server's own clock.
 */
date?: string | null, } | { "type": "lost", 
/**
 * The system's word: `ECONNREFUSED`.
 */
code?: string | null, 
/**
 * Its words.
 */
message: string, };

/**
 * One request as core sees it.
 */
export type Request = { 
/**
 * The kind of work.
 */
task: Task, 
/**
 * The price of quality.
 */
mode: Mode, 
/**
 * Similar requests share a shape; their history predicts this one's length.
 */
shape?: Shape | null, 
/**
 * Estimated tokens of prompt and system text together.
 */
prompt_tokens: number, 
/**
 * Tokens of its longest text, where it holds several that are read apart (a batch to embed): what one context must
 * hold. Absent: the whole prompt.
 */
longest_text_tokens?: number | null, 
/**
 * Tokens of context the caller itself asks for (`num_ctx`): no other is asked for then.
 */
num_ctx?: number | null, 
/**
 * The caller itself says how long the model stays in memory (`keep_alive`).
 */
names_keep_alive?: boolean, 
/**
 * The path of the call, where it is not the dispatcher's own choice: some hosts lack some routes.
 */
route?: string | null, 
/**
 * Fingerprints of ever longer beginnings of its text: what a runner has read before need not be read again.
 */
prefix?: Array<number>, 
/**
 * The caller's cap on the answer's tokens, if any (`num_predict`).
 */
max_tokens?: number | null, 
/**
 * Tokens of answer that the text itself asks for ("in three sentences"), where it says so.
 */
stated_tokens?: number | null, 
/**
 * How the answer comes.
 */
writing?: Writing, 
/**
 * Capabilities beyond the task's own (tools, vision, thinking).
 */
needs?: Array<Capability>, 
/**
 * Milliseconds from Submit until the answer is worthless.
 */
deadline_ms?: number | null, 
/**
 * The caller takes the answer piece by piece: once one piece is out, a broken call is not repeated elsewhere.
 */
streaming?: boolean, 
/**
 * Only this model.
 */
model?: ModelName | null, 
/**
 * Models the caller accepts: each is good enough, so that only time decides among them.
 */
models?: Array<ModelName> | null, 
/**
 * Only this host.
 */
host?: HostId | null, 
/**
 * What it is compared with, in a gradual rollout.
 */
trial?: Trial | null, };

/**
 * One model of `/api/ps`.
 */
export type ResidentModel = { 
/**
 * The tag that loaded it.
 */
name: string, 
/**
 * Content digest.
 */
digest: string, 
/**
 * Bytes in memory, of both kinds.
 */
size_bytes: number, 
/**
 * Bytes of those on the GPU.
 */
vram_bytes: number, 
/**
 * Tokens of context it was loaded with, where the version tells (0.10 and later).
 */
context_tokens?: number, 
/**
 * The host keeps it for ever (a negative `keep_alive`).
 */
pinned: boolean, 
/**
 * Seconds until it leaves, by the host's own clock, if it is not used again.
 */
expires_in_s?: number, };

/**
 * How much of what names a model or host is left to the dispatcher instead.
 */
export type Rollout = { 
/**
 * Percent of asks, 0 to 100. With 0 the named model answers each, and the decision tells what would have been gained.
 */
percent: number, 
/**
 * The key by which an ask is put on one side: equal keys go to the same side each time. Absent: its texts.
 */
key?: string, };

/**
 * One measured fact about one host.
 */
export type Sample = { 
/**
 * The exporter's `instance` label; matched to hosts by `HostConfig::instance`.
 */
instance: string, 
/**
 * What was measured.
 */
signal: SignalName, 
/**
 * In the signal's unit. Numbers that are not finite are dropped.
 */
value: number, 
/**
 * Milliseconds since the exporter was scraped, at the time of the answer.
 */
age_ms: number, };

/**
 * How to get access to a server: its credentials and certificates. Never logged.
 */
export type ServerAccess = { 
/**
 * Sent as `Authorization: Basic`, with `password`.
 */
username?: string, 
/**
 * Sent as `Authorization: Basic`, with `username`.
 */
password?: string, 
/**
 * Sent with every request.
 */
headers?: { [key in string]: string }, 
/**
 * A PEM file with the authority that signed the server's certificate, or with that certificate itself. Only this one is then
 * trusted for this server.
 */
ca_file?: string, 
/**
 * PEM text in place of `ca_file`.
 */
ca?: string, 
/**
 * A PEM file with the client's certificate, for a server that asks for one, followed by those that signed it.
 */
client_cert_file?: string, 
/**
 * PEM text in place of `client_cert_file`.
 */
client_cert?: string, 
/**
 * A PEM file with the key of `client_cert_file`, not encrypted.
 */
client_key_file?: string, 
/**
 * PEM text in place of `client_key_file`.
 */
client_key?: string, };

/**
 * The caller's opaque key of similar requests (workflow and node, or a template's name). Its first 200 letters count.
 */
export type Shape = string;

/**
 * Lengths of the answers to one shape.
 */
export type ShapeLengths = { 
/**
 * Tokens as a model without a way of its own would write them.
 */
any: LogMean, 
/**
 * Tokens that each model wrote: one stops after a word where another runs on.
 */
models: { [key in ModelName]: LogMean }, };

/**
 * How old a signal is, and whether it counted.
 */
export type SignalAge = { 
/**
 * The host it tells of.
 */
host: HostId, 
/**
 * What was measured.
 */
signal: SignalName, 
/**
 * The last value seen.
 */
value: number, 
/**
 * Milliseconds since it was measured.
 */
age_ms: number, 
/**
 * Older than three scrape intervals: not used.
 */
stale: boolean, };

/**
 * The facts core understands.
 */
export type SignalName = "cpu_busy_ratio" | "memory_available_bytes" | "memory_total_bytes" | "container_memory_bytes" | "container_memory_limit_bytes";

/**
 * What the metrics server said.
 */
export type SignalsState = { "up": Array<Sample> } | { "down": Failure };

/**
 * Everything believed at one moment.
 */
export type Snapshot = { 
/**
 * The version of this format: 3.
 */
version: number, 
/**
 * When, on the driver's clock.
 */
at: Millis, 
/**
 * Jobs under way.
 */
jobs: number, 
/**
 * Calls under way.
 */
calls: number, 
/**
 * Why the metrics server does not answer, if it does not.
 */
metrics: string | null, 
/**
 * The fleet.
 */
hosts: Array<HostSnapshot>, 
/**
 * Learned answer lengths.
 */
lengths: Lengths, 
/**
 * What was said of answers.
 */
qualities: Qualities, 
/**
 * The model that embeds where callers leave the choice: vectors of two models do not match.
 */
embedder?: ModelName | null, 
/**
 * Which models come and go by themselves; absent where that is off.
 */
lifecycle?: LifecycleReport, 
/**
 * When models are used, wherever they run.
 */
habits?: Array<HabitSnapshot>, };

/**
 * Something to look at.
 */
export type Source = { "type": "host", 
/**
 * The host.
 */
host: HostId, } | { "type": "model", 
/**
 * The host.
 */
host: HostId, 
/**
 * The model.
 */
model: ModelName, } | { "type": "signals" } | { "type": "canary", 
/**
 * The host.
 */
host: HostId, 
/**
 * The model.
 */
model: ModelName, 
/**
 * What to send beside the text.
 */
options: CallOptions, };

/**
 * A host that may be started when it is needed. By what means, only the driver knows.
 */
export type StartConfig = { 
/**
 * Seconds from a start until the host answers, as long as no past start has shown it.
 */
start_s?: number, 
/**
 * Seconds after which a start has failed if the host does not answer by then.
 */
ready_timeout_s?: number, 
/**
 * Whether nobody but Smart AI uses this host, so that it may be stopped. If `false`, it is started but never stopped.
 */
exclusive?: boolean, 
/**
 * Gigabytes that the host itself holds while it runs without any model: what its stop frees.
 */
idle_gb?: number, 
/**
 * Seconds the host runs at least once it answers.
 */
min_up_s?: number, };

/**
 * Everything one event led to.
 */
export type Step = { 
/**
 * What to do now, in order.
 */
effects: Array<Effect>, 
/**
 * When to send `Tick` at the latest, if nothing happens before.
 */
wakeAt: Millis | null, };

/**
 * The kind of work a prompt asks for.
 */
export type Task = "general" | "summarize" | "analyze" | "extract" | "classify" | "code" | "chat" | "vision" | "embed";

/**
 * The terms of a score, all in seconds; they sum to it.
 */
export type Terms = { 
/**
 * Until the host answers, where it is asleep or on its way up.
 */
start_s?: number, 
/**
 * Until the model is loaded: the loads before it and its own.
 */
load_s: number, 
/**
 * Work that goes first: in that model's slots, or of other models whose turn it is.
 */
queue_s: number, 
/**
 * Lost to other models and processes busy on that host.
 */
interference_s: number, 
/**
 * Reading the prompt.
 */
prefill_s: number, 
/**
 * Writing the answer.
 */
decode_s: number, 
/**
 * Delay it causes others on that host.
 */
harm_s: number, 
/**
 * Loads and readings it will cause again by pushing other models, or prompts that were read, out of memory.
 */
reload_s: number, 
/**
 * Expected cost of failing there and trying elsewhere.
 */
risk_s: number, 
/**
 * Price of lower quality than the mode asks for.
 */
quality_s: number, 
/**
 * Price of probably missing the deadline.
 */
deadline_s: number, 
/**
 * A bonus, below zero, for what may be learned about an arm that was tried seldom (`tuning.optimism`).
 */
optimism_s: number, };

/**
 * A request in a gradual rollout: what its caller names, and whether the dispatcher chooses in its place.
 */
export type Trial = { 
/**
 * The dispatcher chooses: the request itself is pinned to nothing.
 */
switched: boolean, 
/**
 * The model that the caller names.
 */
model?: ModelName | null, 
/**
 * The host that the caller names.
 */
host?: HostId | null, };

/**
 * How much each idea counts in the decision. A score is a sum of seconds; most weights multiply one of its terms: 1 counts it as it
 * is predicted, 0 leaves it out, 2 avoids it twice as much. The defaults are measured; change one at a time, and watch
 * `smart-ai report`.
 */
export type Tuning = { 
/**
 * Weight of the seconds until the model is loaded. Raise it to prefer models that are loaded already.
 */
load: number, 
/**
 * Weight of the seconds that other requests to the same model on the same host take first. Raise it to spread requests over
 * hosts.
 */
queue: number, 
/**
 * Weight of the seconds lost because other models work on the same host. Raise it to keep hosts with one busy model to
 * themselves.
 */
interference: number, 
/**
 * How much a host is avoided whose running requests take longer than predicted. 0 trusts the predictions.
 */
overdue: number, 
/**
 * Whether several surprises in a row make a host's learned speeds move at once, for instance after a driver update. `false`
 * lets them move only slowly.
 */
change: boolean, 
/**
 * Weight of the seconds that other requests lose because of this one. 0 makes each request choose for itself alone.
 */
harm: number, 
/**
 * Weight of the seconds of loading again what this request pushes out of memory. Raise it where models change too often.
 */
reload: number, 
/**
 * Weight of the seconds that a failure would cost, by how often the host and the model have failed.
 */
risk: number, 
/**
 * Bonus, in shares of a request's work, for models that were tried seldom: raise it to try more, 0 never tries for the sake
 * of learning.
 */
optimism: number, 
/**
 * Whether a request waits in Smart AI until its model is free, so that it can still go elsewhere. `false` sends it at once into the
 * host's own queue.
 */
hold: boolean, 
/**
 * How readily a request waits until other models of its host are done instead of running beside them: it waits where that costs
 * all requests together less than this share of the cost of running beside them. 0 never waits; 1 waits wherever that is cheaper.
 */
turns: number, 
/**
 * Share of a waiting request's work that is counted against the host it waits for, from 0 to 1. It may still go elsewhere: 0 counts
 * nothing of it, 1 all.
 */
reserve: number, 
/**
 * Weight of a model's worth in how long it is kept in memory after a request. 0 leaves that to the host's own setting.
 */
keep_alive: number, 
/**
 * The order of waiting requests: how many seconds of work one second of waiting makes up for. 0 answers the shortest first,
 * however long others wait; large values answer the oldest first.
 */
age: number, 
/**
 * When a request goes ahead of others in the queue: once it has waited this many times as long as it takes on an idle fleet, and
 * they a smaller multiple of theirs. 0 leaves the order to `age` alone.
 */
slowdown: number, };

/**
 * The final line's counters. Zero where the server left one out.
 */
export type Usage = { 
/**
 * Tokens of the prompt, cached ones included.
 */
prompt_tokens: number, 
/**
 * Tokens of the answer.
 */
output_tokens: number, 
/**
 * Milliseconds of waiting for the load and loading (`load_duration`).
 */
load_ms: number, 
/**
 * Milliseconds of reading the prompt (`prompt_eval_duration`).
 */
prompt_ms: number, 
/**
 * Milliseconds of writing the answer (`eval_duration`).
 */
output_ms: number, 
/**
 * Milliseconds in all (`total_duration`).
 */
total_ms: number, };

/**
 * What became of a whole answer.
 */
export type Verdict = { 
/**
 * The answer; where JSON was asked for, without the fence around it.
 */
text: string, 
/**
 * Why the answer is not usable.
 */
failure: Failure | null, };

/**
 * How an answer comes, which decides how long it may be silent.
 */
export type Writing = "text" | "schema" | "tool_calls";
