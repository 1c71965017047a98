// Tables in Markdown.

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
