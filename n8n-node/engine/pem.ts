/** A certificate or key whose lines have been lost, up to its end. */
const BLOCK = /(-----BEGIN [A-Z0-9 ]+-----)([A-Za-z0-9+/=\s]+)(-----END [A-Z0-9 ]+-----)\s*/g;

/** PEM text with its lines: a field of one line, as secrets have in n8n, joins them when they are pasted. */
export function pemOf(text: string | undefined): string {
	return (text ?? '')
		.replaceAll('\\n', '\n')
		.replace(BLOCK, (_, begin: string, body: string, end: string) =>
			[begin, ...(body.replace(/\s/g, '').match(/.{1,64}/g) ?? []), end, ''].join('\n'),
		)
		.trim();
}
