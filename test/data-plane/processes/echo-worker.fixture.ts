/** A process of the launcher's that sends back what it is sent; kind 9 makes it loop for ever. */
import { joinGateway } from '../../../src/data-plane/processes/join-gateway.ts';

const gateway = joinGateway((kind, payload) => {
  gateway.send(kind, payload);
  if (kind === 9)
    setImmediate(() => {
      for (;;);
    });
});
