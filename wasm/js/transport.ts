/** One HTTP request of the dispatcher. */
export interface HttpRequest {
	method: 'GET' | 'POST';
	url: string;
	headers: Record<string, string>;
	body?: string;
	/** Aborting it must close the connection. */
	signal: AbortSignal;
	/** Whether the body is wanted as it comes. */
	stream: boolean;
	/** Milliseconds the TCP connection may take; an answer may take as long as it takes. */
	connectTimeoutMs: number;
	/** PEM text of what the server's certificate is checked against, in place of the usual authorities. */
	ca?: string;
	/** PEM texts of the certificate that is shown to the server, and of its key. */
	cert?: string;
	key?: string;
}

/** Its response, whatever the status. Header names are lower-case. */
export interface HttpResponse {
	status: number;
	headers: Record<string, string>;
	body: AsyncIterable<Uint8Array>;
}

/**
 * Moves bytes and follows no redirect, so that keys stay where they belong. It throws only where no response came; an
 * error's `code`, or its cause's, tells why (`ECONNREFUSED`).
 */
export interface Transport {
	request(request: HttpRequest): Promise<HttpResponse>;
}

/** What the driver cannot do by itself. */
export interface Hands {
	transport: Transport;
	/** Waits; ends early, by return or by throw, when the signal aborts. */
	sleep(ms: number, signal: AbortSignal): Promise<unknown>;
	/** Milliseconds; only differences matter. */
	now(): number;
}
