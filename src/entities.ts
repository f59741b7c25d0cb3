/** Every entity of every room, for the data source. */
export const ENTITIES: (abstract new (...args: never[]) => object)[] = [];
