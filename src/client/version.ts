/** The version of this package, as CONNECT tells it to AWS IoT Core. */
export const VERSION = '0.1.0';
