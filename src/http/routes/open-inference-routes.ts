/** What the Open Inference Protocol asks beside inference: health and metadata. Inference itself is dispatched before express. */
import type { IncomingMessage } from 'node:http';
import type { TensorSpec } from '../../bundle/contract.ts';
import type { ServingVersion } from '../../data-plane/inference/serving-version.ts';
import type { ModelRegistry, ServingModel } from '../../data-plane/registry.ts';
import { extraFields, fieldDatatype } from '../../open-inference/answer-tensors.ts';
import { bundleModelName, bundleVersion } from '../../open-inference/protocol-names.ts';
import { ProblemError } from '../../problem.ts';
import { type AppResponse, pathParameter, type Resource } from '../express-app.ts';
import type { HealthRoutesDeps } from './health-routes.ts';

export interface OpenInferenceRoutesDeps extends HealthRoutesDeps {
  readonly registry: Pick<ModelRegistry, 'get'>;
  /** Whether a bundle folder or a plan names this model, so that it may serve soon. */
  readonly isExpected: (model: string, version: string | null) => boolean;
  /** Of the gateway. */
  readonly version: string;
  /** @throws ProblemError unauthenticated, forbidden */
  readonly authorize: (request: IncomingMessage) => void;
}

/** Clients compare the content type as a whole text, and express would add a charset. */
const sendJson = (response: AppResponse, body: unknown): void => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
};

const tensorOf = ({ name, datatype, shape, fields }: TensorSpec) =>
  fields[0]?.kind === 'image' ? { name, datatype: 'BYTES', shape: [-1] } : { name, datatype, shape };

const metadataOf = (name: string, { versions }: ServingModel, { bundle: { contract }, platform }: ServingVersion) => {
  const ids = contract.passThrough.map((field) => ({ name: field.name, datatype: fieldDatatype(field), shape: [-1] }));
  const extra = extraFields(contract).map((field) => ({ name: field.name, datatype: fieldDatatype(field), shape: [-1] }));
  return {
    name,
    versions: [...versions.keys()],
    platform,
    inputs: [...contract.inputs.map(tensorOf), ...ids],
    outputs: [...contract.outputs.map(({ name: output, datatype, shape }) => ({ name: output, datatype, shape })), ...extra],
  };
};

interface Named {
  readonly name: string;
  readonly model: ServingModel;
  readonly version: ServingVersion;
}

const parameters = (request: Parameters<typeof pathParameter>[0]) => ({ name: pathParameter(request, 'model'), asked: pathParameter(request, 'version') });

/** @throws ProblemError model-not-found, version-not-found, model-not-ready */
const find = (
  { registry, isExpected }: Pick<OpenInferenceRoutesDeps, 'registry' | 'isExpected'>,
  { name, asked }: { readonly name: string; readonly asked: string },
): Named => {
  const model = registry.get(bundleModelName(name));
  if (model === undefined && isExpected(bundleModelName(name), null)) throw new ProblemError('model-not-ready', `No version of model ${name} is served yet.`);
  if (model === undefined) throw new ProblemError('model-not-found', `No model ${JSON.stringify(name)} is served.`);
  const version = asked === '' ? model.baseline : model.versions.get(bundleVersion(asked));
  if (version === undefined && isExpected(model.name, bundleVersion(asked)))
    throw new ProblemError('model-not-ready', `Version ${JSON.stringify(asked)} of model ${name} is not served yet.`);
  if (version === undefined) throw new ProblemError('version-not-found', `Model ${name} has no version ${JSON.stringify(asked)}.`);
  if (version === null) throw new ProblemError('model-not-ready', `Model ${name} has no serving baseline.`);
  return { name, model, version };
};

const inferOnlyByPost: Resource = {
  post: () => {
    throw new Error('inference is dispatched before express');
  },
};

/** The calls of the protocol, by path. */
export const openInferenceResources = (deps: OpenInferenceRoutesDeps): Readonly<Record<string, Resource>> => {
  const { version, authorize, readiness } = deps;
  const server: Resource = {
    get: (request, response) => {
      authorize(request);
      sendJson(response, { name: 'handoff', version, extensions: ['binary_tensor_data', 'parameters'] });
    },
  };
  const metadata: Resource = {
    get: (request, response) => {
      authorize(request);
      const found = find(deps, parameters(request));
      sendJson(response, metadataOf(found.name, found.model, found.version));
    },
  };
  const ready: Resource = {
    get: (request, response) => {
      authorize(request);
      sendJson(response, { name: find(deps, parameters(request)).name, ready: true });
    },
  };
  const ofModel = (path: string) => ({ [path]: metadata, [`${path}/ready`]: ready, [`${path}/infer`]: inferOnlyByPost });
  return {
    '/v2': server,
    '/v2/': server,
    '/v2/health/live': { get: (_request, response) => sendJson(response, { live: true }) },
    '/v2/health/ready': {
      get: (_request, response) => {
        const { ready: isReady, detail } = readiness();
        if (!isReady) throw new ProblemError('model-not-ready', detail);
        // The protocol's text says `live` here and its clients read `ready`.
        sendJson(response, { live: true, ready: true });
      },
    },
    ...ofModel('/v2/models/:model'),
    ...ofModel('/v2/models/:model/versions/:version'),
  };
};
