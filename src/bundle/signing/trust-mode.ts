/** `require` serves signed bundles only, `warn` serves the others too and says so, `off` looks at no signature. */
export const trustModes = ['require', 'warn', 'off'] as const;
export type TrustMode = (typeof trustModes)[number];
