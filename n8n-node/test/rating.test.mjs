import assert from 'node:assert/strict';
import { test } from 'node:test';

import rating from '../dist-test/nodes/SmartAi/operations/rate/rating.js';

const given = { model: ' phi3:mini ', task: 'code', rating: 'up', score: 0.5, answer: 'one two', edited: 'one too' };
const about = { model: 'phi3:mini', task: 'code' };

test('each rating is sent as what it is, and nothing else with it', () => {
	const of = (kind) => rating.feedbackOf({ ...given, rating: kind });
	assert.deepEqual(of('up'), { ...about, thumbs: 'up' });
	assert.deepEqual(of('down'), { ...about, thumbs: 'down' });
	assert.deepEqual(of('score'), { ...about, score: 0.5 });
	assert.deepEqual(of('edited'), { ...about, answer: 'one two', edited: 'one too' });
});
