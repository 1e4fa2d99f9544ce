import type { Express } from 'express';
import { type AppDeps, createExpressApp } from './express-app.ts';
import { docsResources } from './routes/docs-routes.ts';
import { type HealthRoutesDeps, healthResources } from './routes/health-routes.ts';
import { type MetricsRoutesDeps, metricsResources } from './routes/metrics-routes.ts';
import { type OpenInferenceRoutesDeps, openInferenceResources } from './routes/open-inference-routes.ts';

type OpenDeps = Omit<AppDeps, 'admit' | 'maxBodyBytes'> & HealthRoutesDeps;

const everybody = { admit: () => 'anonymous', maxBodyBytes: 0 };

const dispatchedBefore = {
  post: () => {
    throw new Error('POST is dispatched before express');
  },
};

/** A `POST` to a hot endpoint never gets here; any other method is told so. */
const hotEndpoints = { '/infer': dispatchedBefore, '/outcomes': dispatchedBefore };

/** What the data port serves beside its hot endpoints. */
export const createDataApp = (deps: OpenDeps & OpenInferenceRoutesDeps): Express =>
  createExpressApp({ ...deps, ...everybody }, { ...healthResources(deps), ...docsResources(), ...hotEndpoints, ...openInferenceResources(deps) });

/** The port for metrics and health alone. */
export const createMetricsApp = (deps: OpenDeps & MetricsRoutesDeps): Express =>
  createExpressApp({ ...deps, ...everybody }, { ...healthResources(deps), ...metricsResources(deps) });
