/** A text that comes in pieces, for one reader. What came while the reader was busy is handed out as one piece. */
export class Pieces implements AsyncIterable<string> {
	private text = '';
	private ended = false;
	private wake: () => void = () => {};

	push(piece: string): void {
		this.text += piece;
		this.wake();
	}

	end(): void {
		this.ended = true;
		this.wake();
	}

	async *[Symbol.asyncIterator](): AsyncGenerator<string> {
		while (true) {
			if (this.text !== '') {
				const piece = this.text;
				this.text = '';
				yield piece;
			} else if (this.ended) return;
			else await new Promise<void>((wake) => (this.wake = wake));
		}
	}
}
