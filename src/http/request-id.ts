const requestId = /^[A-Za-z0-9._-]{1,128}$/;

/** The caller's `x-request-id` if it is one, else a new one. */
export const requestIdOf = (given: string | undefined, newId: () => string): string => (given !== undefined && requestId.test(given) ? given : newId());
