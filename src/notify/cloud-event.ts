/** What the webhook's receiver gets: CloudEvents, made from what is kept, so that the same event has the same bytes on every try. */
import type { DecisionEntry } from '../ledger/ledger-entry.ts';

/**
 * An event in structured JSON mode.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md, formats/json-format.md
 */
export interface CloudEvent<Data> {
  readonly specversion: '1.0';
  /** Unique within the source; the same on every try. */
  readonly id: string;
  /** Names the gateway by its ledger: `urn:handoff:<id of the ledger's key>`. */
  readonly source: string;
  /** `handoff.rollout.<move>`, `handoff.page.raised` or `handoff.page.resolved`. */
  readonly type: string;
  /** The model. */
  readonly subject: string;
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: Data;
}

/** The media type of a structured event in JSON. */
export const cloudEventType = 'application/cloudevents+json; charset=utf-8';

interface EventParts<Data> {
  readonly keyId: string;
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly data: Data;
}

/** Puts an event together. */
export const cloudEvent = <Data>({ keyId, id, type, subject, time, data }: EventParts<Data>): CloudEvent<Data> => ({
  specversion: '1.0',
  id,
  source: `urn:handoff:${keyId}`,
  type,
  subject,
  time,
  datacontenttype: 'application/json',
  data,
});

/** As many digits of the hash tell two ledgers apart that have the same sequence. */
const hashDigits = 16;

/** A decision of the ledger as an event. Its id is the sequence with the beginning of the entry's hash; weights are percent. */
export const decisionEvent = ({ sequence, at, model, rollout, body, keyId, hash }: DecisionEntry) =>
  cloudEvent({
    keyId,
    id: `${sequence}-${hash.slice(0, hashDigits)}`,
    type: `handoff.rollout.${body.move}`,
    subject: model,
    time: at,
    data: {
      user: { id: body.actor },
      event: { action: body.move, outcome: 'success' },
      reason: body.reason,
      rollout: {
        id: rollout,
        from: body.fromWeightHundredths / 100,
        to: body.toWeightHundredths / 100,
        epoch: body.epoch,
        revision: body.revision,
        ...(body.migrated ? {} : body.state),
      },
      ledger: { sequence, hash },
    },
  });
