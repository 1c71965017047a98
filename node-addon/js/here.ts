/** This module's own place; the CommonJS build puts its file name here. */
export const here: string = import.meta.url;
