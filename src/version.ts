/** Of the gateway itself. */
export const version = '0.1.0';
