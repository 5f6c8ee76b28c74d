/** The method that Node prints an object by, without importing Node: state in private fields shows only there. */
export const PRINTED: unique symbol = Symbol.for('nodejs.util.inspect.custom');
