import type { Express } from 'express';
import { type AppDeps, createExpressApp } from './express-app.ts';
import { docsResources } from './routes/docs-routes.ts';
import { type HealthRoutesDeps, healthResources } from './routes/health-routes.ts';
import { type MetricsRoutesDeps, metricsResources } from './routes/metrics-routes.ts';
import { type OpenInferenceRoutesDeps, openInferenceResources } from './routes/open-inference-routes.ts';

type OpenDeps = Omit<AppDeps, 'admit' | 'maxBodyBytes'> & HealthRoutesDeps;

const everybody = { admit: () => 'anonymous', maxBodyBytes: 0 };

/** `POST /infer` never gets here; any other method is told so. */
const inferOnlyByPost = {
  '/infer': {
    post: () => {
      throw new Error('POST /infer is dispatched before express');
    },
  },
};

/** What the data port serves beside inference. */
export const createDataApp = (deps: OpenDeps & OpenInferenceRoutesDeps): Express =>
  createExpressApp({ ...deps, ...everybody }, { ...healthResources(deps), ...docsResources(), ...inferOnlyByPost, ...openInferenceResources(deps) });

/** The port for metrics and health alone. */
export const createMetricsApp = (deps: OpenDeps & MetricsRoutesDeps): Express =>
  createExpressApp({ ...deps, ...everybody }, { ...healthResources(deps), ...metricsResources(deps) });
