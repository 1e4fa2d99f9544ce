import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type App, createApp } from './app.ts';
import type { Launcher } from './data-plane/processes/launcher.ts';
import type { Settings } from './settings.ts';

// An import of node:http would ask for everything in it, its WebSocket too, and so load undici: 20 ms of the start.
const { createServer } = process.getBuiltinModule('node:http');

/** A gateway that listens. */
export interface RunningGateway {
  readonly port: number;
  readonly adminPort: number;
  /** Not ready, no new connections, what is under way finishes or is cut off at the drain timeout; then everything is closed. */
  readonly drain: () => Promise<void>;
}

/** A client that sends its headers this slowly is none. */
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 60_000;
const sweepEveryMs = 50;
/** Scrapes and operators' calls take milliseconds; they come after the drain timeout, in the time that is left for closing. */
const othersDrainMs = 1_000;

const listen = async (listener: RequestListener, { host, port }: { readonly host: string; readonly port: number }): Promise<Server> => {
  const server = createServer({ headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs, keepAliveTimeout: 65_000 }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return server;
};

const closed = (server: Server, timeoutMs: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), timeoutMs);
    // A connection that is kept alive after its last answer would hold the end up until the timeout.
    const sweep = setInterval(() => server.closeIdleConnections(), sweepEveryMs);
    server.close(() => {
      clearTimeout(timer);
      clearInterval(sweep);
      resolve();
    });
    server.closeIdleConnections();
  });

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** Settings -> app -> listen. The ports answer at once and each model as soon as it is proven; `listening` is logged when the first look at the folders is over. */
export const startGateway = async (settings: Settings, launcher: Launcher): Promise<RunningGateway> => {
  const app = await createApp(settings, launcher);
  try {
    return await listenAll(settings, app);
  } catch (error) {
    // A start that fails is no death of the gateway: the next one would hold it against the candidate.
    await app.close();
    throw error;
  }
};

const listenAll = async (settings: Settings, app: App): Promise<RunningGateway> => {
  const data = await listen(app.data, { host: settings.host, port: settings.port });
  const { admin: adminApp, metrics: metricsApp } = await app.others;
  const admin = await listen(adminApp, { host: settings.adminHost, port: settings.adminPort });
  const others = [admin];
  if (settings.metricsPort !== undefined)
    others.push(await listen(metricsApp, { host: settings.metricsHost ?? settings.adminHost, port: settings.metricsPort }));
  const ports = { port: portOf(data), adminPort: portOf(admin) };
  let draining = false;
  const loading = app.loaded.then(
    ({ accepted, refused }) => app.log.info({ ...ports, accepted: accepted.length, refused: refused.length }, 'listening'),
    (error: unknown) => {
      if (draining) app.log.info(ports, 'the loading of the models was called off');
      else app.log.error({ ...ports, err: error }, 'the models could not be loaded');
    },
  );
  return {
    ...ports,
    drain: async () => {
      draining = true;
      app.beginDrain();
      await closed(data, settings.drainTimeoutMs);
      // Only now, so that probes and scrapers see the drain to its end.
      await Promise.all(others.map((server) => closed(server, othersDrainMs)));
      await loading;
      await app.close();
      app.log.info({}, 'drained');
    },
  };
};
