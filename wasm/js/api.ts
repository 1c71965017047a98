export type * from './core.js';
export type * from './generated/core.js';
export type * from './smart-ai.js';
export type * from './transport.js';
