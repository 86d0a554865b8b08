export class Entries {}
