import type { IExecuteFunctions } from 'n8n-workflow';

import type { Answer } from '../../engine/contract';
import { failureOf } from './output';

/** Milliseconds for which pieces are gathered: in queue mode each chunk is a message of its own. */
const GATHER_MS = 80;

/** Sends an answer to the chat or webhook that waits for it, as it comes. */
export class Sender {
	private gathered = '';
	private sentAt = 0;
	private sent = false;

	constructor(
		private readonly context: Pick<IExecuteFunctions, 'sendChunk'>,
		private readonly index: number,
		private readonly now: () => number = Date.now,
	) {
		this.context.sendChunk('begin', index);
	}

	push(piece: string): void {
		this.gathered += piece;
		if (this.now() - this.sentAt >= GATHER_MS) this.flush();
	}

	/** Sends what is left, and how it ended. */
	end(answer: Answer): void {
		this.flush();
		if (answer.ok && !this.sent && answer.text) this.context.sendChunk('item', this.index, answer.text);
		if (!answer.ok) this.context.sendChunk('error', this.index, failureOf(answer).message);
		this.context.sendChunk('end', this.index);
	}

	private flush(): void {
		if (this.gathered === '') return;
		this.context.sendChunk('item', this.index, this.gathered);
		this.gathered = '';
		this.sentAt = this.now();
		this.sent = true;
	}
}
