// Medians, and tables in Markdown.

/** The value below which this share of the values lies. */
export const quantile = (values, share) => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)];

export const median = (values) => quantile(values, 0.5);

/** Rows of objects under columns `[title, key or (row) => text]`; the first column is text, the others are numbers. */
export function table(columns, rows) {
	const cell = (row, what) => String(typeof what === 'function' ? what(row) : row[what]);
	const lines = [
		columns.map(([title]) => title),
		columns.map((_, index) => (index === 0 ? '---' : '---:')),
		...rows.map((row) => columns.map(([, what]) => cell(row, what))),
	];
	return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
