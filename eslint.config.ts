import tseslint from 'typescript-eslint';

const bannedTimeAndChance = ['Date.now', 'performance.now', 'Math.random'].map((name) => {
  const [object, property] = name.split('.');
  return { object, property, message: 'Time and chance are injected: see src/clock.ts.' };
});

export default tseslint.config(
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'demo/**/*.ts'],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/only-throw-error': 'error',
      'no-restricted-properties': ['error', ...bannedTimeAndChance],
    },
  },
  {
    files: ['src/clock.ts', 'test/**/*.ts', 'bench/**/*.ts', 'demo/**/*.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
);
