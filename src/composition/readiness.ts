import type { ModelRegistry } from '../data-plane/registry.ts';
import type { ModelLoading } from './load-models.ts';

interface ReadinessDeps {
  readonly draining: boolean;
  readonly loading: Pick<ModelLoading, 'required' | 'isComplete'>;
  readonly registry: Pick<ModelRegistry, 'get'>;
}

/** Whether new traffic should be sent here, and why not. */
export interface Readiness {
  readonly ready: boolean;
  readonly detail: string;
}

/** Ready: every model that is required has a serving baseline, and the gateway is not on its way out. */
export const readinessOf = ({ draining, loading, registry }: ReadinessDeps): Readiness => {
  if (draining) return { ready: false, detail: 'The gateway is draining.' };
  const required = [...loading.required()];
  const without = required.filter((model) => registry.get(model)?.baseline == null);
  if (without.length > 0) return { ready: false, detail: `Without a serving baseline: ${without.join(', ')}.` };
  return required.length === 0
    ? { ready: false, detail: loading.isComplete() ? 'No model is there.' : 'The models are being loaded.' }
    : { ready: true, detail: 'Every model has a serving baseline.' };
};
