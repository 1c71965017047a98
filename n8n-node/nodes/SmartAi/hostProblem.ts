interface Cause {
	message?: string;
	code?: unknown;
	cause?: Cause;
	response?: { status?: number; headers?: { location?: string } };
}

/** Why a host did not answer, in core's words where it knows the fault, and how to mend it. */
export async function problemOf(error: unknown, url: string): Promise<string> {
	const { core } = await import('../../engine/wasm/dispatcher');
	const outer = error as Cause;
	const causes: Cause[] = [];
	for (let cause: Cause | undefined = outer; cause && causes.length < 5; cause = cause.cause) causes.push(cause);
	const response = causes.map((cause) => cause.response).find((given) => given?.status !== undefined);
	const redirects = response?.status !== undefined && response.status >= 300 && response.status < 400;
	const inner = causes.at(-1) ?? outer;
	const code = causes.map((cause) => cause.code).find((given) => typeof given === 'string') as string | undefined;
	const detail = redirects
		? core.failureOfStatus(response.status ?? 0, '', undefined, response.headers?.location ?? '').detail
		: core.failureOfConnection(code, inner.message ?? '').detail;
	const fix = core.remedy(detail);
	if (fix != null) return `${detail}; ${fix}`;
	const told = outer.message ?? String(error);
	const advice = adviceFor([code, ...causes.map(({ message }) => message)].join(' '), response?.status, url);
	return advice === '' ? told : `${told}; ${advice}`;
}

/** What people have to do most often, by what went wrong in n8n's client. */
export function adviceFor(fault: string, status: number | undefined, url: string): string {
	if (fault.includes('restricted')) {
		return 'let n8n go there: N8N_SSRF_ALLOWED_IP_RANGES or N8N_SSRF_ALLOWED_HOSTNAMES, set where n8n is started';
	}
	if (status === 401 || status === 403) return 'enter the API key, the user or the header that its proxy asks for';
	if (status === 404) return 'correct the URL: it is the address of Ollama alone, without /api or /v1';
	if (fault.includes('ECONNREFUSED')) {
		return /\/\/(127\.|localhost|\[::1\])/.test(url)
			? 'start Ollama there, or correct the port. If n8n runs in Docker, this address is its own container: ' +
					'write http://host.docker.internal:11434, and start Ollama with OLLAMA_HOST=0.0.0.0'
			: 'start Ollama there with OLLAMA_HOST=0.0.0.0, so that other machines may call it, or correct the port';
	}
	if (/ENOTFOUND|EAI_AGAIN/.test(fault)) {
		return url.includes('host.docker.internal')
			? 'on Linux, start the container of n8n with --add-host=host.docker.internal:host-gateway'
			: 'correct the name in the URL, or write the IP address';
	}
	if (/ETIMEDOUT|ECONNABORTED|EHOSTUNREACH|ENETUNREACH|timeout/i.test(fault)) {
		return 'see whether the machine is on, and whether its firewall lets this port through';
	}
	return '';
}
