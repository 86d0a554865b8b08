// Invalidations and changes as they happen.
export class Feed {}
